// The settings of a tenant as forms; each sends what it is about, and nothing else.
import { useState } from "preact/hooks";
import type { Settled } from "../../lib/admin";
import { clock } from "../../lib/format";
import { ZONES } from "../../lib/zones";
import { Card, Select } from "../../parts/basics";
import { Suggest } from "../../parts/pickers";

interface Props {
  now: Settled;
  busy: boolean;
  onSave: (changed: Partial<Settled>) => void;
}

function Save({ busy, isChanged }: { busy: boolean; isChanged: boolean }) {
  return (
    <div class="row">
      <button class="button first" disabled={busy || !isChanged}>
        Save
      </button>
      {!isChanged && <span class="small muted">Nothing is changed.</span>}
    </div>
  );
}

const timeIn = (zone: string): string => {
  try {
    return `It is ${clock(new Date(), zone)} there now.`;
  } catch {
    return "No zone has this name: write it like Europe/Vienna.";
  }
};

export function Zone({ now, busy, onSave }: Props) {
  const [zone, setZone] = useState(now.time_zone);
  return (
    <Card title="Time zone" said="Whose days are those of charts, questions and reports">
      <form
        class="stack form"
        onSubmit={(event) => {
          event.preventDefault();
          onSave({ time_zone: zone });
        }}
      >
        <Suggest label="Zone" value={zone} options={ZONES} onChange={setZone} />
        <p class="small muted">{timeIn(zone)}</p>
        <Save busy={busy} isChanged={zone !== now.time_zone} />
      </form>
    </Card>
  );
}

const linesOf = (text: string) => [...new Set(text.split(/[\s,]+/).filter(Boolean))].sort();
const isSame = (one: readonly string[], two: readonly string[]) => one.join("\n") === [...two].sort().join("\n");

const SIGNALS = [
  ["", "as the server does"],
  ["anonymous", "kept without anything that names somebody"],
  ["drop", "not kept at all"],
  ["ignore", "kept as all others"],
] as const;

export function Privacy({ now, busy, onSave }: Props) {
  const [denied, setDenied] = useState(now.denied.join("\n"));
  const [hashed, setHashed] = useState(now.hashed.join("\n"));
  const [signals, setSignals] = useState<(typeof SIGNALS)[number][0]>(now.signals ?? "");
  const isChanged = !isSame(linesOf(denied), now.denied) || !isSame(linesOf(hashed), now.hashed) || signals !== (now.signals ?? "");
  return (
    <Card title="Privacy rules" said="What is left out before events are stored. It reaches nothing that is stored already">
      <form
        class="stack form"
        onSubmit={(event) => {
          event.preventDefault();
          onSave({ denied: linesOf(denied), hashed: linesOf(hashed), signals: signals || null });
        }}
      >
        <div class="fields">
          <Fields label="Never stored" example={"properties.email\nquery.token"} text={denied} onChange={setDenied} />
          <Fields label="Stored as hashes" example={"user_id\nproperties.card"} text={hashed} onChange={setHashed} />
        </div>
        <p class="small muted">
          A field a line: <code>user_id</code>, <code>visitor_id</code>, <code>session_id</code>, <code>properties.…</code>,{" "}
          <code>context.…</code>, <code>query.…</code> of addresses; never stored also <code>ip</code>, <code>page_url</code>,{" "}
          <code>referrer</code>.
        </p>
        <Select label="Events of browsers that ask not to be followed are" value={signals} options={SIGNALS} onChange={setSignals} />
        <Save busy={busy} isChanged={isChanged} />
      </form>
    </Card>
  );
}

const Fields = (props: { label: string; example: string; text: string; onChange: (text: string) => void }) => (
  <label class="field">
    <span>{props.label}</span>
    <textarea
      class="input mono"
      rows={3}
      spellcheck={false}
      placeholder={props.example}
      value={props.text}
      onInput={(event) => props.onChange(event.currentTarget.value)}
    />
  </label>
);

const TIERS = [
  ["default", "default"],
  ["enterprise", "enterprise"],
] as const;
const numberOf = (text: string): number | null => (text.trim() ? Number(text) : null);

/** `purchase 730`, a type a line, as days by type. */
const daysOf = (text: string): Record<string, number> =>
  Object.fromEntries(
    text
      .split("\n")
      .map((line) => /^\s*(.+?)[\s=:]+(\d+)\s*$/.exec(line))
      .flatMap((found) => (found ? [[found[1]!, Number(found[2])] as const] : [])),
  );
const isDays = (text: string) => text.split("\n").every((line) => !line.trim() || /^\s*(.+?)[\s=:]+(\d+)\s*$/.test(line));

export function Limits({ now, busy, onSave }: Props) {
  const [tier, setTier] = useState(now.tier);
  const [events, setEvents] = useState(now.events_a_minute?.toString() ?? "");
  const [days, setDays] = useState(now.retention_days?.toString() ?? "");
  const [types, setTypes] = useState(
    Object.entries(now.event_days)
      .map(([type, number]) => `${type} ${number}`)
      .join("\n"),
  );
  const settled = { tier, events_a_minute: numberOf(events), retention_days: numberOf(days), event_days: daysOf(types) };
  const isChanged = (Object.keys(settled) as (keyof typeof settled)[]).some(
    (name) => JSON.stringify(settled[name]) !== JSON.stringify(now[name]),
  );
  return (
    <Card title="Limits and retention" said="You administer all tenants, so you settle what this one may send and how long it is kept">
      <form
        class="stack form"
        onSubmit={(event) => {
          event.preventDefault();
          onSave(settled);
        }}
      >
        <div class="fields">
          <Select label="Tier" value={tier} options={TIERS} onChange={setTier} />
          <Amount label="Events a minute (empty: the tier's)" text={events} onChange={setEvents} />
          <Amount label="Events are kept so many days (empty: as all)" text={days} onChange={setDays} />
        </div>
        <label class="field">
          <span>Kept for another time, by type: a type and its days a line</span>
          <textarea
            class="input mono"
            rows={2}
            spellcheck={false}
            placeholder={"purchase 730\npage_view 90"}
            aria-invalid={!isDays(types)}
            value={types}
            onInput={(event) => setTypes(event.currentTarget.value)}
          />
        </label>
        {!isDays(types) && <p class="small failed">Each line is a type of event and a number of days, like purchase 730.</p>}
        <p class="small muted">What is older is deleted within the hour, and does not come back.</p>
        <Save busy={busy} isChanged={isChanged && isDays(types)} />
      </form>
    </Card>
  );
}

const Amount = (props: { label: string; text: string; onChange: (text: string) => void }) => (
  <label class="field">
    <span>{props.label}</span>
    <input class="input" type="number" min={1} step={1} value={props.text} onInput={(event) => props.onChange(event.currentTarget.value)} />
  </label>
);
