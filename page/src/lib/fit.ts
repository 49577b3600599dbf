// Which picture fits a table: one number, a line over time, bars by a name, or none.
import { bucket, cell } from "./format";

export type Picture =
  | { kind: "numbers"; figures: { name: string; value: unknown }[] }
  | { kind: "line"; labels: string[]; series: { name: string; values: (number | null)[] }[] }
  | { kind: "bars"; name: string; rows: { name: string; value: number }[] }
  | { kind: "none" };

const DATE = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/;
const MOST_SERIES = 8;
const MOST_BARS = 15;

const isNumber = (value: unknown): value is number => typeof value === "number";
const isDate = (value: unknown): boolean => typeof value === "string" && DATE.test(value);

/** The picture of rows; columns keep their order, the first measure is the one that bars show. */
export function pictureOf(columns: readonly string[], rows: readonly (readonly unknown[])[]): Picture {
  if (rows.length === 0 || columns.length === 0) return { kind: "none" };
  const of = (test: (value: unknown) => boolean) =>
    columns.map((_, at) => at).filter((at) => rows.some((row) => row[at] !== null) && rows.every((row) => row[at] === null || test(row[at])));
  const numbers = of(isNumber);
  const times = of(isDate);
  const texts = columns.map((_, at) => at).filter((at) => !numbers.includes(at) && !times.includes(at));
  // `other` says of a row whether it is all the groups that were not among the largest.
  const dimensions = texts.filter((at) => columns[at] !== "other");
  if (numbers.length === 0) return { kind: "none" };
  if (rows.length === 1 && times.length === 0) {
    return { kind: "numbers", figures: numbers.slice(0, 8).map((at) => ({ name: columns[at]!, value: rows[0]![at] })) };
  }
  if (times.length > 0 && rows.length > 1) return overTime(columns, rows, times[0]!, numbers, dimensions);
  if (dimensions.length > 0) {
    const measure = numbers[0]!;
    const named = rows.map((row) => ({
      name: dimensions.map((at) => (row[at] === null ? "other" : cell(row[at]) || "(empty)")).join(" · "),
      value: Number(row[measure] ?? 0),
    }));
    if (named.some((row) => row.value < 0)) return { kind: "none" };
    return { kind: "bars", name: columns[measure]!, rows: named.slice(0, MOST_BARS) };
  }
  return { kind: "none" };
}

function overTime(
  columns: readonly string[],
  rows: readonly (readonly unknown[])[],
  time: number,
  numbers: number[],
  dimensions: number[],
): Picture {
  const times = [...new Set(rows.map((row) => String(row[time])))].sort();
  const places = new Map(times.map((text, at) => [text, at]));
  const labels = times.map(bucket);
  if (dimensions.length === 0) {
    if (times.length !== rows.length) return { kind: "none" };
    const series = numbers.slice(0, MOST_SERIES).map((at) => {
      const values: (number | null)[] = times.map(() => null);
      for (const row of rows) values[places.get(String(row[time]))!] = row[at] as number | null;
      return { name: columns[at]!, values };
    });
    return { kind: "line", labels, series };
  }
  const groups = new Map<string, (number | null)[]>();
  for (const row of rows) {
    const name = dimensions.map((at) => (row[at] === null ? "other" : cell(row[at]) || "(empty)")).join(" · ");
    if (!groups.has(name)) groups.set(name, times.map(() => null));
    groups.get(name)![places.get(String(row[time]))!] = row[numbers[0]!] as number | null;
  }
  const sum = (values: (number | null)[]) => values.reduce<number>((all, value) => all + (value ?? 0), 0);
  const largest = [...groups].sort(([, one], [, two]) => sum(two) - sum(one)).slice(0, MOST_SERIES);
  return { kind: "line", labels, series: largest.map(([name, values]) => ({ name, values })) };
}
