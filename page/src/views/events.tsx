import { useState } from "preact/hooks";
import { ApiError, get, path } from "../lib/api";
import { count, minute, moment } from "../lib/format";
import { useLoaded } from "../lib/hooks";
import { change, linkTo, usePlace } from "../lib/place";
import { useTenant } from "../lib/session";
import { Card, Empty, ErrorNote, Head, Select, Waiting } from "../parts/basics";
import { Chart } from "../parts/chart";
import { Table } from "../parts/table";
import { Verdicts } from "./verdicts";

interface Found {
  status: "stored" | "dead_letter" | "accepted" | "duplicate" | "rejected" | "limited";
  event_id?: string;
  client_event_id?: string;
  event_type?: string;
  timestamp?: string;
  received_at?: string;
  ingested_at?: string;
  protocol?: string;
  key_id?: string;
  reason?: string;
  letter?: { letter_id: number; reason: string; error: string; set_aside_at: string };
  duplicates: { times: number; last_at: string | null };
  seen: { outcome: string; reason: string; protocol: string; times: number; last_at: string }[];
}

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

const STATUS: Record<Found["status"], { tone: string; text: string }> = {
  stored: { tone: "good", text: "Stored: SQL and dashboards see it" },
  accepted: { tone: "accent", text: "Accepted, and not stored yet: it waits in the log" },
  dead_letter: { tone: "bad", text: "Set aside: the warehouse refuses it" },
  duplicate: { tone: "warn", text: "Known by copies only: the first one is older than what is kept" },
  rejected: { tone: "bad", text: "Refused when it came" },
  limited: { tone: "warn", text: "Over the limit: its client may send it again" },
};

export function Events() {
  const { customer_id: id } = useTenant();
  const { params } = usePlace();
  const wanted = params.get("id") ?? "";
  const [text, setText] = useState(wanted);
  const found = useLoaded(wanted ? `${id} ${wanted}` : null, (signal) =>
    get<Found>(`${path`events/${wanted}`}?customer_id=${encodeURIComponent(id)}`, signal),
  );
  return (
    <>
      <Head title="Events" />
      <div class="stack">
        <Card title="Where is my event?" said="By the id that it was sent with, or the one under which it is stored">
          <form
            class="finder"
            onSubmit={(event) => {
              event.preventDefault();
              if (text.trim() === wanted) found.again();
              else change({ id: text.trim() });
            }}
          >
            <input
              class="input"
              type="search"
              aria-label="Id of the event"
              placeholder="order-1, or 01890a5d-ac96-774b-…"
              spellcheck={false}
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
            <button class="button first">Find it</button>
          </form>
          {found.busy && <Waiting what="Looking" />}
          {found.error && <NotFound error={found.error} />}
          {found.data && <Shown found={found.data} />}
        </Card>
        <Verdicts />
        <IngestReport />
      </div>
    </>
  );
}

function NotFound({ error }: { error: ApiError }) {
  if (error.code !== "event_not_found") return <ErrorNote error={error} />;
  return (
    <Empty icon="search" title="Nobody met this id">
      {error.message} Then it did not come here, or came as another tenant's. Of refused events only some ids are kept: they are in
      the report below.
    </Empty>
  );
}

function Shown({ found }: { found: Found }) {
  const { time_zone: zone } = useTenant();
  const at = (text: string | undefined) => text && moment(new Date(text), zone);
  const facts: [string, string | undefined | false][] = [
    ["Type", found.event_type],
    ["Why", found.reason],
    ["Happened", at(found.timestamp)],
    ["Arrived", at(found.received_at)],
    ["In the log", at(found.ingested_at)],
    ["Stored as", found.event_id],
    ["Sent as", found.client_event_id],
    ["Way in", found.protocol],
    ["Key", found.key_id],
    ["Sent again", found.duplicates.times > 0 && `${count(found.duplicates.times)} times, and counted once`],
    ["Dead letter", found.letter && `${found.letter.letter_id}: ${found.letter.error}`],
  ];
  const status = STATUS[found.status];
  return (
    <div class="stack found" role="status">
      <p>
        <span class={`badge ${status.tone}`}>
          <i class="dot" />
          {status.text}
        </span>
      </p>
      <dl class="facts">
        {facts
          .filter(([, value]) => value)
          .map(([name, value]) => [<dt key={name}>{name}</dt>, <dd key={`${name}.`}>{value}</dd>])}
      </dl>
      {found.seen.length > 0 && (
        <details class="more">
          <summary>Every time it was met</summary>
          <Table
            caption="Outcomes in which the id was met"
            columns={[{ name: "Outcome" }, { name: "Why" }, { name: "Way in" }, { name: "Times" }, { name: "Last" }]}
            rows={found.seen.map((one) => [one.outcome, one.reason || "–", one.protocol, one.times, at(one.last_at)])}
          />
        </details>
      )}
    </div>
  );
}

const SPANS = [
  ["60", "Last hour"],
  ["360", "Last 6 hours"],
  ["1440", "Last day"],
] as const;

const refused = (counts: Counts): number => Object.values(counts.rejected).reduce((sum, number) => sum + number, 0) + counts.dead_letter + counts.limited;

function IngestReport() {
  const { customer_id: id, time_zone: zone } = useTenant();
  const { params } = usePlace();
  const minutes = SPANS.find(([value]) => value === params.get("minutes"))?.[0] ?? "60";
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
          <Empty icon="database" title="Nothing arrived in this time" actions={<a class="button" href={linkTo("start")}>How to send events</a>} />
        ) : (
          <Reported report={report.data} zone={zone} minutes={Number(minutes)} />
        ))}
    </Card>
  );
}

function Reported({ report, zone, minutes }: { report: Report; zone: string; minutes: number }) {
  const { totals } = report;
  const step = minutes > 360 ? 15 : minutes > 60 ? 5 : 1;
  const { labels, received, not } = linesOf(report, zone, minutes, step);
  const figures: [string, number][] = [
    ["Received", totals.received],
    ["Stored", totals.accepted],
    ["Sent again", totals.duplicate],
    ["Refused", refused(totals)],
    ["Of bots", totals.bot],
  ];
  const reasons = [
    ...Object.entries(totals.rejected).map(([code, number]) => [code, "refused when it came", number]),
    ...(totals.dead_letter ? [["dead letters", "refused by the warehouse, and set aside", totals.dead_letter]] : []),
    ...(totals.limited ? [["limit", "over the limit of events a minute", totals.limited]] : []),
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
      <Chart
        kind="bars"
        height={170}
        label={`Events that arrived, ${count(totals.received)} in all, ${count(refused(totals))} refused`}
        labels={labels}
        series={[
          { name: "received", values: received, color: 1 },
          { name: "of them refused", values: not, color: 4 },
        ]}
      />
      {reasons.length > 0 && <Table caption="Why events were refused" columns={[{ name: "Code" }, { name: "What it is" }, { name: "Events" }]} rows={reasons} />}
    </div>
  );
}

/** The report by steps of so many minutes; minutes in which nothing arrived are not in it. */
function linesOf(report: Report, zone: string, minutes: number, step: number) {
  const size = step * 60_000;
  const last = Math.floor(Date.parse(report.until) / size) * size;
  const starts = Array.from({ length: Math.ceil(minutes / step) }, (_, number) => last - size * (Math.ceil(minutes / step) - 1 - number));
  const received = starts.map(() => 0);
  const not = starts.map(() => 0);
  for (const line of report.minutes) {
    const at = Math.floor((Date.parse(line.minute) - starts[0]!) / size);
    if (at < 0 || at >= starts.length) continue;
    received[at]! += line.received;
    not[at]! += refused(line);
  }
  return { labels: starts.map((at) => minute(new Date(at), zone)), received, not };
}
