import { useEffect, useState } from "preact/hooks";
import { ApiError, get, path } from "../lib/api";
import { count, moment } from "../lib/format";
import { useLoaded } from "../lib/hooks";
import { change, linkTo, usePlace } from "../lib/place";
import { useTenant } from "../lib/session";
import { Card, Empty, ErrorNote, Head, Waiting } from "../parts/basics";
import { Table } from "../parts/table";
import { IngestReport } from "./report";

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
  // On its way: it is asked again until it has arrived.
  const isOnItsWay = found.data?.status === "accepted";
  useEffect(() => {
    if (!isOnItsWay) return;
    const timer = setTimeout(found.again, 1000);
    return () => clearTimeout(timer);
  }, [found.data]);
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
          {found.busy && !found.data && <Waiting what="Looking" />}
          {found.error && <NotFound error={found.error} />}
          {found.data && <Shown found={found.data} />}
        </Card>
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
      {found.letter && (
        <p>
          <a class="button" href={linkTo("letters", { id: String(found.letter.letter_id) })}>
            Look at the dead letter
          </a>
        </p>
      )}
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
