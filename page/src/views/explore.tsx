import { bucket, cell, count, duration, measured, percent } from "../lib/format";
import { useLoaded } from "../lib/hooks";
import { change, usePlace } from "../lib/place";
import { all, type Answer, askAll, estimated, isEvent, type Question } from "../lib/questions";
import { granularities, rangeOf } from "../lib/ranges";
import { useTenant } from "../lib/session";
import { Card, Code, Empty, ErrorNote, Head, Segments, Select, Waiting } from "../parts/basics";
import { Chart } from "../parts/chart";
import { Conditions, eventOptions, fieldOptions, filtersOf, labelOf, type Names, RangePicker, readConditions, Suggest, useNames, writeConditions } from "../parts/pickers";
import { type Choice, SaveToDashboard } from "../parts/save";
import { seriesOf } from "../parts/series";
import { Table } from "../parts/table";

const AGGREGATES = [
  ["sum", "Sum of"],
  ["avg", "Average of"],
  ["median", "Median of"],
  ["p95", "95th percentile of"],
  ["min", "Smallest"],
  ["max", "Largest"],
] as const;

const TOP = 7;

/** A measure as the address has it: `metric:revenue`, `count`, `avg:properties.price`. */
function measureOf(text: string): Record<string, unknown> | null {
  const [kind, name = ""] = text.split(/:(.*)/s, 2);
  if (kind === "count") return { measure: "count" };
  if (kind === "metric") return { measure: "metric", metric: name };
  if (!name) return null;
  const field = { name, type: "number" };
  if (kind === "p95") return { measure: "quantile", level: 0.95, field };
  return { measure: kind, field };
}

function questionOf(params: URLSearchParams, names: Names | null): Question | null {
  const measure = measureOf(params.get("m") ?? "metric:unique_visitors");
  if (!measure) return null;
  const event = params.get("e");
  const filters = [...(event ? [isEvent(event)] : []), ...filtersOf(readConditions(params.get("f")), names)];
  const by = params.get("by");
  const compare = params.get("cmp");
  return {
    kind: "trend",
    measures: [measure],
    range: rangeOf(params.get("range") ?? "7d"),
    ...all(filters),
    ...(by && { by: [by], top: TOP }),
    ...(compare && { compare }),
  };
}

interface Found {
  over: Answer;
  whole: Answer;
}

/** The same question over time and for the whole range: unique people of days do not add up. */
async function find(tenant: string, question: Question, granularity: string, signal: AbortSignal): Promise<Found> {
  const [over, whole] = await askAll(tenant, [{ ...question, granularity }, question], signal);
  return { over: over!, whole: whole! };
}

export function Explore() {
  const tenant = useTenant();
  const { params } = usePlace();
  const { names, error } = useNames();
  const range = params.get("range") ?? "7d";
  const units = granularities(range);
  const asked = params.get("per");
  const per = units.find((unit) => unit === asked) ?? units[0]!;
  const question = names ? questionOf(params, names) : null;
  const key = question && JSON.stringify([tenant.customer_id, question, per]);
  const found = useLoaded(key, (signal) => find(tenant.customer_id, question!, per, signal));
  return (
    <>
      <Head title="Explore">
        {question && found.data && <SaveToDashboard key={key} title={titleOf(params, names)} choices={choicesOf(question, per)} />}
        <RangePicker value={range} onChange={(next) => change({ range: next, per: "" })} />
      </Head>
      <div class="stack">
        {error && <ErrorNote error={error} />}
        <Builder names={names} params={params} />
        {found.error && <ErrorNote error={found.error} again={found.again} />}
        {found.busy && !found.data && <Waiting what="Asking" />}
        {question === null && names && (
          <Empty icon="chart" title="Of which number?">
            Choose the property that is to be summed up.
          </Empty>
        )}
        {found.data && <Shown found={found.data} names={names} params={params} units={units} per={per} />}
      </div>
    </>
  );
}

function choicesOf(question: Question, per: string): Choice[] {
  const over: Choice = { name: `By ${per}`, type: "chart", config: { chart_type: "line", question: { ...question, granularity: per } } };
  if (question["by"]) return [over, { name: "The whole time", type: "chart", config: { question } }];
  const compared = { compare: "previous_period", ...question };
  return [over, { name: "As one number", type: "metric", config: { chart_type: "number", question: compared } }];
}

function Builder({ names, params }: { names: Names | null; params: URLSearchParams }) {
  const m = params.get("m") ?? "metric:unique_visitors";
  const [kind = "", field = ""] = m.split(/:(.*)/s, 2);
  const isField = AGGREGATES.some(([name]) => name === kind);
  const families = [...new Set(names?.catalogue.metrics.map((metric) => metric.family))];
  return (
    <section class="card builder" aria-label="The question">
      <div class="builder-row">
        <label class="field">
          <span>Measure</span>
          <select class="input" value={isField ? kind : m} onChange={(event) => change({ m: event.currentTarget.value })}>
            <optgroup label="Events">
              <option value="count">Number of events</option>
            </optgroup>
            {families.map((family) => (
              <optgroup key={family} label={family.charAt(0).toUpperCase() + family.slice(1)}>
                {names?.catalogue.metrics
                  .filter((metric) => metric.family === family)
                  .map((metric) => (
                    <option key={metric.name} value={`metric:${metric.name}`}>
                      {metric.label}
                    </option>
                  ))}
              </optgroup>
            ))}
            <optgroup label="Of a property">
              {AGGREGATES.map(([name, text]) => (
                <option key={name} value={name}>
                  {text} …
                </option>
              ))}
            </optgroup>
          </select>
        </label>
        {isField && <Suggest label="Property" placeholder="properties.price" value={field} options={fieldOptions(names)} onChange={(next) => change({ m: next ? `${kind}:${next}` : kind })} />}
        <Suggest label="Event" placeholder="Any" value={params.get("e") ?? ""} options={eventOptions(names)} onChange={(e) => change({ e })} />
        <Suggest label="Broken down by" placeholder="Nothing" value={params.get("by") ?? ""} options={fieldOptions(names)} onChange={(by) => change({ by })} />
        <Select
          label="Compared with"
          value={params.get("cmp") ?? ""}
          options={[
            ["", "Nothing"],
            ["previous_period", "The time before"],
            ["previous_year", "The year before"],
          ]}
          onChange={(cmp) => change({ cmp })}
        />
      </div>
      <Conditions names={names} conditions={readConditions(params.get("f"))} onChange={(conditions) => change({ f: writeConditions(conditions) })} />
    </section>
  );
}

function Shown(props: { found: Found; names: Names | null; params: URLSearchParams; units: readonly string[]; per: string }) {
  const { over, whole } = props.found;
  const by = props.params.get("by");
  const unit = whole.columns.find((column) => column.role === "measure")?.unit ?? "";
  const show = (value: number) => measured(value, unit);
  const title = titleOf(props.params, props.names);
  const total = by ? null : (whole.rows[0]?.at(-1) as number | null | undefined);
  const before = by ? null : (whole.previous?.rows[0]?.at(-1) as number | null | undefined);
  const isEmpty = over.series.every((one) => one.values.every((value) => !value));
  return (
    <>
      <Card
        title={title}
        said={`${over.time_zone}${unit && unit !== "events" ? `, ${unit}` : ""}`}
        aside={
          props.units.length > 1 && (
            <Segments label="Unit of time" value={props.per} options={props.units.map((name) => [name, name] as const)} onChange={(per) => change({ per })} />
          )
        }
      >
        <div class="stack">
          {typeof total === "number" && (
            <p class="headline num">
              {show(total)}
              {typeof before === "number" && <Change now={total} before={before} show={show} />}
            </p>
          )}
          {isEmpty ? (
            <Empty icon="chart" title="Nothing in this time">
              Choose a longer time, or take a condition away.
            </Empty>
          ) : (
            <Chart label={`${title}, by ${props.per}; the numbers are in the table below`} labels={over.times.map(bucket)} series={seriesOf(over, by !== null)} show={show} height={280} />
          )}
        </div>
      </Card>
      {by ? <Groups answer={whole} by={labelOf(props.names, by)} show={show} /> : <Over answer={over} show={show} per={props.per} />}
      <About answer={over} />
    </>
  );
}

function titleOf(params: URLSearchParams, names: Names | null): string {
  const [kind = "", name = ""] = (params.get("m") ?? "metric:unique_visitors").split(/:(.*)/s, 2);
  const metric = names?.catalogue.metrics.find((one) => one.name === name)?.label ?? name;
  const aggregate = AGGREGATES.find(([one]) => one === kind)?.[1];
  const what = kind === "count" ? "Events" : aggregate ? `${aggregate} ${labelOf(names, name)}` : metric;
  const event = params.get("e");
  const by = params.get("by");
  return [what, event && `of ${event}`, by && `by ${labelOf(names, by).toLowerCase()}`].filter(Boolean).join(" ");
}

export function Change({ now, before, show }: { now: number; before: number; show: (value: number) => string }) {
  if (before === 0) return <small class="muted">{show(before)} before</small>;
  const change = now / before - 1;
  const tone = Math.abs(change) < 0.005 ? "" : change > 0 ? "good" : "bad";
  return (
    <small>
      <span class={`badge ${tone}`}>
        {change > 0 ? "+" : ""}
        {percent(change)}
      </span>{" "}
      <span class="muted">from {show(before)}</span>
    </small>
  );
}

const signed = (change: unknown): string => (typeof change === "number" ? `${change > 0 ? "+" : ""}${percent(change)}` : "–");

function Groups({ answer, by, show }: { answer: Answer; by: string; show: (value: number) => string }) {
  const isOther = answer.columns.findIndex((column) => column.name === "other" && column.role === "dimension");
  const named = (row: unknown[]) => (isOther >= 0 && row[isOther] === true ? "Other" : cell(row[0]) || "(not set)");
  const before = new Map(answer.previous?.rows.map((row) => [named(row), row.at(-1) as number | null]));
  const value = (shown: unknown) => (typeof shown === "number" ? show(shown) : "–");
  const rows = answer.rows.map((row) => {
    const now = row.at(-1) as number | null;
    const then = before.get(named(row)) ?? null;
    return [named(row), now, then, now !== null && then ? now / then - 1 : null];
  });
  const columns = [{ name: by }, { name: "Value", show: value }];
  const compared = [...columns, { name: "Before", show: value }, { name: "Change", show: signed }];
  return (
    <Card title="The whole time" flush>
      <Table caption="The whole time, by group" columns={answer.previous ? compared : columns} rows={rows} />
    </Card>
  );
}

function Over({ answer, show, per }: { answer: Answer; show: (value: number) => string; per: string }) {
  const series = seriesOf(answer, false);
  const value = (shown: unknown) => (typeof shown === "number" ? show(shown) : "–");
  const rows = answer.times.map((time, at) => [bucket(time), ...series.map((one) => one.values[at] ?? null)]);
  return (
    <Card title={`By ${per}`} flush>
      <Table caption={`By ${per}`} columns={[{ name: per }, ...series.map((one) => ({ name: one.name, show: value }))]} rows={rows.reverse()} />
    </Card>
  );
}

/** Where an answer is from, and the statement behind it. */
export function About({ answer }: { answer: Answer }) {
  const late = answer.freshness.seconds_since_last_event;
  const said = [
    answer.stale && "the warehouse is away: from before",
    estimated(answer),
    `read from ${answer.source} in ${duration(answer.execution_time_ms / 1000)}`,
    late !== null && `newest event ${duration(late)} old`,
    answer.truncated && `only the first ${count(answer.rows.length)} rows`,
  ];
  return (
    <div class="about">
      <p class="small muted">{said.filter(Boolean).join(" · ")}</p>
      {answer.statements[0] && (
        <details class="more">
          <summary>The statement behind it</summary>
          <Code text={answer.statements[0].sql} what="SQL" />
        </details>
      )}
    </div>
  );
}
