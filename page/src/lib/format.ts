// Numbers and times as people read them; times are in the zone of the tenant.

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const money = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const share = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });

export const count = (value: number): string => whole.format(value);
export const compact = (value: number): string => (Math.abs(value) < 10_000 ? plain.format(value) : short.format(value));
/** A share, 0 to 1; what is not nothing does not look like it. */
export const percent = (part: number): string => (part > 0 && part < 0.0005 ? "<0.1%" : share.format(part));

/** A measured value with its unit, as the API names units. */
export function measured(value: unknown, unit: string): string {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  switch (unit) {
    case "%":
      return `${plain.format(value)} %`;
    case "s":
    case "seconds":
      return duration(value);
    case "currency":
      return money.format(value);
    case "ms":
      return `${plain.format(value)} ms`;
    default:
      return plain.format(value);
  }
}

export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${plain.format(Math.round(seconds * 10) / 10)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${plain.format(Math.round(seconds / 360) / 10)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatter(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options);
  let found = formats.get(key);
  if (!found) formats.set(key, (found = new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options })));
  return found;
}

export const clock = (at: Date, zone: string): string =>
  formatter(zone, { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at);
export const minute = (at: Date, zone: string): string => formatter(zone, { hour: "2-digit", minute: "2-digit" }).format(at);
export const day = (at: Date, zone: string): string => formatter(zone, { day: "numeric", month: "short" }).format(at);
export const date = (at: Date, zone: string): string =>
  formatter(zone, { day: "numeric", month: "short", year: "numeric" }).format(at);
export const moment = (at: Date, zone: string): string =>
  formatter(zone, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at);

const DAYS_APART = 3 * 86_400_000;

/** From one moment to before another: the days of them, and of short ones that do not begin with a day the hours too. */
export function span([from, to]: readonly [string, string], zone: string): string {
  const [start, end] = [new Date(from), new Date(Date.parse(to) - 1)];
  const isDays = minute(start, zone) === "00:00" || end.getTime() - start.getTime() > DAYS_APART;
  const isThisYear = start.getUTCFullYear() === new Date().getUTCFullYear();
  return formatter(zone, {
    day: "numeric",
    month: "short",
    ...(!isThisYear && { year: "numeric" }),
    ...(!isDays && { hour: "2-digit", minute: "2-digit" }),
  }).formatRange(start, isDays ? end : new Date(to));
}

/** The beginning of a bucket as the API writes it: a date, or a time in the zone of the question. */
export function bucket(text: string): string {
  const [date = "", time] = text.split(/[T ]/);
  const at = new Date(`${date}T00:00:00Z`);
  if (Number.isNaN(at.getTime())) return text;
  const shown = day(at, "UTC");
  return time ? `${shown}, ${time.slice(0, 5)}` : shown;
}

/** What a cell of an answer shows. */
export function cell(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return plain.format(value);
  if (typeof value === "object") return JSON.stringify(value);
  return String(value);
}

/** A name of the API as a title. */
export const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");

export const byId = (who: string): string => who.replace(/^user:|^key:/, "");
