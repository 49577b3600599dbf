// What a widget shows, as it is best seen or as was said.
import { pictureOf } from "../lib/fit";
import { bucket, cell, count, measured, percent } from "../lib/format";
import type { ChartType, Values, WidgetType } from "../lib/dashboards";
import type { Answer } from "../lib/questions";
import { Bars } from "./basics";
import { Chart } from "./chart";
import { CohortTable } from "./cohorts";
import { seriesOf } from "./series";
import { Table } from "./table";

export interface Shape {
  type: WidgetType;
  title: string;
  chart: ChartType;
  /** Of the picture, in pixels. */
  height: number;
}

export function Drawn({ values, shape }: { values: Values; shape: Shape }) {
  const columns = values.answer?.columns.map((column) => column.name) ?? values.rows?.columns ?? [];
  const rows = values.answer?.rows ?? values.rows?.data.map((row) => columns.map((name) => row[name])) ?? [];
  const unit = values.answer?.columns.find((column) => column.role === "measure")?.unit ?? "";
  const isNumber = shape.chart === "number" || shape.type === "metric" || (shape.chart === "auto" && values.value !== null);
  if (isNumber && values.value !== null) return <Figure value={values.value} change={values.change} unit={unit} />;
  if (rows.length === 0) return <p class="muted small">Nothing in this time.</p>;
  if (shape.type === "table" || shape.chart === "table") return <Rows title={shape.title} columns={columns} rows={rows} />;
  if (values.answer) {
    const drawn = ofAnswer(values.answer, shape, unit);
    if (drawn) return drawn;
  }
  return <OfRows shape={shape} columns={columns} rows={rows} unit={unit} />;
}

function ofAnswer(answer: Answer, shape: Shape, unit: string) {
  if (answer.kind === "funnel") return <FunnelSteps answer={answer} />;
  if (answer.kind === "retention" && !answer.columns.some((column) => column.role === "dimension")) return <CohortTable answer={answer} />;
  if (answer.series.length === 0) return null;
  const isShort = answer.times.length <= 4 && answer.series.length === 1;
  return (
    <Chart
      kind={shape.chart === "bar" || (shape.chart === "auto" && isShort) ? "bars" : "line"}
      label={`${shape.title}, over time`}
      labels={answer.times.map(bucket)}
      series={seriesOf(answer, answer.columns.some((column) => column.role === "dimension"))}
      show={(value) => measured(value, unit)}
      height={Math.max(90, shape.height - (answer.series.length > 1 || answer.previous ? 44 : 0))}
    />
  );
}

function OfRows({ shape, columns, rows, unit }: { shape: Shape; columns: readonly string[]; rows: readonly (readonly unknown[])[]; unit: string }) {
  const picture = pictureOf(columns, rows);
  if (picture.kind === "numbers") {
    return (
      <dl class="figures">
        {picture.figures.map((one) => (
          <div key={one.name} class="figure">
            <dt>{one.name.replaceAll("_", " ")}</dt>
            <dd>{measured(one.value, unit)}</dd>
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
  if (picture.kind === "bars") return <Bars rows={picture.rows} unit={unit} />;
  return <Rows title={shape.title} columns={columns} rows={rows} />;
}

function Figure({ value, change, unit }: { value: number | string; change: string | null; unit: string }) {
  const tone = change === null || change === "+0%" ? "" : change.startsWith("+") ? "good" : "bad";
  return (
    <p class="widget-figure num">
      {measured(value, unit)}
      {change !== null && (
        <small>
          <span class={`badge ${tone}`}>{change}</span> <span class="muted">against before</span>
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

const Rows = ({ title, columns, rows }: { title: string; columns: readonly string[]; rows: readonly (readonly unknown[])[] }) => (
  <div class="widget-rows">
    <Table caption={title || "Rows"} columns={columns.map((name) => ({ name, label: name.replaceAll("_", " "), show: cell }))} rows={rows} most={200} />
  </div>
);
