// Ranges of time as the address has them, as people read them, and as the API takes them.

export const RANGES: readonly [string, string, Record<string, unknown>][] = [
  ["1h", "Last hour", { last: 60, unit: "minute" }],
  ["24h", "Last 24 hours", { last: 24, unit: "hour" }],
  ["today", "Today", { last: 1, unit: "day", align: "to_date" }],
  ["yesterday", "Yesterday", { last: 1, unit: "day", align: "complete" }],
  ["7d", "Last 7 days", { last: 7, unit: "day", align: "to_date" }],
  ["30d", "Last 30 days", { last: 30, unit: "day", align: "to_date" }],
  ["month", "This month", { last: 1, unit: "month", align: "to_date" }],
  ["lastmonth", "Last month", { last: 1, unit: "month", align: "complete" }],
  ["12w", "Last 12 weeks", { last: 12, unit: "week", align: "to_date" }],
  ["12m", "Last 12 months", { last: 12, unit: "month", align: "to_date" }],
];

const DATES = /^(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})$/;

export type Range = Record<string, unknown>;

/** One that is in no list, as the address has it: 61.day.rolling. */
const OTHER = /^(\d{1,5})\.(minute|hour|day|week|month|quarter|year)\.(rolling|to_date|complete)$/;

export function rangeOf(text: string): Range {
  const dates = DATES.exec(text);
  if (dates) return { start: dates[1], end: dates[2] };
  const other = OTHER.exec(text);
  if (other) return { last: Number(other[1]), unit: other[2], align: other[3] };
  return RANGES.find(([name]) => name === text)?.[2] ?? RANGES[4]![2];
}

/** A range as the address has it. */
export function keyOf(range: Range): string {
  const { start, end, last, unit, align = "rolling" } = range;
  if (start !== undefined) return `${String(start).slice(0, 10)}..${String(end).slice(0, 10)}`;
  const listed = RANGES.find(([, , one]) => one["last"] === last && one["unit"] === unit && (one["align"] ?? "rolling") === align);
  return listed ? listed[0] : `${String(last)}.${String(unit)}.${String(align)}`;
}

/** A range as people read it. */
export function nameOf(key: string): string {
  const dates = datesOf(key);
  if (dates) return dates[0] === dates[1] ? dates[0] : `${dates[0]} to ${dates[1]}`;
  const { last, unit, align } = rangeOf(key);
  const whole = { rolling: "Last", to_date: "To date:", complete: "Complete:" }[String(align)] ?? "Last";
  return RANGES.find(([name]) => name === key)?.[1] ?? `${whole} ${String(last)} ${String(unit)}${last === 1 ? "" : "s"}`;
}

const SECONDS: readonly (readonly [Granularity, number])[] = [
  ["month", 28 * 86_400],
  ["week", 7 * 86_400],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

/** The unit of an answer's times; none of one time alone, or of quarters and years. */
export function unitOf(times: readonly string[]): Granularity | null {
  const apart = times.length > 1 ? (Date.parse(times[1]!) - Date.parse(times[0]!)) / 1000 : Number.NaN;
  return apart > 31 * 86_400 ? null : (SECONDS.find(([, seconds]) => apart >= seconds)?.[0] ?? null);
}

export const datesOf = (text: string): [string, string] | null => {
  const dates = DATES.exec(text);
  return dates ? [dates[1]!, dates[2]!] : null;
};

export type Granularity = "minute" | "hour" | "day" | "week" | "month";

/** The units in which a range can be drawn well, the best one first. */
export function granularities(text: string): Granularity[] {
  const dates = datesOf(text);
  if (dates) {
    const days = (Date.parse(dates[1]) - Date.parse(dates[0])) / 86_400_000 + 1;
    if (days <= 2) return ["hour", "minute"];
    if (days <= 60) return ["day", "week", "hour"];
    return ["week", "month", "day"];
  }
  switch (text) {
    case "1h":
      return ["minute"];
    case "24h":
    case "today":
    case "yesterday":
      return ["hour", "minute"];
    case "12w":
      return ["week", "day", "month"];
    case "12m":
      return ["month", "week", "day"];
    default:
      return ["day", "hour", "week"];
  }
}
