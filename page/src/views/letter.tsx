// One dead letter: why it is one, and the record, to be corrected.
import { useState } from "preact/hooks";
import { correctLetter, dropLetters, letterOf, replayLetters, type DeadLetter } from "../lib/admin";
import { moment } from "../lib/format";
import { useLoaded, useTask } from "../lib/hooks";
import { indented, mistakeIn } from "../lib/indent";
import { linkTo } from "../lib/place";
import { useTenant } from "../lib/session";
import { Card, Empty, ErrorNote } from "../parts/basics";
import { JsonText } from "../parts/json-text";
import { Administered, isElsewhere } from "../parts/owners";
import { Drop, REASONS } from "./letters";

type Outcome = "corrected" | "replayed" | "dropped";

export function Letter({ id, command }: { id: string; command: string }) {
  const { customer_id: tenant } = useTenant();
  const letter = useLoaded(`letter ${tenant} ${id}`, (signal) => letterOf(id, signal));
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const back = (
    <a class="button" href={linkTo("letters")}>
      All dead letters
    </a>
  );
  if (outcome && letter.data) return <Decided letter={letter.data} outcome={outcome} />;
  if (letter.error?.status === 404 && !isElsewhere(letter.error)) {
    return (
      <Card>
        <Empty icon="check" title={`Letter ${id} is not there any more`} actions={back}>
          It was put back or dropped: what was decided stands below the list.
        </Empty>
      </Card>
    );
  }
  return (
    <Administered of={letter} command={command}>
      {(data) => (
        <div class="stack">
          <div>{back}</div>
          <Reason letter={data} />
          <Record letter={data} onDone={setOutcome} />
        </div>
      )}
    </Administered>
  );
}

const SAID: Record<Outcome, string> = {
  corrected: "It is in the log again, as it was corrected",
  replayed: "It is in the log again, as it was",
  dropped: "It is dropped",
};

function Decided({ letter, outcome }: { letter: DeadLetter; outcome: Outcome }) {
  return (
    <Card>
      <Empty
        icon="check"
        title={SAID[outcome]}
        actions={
          <>
            {outcome !== "dropped" && (
              <a class="button first" href={linkTo("events", { id: letter.event_id })}>
                See where it is
              </a>
            )}
            <a class="button" href={linkTo("letters")}>
              All dead letters
            </a>
          </>
        }
      >
        {outcome === "dropped" ? "What was decided is written down." : "It is stored within a second. If it is refused again, it is a new letter."}
      </Empty>
    </Card>
  );
}

function Reason({ letter }: { letter: DeadLetter }) {
  const { time_zone: zone } = useTenant();
  const facts: [string, string][] = [
    ["Why", `${REASONS[letter.reason] ?? letter.reason}, at the step ${letter.step}`],
    ["It said", letter.error],
    ["Arrived", letter.at ? moment(new Date(letter.at), zone) : ""],
    ["Event", letter.event_id],
    ["In the log at", letter.position],
  ];
  return (
    <Card title={`Letter ${letter.id}`}>
      <dl class="facts">
        {facts.filter(([, value]) => value).map(([name, value]) => [<dt key={name}>{name}</dt>, <dd key={`${name}.`}>{value}</dd>])}
      </dl>
    </Card>
  );
}

function Record({ letter, onDone }: { letter: DeadLetter; onDone: (outcome: Outcome) => void }) {
  const [text, setText] = useState(() => indented(letter.line));
  const [isAsked, setAsked] = useState(false);
  const correcting = useTask(async () => {
    await correctLetter(letter.id, text);
    onDone("corrected");
  });
  const replaying = useTask(async () => {
    await replayLetters([letter.id]);
    onDone("replayed");
  });
  const dropping = useTask(async () => {
    await dropLetters([letter.id]);
    onDone("dropped");
  });
  const drop = (
    <button type="button" class="button danger" onClick={() => setAsked(true)}>
      Drop…
    </button>
  );
  const confirm = isAsked && (
    <Drop letters={[letter]} busy={dropping.busy} error={dropping.error} onConfirm={() => void dropping.start()} onClose={() => setAsked(false)} />
  );
  if (letter.reason === "damaged_in_log") {
    return (
      <Card title="The record">
        <p class="muted">The log's disk changed what it stored: nothing is left of it to correct.</p>
        <div class="row">{drop}</div>
        {confirm}
      </Card>
    );
  }
  const mistake = mistakeIn(text);
  const isChanged = text !== indented(letter.line);
  return (
    <Card title="The record" said="As it stands in the log, in the columns of events_raw. Which event it is and how it came has to stay">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void correcting.start();
        }}
      >
        <JsonText class="record" label="The record" value={text} onChange={setText} />
        {(correcting.error ?? replaying.error) && <ErrorNote error={(correcting.error ?? replaying.error)!} />}
        <div class="row">
          <button class="button first" disabled={!isChanged || mistake !== null || correcting.busy}>
            Put back as corrected
          </button>
          <button type="button" class="button" disabled={isChanged || replaying.busy} onClick={() => void replaying.start()}>
            Replay as it is
          </button>
          {isChanged && (
            <button type="button" class="button quiet" onClick={() => setText(indented(letter.line))}>
              Undo my changes
            </button>
          )}
          {drop}
        </div>
      </form>
      {confirm}
    </Card>
  );
}
