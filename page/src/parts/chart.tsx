// Lines and bars on a canvas (uPlot). What is drawn is told beside it, too: in a key, a tooltip and, by each view, as a table.
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { compact } from "../lib/format";
import { useTheme } from "../lib/theme";

export interface ChartSeries {
  name: string;
  values: readonly (number | null)[];
  /** 1 to 8, of the palette; without it by its place. */
  color?: number;
  dashed?: boolean;
}

interface Props {
  label: string;
  labels: readonly string[];
  series: readonly ChartSeries[];
  kind?: "line" | "bars";
  height?: number;
  show?: (value: number) => string;
  hasKey?: boolean;
}

export const colorOf = (series: ChartSeries, index: number): number => series.color ?? (index % 8) + 1;

const STEPS = [1, 2, 3, 5, 7, 10, 12, 14, 15, 20, 24, 28, 30, 60, 120, 240, 360, 720, 1440];
/** So that days begin where something is written. */
const HOURS = [1, 2, 3, 6, 12, 24, 48, 72, 96, 168, 336, 720, 1440];
/** Pixels between two labels. */
const APART = 18;
const LEAST_SPACE = 74;
const RIGHT = 22;
/** Pixels of what is left and right of what is drawn, at most. */
const MOST_BESIDE = 100;

const pen = document.createElement("canvas").getContext("2d");

/** Pixels of the widest of them. */
function widest(labels: readonly string[], font: string): number {
  if (!pen) return LEAST_SPACE;
  pen.font = font;
  return Math.ceil(Math.max(0, ...labels.map((text) => pen.measureText(text).width)));
}

const variable = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function optionsOf(props: Props, width: number, onCursor: (self: uPlot) => void): uPlot.Options {
  const height = props.height ?? 240;
  const isSingle = props.series.length === 1;
  const font = `11.5px ${variable("--font")}`;
  const axis = { stroke: variable("--muted"), font, ticks: { show: false } };
  const last = props.labels.length - 1;
  const [from, to] = props.kind === "bars" ? [-0.6, last + 0.6] : [0, Math.max(last, 1)];
  const label = widest(props.labels, font);
  // A label stands with its middle at its point. Beside the first one there is room for half of it, and near the last there is none
  // where it would be cut.
  const beside = Math.ceil(label / 2) + 2;
  const isWhole = (at: number, wide: number) => ((to - at) / (to - from)) * (wide - MOST_BESIDE) + RIGHT >= beside;
  const isHours = props.labels.every((text) => text.endsWith(":00"));
  const bars = uPlot.paths.bars!({ size: [0.72, 26], radius: 0.22 });
  const spline = uPlot.paths.spline!();
  return {
    width,
    height,
    padding: [10, RIGHT, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      x: props.kind !== "bars",
      drag: { x: false, y: false },
      points: { size: 8, width: 2, fill: () => variable("--surface") },
      focus: { prox: -1 },
    },
    scales: {
      x: { time: false, range: [from, to] },
      y: { range: (_, low, high) => [Math.min(0, low ?? 0), Math.max(high ?? 0, 1) * 1.06] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        gap: 6,
        size: 30,
        space: Math.max(LEAST_SPACE, label + APART),
        incrs: isHours ? HOURS : STEPS,
        values: (self, splits) => splits.map((at) => (Number.isInteger(at) && isWhole(at, self.width) ? (props.labels[at] ?? "") : "")),
      },
      {
        ...axis,
        grid: { stroke: variable("--line"), width: 1 },
        gap: 8,
        space: 44,
        size: (_, values) => Math.max(34, beside, ...(values ?? []).map((text) => text.length * 6.6 + 14)),
        values: (_, splits) => splits.map((value) => compact(value)),
      },
    ],
    series: [
      {},
      ...props.series.map((series, index): uPlot.Series => {
        const color = variable(`--s${colorOf(series, index)}`);
        if (props.kind === "bars") return { stroke: color, fill: color, width: 0, paths: bars, points: { show: false } };
        return {
          stroke: color,
          width: 2,
          paths: spline,
          spanGaps: false,
          points: { show: props.labels.length === 1 },
          ...(series.dashed && { dash: [5, 5] }),
          ...(isSingle && { fill: `${color}1a` }),
        };
      }),
    ],
    hooks: { setCursor: [onCursor] },
  };
}

export function Chart(props: Props) {
  const place = useRef<HTMLDivElement>(null);
  const theme = useTheme();
  const [at, setAt] = useState<{ index: number; left: number; width: number } | null>(null);
  const shape = JSON.stringify([props.labels, props.series.map((one) => [one.name, one.color, one.dashed]), props.kind, props.height, theme]);
  const plot = useRef<uPlot | null>(null);
  const data = (): uPlot.AlignedData => [props.labels.map((_, index) => index), ...props.series.map((one) => [...one.values])];

  useEffect(() => {
    const element = place.current!;
    const made = new uPlot(
      optionsOf(props, element.clientWidth, (self) => {
        const { idx, left } = self.cursor;
        const isOn = idx !== null && idx !== undefined && left !== undefined && left >= 0;
        setAt(isOn ? { index: idx, left: left + self.bbox.left / devicePixelRatio, width: element.clientWidth } : null);
      }),
      data(),
      element,
    );
    plot.current = made;
    const seen = new ResizeObserver(() => {
      if (element.clientWidth > 0 && element.clientWidth !== made.width) {
        made.setSize({ width: element.clientWidth, height: made.height });
      }
    });
    seen.observe(element);
    return () => {
      seen.disconnect();
      made.destroy();
      plot.current = null;
      setAt(null);
    };
  }, [shape]);

  const values = JSON.stringify(props.series.map((one) => one.values));
  useEffect(() => plot.current?.setData(data()), [values]);

  const show = props.show ?? compact;
  return (
    <figure>
      <div class="chart">
        <div ref={place} role="img" aria-label={props.label} />
        {at && props.labels[at.index] !== undefined && (
          <Tip series={props.series} title={props.labels[at.index]!} index={at.index} left={at.left} width={at.width} show={show} />
        )}
      </div>
      {props.hasKey !== false && props.series.length > 1 && (
        <figcaption>
          <ul class="key">
            {props.series.map((series, index) => (
              <li key={series.name}>
                <i class={`swatch c${colorOf(series, index)} ${series.dashed ? "dashed" : ""}`} />
                {series.name}
              </li>
            ))}
          </ul>
        </figcaption>
      )}
    </figure>
  );
}

function Tip(props: {
  series: readonly ChartSeries[];
  title: string;
  index: number;
  left: number;
  width: number;
  show: (value: number) => string;
}) {
  const side = props.left > props.width / 2 ? { right: `${props.width - props.left + 12}px` } : { left: `${props.left + 12}px` };
  return (
    <div class="chart-tip" style={{ top: "8px", ...side }} aria-hidden="true">
      <p>{props.title}</p>
      <ul>
        {props.series.map((series, index) => {
          const value = series.values[props.index];
          return (
            <li key={series.name}>
              <i class={`swatch c${colorOf(series, index)}`} />
              <span>{series.name}</span>
              <b>{value === null || value === undefined ? "–" : props.show(value)}</b>
            </li>
          );
        })}
      </ul>
    </div>
  );
}
