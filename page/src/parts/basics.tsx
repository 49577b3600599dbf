import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";
import type { ApiError } from "../lib/api";
import { measured } from "../lib/format";
import { Icon, type IconName } from "./icon";

export function Card(props: {
  title?: string;
  said?: ComponentChildren;
  aside?: ComponentChildren;
  class?: string;
  flush?: boolean;
  children: ComponentChildren;
}) {
  const id = useId();
  return (
    <section class={`card ${props.class ?? ""}`} aria-labelledby={props.title ? id : undefined}>
      {props.title && (
        <header>
          <div>
            <h2 id={id}>{props.title}</h2>
            {props.said && <p>{props.said}</p>}
          </div>
          {props.aside}
        </header>
      )}
      <div class={`body ${props.flush ? "flush" : ""}`}>{props.children}</div>
    </section>
  );
}

export function Head({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <header class="head">
      <h1>{title}</h1>
      {children && <div class="aside">{children}</div>}
    </header>
  );
}

export function ErrorNote({ error, again }: { error: ApiError; again?: () => void }) {
  return (
    <div class="note bad" role="alert">
      <Icon name="alert" />
      <div>
        <p>
          <strong>{error.message}</strong>
        </p>
        <p class="small muted">
          {error.code}
          {error.requestId && (
            <>
              {" · request "}
              <code>{error.requestId}</code>
            </>
          )}
          {error.retryAfter !== null && ` · try again in ${error.retryAfter} s`}
        </p>
        {again && (
          <p>
            <button type="button" class="button" onClick={again}>
              Try again
            </button>
          </p>
        )}
      </div>
    </div>
  );
}

export function Empty(props: { icon: IconName; title: string; children?: ComponentChildren; actions?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={props.icon} size={30} />
      <strong>{props.title}</strong>
      {props.children && <div>{props.children}</div>}
      {props.actions && <div class="row">{props.actions}</div>}
    </div>
  );
}

export function Waiting({ what }: { what: string }) {
  return (
    <div class="stack" role="status">
      <span class="unseen">{what}</span>
      <div class="wait" />
    </div>
  );
}

export function Segments<T extends string>(props: {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}) {
  const name = useId();
  return (
    <fieldset class="segments">
      <legend class="unseen">{props.label}</legend>
      {props.options.map(([value, text]) => (
        <label key={value}>
          <input type="radio" name={name} checked={value === props.value} onChange={() => props.onChange(value)} />
          {text}
        </label>
      ))}
    </fieldset>
  );
}

export function Select<T extends string>(props: {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
  hidden?: boolean;
  class?: string;
}) {
  const control = (
    <select
      class={`input ${props.class ?? ""}`}
      value={props.value}
      aria-label={props.hidden ? props.label : undefined}
      onChange={(event) => props.onChange(event.currentTarget.value as T)}
    >
      {props.options.map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </select>
  );
  if (props.hidden) return control;
  return (
    <label class="field">
      <span>{props.label}</span>
      {control}
    </label>
  );
}

/** Copies a text, and says that it did. */
export function Copy({ text, what }: { text: string; what: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return; // not in a secure context: it can still be selected
    }
    setDone(true);
    setTimeout(() => setDone(false), 1600);
  };
  return (
    <button type="button" class="button quiet square" aria-label={done ? "Copied" : `Copy ${what}`} title={`Copy ${what}`} onClick={copy}>
      <Icon name={done ? "check" : "copy"} />
    </button>
  );
}

export function Code({ text, what }: { text: string; what: string }) {
  return (
    <div class="code">
      <pre tabIndex={0} role="region" aria-label={what}>
        <code>{text}</code>
      </pre>
      <Copy text={text} what={what} />
    </div>
  );
}

/** A list of amounts with bars behind them. */
export function Bars({ rows, unit }: { rows: { name: string; value: number; more?: string }[]; unit: string }) {
  const most = Math.max(...rows.map((row) => row.value), 1);
  return (
    <ol class="bars">
      {rows.map((row) => (
        <li key={row.name}>
          <i style={{ width: `${(row.value / most) * 100}%` }} />
          <span title={row.name}>{row.name}</span>
          <b>
            {measured(row.value, unit)} <span class="unseen">{unit}</span>
            {row.more && <small>{row.more}</small>}
          </b>
        </li>
      ))}
    </ol>
  );
}
