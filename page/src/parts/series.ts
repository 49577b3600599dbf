// Lines of an answer over time.
import { cell } from "../lib/format";
import type { Answer } from "../lib/questions";
import type { ChartSeries } from "./chart";

const groupName = (group: Record<string, unknown>, isOther: boolean): string =>
  isOther ? "Other" : Object.values(group).map((value) => cell(value) || "(not set)").join(" · ");

/** What an answer over time draws; the time before is dashed, where there are no groups. */
export function seriesOf(answer: Answer, by: boolean): ChartSeries[] {
  const named = (one: Answer["series"][number]) => (by ? groupName(one.group, one.other) : one.name.replaceAll("_", " "));
  const now = answer.series.map((one, index) => ({ name: named(one), values: one.values, color: one.other ? 8 : (index % 7) + 1 }));
  if (!answer.previous) return now;
  const before = answer.previous.series.map((one) => {
    const same = now.find((other) => other.name === named(one));
    return { name: `${named(one)}, before`, values: one.values.slice(0, answer.times.length), color: same?.color ?? 8, dashed: true };
  });
  return [...now, ...(by ? [] : before)];
}
