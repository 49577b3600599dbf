import { count } from "../lib/format";
import { useLoaded } from "../lib/hooks";
import { change, usePlace } from "../lib/place";
import { type Answer, ask, isEvent, type Question } from "../lib/questions";
import { rangeOf } from "../lib/ranges";
import { useTenant } from "../lib/session";
import { Card, Empty, ErrorNote, Head, Segments, Select, Waiting } from "../parts/basics";
import { PathList } from "../parts/path-list";
import { eventOptions, fieldOptions, labelOf, type Names, RangePicker, Suggest, useNames } from "../parts/pickers";
import { SaveToDashboard } from "../parts/save";
import { About } from "./explore";

const WINDOWS = [
  ["1800", "30 minutes"],
  ["3600", "an hour"],
  ["86400", "a day"],
  ["604800", "7 days"],
] as const;

const STEPS = ["2", "3", "4", "5"].map((steps) => [steps, `${steps} events`] as const);

export function Paths() {
  const tenant = useTenant();
  const { params } = usePlace();
  const { names, error } = useNames();
  const event = params.get("e") ?? names?.events.find((one) => one === "signup" || one === "page_view") ?? names?.events[0] ?? "";
  const direction = params.get("way") === "before" ? "before" : "after";
  const by = params.get("as");
  const question: Question | null = event
    ? {
        kind: "paths",
        event: isEvent(event),
        direction,
        steps: Number(params.get("steps") ?? 3),
        window_seconds: Number(params.get("within") ?? 1800),
        range: rangeOf(params.get("range") ?? "7d"),
        top: 20,
        ...(by && { by }),
      }
    : null;
  const found = useLoaded(question && JSON.stringify([tenant.customer_id, question]), (signal) => ask(tenant.customer_id, question!, signal));
  return (
    <>
      <Head title="Paths">
        {question && found.data && (
          <SaveToDashboard key={JSON.stringify(question)} title={`${direction === "after" ? "After" : "Before"} ${event}`} choices={[{ name: "Paths", type: "chart", config: { question } }]} />
        )}
        <RangePicker value={params.get("range") ?? "7d"} onChange={(range) => change({ range })} />
      </Head>
      <div class="stack">
        {error && <ErrorNote error={error} />}
        <section class="card builder" aria-label="The question">
          <div class="builder-row">
            <div class="field">
              <span>What people do</span>
              <Segments
                label="What people do"
                value={direction}
                options={[
                  ["after", "after"],
                  ["before", "before"],
                ]}
                onChange={(way) => change({ way: way === "after" ? "" : way })}
              />
            </div>
            <Suggest label="Event" value={event} options={eventOptions(names)} onChange={(e) => change({ e })} />
            <Select label="As far as" value={params.get("steps") ?? "3"} options={STEPS} onChange={(steps) => change({ steps })} />
            <Select label="Within" value={params.get("within") ?? "1800"} options={WINDOWS} onChange={(within) => change({ within })} />
            <Suggest label="Told by" placeholder="Event type" value={by ?? ""} options={fieldOptions(names)} onChange={(as) => change({ as })} />
          </div>
        </section>
        {found.error && <ErrorNote error={found.error} again={found.again} />}
        {found.busy && !found.data && <Waiting what="Following" />}
        {found.data && <Shown answer={found.data} event={event} direction={direction} by={by} names={names} />}
      </div>
    </>
  );
}

function Shown(props: { answer: Answer; event: string; direction: "after" | "before"; by: string | null; names: Names | null }) {
  const { answer, event, direction } = props;
  const steps = answer.columns.filter((column) => column.name.startsWith("step_")).length;
  const people = answer.rows.reduce((sum, row) => sum + Number(row[steps + 1]), 0);
  if (people === 0) {
    return (
      <Card>
        <Empty icon="route" title={`Nobody did ${event} in this time`}>
          Choose a longer time, or another event.
        </Empty>
      </Card>
    );
  }
  return (
    <>
      <Card title={`${direction === "after" ? "After" : "Before"} ${event}`} said={`${count(people)} people, each by their first ${event}${props.by ? `; told by ${labelOf(props.names, props.by).toLowerCase()}` : ""}`}>
        <PathList answer={answer} event={event} />
      </Card>
      <About answer={answer} />
    </>
  );
}
