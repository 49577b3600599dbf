import { bucket, cell, count, duration, measured, percent } from "../lib/format";
import { useLoaded } from "../lib/hooks";
import { change, usePlace } from "../lib/place";
import { type Answer, askAll, type Column, type Question } from "../lib/questions";
import { granularities, rangeOf } from "../lib/ranges";
import { useTenant } from "../lib/session";
import { Card, Empty, ErrorNote, Head, Select, Waiting } from "../parts/basics";
import { Chart } from "../parts/chart";
import { fieldOptions, labelOf, type Names, RangePicker, Suggest, useNames } from "../parts/pickers";
import { type Choice, SaveToDashboard } from "../parts/save";
import { Table } from "../parts/table";
import { About } from "./explore";

const MEASURES = [
  ["sessions", "Sessions"],
  ["people", "People"],
  ["events_per_session", "Events a session"],
  ["average_length", "Average length"],
  ["bounce_rate", "Bounce rate"],
  ["engagement_rate", "Engagement rate"],
] as const;

type Measure = (typeof MEASURES)[number][0];

const show = (column: Column | undefined, value: unknown): string => measured(value, column?.unit ?? "");

interface Found {
  over: Answer;
  whole: Answer;
  groups: Answer;
}

export function Sessions() {
  const tenant = useTenant();
  const { params } = usePlace();
  const { names, error } = useNames();
  const range = params.get("range") ?? "7d";
  const per = granularities(range)[0]!;
  const by = params.get("by") ?? "channel";
  const measure: Measure = MEASURES.find(([name]) => name === params.get("m"))?.[0] ?? "sessions";
  const question: Question = { kind: "sessions", range: rangeOf(range) };
  const found = useLoaded(JSON.stringify([tenant.customer_id, question, per, by]), async (signal): Promise<Found> => {
    const asked = [{ ...question, granularity: per }, question, { ...question, by, top: 15 }];
    const [over, whole, groups] = await askAll(tenant.customer_id, asked, signal);
    return { over: over!, whole: whole!, groups: groups! };
  });
  return (
    <>
      <Head title="Sessions">
        {found.data && <SaveToDashboard key={JSON.stringify([question, per, by, measure])} title={titleOf(measure)} choices={choicesOf(question, per, by, measure, names)} />}
        <RangePicker value={range} onChange={(next) => change({ range: next })} />
      </Head>
      <div class="stack">
        {error && <ErrorNote error={error} />}
        {found.error && <ErrorNote error={found.error} again={found.again} />}
        {found.busy && !found.data && <Waiting what="Counting" />}
        {found.data && <Shown found={found.data} per={per} by={by} measure={measure} names={names} />}
      </div>
    </>
  );
}

const titleOf = (measure: Measure): string => MEASURES.find(([name]) => name === measure)![1];

function choicesOf(question: Question, per: string, by: string, measure: Measure, names: Names | null): Choice[] {
  return [
    { name: `By ${per}`, type: "chart", config: { chart_type: "line", measure, question: { ...question, granularity: per } } },
    { name: "As one number", type: "metric", config: { chart_type: "number", measure, question } },
    { name: `By ${labelOf(names, by).toLowerCase()}`, type: "chart", config: { measure, question: { ...question, by, top: 15 } } },
    { name: "All figures", type: "chart", config: { question } },
  ];
}

function Shown({ found, per, by, measure: chosen, names }: { found: Found; per: string; by: string; measure: Measure; names: Names | null }) {
  const { over, whole, groups } = found;
  const at = (answer: Answer, name: string) => answer.columns.findIndex((column) => column.name === name);
  const row = whole.rows[0];
  const column = over.columns[at(over, chosen)];
  const title = titleOf(chosen);
  if (!row || !row[at(whole, "sessions")]) {
    return (
      <Card>
        <Empty icon="clock" title="No session began in this time">
          A session is what somebody does until nothing happens for 30 minutes. Choose a longer time.
        </Empty>
      </Card>
    );
  }
  return (
    <>
      <dl class="card figures figures-row">
        {MEASURES.map(([name, text]) => (
          <div key={name} class="figure">
            <dt>{text}</dt>
            <dd>{show(whole.columns[at(whole, name)], row[at(whole, name)])}</dd>
          </div>
        ))}
      </dl>
      <Card
        title={title}
        said={`By ${per}, ${over.time_zone}`}
        aside={<Select hidden label="Measure" class="fit" value={chosen} options={MEASURES} onChange={(m) => change({ m }, "replace")} />}
      >
        <Chart
          label={`${title} by ${per}`}
          labels={over.times.map(bucket)}
          series={[{ name: title, values: over.series.find((one) => one.name === chosen)?.values ?? [] }]}
          show={(value) => show(column, value)}
        />
      </Card>
      <Card
        title={`By ${labelOf(names, by).toLowerCase()}`}
        said="By the first value that a session has"
        flush
        aside={
          <div class="narrow">
            <Suggest hidden label="Broken down by" value={by} options={fieldOptions(names)} onChange={(next) => change({ by: next })} />
          </div>
        }
      >
        <Groups answer={groups} />
      </Card>
      <About answer={over} />
    </>
  );
}

function Groups({ answer }: { answer: Answer }) {
  const isOther = answer.columns.findIndex((column) => column.name === "other");
  const named = (row: unknown[]) => (isOther >= 0 && row[isOther] === true ? "Other" : cell(row[0]) || "(not set)");
  const places = MEASURES.map(([name]) => answer.columns.findIndex((column) => column.name === name));
  const shows: Record<string, (value: unknown) => string> = {
    average_length: (value) => (typeof value === "number" ? duration(value) : "–"),
    bounce_rate: (value) => (typeof value === "number" ? percent(value / 100) : "–"),
    engagement_rate: (value) => (typeof value === "number" ? percent(value / 100) : "–"),
    sessions: (value) => count(Number(value)),
  };
  const columns = MEASURES.map(([name, label]) => ({ name, label, ...(shows[name] && { show: shows[name] }) }));
  return (
    <Table caption="Sessions by group" columns={[{ name: "Group" }, ...columns]} rows={answer.rows.map((row) => [named(row), ...places.map((at) => row[at])])} />
  );
}
