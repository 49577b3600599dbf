// Dead letters: what the warehouse refused is looked at, corrected and put back, replayed, or dropped.
import { useState } from "preact/hooks";
import { decisionsOf, dropLetters, lettersOf, replayLetters, type DeadLetter } from "../lib/admin";
import { count, moment } from "../lib/format";
import { useLoaded, useTask } from "../lib/hooks";
import { change, linkTo, usePlace } from "../lib/place";
import { useTenant } from "../lib/session";
import { Card, Empty, ErrorNote, Head, Select } from "../parts/basics";
import { Confirm, Done } from "../parts/dialog";
import { Administered, ForOwners } from "../parts/owners";
import { Table } from "../parts/table";
import { Letter } from "./letter";

const PAGE = 50;
export const REASONS = {
  refused_by_warehouse: "the warehouse refuses it",
  damaged_in_log: "damaged on the log's disk",
} as const;

const OPTIONS = [["", "Any reason"], ...Object.entries(REASONS)] as const;

export function Letters() {
  const { customer_id: id } = useTenant();
  const { params } = usePlace();
  const letter = params.get("id");
  const command = `millrace dlq list --tenant ${id}`;
  return (
    <>
      <Head title="Dead letters" />
      <ForOwners what="Dead letters" command={command}>
        {letter ? <Letter key={letter} id={letter} command={command} /> : <LetterList command={command} />}
      </ForOwners>
    </>
  );
}

function LetterList({ command }: { command: string }) {
  const { customer_id: id } = useTenant();
  const { params } = usePlace();
  const reason = params.get("reason") ?? "";
  const after = Number(params.get("after") ?? 0) || 0;
  const letters = useLoaded(`letters ${id} ${reason} ${after}`, (signal) => lettersOf(id, { reason, after, limit: PAGE + 1 }, signal), 10_000);
  const decisions = useLoaded(`decisions ${id}`, (signal) => decisionsOf(id, signal));
  const again = () => {
    letters.again();
    decisions.again();
  };
  return (
    <div class="stack">
      <Card
        title="What was set aside"
        said="Accepted events that the warehouse refuses. None is lost: correct one and put it back, or replay it once the cause is gone"
        aside={<Select hidden label="Reason" class="fit" value={reason} options={OPTIONS} onChange={(next) => change({ reason: next, after: undefined })} />}
        flush
      >
        <Administered of={letters} command={command}>
          {(all) =>
            all.length === 0 ? (
              <Empty icon="letters" title={reason || after ? "None of this kind" : "Nothing was set aside"} actions={<a class="button" href={linkTo("debugger")}>Watch what is sent</a>}>
                {reason || after
                  ? "Look at any reason, from the first one on."
                  : "Every accepted event is stored, or waits to be. What is refused when it comes is no dead letter: the debugger shows it."}
              </Empty>
            ) : (
              <SetAside key={`${reason} ${after}`} letters={all.slice(0, PAGE)} next={all.length > PAGE ? all[PAGE - 1]!.id : 0} after={after} onChanged={again} />
            )
          }
        </Administered>
      </Card>
      {decisions.data && decisions.data.length > 0 && (
        <Card title="What was decided" said="The latest first" flush>
          <Decided decisions={decisions.data.slice(-100).reverse()} />
        </Card>
      )}
    </div>
  );
}

function Decided({ decisions }: { decisions: Awaited<ReturnType<typeof decisionsOf>> }) {
  const { time_zone: zone } = useTenant();
  const rows = decisions.map((one) => [moment(new Date(one.at), zone), one.action, one.event_id, one.letter_id]);
  return <Table caption="Decisions" columns={[{ name: "When" }, { name: "What" }, { name: "Event" }, { name: "Letter" }]} rows={rows} />;
}

function SetAside(props: { letters: DeadLetter[]; next: number; after: number; onChanged: () => void }) {
  const { letters } = props;
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set());
  const [isAsked, setAsked] = useState(false);
  const [done, setDone] = useState("");
  const ids = letters.map((one) => one.id).filter((id) => chosen.has(id));
  const finish = (text: string) => {
    setDone(text);
    setChosen(new Set());
    setAsked(false);
    props.onChanged();
  };
  const replaying = useTask(async () => finish(`${count((await replayLetters(ids)).count)} are in the log again. One that is refused again comes back here.`));
  const dropping = useTask(async () => finish(`${count((await dropLetters(ids)).count)} are dropped.`));
  const toggle = (id: number) => setChosen(new Set(chosen.has(id) ? ids.filter((one) => one !== id) : [...ids, id]));
  return (
    <>
      <div class="tools">
        <label class="check">
          <input
            type="checkbox"
            checked={ids.length === letters.length}
            onChange={() => setChosen(new Set(ids.length === letters.length ? [] : letters.map((one) => one.id)))}
          />
          All of these {count(letters.length)}
        </label>
        <button type="button" class="button" disabled={ids.length === 0 || replaying.busy} onClick={() => void replaying.start()}>
          Replay {ids.length > 0 && count(ids.length)}
        </button>
        <button type="button" class="button danger" disabled={ids.length === 0} onClick={() => setAsked(true)}>
          Drop {ids.length > 0 && count(ids.length)}…
        </button>
      </div>
      {done && <Done onClose={() => setDone("")}>{done}</Done>}
      {replaying.error && <ErrorNote error={replaying.error} />}
      <ul class="lines" aria-label="Dead letters">
        {letters.map((letter) => (
          <LetterLine key={letter.id} letter={letter} isChosen={chosen.has(letter.id)} onToggle={() => toggle(letter.id)} />
        ))}
      </ul>
      <div class="row ends foot-note">
        {props.after > 0 && (
          <button type="button" class="button" onClick={() => change({ after: undefined })}>
            First
          </button>
        )}
        {props.next > 0 && (
          <button type="button" class="button" onClick={() => change({ after: String(props.next) })}>
            Next
          </button>
        )}
      </div>
      {isAsked && <Drop letters={letters.filter((one) => chosen.has(one.id))} busy={dropping.busy} error={dropping.error} onConfirm={() => void dropping.start()} onClose={() => setAsked(false)} />}
    </>
  );
}

function LetterLine({ letter, isChosen, onToggle }: { letter: DeadLetter; isChosen: boolean; onToggle: () => void }) {
  const { time_zone: zone } = useTenant();
  return (
    <li class="line">
      <label class="check">
        <input type="checkbox" aria-label={`Letter ${letter.id}`} checked={isChosen} onChange={onToggle} />
      </label>
      <div class="grows">
        <p class="row">
          <a href={linkTo("letters", { id: String(letter.id) })}>Letter {letter.id}</a>
          <span class="badge bad">{REASONS[letter.reason] ?? letter.reason}</span>
        </p>
        <p class="small wraps">{letter.error}</p>
        <p class="small muted wraps">
          {letter.at && moment(new Date(letter.at), zone)} {letter.event_id && <code>{letter.event_id}</code>}
        </p>
      </div>
    </li>
  );
}

interface DropProps {
  letters: DeadLetter[];
  busy: boolean;
  error: ReturnType<typeof useTask>["error"];
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks once more, and offers what would be gone as a file. */
export function Drop({ letters, busy, error, onConfirm, onClose }: DropProps) {
  const what = letters.length === 1 ? `letter ${letters[0]!.id}` : `${count(letters.length)} letters`;
  const file = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(letters.map((one) => `${JSON.stringify(one)}\n`), { type: "application/x-ndjson" }));
    link.download = "dead-letters.ndjson";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
  return (
    <Confirm title={`Drop ${what}`} action="Drop for good" busy={busy} error={error} onConfirm={onConfirm} onClose={onClose}>
      <p>{letters.length === 1 ? "This event is" : "These events are"} stored nowhere else: dropped means lost.</p>
      <div>
        <button type="button" class="button" onClick={file}>
          Keep {letters.length === 1 ? "it" : "them"} as a file first
        </button>
      </div>
    </Confirm>
  );
}
