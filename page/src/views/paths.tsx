import { count, percent } from "../lib/format";
import { useLoaded } from "../lib/hooks";
import { change, usePlace } from "../lib/place";
import { type Answer, ask, isEvent, type Question } from "../lib/questions";
import { rangeOf } from "../lib/ranges";
import { useTenant } from "../lib/session";
import { Card, Empty, ErrorNote, Head, Segments, Select, Waiting } from "../parts/basics";
import { Icon } from "../parts/icon";
import { eventOptions, fieldOptions, labelOf, type Names, RangePicker, Suggest, useNames } from "../parts/pickers";
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
  const most = Math.max(...answer.rows.map((row) => Number(row[steps + 1])));
  return (
    <>
      <Card title={`${direction === "after" ? "After" : "Before"} ${event}`} said={`${count(people)} people, each by their first ${event}${props.by ? `; told by ${labelOf(props.names, props.by).toLowerCase()}` : ""}`}>
        <ol class="paths">
          {answer.rows.map((row, number) => (
            <li key={number}>
              <i style={{ width: `${(Number(row[steps + 1]) / most) * 100}%` }} />
              <Path event={event} direction={direction} steps={row.slice(0, steps)} isOther={row[steps] === true} />
              <b class="num">
                {count(Number(row[steps + 1]))} <span class="muted">{percent(Number(row[steps + 2]))}</span>
              </b>
            </li>
          ))}
        </ol>
      </Card>
      <About answer={answer} />
    </>
  );
}

/** One path, in the order of time. */
function Path(props: { event: string; direction: "after" | "before"; steps: unknown[]; isOther: boolean }) {
  if (props.isOther) return <span class="muted">All other paths</span>;
  const told = props.steps.filter((step) => step !== null).map((step) => String(step) || "(empty)");
  if (told.length === 0) return <span class="muted">{props.direction === "after" ? "Nothing more" : "Nothing before"}</span>;
  const whole = props.direction === "after" ? [props.event, ...told] : [...told.reverse(), props.event];
  return (
    <span class="path">
      {whole.map((step, number) => [
        number > 0 && <Icon key={`${number}.`} name="arrow" size={13} />,
        <span key={number} class={step === props.event && number === (props.direction === "after" ? 0 : whole.length - 1) ? "muted" : ""}>
          {step}
        </span>,
      ])}
      {told.length < props.steps.length && props.direction === "after" && <span class="muted">and no more</span>}
    </span>
  );
}
