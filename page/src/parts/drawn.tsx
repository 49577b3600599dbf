// What a widget shows, as it is best seen or as was said.
import { pictureOf } from "../lib/fit";
import { bucket, cell, compact, count, measured, percent } from "../lib/format";
import type { ChartType, Values, WidgetType } from "../lib/dashboards";
import type { Answer } from "../lib/questions";
import { Bars } from "./basics";
import { Chart } from "./chart";
import { CohortTable } from "./cohorts";
import { PathList } from "./path-list";
import { seriesOf } from "./series";
import { Table } from "./table";

/** Pixels of a bar in a list of them, with what is between two. */
const BAR = 33;
/** Percents from which on a change is told as a multiple. */
const MANY = 1000;

export interface Shape {
  type: WidgetType;
  title: string;
  chart: ChartType;
  /** Which measure of several is shown. */
  measure: string | null;
  /** Of the picture, in pixels. */
  height: number;
}

export function Drawn({ values, shape }: { values: Values; shape: Shape }) {
  const columns = values.answer?.columns.map((column) => column.name) ?? values.rows?.columns ?? [];
  const rows = values.answer?.rows ?? values.rows?.data.map((row) => columns.map((name) => row[name])) ?? [];
  const measures = values.answer?.columns.filter((column) => column.role === "measure") ?? [];
  const measure = measures.find((column) => column.name === shape.measure) ?? measures[0];
  // One number: not one group of which there could be others, and not one measure of several.
  const isOne = measures.length < 2 && !values.answer?.columns.some((column) => column.role === "dimension");
  const isNumber = shape.chart === "number" || shape.type === "metric" || (shape.chart === "auto" && isOne && values.value !== null);
  if (isNumber && values.value !== null) return <Figure value={values.value} change={values.change} unit={measure?.unit ?? ""} />;
  if (rows.length === 0) return <p class="muted small">Nothing in this time.</p>;
  const units = Object.fromEntries(measures.map((column) => [column.name, column.unit]));
  if (shape.type === "table" || shape.chart === "table") return <Rows title={shape.title} columns={columns} rows={rows} units={units} />;
  if (values.answer) {
    const drawn = ofAnswer(values.answer, shape, measure?.unit ?? "");
    if (drawn) return drawn;
  }
  const isLeft = columns.map((name) => shape.measure === null || !(name in units) || name === measure?.name);
  const only = <T,>(all: readonly T[]): T[] => all.filter((_, at) => isLeft[at]);
  return <OfRows shape={shape} columns={only(columns)} rows={rows.map(only)} units={units} />;
}

function ofAnswer(answer: Answer, shape: Shape, unit: string) {
  if (answer.kind === "funnel") return <FunnelSteps answer={answer} />;
  if (answer.kind === "paths") return <PathList answer={answer} />;
  if (answer.kind === "retention" && !answer.columns.some((column) => column.role === "dimension")) return <CohortTable answer={answer} />;
  const mine = answer.series.filter((one) => shape.measure === null || one.name === shape.measure);
  if (mine.length === 0) return null;
  const isShort = answer.times.length <= 4 && mine.length === 1;
  return (
    <Chart
      kind={shape.chart === "bar" || (shape.chart === "auto" && isShort) ? "bars" : "line"}
      label={`${shape.title}, over time`}
      labels={answer.times.map(bucket)}
      series={seriesOf({ ...answer, series: mine }, answer.columns.some((column) => column.role === "dimension"))}
      show={(value) => measured(value, unit)}
      height={Math.max(90, shape.height - (mine.length > 1 || answer.previous ? 44 : 0))}
    />
  );
}

type Units = Readonly<Record<string, string>>;

function OfRows({ shape, columns, rows, units }: { shape: Shape; columns: readonly string[]; rows: readonly (readonly unknown[])[]; units: Units }) {
  const picture = pictureOf(columns, rows);
  const unit = units[shape.measure ?? ""] ?? Object.values(units)[0] ?? "";
  if (picture.kind === "numbers") {
    return (
      <dl class="figures">
        {picture.figures.map((one) => (
          <div key={one.name} class="figure">
            <dt>{one.name.replaceAll("_", " ")}</dt>
            <dd>{measured(one.value, units[one.name] ?? unit)}</dd>
          </div>
        ))}
      </dl>
    );
  }
  if (picture.kind === "line") {
    return (
      <Chart
        kind={shape.chart === "bar" ? "bars" : "line"}
        label={`${shape.title}, over time`}
        labels={picture.labels}
        series={picture.series}
        show={(value) => measured(value, unit)}
        height={Math.max(90, shape.height - (picture.series.length > 1 ? 44 : 0))}
      />
    );
  }
  if (picture.kind === "bars") return <Bars rows={picture.rows.slice(0, Math.max(3, Math.floor(shape.height / BAR)))} unit={unit} />;
  return <Rows title={shape.title} columns={columns} rows={rows} units={units} />;
}

function Figure({ value, change, unit }: { value: number | string; change: string | null; unit: string }) {
  const tone = change === null || change === "+0%" ? "" : change.startsWith("+") ? "good" : "bad";
  const percents = Number.parseInt(change ?? "", 10);
  const told = percents >= MANY ? `${compact(Math.round(percents / 100 + 1))} times` : change;
  return (
    <p class="widget-figure num">
      {measured(value, unit)}
      {change !== null && (
        <small>
          <span class={`badge ${tone}`}>{told}</span> <span class="muted">{percents >= MANY ? "what it was before" : "against before"}</span>
        </small>
      )}
    </p>
  );
}

function FunnelSteps({ answer }: { answer: Answer }) {
  const at = (name: string) => answer.columns.findIndex((column) => column.name === name);
  const [name, people] = [at("name"), at("people")];
  const names = [...new Set(answer.rows.map((row) => String(row[name])))];
  const steps = names.map((step) => ({
    step,
    people: answer.rows.filter((row) => String(row[name]) === step).reduce((sum, row) => sum + Number(row[people]), 0),
  }));
  const all = steps[0]?.people || 1;
  return (
    <ol class="stack widget-funnel">
      {steps.map((one) => (
        <li key={one.step} class="funnel-step">
          <i style={{ width: `${(one.people / all) * 100}%` }} />
          <span>{one.step}</span>
          <b class="num">
            {count(one.people)} <small>{percent(one.people / all)}</small>
          </b>
        </li>
      ))}
    </ol>
  );
}

const Rows = ({ title, columns, rows, units }: { title: string; columns: readonly string[]; rows: readonly (readonly unknown[])[]; units: Units }) => (
  <div class="widget-rows">
    <Table caption={title || "Rows"} columns={columns.map((name) => ({ name, label: name.replaceAll("_", " "), show: (value: unknown) => (units[name] ? measured(value, units[name]) : cell(value)) }))} rows={rows} most={200} />
  </div>
);
