import { percent } from "../lib/format";
import { useLoaded } from "../lib/hooks";
import { change, usePlace } from "../lib/place";
import { type Answer, ask, isEvent, type Question } from "../lib/questions";
import { useTenant } from "../lib/session";
import { Card, Empty, ErrorNote, Head, Segments, Select, Waiting } from "../parts/basics";
import { Chart } from "../parts/chart";
import { type Cohort, cohortsOf, CohortTable } from "../parts/cohorts";
import { eventOptions, Suggest, useNames } from "../parts/pickers";
import { SaveToDashboard } from "../parts/save";
import { About } from "./explore";

type Unit = "day" | "week" | "month";

const SPANS: Record<Unit, readonly (readonly [string, string])[]> = {
  day: [
    ["7", "Last 7 days"],
    ["14", "Last 14 days"],
    ["30", "Last 30 days"],
  ],
  week: [
    ["6", "Last 6 weeks"],
    ["12", "Last 12 weeks"],
    ["26", "Last 26 weeks"],
  ],
  month: [
    ["6", "Last 6 months"],
    ["12", "Last 12 months"],
    ["24", "Last 24 months"],
  ],
};

export function Retention() {
  const tenant = useTenant();
  const { params } = usePlace();
  const { names, error } = useNames();
  const unit = (["day", "week", "month"] as const).find((one) => one === params.get("unit")) ?? "week";
  const span = SPANS[unit].find(([value]) => value === params.get("span"))?.[0] ?? SPANS[unit][0]![0];
  const mode = params.get("mode") === "rolling" ? "rolling" : "fixed";
  const start = params.get("start") ?? "";
  const back = params.get("back") ?? "";
  const question: Question = {
    kind: "retention",
    range: { last: Number(span), unit, align: "to_date" },
    unit,
    mode,
    ...(start && { start: isEvent(start) }),
    ...(back && { returning: isEvent(back) }),
  };
  const found = useLoaded(JSON.stringify([tenant.customer_id, question]), (signal) => ask(tenant.customer_id, question, signal));
  return (
    <>
      <Head title="Retention">
        {found.data && <SaveToDashboard key={JSON.stringify(question)} title={`Who comes back, by ${unit}`} choices={[{ name: "Cohorts", type: "chart", config: { chart_type: "cohorts", question } }]} />}
        <Segments
          label="Period"
          value={unit}
          onChange={(next) => change({ unit: next, span: "" })}
          options={[
            ["day", "Days"],
            ["week", "Weeks"],
            ["month", "Months"],
          ]}
        />
        <Select hidden label="Time" class="fit" value={span} options={SPANS[unit]} onChange={(next) => change({ span: next })} />
      </Head>
      <div class="stack">
        {error && <ErrorNote error={error} />}
        <section class="card builder" aria-label="The question">
          <div class="builder-row">
            <Suggest label="People begin with" placeholder="Any event" value={start} options={eventOptions(names)} onChange={(next) => change({ start: next })} />
            <Suggest label="and come back with" placeholder="Any event" value={back} options={eventOptions(names)} onChange={(next) => change({ back: next })} />
            <Select
              label="Counted"
              value={mode}
              options={[
                ["fixed", `In that very ${unit}`],
                ["rolling", `In that ${unit} or later`],
              ]}
              onChange={(next) => change({ mode: next })}
            />
          </div>
        </section>
        {found.error && <ErrorNote error={found.error} again={found.again} />}
        {found.busy && !found.data && <Waiting what="Counting" />}
        {found.data && <Shown answer={found.data} unit={unit} start={start} />}
      </div>
    </>
  );
}

/** Of all cohorts that have come so far, each person counted the same. */
function average(cohorts: readonly Cohort[], period: number): number | null {
  const there = cohorts.filter((cohort) => cohort.shares[period]);
  const people = there.reduce((sum, cohort) => sum + cohort.people, 0);
  return people ? there.reduce((sum, cohort) => sum + cohort.shares[period]!.returned, 0) / people : null;
}

function Shown({ answer, unit, start }: { answer: Answer; unit: Unit; start: string }) {
  const cohorts = cohortsOf(answer);
  if (cohorts.length === 0) {
    return (
      <Card>
        <Empty icon="repeat" title="Nobody began in this time">
          Choose a longer time, or let people begin with any event.
        </Empty>
      </Card>
    );
  }
  const periods = Math.max(...cohorts.map((cohort) => cohort.shares.length));
  const numbers = Array.from({ length: periods }, (_, number) => number);
  const means = numbers.map((number) => average(cohorts, number));
  const first = means[1];
  return (
    <>
      <Card
        title={typeof first === "number" ? `${percent(first)} come back in the next ${unit}` : "Nobody has had the time to come back yet"}
        said={`All cohorts together, ${answer.time_zone}`}
      >
        {periods > 2 && (
          <Chart
            label={`Share of people who come back, by ${unit} after the first; the numbers are in the table below`}
            labels={numbers.slice(1).map((number) => `${unit} ${number}`)}
            series={[{ name: "come back", values: means.slice(1).map((mean) => (mean === null ? null : Math.round(mean * 10_000) / 100)) }]}
            show={(value) => `${value} %`}
            height={180}
          />
        )}
      </Card>
      <Card title="Cohorts" said={`People by the ${unit} of their first ${start || "event"} in this time, and how many came back`} flush>
        <CohortTable answer={answer} unit={unit} />
      </Card>
      <About answer={answer} />
    </>
  );
}
