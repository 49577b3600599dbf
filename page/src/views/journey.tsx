import { useEffect, useState } from "preact/hooks";
import { clock, count, day, duration } from "../lib/format";
import { useLoaded } from "../lib/hooks";
import { change, linkTo, usePlace } from "../lib/place";
import { type Answer, ask, type Question } from "../lib/questions";
import { rangeOf } from "../lib/ranges";
import { useTenant } from "../lib/session";
import { Card, Empty, ErrorNote, Head, Waiting } from "../parts/basics";
import { RangePicker } from "../parts/pickers";
import { About } from "./explore";

const MOST = 500;
const PAUSE_SECONDS = 1800;

interface Event {
  at: Date;
  type: string;
  name: string;
  page: string;
  since: number | null;
}

export function Journey() {
  const tenant = useTenant();
  const { params } = usePlace();
  const person = params.get("who") ?? "";
  const [text, setText] = useState(person);
  useEffect(() => setText(person), [person]);
  const range = params.get("range") ?? "30d";
  const question: Question | null = person ? { kind: "journey", person, range: rangeOf(range), bots: "include", limit: MOST } : null;
  const found = useLoaded(question && JSON.stringify([tenant.customer_id, question]), (signal) => ask(tenant.customer_id, question!, signal));
  return (
    <>
      <Head title="Journeys">
        <RangePicker value={range} onChange={(next) => change({ range: next })} />
      </Head>
      <div class="stack">
        <Card title="Whose journey?" said="Any user or visitor id; all that are linked to the same person are found">
          <form
            class="finder"
            onSubmit={(event) => {
              event.preventDefault();
              if (text.trim() === person) found.again();
              else change({ who: text.trim() });
            }}
          >
            <input
              class="input"
              type="search"
              aria-label="User or visitor"
              placeholder="user_456, or visitor_123"
              spellcheck={false}
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
            <button class="button first">Follow</button>
          </form>
        </Card>
        {!person && (
          <Card>
            <Empty icon="user" title="What one person did, step by step">
              Type an id, or begin at a visitor of the <a href={linkTo("live")}>live stream</a> or at somebody who dropped out of a <a href={linkTo("funnels")}>funnel</a>.
            </Empty>
          </Card>
        )}
        {found.error && <ErrorNote error={found.error} again={found.again} />}
        {found.busy && !found.data && <Waiting what="Following" />}
        {found.data && <Shown answer={found.data} person={person} />}
      </div>
    </>
  );
}

function eventsOf(answer: Answer): Event[] {
  const at = (name: string) => answer.columns.findIndex((column) => column.name === name);
  const places = { time: at("time"), type: at("event_type"), name: at("event_name"), page: at("page_path"), since: at("seconds_since_previous") };
  return answer.rows.map((row) => ({
    at: new Date(String(row[places.time])),
    type: String(row[places.type]),
    name: String(row[places.name] ?? ""),
    page: String(row[places.page] ?? ""),
    since: row[places.since] as number | null,
  }));
}

/** Events of one sitting each, the newest first: between two of them nothing happened for 30 minutes. */
function sittings(events: readonly Event[]): Event[][] {
  const found: Event[][] = [];
  let current: Event[] = [];
  for (const event of events) {
    current.push(event);
    if (event.since === null || event.since > PAUSE_SECONDS) {
      found.push(current);
      current = [];
    }
  }
  return current.length ? [...found, current] : found;
}

function Shown({ answer, person }: { answer: Answer; person: string }) {
  const { time_zone: zone } = useTenant();
  const events = eventsOf(answer);
  if (events.length === 0) {
    return (
      <Card>
        <Empty icon="user" title={`Nothing of ${person} in this time`}>
          Choose a longer time, or another id of the same person.
        </Empty>
      </Card>
    );
  }
  const sat = sittings(events);
  return (
    <>
      <Card title={person} said={`${count(events.length)} ${events.length === 1 ? "event" : "events"}${answer.truncated ? ", the newest of more" : ""} in ${count(sat.length)} ${sat.length === 1 ? "sitting" : "sittings"}, ${zone}`}>
        <ol class="journey">
          {sat.map((sitting) => (
            <li key={sitting[0]!.at.getTime()}>
              <h3>
                {day(sitting.at(-1)!.at, zone)}
                <span class="muted">
                  {clock(sitting.at(-1)!.at, zone)}, {duration((sitting[0]!.at.getTime() - sitting.at(-1)!.at.getTime()) / 1000)}
                </span>
              </h3>
              <ol>
                {sitting.map((event, number) => (
                  <li key={number}>
                    <time class="num muted">{clock(event.at, zone)}</time>
                    <b>{event.type}</b>
                    <span class="muted">{[event.name !== event.type && event.name, event.page].filter(Boolean).join(" · ")}</span>
                    <span class="muted small num">{event.since !== null && event.since <= PAUSE_SECONDS ? `+${duration(event.since)}` : ""}</span>
                  </li>
                ))}
              </ol>
            </li>
          ))}
        </ol>
      </Card>
      <About answer={answer} />
    </>
  );
}
