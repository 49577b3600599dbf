import { count, duration, percent } from "../lib/format";
import { useLoaded } from "../lib/hooks";
import { change, linkTo, usePlace } from "../lib/place";
import { all, type Answer, ask, isEvent, type Question, type StepTimes } from "../lib/questions";
import { rangeOf } from "../lib/ranges";
import { useTenant } from "../lib/session";
import { Card, Copy, Empty, ErrorNote, Head, Select, Waiting } from "../parts/basics";
import { Icon } from "../parts/icon";
import { type Condition, Conditions, eventOptions, fieldOptions, filtersOf, type Names, RangePicker, Suggest, useNames } from "../parts/pickers";
import { SaveToDashboard } from "../parts/save";
import { Table } from "../parts/table";
import { About } from "./explore";

interface Step {
  event: string;
  conditions: Condition[];
}

const WINDOWS = [
  ["1800", "30 minutes"],
  ["3600", "an hour"],
  ["86400", "a day"],
  ["604800", "7 days"],
  ["2592000", "30 days"],
] as const;

const MOST_STEPS = 10;

/** Steps as the address has them: [["page_view"], ["purchase", ["properties.amount", "gt", "20"]]]. */
function readSteps(text: string | null): Step[] {
  try {
    const read = JSON.parse(text ?? "[]") as [string, ...string[][]][];
    return read.map(([event, ...conditions]) => ({
      event: String(event),
      conditions: conditions.map(([field = "", operator = "eq", value = ""]) => ({ field: String(field), operator: String(operator), value: String(value) })),
    }));
  } catch {
    return [];
  }
}

const writeSteps = (steps: readonly Step[]): string =>
  steps.length ? JSON.stringify(steps.map((step) => [step.event, ...step.conditions.map((one) => [one.field, one.operator, one.value])])) : "";

/** The steps to begin with: those of a shop, as far as this tenant has them, else its two most frequent events. */
function firstSteps(names: Names): Step[] {
  const shop = ["page_view", "product_view", "add_to_cart", "checkout", "purchase"].filter((event) => names.events.includes(event));
  const events = shop.length >= 2 ? shop : names.events.slice(0, 2);
  return events.map((event) => ({ event, conditions: [] }));
}

function questionOf(steps: readonly Step[], params: URLSearchParams, names: Names): Question | null {
  const whole = steps.filter((step) => step.event);
  if (whole.length < 2) return null;
  const by = params.get("by");
  return {
    kind: "funnel",
    range: rangeOf(params.get("range") ?? "30d"),
    steps: whole.map((step) => ({ name: step.event, ...all([isEvent(step.event), ...filtersOf(step.conditions, names)]) })),
    window_seconds: Number(params.get("within") ?? 2_592_000),
    order: params.get("order") ?? "ordered",
    ...((params.get("order") ?? "ordered") === "ordered" && { times: true }),
    ...(by && params.get("order") !== "any" && { by, top: 6 }),
  };
}

export function Funnels() {
  const tenant = useTenant();
  const { params } = usePlace();
  const { names, error } = useNames();
  const steps = params.has("s") ? readSteps(params.get("s")) : names ? firstSteps(names) : [];
  const question = names && questionOf(steps, params, names);
  const found = useLoaded(question && JSON.stringify([tenant.customer_id, question]), (signal) => ask(tenant.customer_id, question!, signal));
  return (
    <>
      <Head title="Funnels">
        {question && found.data && <SaveToDashboard key={JSON.stringify(question)} title={titleOf(steps)} choices={[{ name: "Funnel", type: "chart", config: { chart_type: "funnel", question } }]} />}
        <RangePicker value={params.get("range") ?? "30d"} onChange={(range) => change({ range, who: "" })} />
      </Head>
      <div class="grid">
        <div class="four stack">
          {error && <ErrorNote error={error} />}
          <Builder steps={steps} names={names} params={params} />
        </div>
        <div class="eight stack">
          {found.error && <ErrorNote error={found.error} again={found.again} />}
          {(found.busy || !names) && !found.data && !error && <Waiting what="Counting" />}
          {names && !question && (
            <Card>
              <Empty icon="funnel" title="A funnel has two steps at least">
                Choose the events that people do one after the other; the page counts who comes how far.
              </Empty>
            </Card>
          )}
          {found.data && question && <Result answer={found.data} question={question} by={params.get("by")} />}
        </div>
      </div>
    </>
  );
}

const titleOf = (steps: readonly Step[]): string => {
  const events = steps.map((step) => step.event).filter(Boolean);
  return `From ${events[0]} to ${events.at(-1)}`;
};

function Builder({ steps, names, params }: { steps: Step[]; names: Names | null; params: URLSearchParams }) {
  const set = (next: Step[]) => change({ s: writeSteps(next), who: "" });
  const alter = (at: number, part: Partial<Step>) => set(steps.map((step, number) => (number === at ? { ...step, ...part } : step)));
  const order = params.get("order") ?? "ordered";
  return (
    <Card title="Steps">
      <ol class="stack steps-edit">
        {steps.map((step, number) => (
          <li key={number}>
            <div class="row step-edit">
              <b class="num" aria-hidden="true">
                {number + 1}
              </b>
              <Suggest hidden label={`Step ${number + 1}`} placeholder="Event" value={step.event} options={eventOptions(names)} onChange={(event) => alter(number, { event })} />
              <button type="button" class="button quiet square" aria-label={`Remove step ${number + 1}`} onClick={() => set(steps.filter((_, at) => at !== number))}>
                <Icon name="close" size={15} />
              </button>
            </div>
            <details class="more step-more" open={step.conditions.length > 0}>
              <summary>Conditions</summary>
              <Conditions names={names} conditions={step.conditions} onChange={(conditions) => alter(number, { conditions })} />
            </details>
          </li>
        ))}
      </ol>
      <div class="stack builder-rest">
        <button type="button" class="button" disabled={steps.length >= MOST_STEPS} onClick={() => set([...steps, { event: "", conditions: [] }])}>
          <Icon name="plus" size={15} />
          Add a step
        </button>
        <Select label="Within" value={params.get("within") ?? "2592000"} options={WINDOWS} onChange={(within) => change({ within, who: "" })} />
        <Select
          label="Order"
          value={order}
          options={[
            ["ordered", "One after the other"],
            ["strict", "Nothing else in between"],
            ["any", "In any order"],
          ]}
          onChange={(next) => change({ order: next, who: "" })}
        />
        {order !== "any" && <Suggest label="Broken down by" placeholder="Nothing" value={params.get("by") ?? ""} options={fieldOptions(names)} onChange={(by) => change({ by })} />}
      </div>
    </Card>
  );
}

interface StepLine {
  step: number;
  name: string;
  people: number;
  percentage: number;
  drop_off: number;
  from_previous: number;
}

function linesOf(answer: Answer): (StepLine & { group: string | null })[] {
  const at = Object.fromEntries(answer.columns.map((column, number) => [column.name, number]));
  const group = answer.columns.findIndex((column) => column.role === "dimension" && column.name !== "other");
  const isOther = answer.columns.findIndex((column) => column.name === "other");
  return answer.rows.map((row) => ({
    step: row[at["step"]!] as number,
    name: row[at["name"]!] as string,
    people: row[at["people"]!] as number,
    percentage: row[at["percentage"]!] as number,
    drop_off: row[at["drop_off"]!] as number,
    from_previous: row[at["from_previous"]!] as number,
    group: group < 0 ? null : isOther >= 0 && row[isOther] === true ? "Other" : String(row[group] ?? "") || "(not set)",
  }));
}

/** All groups together, step by step. */
function together(lines: (StepLine & { group: string | null })[]): StepLine[] {
  const steps = [...new Set(lines.map((line) => line.step))];
  const sums = steps.map((step) => {
    const mine = lines.filter((line) => line.step === step);
    return { step, name: mine[0]!.name, people: mine.reduce((sum, line) => sum + line.people, 0) };
  });
  return sums.map((one, index) => {
    const before = sums[index - 1]?.people ?? one.people;
    return {
      ...one,
      percentage: sums[0]!.people ? (100 * one.people) / sums[0]!.people : 0,
      drop_off: before - one.people,
      from_previous: before ? (100 * one.people) / before : 0,
    };
  });
}

function Result({ answer, question, by }: { answer: Answer; question: Question; by: string | null }) {
  const { params } = usePlace();
  const lines = linesOf(answer);
  const steps = together(lines);
  const last = steps.at(-1);
  const times = by ? undefined : answer.extra.times;
  const who = Number(params.get("who") ?? 0);
  if (!last || steps[0]!.people === 0) {
    return (
      <Card>
        <Empty icon="funnel" title="Nobody came to the first step">
          Choose a longer time, or another event to begin with.
        </Empty>
      </Card>
    );
  }
  return (
    <>
      <Card
        title={`${percent(last.percentage / 100)} come to the end`}
        said={`${count(last.people)} of ${count(steps[0]!.people)} people${medianOf(times)}`}
      >
        <ol class="funnel">
          {steps.map((step) => (
            <FunnelStep key={step.step} step={step} isShown={who === step.step} />
          ))}
        </ol>
      </Card>
      {who > 1 && who <= steps.length && <Dropped question={question} step={who} name={steps[who - 1]!.name} before={steps[who - 2]!.name} />}
      {by && <ByGroup lines={lines} by={by} />}
      <About answer={answer} />
    </>
  );
}

const medianOf = (times: StepTimes[] | undefined): string => {
  const median = times?.at(-1)?.median_seconds;
  return typeof median === "number" ? `, half of them within ${duration(median)}` : "";
};

function FunnelStep({ step, isShown }: { step: StepLine; isShown: boolean }) {
  return (
    <li>
      {step.step > 1 && (
        <p class="funnel-drop small muted num">
          {percent(step.from_previous / 100)} go on
          {step.drop_off > 0 && (
            <>
              {" · "}
              <button type="button" class="plain" aria-expanded={isShown} onClick={() => change({ who: isShown ? "" : String(step.step) }, "replace")}>
                {count(step.drop_off)} drop out
              </button>
            </>
          )}
        </p>
      )}
      <div class="funnel-step">
        <i style={{ width: `${Math.max(step.percentage, 0.4)}%` }} />
        <span>
          <b>{step.name}</b>
        </span>
        <span class="num">
          <b>{count(step.people)}</b> <span class="muted">{percent(step.percentage / 100)}</span>
        </span>
      </div>
    </li>
  );
}

/** Who came to the step before, and no further. */
function Dropped({ question, step, name, before }: { question: Question; step: number; name: string; before: string }) {
  const { customer_id: id } = useTenant();
  const { params } = usePlace();
  const { by: _, top: __, ...rest } = question as Question & { by?: string; top?: number };
  const asked = { ...rest, people: { step, dropped: true, limit: 100 } };
  const found = useLoaded(JSON.stringify([id, asked]), (signal) => ask(id, asked, signal));
  const people = found.data?.extra.people ?? [];
  return (
    <Card
      title={`Who did ${before} and not ${name}`}
      said={found.data ? `${count(people.length)}${people.length === 100 ? " of them" : ""}` : undefined}
      aside={people.length > 0 && <Copy text={people.join("\n")} what="their ids" />}
    >
      {found.error && <ErrorNote error={found.error} again={found.again} />}
      {!found.data && !found.error && <Waiting what="Looking for them" />}
      {found.data && (
        <ul class="people">
          {people.map((person) => (
            <li key={person}>
              <a href={linkTo("journeys", { who: person, range: params.get("range") ?? "30d" })}>
                <code>{person}</code>
              </a>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function ByGroup({ lines, by }: { lines: (StepLine & { group: string | null })[]; by: string }) {
  const steps = [...new Set(lines.map((line) => line.step))];
  const groups = [...new Set(lines.map((line) => line.group ?? ""))];
  const of = (group: string, step: number) => lines.find((line) => line.group === group && line.step === step);
  const rows = groups.map((group) => [group, ...steps.map((step) => of(group, step)?.people ?? 0), of(group, steps.at(-1)!)?.percentage ?? 0]);
  const names = steps.map((step) => ({ name: lines.find((line) => line.step === step)!.name }));
  return (
    <Card title={`By ${by.replace(/^properties\./, "")}`} flush>
      <Table
        caption={`The funnel by ${by}`}
        columns={[{ name: by.replace(/^properties\./, "") }, ...names, { name: "To the end", show: (value) => percent(Number(value) / 100) }]}
        rows={rows}
      />
    </Card>
  );
}
