// What people ask for: a copy of what is stored of them, or its end. Who they are stays in this tab: neither the address nor a log has it.
import { useState } from "preact/hooks";
import { erase, erasuresOf, EXPORT, look, type Erased, type Erasure, type Found, type Whose } from "../../lib/admin";
import { postInit, send } from "../../lib/api";
import { compact, count, moment } from "../../lib/format";
import { useLoaded, useTask } from "../../lib/hooks";
import { useTenant } from "../../lib/session";
import { Card, Code, Empty, ErrorNote, Segments } from "../../parts/basics";
import { Confirm } from "../../parts/dialog";
import { Icon } from "../../parts/icon";
import { Administered, ForOwners } from "../../parts/owners";
import { Table } from "../../parts/table";

const KINDS = [
  ["user", "A user"],
  ["visitor", "One visitor"],
] as const;

export function Requests() {
  const { customer_id: id } = useTenant();
  const command = `millrace privacy export ${id} --user ada`;
  return (
    <ForOwners what="Privacy requests" command={command}>
      <RequestsOf command={command} />
    </ForOwners>
  );
}

function RequestsOf({ command }: { command: string }) {
  const { customer_id: id } = useTenant();
  const erasures = useLoaded(`erasures ${id}`, (signal) => erasuresOf(id, signal), 5_000);
  return (
    <div class="stack">
      <Person onErased={erasures.again} />
      <Card title="Erasures" said="What was erased, without whose it was: only hashes of their ids are kept" flush>
        <Administered of={erasures} command={command}>
          {(all) => <Erasures all={all} />}
        </Administered>
      </Card>
    </div>
  );
}

function Person({ onErased }: { onErased: () => void }) {
  const { customer_id: tenant } = useTenant();
  const [kind, setKind] = useState<"user" | "visitor">("user");
  const [text, setText] = useState("");
  const [found, setFound] = useState<{ name: string; whose: Whose; what: Found } | null>(null);
  const [erased, setErased] = useState<Erased | null>(null);
  const looking = useTask(async () => {
    setErased(null);
    setFound(null);
    const name = text.trim();
    const whose: Whose = kind === "user" ? { user_id: name } : { visitor_id: name };
    setFound({ name, whose, what: await look(tenant, whose) });
  });
  const done = (result: Erased) => {
    setErased(result);
    setFound(null);
    onErased();
  };
  return (
    <Card
      title="Somebody asks"
      said="For a copy of what is stored of them, or for its end. First see what there is"
      aside={<Segments label="Who" value={kind} options={KINDS} onChange={setKind} />}
    >
      <form
        class="finder"
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim()) void looking.start();
        }}
      >
        <input
          class="input"
          aria-label={kind === "user" ? "User id" : "Visitor id"}
          placeholder={kind === "user" ? "The user id, as it was sent" : "The visitor id, as it was sent"}
          autocomplete="off"
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button class="button first" disabled={looking.busy}>
          See what there is
        </button>
      </form>
      {looking.error && <ErrorNote error={looking.error} />}
      {found && <WhatThereIs {...found} onErased={done} />}
      {erased && <Verified erased={erased} />}
    </Card>
  );
}

const total = (rows: Record<string, number>) => Object.values(rows).reduce((sum, number) => sum + number, 0);
const names = (all: readonly string[]) => (all.length > 12 ? `${all.slice(0, 12).join(", ")} and ${all.length - 12} more` : all.join(", "));

function WhatThereIs({ name, whose, what, onErased }: { name: string; whose: Whose; what: Found; onErased: (erased: Erased) => void }) {
  const { customer_id: tenant, time_zone: zone } = useTenant();
  const [isAsked, setAsked] = useState(false);
  const erasing = useTask(async () => {
    const result = await erase(tenant, whose);
    setAsked(false);
    onErased(result);
  });
  const all = total(what.rows);
  if (all === 0) {
    return (
      <Empty icon="search" title={`Nothing is stored of ${name}`}>
        Ids count as they were sent, in the same case; also where only their hashes are stored.
      </Empty>
    );
  }
  return (
    <div class="stack found" role="status">
      <dl class="facts">
        {Object.entries(what.rows).map(([table, number]) => [<dt key={table}>{table.replaceAll("_", " ")}</dt>, <dd key={`${table}.`}>{count(number)}</dd>])}
        {what.users.length > 0 && <dt>User ids</dt>}
        {what.users.length > 0 && <dd>{names(what.users)}</dd>}
        {what.visitors.length > 0 && <dt>Visitors</dt>}
        {what.visitors.length > 0 && <dd>{names(what.visitors)}</dd>}
        {what.shared_visitors.length > 0 && <dt>Left alone</dt>}
        {what.shared_visitors.length > 0 && <dd>{names(what.shared_visitors)}: somebody else used them since</dd>}
        <dt>Received until</dt>
        <dd>{moment(new Date(what.received_before), zone)}</dd>
      </dl>
      <div class="row">
        <Download whose={whose} rows={all} />
        <button type="button" class="button danger" onClick={() => setAsked(true)}>
          <Icon name="trash" size={15} />
          Erase…
        </button>
      </div>
      {isAsked && (
        <Confirm
          title={`Erase ${name}`}
          action={erasing.busy ? "Erasing…" : `Erase ${count(all)} rows`}
          typed={name}
          busy={erasing.busy}
          error={erasing.error}
          onConfirm={() => void erasing.start()}
          onClose={() => setAsked(false)}
        >
          <p>Events, links and dead letters go, what was counted of them is counted anew, and then it is asked whether anything is left.</p>
          <p>Nothing brings them back. Backups are yours to handle, and what is sent later stays.</p>
        </Confirm>
      )}
    </div>
  );
}

/** Everything as a file, with how far it is. */
function Download({ whose, rows }: { whose: Whose; rows: number }) {
  const { customer_id: tenant } = useTenant();
  const [got, setGot] = useState({ lines: 0, bytes: 0 });
  const [isDone, setDone] = useState(false);
  const downloading = useTask(async (signal) => {
    setDone(false);
    const answer = await send(EXPORT, postInit("POST", { tenant, ...whose }, signal));
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    let lines = 0;
    let bytes = 0;
    for (const reader = answer.body!.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      pieces.push(value);
      bytes += value.length;
      for (const byte of value) if (byte === 10) lines++;
      setGot({ lines, bytes });
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(pieces, { type: "application/x-ndjson" }));
    link.download = `${tenant}-person.ndjson`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    setDone(true);
  });
  return (
    <>
      {downloading.busy ? (
        <button type="button" class="button" onClick={downloading.stop}>
          <Icon name="square" size={13} />
          Stop
        </button>
      ) : (
        <button type="button" class="button" onClick={() => void downloading.start()}>
          <Icon name="download" size={15} />
          Export
        </button>
      )}
      <span class="small muted" role="status">
        {downloading.busy && `${count(got.lines)} of about ${count(rows)} rows, ${compact(got.bytes)} bytes`}
        {isDone && !downloading.busy && `${count(got.lines)} rows are in the file.`}
      </span>
      {downloading.error && <ErrorNote error={downloading.error} />}
    </>
  );
}

/** What the warehouse says of an erasure when it is asked afterwards. */
function Verified({ erased }: { erased: Erased }) {
  const { time_zone: zone } = useTenant();
  return (
    <div class="stack found" role="status">
      <p>
        <span class={`badge ${erased.complete ? "good" : "bad"}`}>
          <i class="dot" />
          {erased.complete ? `Erased ${count(total(erased.rows))} rows; asked again, nothing is left` : "Something is left: erase again"}
        </span>
      </p>
      <Table
        caption="What was erased and what is left"
        columns={[{ name: "Where" }, { name: "Erased" }, { name: "Left" }]}
        rows={[...new Set([...Object.keys(erased.rows), ...Object.keys(erased.remaining)])].map((table) => [
          table.replaceAll("_", " "),
          erased.rows[table] ?? 0,
          erased.remaining[table] ?? 0,
        ])}
      />
      <p class="small muted">
        Erasure {erased.erasure}. The warehouse's old files are gone from the disk by {moment(new Date(erased.off_disk_by), zone)} at the latest.
      </p>
      <details class="more">
        <summary>How it was asked</summary>
        <Code text={erased.verification} what="the question of the verification" />
      </details>
    </div>
  );
}

function Erasures({ all }: { all: Erasure[] }) {
  const { time_zone: zone } = useTenant();
  if (all.length === 0) return <p class="foot-note muted">Nobody was erased yet.</p>;
  const rows = [...all].reverse().map((one) => [String(one.id), moment(new Date(one.at), zone), one.actor, one.ids, total(one.rows), one.state.replaceAll("_", " ")]);
  return <Table caption="Erasures, the newest first" columns={["Number", "When", "Who asked", "Ids", "Rows", "State"].map((name) => ({ name }))} rows={rows} />;
}

