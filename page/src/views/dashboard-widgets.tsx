// One widget: what it shows, and, while the dashboard is edited, how it is called and drawn.
import { useEffect, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import type { AskWidget, ChartType, NewWidget, Of, Values, Widget, WidgetType } from "../lib/dashboards";
import { duration, span } from "../lib/format";
import { useLoaded } from "../lib/hooks";
import { type Answer, estimated, type Question } from "../lib/questions";
import { unitOf } from "../lib/ranges";
import { roomOf, usePhone } from "../parts/board";
import { ErrorNote, Select } from "../parts/basics";
import { Drawn } from "../parts/drawn";
import { Icon } from "../parts/icon";

/** By how people came; pages and events after the first have no channel. */
const ARRIVALS: Question = {
  kind: "trend",
  measures: [{ measure: "metric", metric: "people" }],
  by: ["channel"],
  where: { field: "channel", operator: "is_set" },
  range: { last: 30, unit: "day", align: "to_date" },
  top: 8,
  other: false,
};

/** What a site or a product looks at first. */
export const OVERVIEW: NewWidget[] = [
  { type: "metric", title: "People", config: { metric: "people", period: "week" } },
  { type: "metric", title: "Page views", config: { metric: "page_views", period: "week" } },
  { type: "metric", title: "Purchases", config: { metric: "purchases", period: "week" } },
  { type: "metric", title: "Revenue", config: { metric: "revenue", period: "week" } },
  { type: "chart", title: "People by day", config: { metric: "people", granularity: "day", chart_type: "line" } },
  { type: "chart", title: "Events by day", config: { metric: "events", granularity: "day", chart_type: "bar" } },
  { type: "chart", title: "Pages", config: { metric: "page_views", by: "page_path" } },
  { type: "chart", title: "Where people come from", config: { question: ARRIVALS, opens: "explore?m=metric%3Apeople&by=channel&range=30d&f=%5B%5B%22channel%22%2C%22is_set%22%2C%22%22%5D%5D" } },
];

export const SIZES: Readonly<Record<WidgetType, readonly [number, number]>> = { metric: [3, 2], chart: [6, 4], table: [6, 4], text: [6, 2] };

/** What of a widget is the same for whoever shows it. */
export interface ShownWidget {
  id: string;
  type: WidgetType;
  title: string;
  chart: ChartType;
  measure: string | null;
  text: string | null;
  height: number;
}

export const shownOf = (widget: Widget): ShownWidget => ({
  id: widget.id,
  type: widget.type,
  title: widget.title,
  chart: widget.config.chart_type ?? "auto",
  measure: widget.config.measure ?? null,
  text: widget.config.text ?? null,
  height: widget.position.height,
});

const PHONE_CHART = 210;
/** Pixels of the line of what is said of its time. */
const MARKS = 26;

/** What of a dashboard holds for all of its widgets. */
export interface Holds {
  range: boolean;
  where: boolean;
}

interface BodyProps {
  widget: ShownWidget;
  ask: AskWidget;
  /** Another one asks anew; null while it is not kept yet. */
  asked: string | null;
  of: Of;
  holds: Holds;
  every: number;
  tick: number;
}

export function WidgetBody({ widget, ask, asked, of, holds, every, tick }: BodyProps) {
  const isPhone = usePhone();
  const isText = widget.text !== null;
  const found = useLoaded(isText || asked === null ? null : `${widget.id} ${asked} ${JSON.stringify(of)}`, (signal) => ask(widget.id, signal, of), every);
  useEffect(() => {
    if (tick) found.again();
  }, [tick]);
  if (isText) return <Words text={widget.text!} />;
  const values = found.data;
  const marks = values && !values.error ? marksOf(widget.title, values, holds) : [];
  const room = roomOf(widget.height) - (marks.length > 0 ? MARKS : 0);
  return (
    <>
      {!values && !found.error && <div class="wait" role="status" aria-label={`Asking for ${widget.title || "a widget"}`} />}
      {found.error && <ErrorNote error={found.error} again={found.again} />}
      {values?.error && (
        <p class="note warn" role="alert">
          <Icon name="alert" />
          <span>
            {values.error.message} <span class="muted">({values.error.code})</span>
          </span>
        </p>
      )}
      {values?.stale && <p class="badge warn">from {duration(values.age_seconds)} ago: the warehouse is away</p>}
      {marks.length > 0 && (
        <p class="widget-marks">
          {marks.map((said) => (
            <span key={said} class="badge">
              {said}
            </span>
          ))}
        </p>
      )}
      {values?.answer && estimated(values.answer) && <p class="badge">{estimated(values.answer)}</p>}
      {values && !values.error && (
        <Drawn values={values} shape={{ type: widget.type, title: widget.title, chart: widget.chart, measure: widget.measure, height: isPhone ? PHONE_CHART : room }} />
      )}
    </>
  );
}

/** Which time it shows where that is its own, by what it is drawn where its title does not say so, and what does not hold for it. */
function marksOf(title: string, values: Values, holds: Holds): string[] {
  const isOwn = !values.follows_range;
  const time = isOwn && values.answer && timeOf(values.answer);
  const unit = isOwn ? null : unitOf(values.answer?.times ?? []);
  const isSaid = unit !== null && new RegExp(`\\bby ${unit}\\b`, "i").test(title);
  return [
    isOwn && holds.range && ["its own time", time].filter(Boolean).join(": "),
    !holds.range && time,
    unit && !isSaid && `by ${unit}`,
    values.rows !== null && holds.where && "without the filter",
  ].filter((said): said is string => Boolean(said));
}

const timeOf = (answer: Answer): string => (answer.range ? span(answer.range, answer.time_zone) : "all time");

/** Paragraphs; never as anything but text. */
const Words = ({ text }: { text: string }) => (
  <div class="widget-words">
    {text.split(/\n{2,}/).map((paragraph, number) => (
      <p key={number}>{paragraph}</p>
    ))}
  </div>
);

export function WidgetCard(props: { widget: ShownWidget; opens?: string | undefined; handle?: ComponentChildren; tools?: ComponentChildren; body: ComponentChildren }) {
  const { widget } = props;
  const isBare = widget.type === "text" && !widget.title && !props.tools;
  return (
    <section class={`card widget ${widget.type}`} aria-label={widget.title || "Widget"}>
      {!isBare && (
        <header>
          {props.handle}
          {props.tools ?? <h2 title={widget.title}>{widget.title || "Widget"}</h2>}
          {!props.tools && props.opens && <Opens to={props.opens} title={widget.title} />}
        </header>
      )}
      <div class="body">{props.body}</div>
    </section>
  );
}

function Opens({ to, title }: { to: string; title: string }) {
  return (
    <a class="button quiet square opens" href={to} aria-label={`Look at ${title || "it"} more closely`} title="Look at it more closely">
      <Icon name="arrow" size={15} />
    </a>
  );
}

const CHARTS = [
  ["auto", "As fits best"],
  ["line", "Lines"],
  ["bar", "Bars"],
  ["table", "Table"],
  ["number", "Number"],
] as const;

/** A widget's title and how it is drawn, in place of its header; its options take the body's place. */
export function useWidgetTools(widget: Widget, onChange: (widget: Widget) => void, onRemove: () => void) {
  const [isOpen, setOpen] = useState(false);
  const name = widget.title || "widget";
  const tools = (
    <>
      <input
        class="input title"
        aria-label={`Title of ${name}`}
        placeholder="Title"
        maxLength={200}
        value={widget.title}
        onChange={(event) => onChange({ ...widget, title: event.currentTarget.value })}
      />
      <button type="button" class="button quiet square" aria-label={`Options of ${name}`} aria-expanded={isOpen} title="Options" onClick={() => setOpen(!isOpen)}>
        <Icon name="gear" size={15} />
      </button>
      <button type="button" class="button quiet square" aria-label={`Remove ${name}`} title="Remove" onClick={onRemove}>
        <Icon name="trash" size={15} />
      </button>
    </>
  );
  const config = (part: Partial<Widget["config"]>) => onChange({ ...widget, config: { ...widget.config, ...part } });
  const panel = isOpen && (
    <div class="widget-options stack">
      {widget.config.text === undefined ? (
        <Select label="Shown as" value={(widget.config.chart_type ?? "auto") as (typeof CHARTS)[number][0]} options={CHARTS} onChange={(chart_type) => config({ chart_type })} />
      ) : (
        <label class="field">
          <span>Text</span>
          <textarea class="input" rows={4} maxLength={5000} value={widget.config.text} onChange={(event) => config({ text: event.currentTarget.value })} />
        </label>
      )}
      <button type="button" class="button" onClick={() => setOpen(false)}>
        Done
      </button>
    </div>
  );
  return { tools, panel };
}
