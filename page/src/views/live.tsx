import { useEffect, useState } from "preact/hooks";
import { get, path, post } from "../lib/api";
import { compact, count, duration, measured, minute } from "../lib/format";
import { useLoaded } from "../lib/hooks";
import { linkTo } from "../lib/place";
import type { Answer, Filter, Question } from "../lib/questions";
import { useTenant } from "../lib/session";
import { Bars, Card, Empty, ErrorNote, Head, Waiting } from "../parts/basics";
import { Chart } from "../parts/chart";
import { LiveStream } from "./live-stream";

interface Dashboard {
  timestamp: string;
  events_timeline: { minute: string; event_count: number; unique_visitors: number }[];
  top_events: { event_type: string; count: number }[];
  top_pages: { page: string; views: number; unique_visitors: number }[];
  freshness: { last_event_at: string | null; seconds_since_last_event: number | null };
  stale?: boolean;
}

const people = (last: number): Question => ({
  kind: "trend",
  measures: [{ measure: "unique", of: "person", exact: false, name: "people" }],
  range: { last, unit: "minute" },
});
/** Of pages and events that somebody came to from elsewhere: the next ones have no channel, and the site itself as their referrer. */
const ARRIVED: Filter = { field: "channel", operator: "is_set" };
const by = (field: string): Question => ({
  ...people(60),
  where: { all: [{ field, operator: "is_set" }, ...(field === "referrer_domain" ? [ARRIVED] : [])] },
  by: [field],
  top: 8,
  other: false,
});
const BREAKDOWNS = [
  ["Channels", "channel"],
  ["Referrers", "referrer_domain"],
  ["Countries", "country"],
  ["Languages", "language"],
] as const;

const WORDS = new Intl.DisplayNames("en", { type: "region", fallback: "code" });
const LANGUAGES = new Intl.DisplayNames("en", { type: "language", fallback: "code" });

function named(field: string, value: string): string {
  try {
    if (field === "country" && /^[A-Z]{2}$/.test(value)) return WORDS.of(value) ?? value;
    if (field === "language") return LANGUAGES.of(value) ?? value;
  } catch {
    // no code of one: as it was sent
  }
  return value;
}

export function Live() {
  const tenant = useTenant();
  const id = tenant.customer_id;
  const board = useLoaded(`board ${id}`, (signal) => get<Dashboard>(path`dashboard/realtime/${id}`, signal), 2000);
  const more = useLoaded(
    `more ${id}`,
    (signal) =>
      post<{ answers: (Answer | { success: false })[] }>(
        "api/v1/questions/batch",
        { customer_id: id, questions: [people(5), people(60), ...BREAKDOWNS.map(([, field]) => by(field))] },
        signal,
      ),
    8000,
  );
  const answers = more.data?.answers.map((answer) => ("rows" in answer ? answer : null)) ?? [];
  return (
    <>
      <Head title="Live">
        <Freshness board={board.data} />
      </Head>
      {board.error && <ErrorNote error={board.error} again={board.again} />}
      {!board.data && !board.error && <Waiting what="Loading the last hour" />}
      {board.data && (
        <div class="grid">
          <Figures board={board.data} now={answers[0]?.rows[0]?.[0]} inHour={answers[1]?.rows[0]?.[0]} />
          <Timeline board={board.data} zone={tenant.time_zone} />
          <Card title="Top pages" said="Views in the last hour" class="six">
            <Ranking
              rows={board.data.top_pages.map((one) => ({ name: one.page || "(none)", value: one.views, more: `${count(one.unique_visitors)} ${one.unique_visitors === 1 ? "visitor" : "visitors"}` }))}
              unit="views"
            />
          </Card>
          <Card title="Top events" said="In the last hour" class="six">
            <Ranking rows={board.data.top_events.map((one) => ({ name: one.event_type, value: one.count }))} unit="events" />
          </Card>
          {BREAKDOWNS.map(([title, field], number) => (
            <Card key={field} title={title} said="People in the last hour" class="three">
              <Ranking rows={peopleBy(answers[number + 2] ?? null, field)} unit="people" isLoading={more.data === null} />
            </Card>
          ))}
          <LiveStream />
        </div>
      )}
    </>
  );
}

const peopleBy = (answer: Answer | null, field: string) =>
  (answer?.rows ?? []).map((row) => ({ name: named(field, String(row[0] ?? "")), value: Number(row.at(-1)) }));

function Ranking(props: { rows: { name: string; value: number; more?: string }[]; unit: string; isLoading?: boolean }) {
  if (props.rows.length > 0) return <Bars {...props} />;
  return <p class="muted small">{props.isLoading ? "Loading…" : "Nothing in the last hour."}</p>;
}

function Figures({ board, now, inHour }: { board: Dashboard; now: unknown; inHour: unknown }) {
  const lines = board.events_timeline;
  const hour = lines.reduce((sum, one) => sum + one.event_count, 0);
  const figures: [string, string, string][] = [
    ["People now", typeof now === "number" ? count(now) : "–", "in 5 minutes"],
    ["People", typeof inHour === "number" ? count(inHour) : "–", "in an hour"],
    ["Events per minute", count(lines[1]?.event_count ?? 0), "just now"],
    ["Events", compact(hour), "in an hour"],
  ];
  return (
    <>
      {figures.map(([name, value, said]) => (
        <dl key={name} class="card figure three">
          <dt>{name}</dt>
          <dd>
            {value}
            <small>{said}</small>
          </dd>
        </dl>
      ))}
    </>
  );
}

function Timeline({ board, zone }: { board: Dashboard; zone: string }) {
  const lines = [...board.events_timeline].reverse();
  const isEmpty = lines.every((one) => one.event_count === 0);
  return (
    <Card title="Events per minute" said={`The last hour, ${zone}`}>
      {isEmpty ? (
        <Empty
          icon="activity"
          title="Nothing came in the last hour"
          actions={
            <a class="button first" href={linkTo("start")}>
              Send a first event
            </a>
          }
        >
          As soon as events arrive they are counted here.
        </Empty>
      ) : (
        <Chart
          kind="bars"
          height={190}
          label={`Events per minute over the last hour, ${count(lines.reduce((sum, one) => sum + one.event_count, 0))} in all`}
          labels={lines.map((one) => minute(new Date(one.minute), zone))}
          series={[{ name: "events", values: lines.map((one) => one.event_count) }]}
          show={(value) => measured(value, "")}
        />
      )}
    </Card>
  );
}

interface HealthReport {
  details?: { lag?: { events: number; seconds: number } };
}

/** How long ago the newest event is from, and what waits to be stored. */
function Freshness({ board }: { board: Dashboard | null }) {
  const health = useLoaded("health", (signal) => get<HealthReport>("health", signal), 10_000);
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((number) => number + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  if (!board) return null;
  const last = board.freshness.last_event_at;
  const lag = health.data?.details?.lag;
  const seconds = last ? Math.max(0, (Date.parse(board.timestamp) - Date.parse(last)) / 1000) : null;
  const isLate = lag !== undefined && lag.seconds > 10;
  return (
    <>
      {board.stale && <span class="badge warn">the warehouse is away: from before</span>}
      {lag && lag.events > 0 && isLate && <span class="badge warn">{count(lag.events)} events wait to be stored</span>}
      <span class={`badge ${seconds !== null && seconds < 60 && !board.stale ? "good" : ""}`}>
        <i class={`dot ${seconds !== null && seconds < 60 ? "beats" : ""}`} />
        {seconds === null ? "no event in an hour" : seconds < 2 ? "up to date" : `last event ${duration(seconds)} ago`}
      </span>
      {lag && <span class="badge">{lag.events === 0 ? "nothing waits" : `stored within ${duration(Math.max(lag.seconds, 0.1))}`}</span>}
    </>
  );
}
