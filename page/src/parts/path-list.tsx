// What people did after an event, or before it: each path with how many took it, in the order of time.
import { count, percent } from "../lib/format";
import type { Answer } from "../lib/questions";
import { Icon } from "./icon";

/** Without the event where it is not known: who has a link is not told what is asked. */
export function PathList({ answer, event = null }: { answer: Answer; event?: string | null }) {
  const steps = answer.columns.filter((column) => column.name.startsWith("step_")).length;
  const most = Math.max(...answer.rows.map((row) => Number(row[steps + 1])));
  const isBefore = answer.extra.direction === "before";
  return (
    <ol class="paths">
      {answer.rows.map((row, number) => (
        <li key={number}>
          <i style={{ width: `${(Number(row[steps + 1]) / most) * 100}%` }} />
          <Path event={event} isBefore={isBefore} steps={row.slice(0, steps)} isOther={row[steps] === true} />
          <b class="num">
            {count(Number(row[steps + 1]))} <span class="muted">{percent(Number(row[steps + 2]))}</span>
          </b>
        </li>
      ))}
    </ol>
  );
}

function Path(props: { event: string | null; isBefore: boolean; steps: unknown[]; isOther: boolean }) {
  if (props.isOther) return <span class="muted">All other paths</span>;
  const told = props.steps.filter((step) => step !== null).map((step) => String(step) || "(empty)");
  if (told.length === 0) return <span class="muted">{props.isBefore ? "Nothing before" : "Nothing more"}</span>;
  const around = props.event === null ? [] : [props.event];
  const whole = props.isBefore ? [...told.reverse(), ...around] : [...around, ...told];
  const own = props.event === null ? -1 : props.isBefore ? whole.length - 1 : 0;
  return (
    <span class="path">
      {whole.map((step, number) => [
        number > 0 && <Icon key={`${number}.`} name="arrow" size={13} />,
        <span key={number} class={number === own ? "muted" : ""}>
          {step}
        </span>,
      ])}
      {told.length < props.steps.length && !props.isBefore && <span class="muted">and no more</span>}
    </span>
  );
}
