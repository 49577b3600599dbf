// What arrived lately, by minute, and what became of it.
import { get, path } from "../lib/api";
import { count, minute } from "../lib/format";
import { useLoaded } from "../lib/hooks";
import { change, linkTo, usePlace } from "../lib/place";
import { useTenant } from "../lib/session";
import { Card, Empty, ErrorNote, Segments, Select, Waiting } from "../parts/basics";
import { Chart, type ChartSeries } from "../parts/chart";
import { Table } from "../parts/table";
import { meaningOf } from "./reasons";

interface Counts {
  received: number;
  accepted: number;
  duplicate: number;
  dead_letter: number;
  rejected: Record<string, number>;
  limited: number;
  bot: number;
}

interface Report {
  since: string;
  until: string;
  totals: Counts;
  minutes: (Counts & { minute: string })[];
}

const SPANS = [
  ["60", "Last hour"],
  ["360", "Last 6 hours"],
  ["1440", "Last day"],
] as const;
const SHOWN = [
  ["", "What became of them"],
  ["reasons", "Why refused"],
] as const;

const sumOf = (numbers: Record<string, number>): number => Object.values(numbers).reduce((sum, number) => sum + number, 0);
const refused = (counts: Counts): number => sumOf(counts.rejected) + counts.dead_letter + counts.limited;

export function IngestReport() {
  const { customer_id: id, time_zone: zone } = useTenant();
  const { params } = usePlace();
  const minutes = SPANS.find(([value]) => value === params.get("minutes"))?.[0] ?? "1440";
  const report = useLoaded(`report ${id} ${minutes}`, (signal) => get<Report>(`${path`ingest/report/${id}`}?minutes=${minutes}`, signal), 10_000);
  return (
    <Card
      title="What arrived"
      said={`By minute of arrival, ${zone}`}
      aside={<Select hidden label="Time" class="fit" value={minutes} options={SPANS} onChange={(next) => change({ minutes: next })} />}
    >
      {report.error && <ErrorNote error={report.error} again={report.again} />}
      {!report.data && !report.error && <Waiting what="Loading the report" />}
      {report.data &&
        (report.data.totals.received === 0 ? (
          <Empty icon="database" title="Nothing arrived in this time" actions={<a class="button" href={linkTo("start")}>How to send events</a>}>
            What is accepted and not stored yet is not in it.
          </Empty>
        ) : (
          <Reported report={report.data} zone={zone} minutes={Number(minutes)} />
        ))}
    </Card>
  );
}

function Reported({ report, zone, minutes }: { report: Report; zone: string; minutes: number }) {
  const { totals } = report;
  const { params } = usePlace();
  const shown = SHOWN.find(([name]) => name === params.get("show"))?.[0] ?? "";
  const { labels, series } = linesOf(report, zone, minutes, shown);
  const figures: [string, number][] = [
    ["Received", totals.received],
    ["Stored", totals.accepted],
    ["Sent again", totals.duplicate],
    ["Refused", sumOf(totals.rejected) + totals.dead_letter],
    ["Over the limit", totals.limited],
    ["Of bots", totals.bot],
  ];
  return (
    <div class="stack">
      <dl class="figures">
        {figures.map(([name, value]) => (
          <div key={name} class="figure">
            <dt>{name}</dt>
            <dd>{count(value)}</dd>
          </div>
        ))}
      </dl>
      {refused(totals) > 0 && <Segments label="Show" value={shown} options={SHOWN} onChange={(show) => change({ show }, "replace")} />}
      {series.length > 0 ? (
        <Chart height={190} label={`Events that arrived, ${count(totals.received)} in all, ${count(refused(totals))} not stored`} labels={labels} series={series} />
      ) : (
        <p class="muted small">None was refused in this time.</p>
      )}
      {refused(totals) > 0 && <Reasons totals={totals} />}
      <details class="more">
        <summary>Minute by minute</summary>
        <Minutes report={report} zone={zone} />
      </details>
    </div>
  );
}

function Reasons({ totals }: { totals: Counts }) {
  const reasons = [
    ...Object.entries(totals.rejected)
      .sort(([, one], [, two]) => two - one)
      .map(([code, number]) => [code, meaningOf("rejected", code) ?? "refused when it came", number]),
    ...(totals.dead_letter ? [["dead letters", meaningOf("dead_letter", undefined), totals.dead_letter]] : []),
    ...(totals.limited ? [["limit", meaningOf("limited", undefined), totals.limited]] : []),
  ];
  return (
    <>
      <div class="whole">
        <Table caption="Why events were refused" columns={[{ name: "Code" }, { name: "What it is" }, { name: "Events" }]} rows={reasons} />
      </div>
      <div class="row">
        <a class="button" href={linkTo("debugger", { kind: "not" })}>
          Watch what is refused
        </a>
        {totals.dead_letter > 0 && (
          <a class="button" href={linkTo("letters")}>
            Look at the dead letters
          </a>
        )}
      </div>
    </>
  );
}

function Minutes({ report, zone }: { report: Report; zone: string }) {
  const codes = Object.keys(report.totals.rejected).sort();
  const columns = ["Minute", "Received", "Stored", "Sent again", "Dead letters", "Over the limit", "Of bots", ...codes];
  const rows = [...report.minutes]
    .sort((one, two) => two.minute.localeCompare(one.minute))
    .map((one) => [
      minute(new Date(one.minute), zone),
      one.received,
      one.accepted,
      one.duplicate,
      one.dead_letter,
      one.limited,
      one.bot,
      ...codes.map((code) => one.rejected[code] ?? 0),
    ]);
  return <Table caption="What arrived, by minute, the latest first" most={1440} columns={columns.map((name) => ({ name }))} rows={rows} />;
}

const KINDS: readonly (readonly [string, number, (counts: Counts) => number])[] = [
  ["received", 1, (counts) => counts.received],
  ["sent again", 3, (counts) => counts.duplicate],
  ["refused", 4, (counts) => sumOf(counts.rejected) + counts.dead_letter],
  ["over the limit", 7, (counts) => counts.limited],
  ["of bots", 8, (counts) => counts.bot],
];

/** Every minute of the time, and a line for whatever there was of it; minutes in which nothing arrived are not in the report. */
function linesOf(report: Report, zone: string, minutes: number, shown: string): { labels: string[]; series: ChartSeries[] } {
  const size = 60_000;
  const last = Math.floor(Date.parse(report.until) / size) * size;
  const starts = Array.from({ length: minutes }, (_, number) => last - size * (minutes - 1 - number));
  const kinds =
    shown === "reasons"
      ? Object.keys(report.totals.rejected)
          .sort()
          .slice(0, 8)
          .map((code, number) => [code, number + 1, (counts: Counts) => counts.rejected[code] ?? 0] as const)
      : KINDS.filter(([, color, of]) => color === 1 || of(report.totals) > 0);
  const series = kinds.map(([name, color, of]) => {
    const values = starts.map(() => 0);
    for (const line of report.minutes) {
      const at = Math.floor((Date.parse(line.minute) - starts[0]!) / size);
      if (at >= 0 && at < minutes) values[at]! += of(line);
    }
    return { name, values, color };
  });
  return { labels: starts.map((at) => minute(new Date(at), zone)), series };
}
