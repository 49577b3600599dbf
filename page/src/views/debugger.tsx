// For whoever points an SDK here: what becomes of what is sent, the moment it comes, and what would become of it.
import { useState } from "preact/hooks";
import { count } from "../lib/format";
import { change, linkTo, usePlace } from "../lib/place";
import { Card, Empty, Head, Segments } from "../parts/basics";
import { Icon } from "../parts/icon";
import { meaningOf } from "./reasons";
import { TryEvent } from "./try-event";
import { TONES, useVerdicts, type Verdict, VerdictLine } from "./verdicts";

const KINDS = [
  ["", "All"],
  ["accepted", "Accepted"],
  ["not", "Not accepted"],
] as const;

const textOf = (one: Verdict) =>
  [one.outcome, one.reason, one.event_type, one.protocol, one.key_id, one.event_id, one.client_event_id, ...(one.event_ids ?? [])].join(" ").toLowerCase();

export function Debugger() {
  return (
    <>
      <Head title="Debugger" />
      <div class="stack">
        <Watch />
        <TryEvent />
      </div>
    </>
  );
}

function Watch() {
  const { params } = usePlace();
  const kind = KINDS.find(([name]) => name === params.get("kind"))?.[0] ?? "";
  const only = (params.get("only") ?? "").toLowerCase();
  const { verdicts, state } = useVerdicts(true, 500);
  // While it is paused, what was there then.
  const [held, setHeld] = useState<Verdict[] | null>(null);
  const all = held ?? verdicts;
  const shown = all.filter((one) => (kind === "" || (one.outcome === "accepted") === (kind === "accepted")) && textOf(one).includes(only)).slice(0, 200);
  return (
    <Card
      title="As it is sent"
      said="A verdict for each event the moment it comes, and why one is not stored"
      aside={
        <button type="button" class="button" onClick={() => setHeld(held ? null : verdicts)}>
          <Icon name={held ? "play" : "pause"} size={14} />
          {held ? `Go on${missedOf(verdicts, held)}` : "Pause"}
        </button>
      }
      flush
    >
      <div class="tools">
        <Segments label="Show" value={kind} options={KINDS} onChange={(next) => change({ kind: next }, "replace")} />
        <input
          class="input"
          type="search"
          aria-label="Show only verdicts that match"
          placeholder="Type, id, protocol or reason"
          value={params.get("only") ?? ""}
          onInput={(event) => change({ only: event.currentTarget.value }, "replace")}
        />
        <Sums verdicts={all} />
      </div>
      {shown.length > 0 && <List verdicts={shown} />}
      {shown.length === 0 && all.length > 0 && <p class="foot-note muted">None of what came fits.</p>}
      {all.length === 0 && <NothingYet isOpen={state === "open"} />}
    </Card>
  );
}

const missedOf = (verdicts: readonly Verdict[], held: readonly Verdict[]): string => {
  const last = held[0]?.key ?? -1;
  const missed = verdicts.filter((one) => one.key > last).length;
  return missed > 0 ? ` (${missed} new)` : "";
};

function Sums({ verdicts }: { verdicts: readonly Verdict[] }) {
  const sums = new Map<string, number>();
  for (const one of verdicts) sums.set(one.outcome, (sums.get(one.outcome) ?? 0) + (one.events ?? 1));
  return (
    <div class="row" role="group" aria-label="Since it is watched">
      {[...sums].map(([outcome, number]) => (
        <span key={outcome} class={`badge ${TONES[outcome] ?? "bad"}`}>
          {count(number)} {outcome.replace("_", " ")}
        </span>
      ))}
    </div>
  );
}

function NothingYet({ isOpen }: { isOpen: boolean }) {
  return (
    <Empty icon="bug" title={isOpen ? "Watching: send something" : "Connecting"} actions={<a class="button" href={linkTo("start")}>How to send events</a>}>
      What is sent for this tenant shows here at once. A wrong key is refused with 401 and belongs to no tenant, so it is not here.
    </Empty>
  );
}

function List({ verdicts }: { verdicts: readonly Verdict[] }) {
  return (
    <div class="watch" role="log" aria-live="off" aria-label="Verdicts" tabIndex={0}>
      {verdicts.map((one) => (
        <details key={one.key} class="verdict">
          <summary>
            <VerdictLine verdict={one} />
          </summary>
          <Inside verdict={one} />
        </details>
      ))}
    </div>
  );
}

function Inside({ verdict }: { verdict: Verdict }) {
  const ids = [verdict.client_event_id ?? verdict.event_id, ...(verdict.event_ids ?? [])].filter((id): id is string => !!id);
  const facts: [string, string | undefined][] = [
    ["Why", verdict.reason],
    ["That means", verdict.outcome === "accepted" ? "it is on disk; SQL sees it within a second" : meaningOf(verdict.outcome, verdict.reason)],
    ["Way in", verdict.protocol],
    ["Key", verdict.key_id],
    ["Stored as", verdict.event_id],
  ];
  return (
    <div class="inside">
      <dl class="facts">
        {facts.filter(([, value]) => value).map(([name, value]) => [<dt key={name}>{name}</dt>, <dd key={`${name}.`}>{value}</dd>])}
        {ids.length > 0 && <dt>Where it is</dt>}
        {ids.length > 0 && (
          <dd>
            {ids.map((id) => (
              <a key={id} href={linkTo("events", { id })}>
                {id}{" "}
              </a>
            ))}
          </dd>
        )}
      </dl>
    </div>
  );
}
