// What questions are made of: a range, an event, a field, conditions.
import { useEffect, useId, useState } from "preact/hooks";
import { get, path } from "../lib/api";
import { useLoaded } from "../lib/hooks";
import type { Catalogue, Filter, Schema } from "../lib/questions";
import { datesOf, nameOf, RANGES } from "../lib/ranges";
import { may, useTenant } from "../lib/session";
import { Icon } from "./icon";
import { Select } from "./basics";

/** Names that a tenant's events have, beside those of the catalogue. */
export interface Names {
  catalogue: Catalogue;
  events: string[];
  /** Fields with what people call them; properties as `properties.<name>`. */
  fields: { name: string; label: string; type: string }[];
}

/** Asked for where they are wanted. */
export function useNames(isWanted = true): { names: Names | null; error: ReturnType<typeof useLoaded>["error"] } {
  const tenant = useTenant();
  const found = useLoaded(isWanted ? `names ${tenant.customer_id}` : null, async (signal): Promise<Names> => {
    const [catalogue, schema] = await Promise.all([
      get<Catalogue>("api/v1/catalogue", signal),
      may(tenant, "query") ? get<Schema>(path`schema/${tenant.customer_id}`, signal) : null,
    ]);
    const sent = schema?.event_types.map((event) => event.event_type);
    const properties = new Map<string, string>();
    for (const event of schema?.event_types ?? []) {
      for (const property of event.properties) properties.set(property.name, property.type);
    }
    return {
      catalogue,
      events: sent ?? catalogue.event_types.map((event) => event.name),
      fields: [
        ...catalogue.dimensions.map(({ name, label, type }) => ({ name, label, type })),
        ...[...properties].map(([name, type]) => ({ name: `properties.${name}`, label: name, type })),
      ],
    };
  });
  return { names: found.data, error: found.error };
}

const NONE: readonly (readonly [string, string])[] = [];

/** A time; `others` are values beside those that a question can have. */
export function RangePicker({ value, onChange, others = NONE }: { value: string; onChange: (value: string) => void; others?: typeof NONE }) {
  const dates = datesOf(value);
  const today = new Date().toISOString().slice(0, 10);
  const known = [...others, ...RANGES.map(([name, text]) => [name, text] as const)];
  const isKnown = dates !== null || known.some(([name]) => name === value);
  return (
    <div class="row range">
      <Select
        hidden
        label="Time"
        value={dates ? "dates" : value}
        options={[...known, ...(isKnown ? [] : [[value, nameOf(value)] as const]), ["dates", "From … to …"]]}
        onChange={(next) => onChange(next === "dates" ? `${today}..${today}` : next)}
      />
      {dates && (
        <>
          <input class="input" type="date" aria-label="From" value={dates[0]} max={dates[1]} onChange={(event) => onChange(`${event.currentTarget.value}..${dates[1]}`)} />
          <input class="input" type="date" aria-label="To" value={dates[1]} min={dates[0]} onChange={(event) => onChange(`${dates[0]}..${event.currentTarget.value}`)} />
        </>
      )}
    </div>
  );
}

/** A text with suggestions: anything may be typed, as anything may be sent. */
export function Suggest(props: {
  label: string;
  value: string;
  options: readonly { value: string; label?: string }[];
  onChange: (value: string) => void;
  placeholder?: string;
  hidden?: boolean;
}) {
  const id = useId();
  // What is being typed is nobody's business until it is done: another part of the view may change meanwhile.
  const [text, setText] = useState(props.value);
  useEffect(() => setText(props.value), [props.value]);
  const done = (typed: string) => {
    if (typed.trim() !== props.value) props.onChange(typed.trim());
  };
  const control = (
    <>
      <input
        class="input"
        list={id}
        value={text}
        placeholder={props.placeholder}
        aria-label={props.hidden ? props.label : undefined}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => {
          const typed = event.currentTarget.value;
          setText(typed);
          // A suggestion that was chosen is whole at once.
          if (props.options.some((option) => option.value === typed)) done(typed);
        }}
        onChange={(event) => done(event.currentTarget.value)}
      />
      <datalist id={id}>
        {props.options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </datalist>
    </>
  );
  if (props.hidden) return control;
  return (
    <label class="field">
      <span>{props.label}</span>
      {control}
    </label>
  );
}

export const eventOptions = (names: Names | null) => (names?.events ?? []).map((value) => ({ value }));
export const fieldOptions = (names: Names | null) => (names?.fields ?? []).map(({ name, label }) => ({ value: name, label }));

/** What people call a field. */
export const labelOf = (names: Names | null, field: string): string =>
  names?.fields.find((one) => one.name === field)?.label ?? field.replace(/^properties\./, "");

/** A condition as the page keeps it: everything is text. */
export interface Condition {
  field: string;
  operator: string;
  value: string;
}

const OPERATORS = [
  ["eq", "is"],
  ["ne", "is not"],
  ["in", "is one of"],
  ["contains", "contains"],
  ["not_contains", "does not contain"],
  ["starts_with", "begins with"],
  ["gt", "is more than"],
  ["lt", "is less than"],
  ["is_set", "is set"],
  ["is_not_set", "is not set"],
] as const;

const NUMERIC = new Set(["number", "integer"]);

/** Conditions as filters of a question; those that are not filled in yet are left out. */
export function filtersOf(conditions: readonly Condition[], names: Names | null): Filter[] {
  return conditions
    .filter((one) => one.field && (one.value !== "" || one.operator.startsWith("is_")))
    .map(({ field, operator, value }) => {
      const type = names?.fields.find((one) => one.name === field)?.type ?? "text";
      const typed = (text: string): string | number | boolean => {
        if (operator === "gt" || operator === "lt" || NUMERIC.has(type)) return Number(text);
        return type === "boolean" ? text === "true" : text;
      };
      if (operator.startsWith("is_")) return { field, operator };
      if (operator === "in") return { field, operator, value: value.split(",").map((text) => typed(text.trim())) };
      return { field, operator, value: typed(value) };
    });
}

export function readConditions(text: string | null): Condition[] {
  try {
    const read = JSON.parse(text ?? "[]") as unknown;
    return Array.isArray(read) ? (read as string[][]).map(([field = "", operator = "eq", value = ""]) => ({ field: String(field), operator: String(operator), value: String(value) })) : [];
  } catch {
    return [];
  }
}

/** A filter as conditions; null where it is more than those. */
export function conditionsOf(where: Filter | undefined): Condition[] | null {
  if (!where) return [];
  if ("all" in where) {
    const parts = where.all.map(conditionsOf);
    return parts.every((part) => part?.length === 1) ? parts.flatMap((part) => part!) : null;
  }
  if (!("field" in where)) return null;
  const { field, operator = "eq", value = "" } = where;
  if (!OPERATORS.some(([name]) => name === operator)) return null;
  return [{ field: typeof field === "string" ? field : field.name, operator, value: Array.isArray(value) ? value.join(", ") : String(value) }];
}

export const writeConditions = (conditions: readonly Condition[]): string =>
  conditions.length === 0 ? "" : JSON.stringify(conditions.map((one) => [one.field, one.operator, one.value]));

export function Conditions(props: { names: Names | null; conditions: readonly Condition[]; onChange: (conditions: Condition[]) => void }) {
  const change = (at: number, part: Partial<Condition>) =>
    props.onChange(props.conditions.map((one, number) => (number === at ? { ...one, ...part } : one)));
  return (
    <div class="conditions">
      {props.conditions.map((one, number) => (
        <fieldset key={number} class="condition">
          <legend class="unseen">Condition {number + 1}</legend>
          <Suggest hidden label="Field" placeholder="Field" value={one.field} options={fieldOptions(props.names)} onChange={(field) => change(number, { field })} />
          <Select hidden label="Comparison" value={one.operator} options={OPERATORS} onChange={(operator) => change(number, { operator })} />
          {!one.operator.startsWith("is_") && (
            <Suggest hidden label="Value" placeholder="Value" value={one.value} options={[]} onChange={(value) => change(number, { value })} />
          )}
          <button
            type="button"
            class="button quiet square"
            aria-label={`Remove condition ${number + 1}`}
            onClick={() => props.onChange(props.conditions.filter((_, at) => at !== number))}
          >
            <Icon name="close" size={15} />
          </button>
        </fieldset>
      ))}
      <button type="button" class="button quiet add" onClick={() => props.onChange([...props.conditions, { field: "", operator: "eq", value: "" }])}>
        <Icon name="filter" size={15} />
        Add a condition
      </button>
    </div>
  );
}
