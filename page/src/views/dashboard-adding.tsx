// Adds a widget from the dashboard itself: a metric, a saved statement, or words.
import { useState } from "preact/hooks";
import { get, path } from "../lib/api";
import type { Config, NewWidget, WidgetType } from "../lib/dashboards";
import { capital } from "../lib/format";
import { useLoaded } from "../lib/hooks";
import { linkTo } from "../lib/place";
import { RANGES, rangeOf } from "../lib/ranges";
import { useTenant } from "../lib/session";
import { Select } from "../parts/basics";
import { Icon } from "../parts/icon";
import { fieldOptions, labelOf, Suggest, useNames } from "../parts/pickers";

type Kind = "number" | "over" | "by" | "saved" | "text";

const KINDS = [
  ["number", "A number"],
  ["over", "A metric over time"],
  ["by", "A metric by groups"],
  ["saved", "A saved statement"],
  ["text", "Words"],
] as const;

const UNITS = [
  ["hour", "By hour"],
  ["day", "By day"],
  ["week", "By week"],
  ["month", "By month"],
] as const;

const TIMES = RANGES.map(([name, text]) => [name, text] as const);
const TYPES: Readonly<Record<Kind, WidgetType>> = { number: "metric", over: "chart", by: "chart", saved: "chart", text: "text" };

export function AddWidget({ onAdd }: { onAdd: (widget: NewWidget) => void }) {
  const { names } = useNames();
  const { customer_id: tenant } = useTenant();
  const [kind, setKind] = useState<Kind>("number");
  const [metric, setMetric] = useState("people");
  const [range, setRange] = useState("7d");
  const [unit, setUnit] = useState<(typeof UNITS)[number][0]>("day");
  const [by, setBy] = useState("country");
  const [saved, setSaved] = useState("");
  const [text, setText] = useState("");
  const statements = useLoaded(kind === "saved" ? `saved ${tenant}` : null, (signal) =>
    get<{ statements: { name: string; description: string }[] }>(path`query/saved/${tenant}`, signal),
  );
  const metrics = (names?.catalogue.metrics ?? []).map(({ name, label }) => [name, label] as const);
  const statement = saved || (statements.data?.statements[0]?.name ?? "");
  const label = metrics.find(([name]) => name === metric)?.[1] ?? capital(metric);
  const made = (): { title: string; config: Config } | null => {
    switch (kind) {
      case "number":
        return { title: label, config: { metric, range: rangeOf(range), chart_type: "number" } };
      case "over":
        return { title: label, config: { metric, range: rangeOf(range), granularity: unit } };
      case "by":
        return by ? { title: `${label} by ${labelOf(names, by).toLowerCase()}`, config: { metric, range: rangeOf(range), by } } : null;
      case "saved":
        return statement ? { title: statement, config: { saved: statement } } : null;
      case "text":
        return text.trim() ? { title: "", config: { text: text.trim() } } : null;
    }
  };
  const ready = made();
  return (
    <form
      class="card builder add-widget"
      aria-label="Add a widget"
      onSubmit={(event) => {
        event.preventDefault();
        const widget = made();
        if (!widget) return;
        onAdd({ type: TYPES[kind], ...widget });
        setText("");
      }}
    >
      <div class="builder-row">
        <Select label="Add" value={kind} options={KINDS} onChange={setKind} />
        {kind !== "saved" && kind !== "text" && (
          <>
            <Select label="Metric" value={metric} options={metrics} onChange={setMetric} />
            <Select label="Time" value={range} options={TIMES} onChange={setRange} />
          </>
        )}
        {kind === "over" && <Select label="Unit" value={unit} options={UNITS} onChange={setUnit} />}
        {kind === "by" && <Suggest label="By" value={by} options={fieldOptions(names)} onChange={setBy} />}
        {kind === "saved" && <Select label="Statement" value={statement} options={(statements.data?.statements ?? []).map((one) => [one.name, one.name] as const)} onChange={setSaved} />}
        {kind === "text" && (
          <label class="field">
            <span>Words</span>
            <textarea class="input" rows={1} maxLength={5000} value={text} onInput={(event) => setText(event.currentTarget.value)} />
          </label>
        )}
        <button class="button first" disabled={!ready}>
          <Icon name="plus" size={15} />
          Add it
        </button>
      </div>
      {kind === "saved" && statements.data?.statements.length === 0 && (
        <p class="small muted">
          Nothing is saved yet: <a href={linkTo("sql")}>write a statement</a> and save it under a name.
        </p>
      )}
      <p class="small muted">
        More is built in <a href={linkTo("explore")}>Explore</a>, <a href={linkTo("funnels")}>Funnels</a>, <a href={linkTo("retention")}>Retention</a>, <a href={linkTo("paths")}>Paths</a>,{" "}
        <a href={linkTo("sessions")}>Sessions</a>, <a href={linkTo("ask")}>Ask</a> and{" "}
        <a href={linkTo("sql")}>SQL</a>, and saved to a dashboard from there.
      </p>
    </form>
  );
}
