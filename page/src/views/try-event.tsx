// What would become of an event: nothing of it is stored.
import { useState } from "preact/hooks";
import { post } from "../lib/api";
import { useTask } from "../lib/hooks";
import { mistakeIn } from "../lib/indent";
import { useSession } from "../lib/session";
import { Card, Code, ErrorNote } from "../parts/basics";
import { Icon } from "../parts/icon";
import { JsonText } from "../parts/json-text";
import { Table } from "../parts/table";

interface Remark {
  code: string;
  message: string;
}

interface Tried {
  success: boolean;
  would_answer: number;
  errors: Remark[];
  warnings: Remark[];
  rows: { row: Record<string, unknown> }[];
}

/** What somebody looks for first; the others stay in their order. */
const FIRST = ["event_type", "event_id", "client_event_id", "timestamp", "visitor_id", "user_id", "session_id", "properties"];
const placeOf = (column: string): number => (FIRST.includes(column) ? FIRST.indexOf(column) : FIRST.length);

const SAMPLE = `{
  "visitor_id": "visitor_123",
  "event_type": "signup",
  "event_id": "order-1",
  "properties": { "plan": "pro" }
}`;

export function TryEvent() {
  const session = useSession();
  const needsKey = session.auth === "required";
  const [text, setText] = useState(SAMPLE);
  const [key, setKey] = useState("");
  const [tried, setTried] = useState<Tried | null>(null);
  const trying = useTask(async () => {
    setTried(null);
    const event = JSON.parse(text) as Record<string, unknown>;
    const whose = needsKey ? { write_key: key.trim() } : { customer_id: session.tenant.customer_id };
    setTried(await post<Tried>("track?dry_run=1", { ...whose, ...event }));
  });
  const mistake = mistakeIn(text);
  return (
    <Card title="Try an event" said="What would become of it, as POST /track?dry_run=1 tells it: nothing is stored, and nothing counts">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void trying.start();
        }}
      >
        {needsKey && (
          <label class="field form">
            <span>Write key: who is signed in may look, and only a key may send</span>
            <input class="input mono" required autocomplete="off" spellcheck={false} placeholder="mrw_…" value={key} onInput={(event) => setKey(event.currentTarget.value)} />
          </label>
        )}
        <JsonText rows={7} label="An event in JSON" value={text} onChange={setText} />
        <div>
          <button class="button first" disabled={mistake !== null || trying.busy}>
            Try it
          </button>
        </div>
        {trying.error && <ErrorNote error={trying.error} />}
        {tried && <Outcome tried={tried} />}
      </form>
    </Card>
  );
}

function Outcome({ tried }: { tried: Tried }) {
  const row = tried.rows[0]?.row;
  const filled = Object.entries(row ?? {})
    .sort(([one], [two]) => placeOf(one) - placeOf(two))
    .filter(([, value]) => value !== "" && value !== null && value !== false && value !== 0);
  return (
    <div class="stack" role="status">
      <p>
        <span class={`badge ${tried.success ? "good" : "bad"}`}>
          <i class="dot" />
          {tried.success ? "It would be stored" : "It would be refused"}, and answered {tried.would_answer}
        </span>
      </p>
      {[...tried.errors, ...tried.warnings].map((one) => (
        <p key={one.code + one.message} class={`note ${tried.success ? "warn" : "bad"}`}>
          <Icon name="alert" />
          <span>
            {one.message} <code class="muted">{one.code}</code>
          </span>
        </p>
      ))}
      {row && (
        <>
          <Table
            caption="The row as it would be stored"
            columns={[{ name: "Column" }, { name: "Value" }]}
            rows={filled.map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : String(value)])}
          />
          <details class="more">
            <summary>All of its columns</summary>
            <Code text={JSON.stringify(row, null, 2)} what="the row" />
          </details>
        </>
      )}
    </div>
  );
}
