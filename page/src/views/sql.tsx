import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { get, path, post, put } from "../lib/api";
import { count, duration } from "../lib/format";
import { useLoaded, useTask } from "../lib/hooks";
import { change, usePlace } from "../lib/place";
import type { Schema } from "../lib/questions";
import { useTenant } from "../lib/session";
import { Card, Empty, ErrorNote, Head, Select } from "../parts/basics";
import type { SqlEditor } from "../parts/editor";
import { Icon } from "../parts/icon";
import { Picture } from "../parts/picture";
import { type Choice, SaveToDashboard } from "../parts/save";
import { Table } from "../parts/table";
import { bodyOf, type Checked, download, firstStatement, isWhole, placeholdersOf, readValues, type Rows, rowsOf, writeValues } from "./sql-running";
import { SqlSide } from "./sql-side";

const CHECK_MS = 450;

export function Sql() {
  const { customer_id: id } = useTenant();
  const { params } = usePlace();
  const asked = params.get("sql") ?? "";
  const host = useRef<HTMLDivElement>(null);
  const [editor, setEditor] = useState<SqlEditor | null>(null);
  const [text, setText] = useState(asked || firstStatement(id));
  const [values, setValues] = useState(() => (asked ? readValues(params.get("values")) : {}));
  const [rows, setRows] = useState<Rows | null>(null);
  const [shown, setShown] = useState<Choice[]>([]);
  const [round, setRound] = useState(0);
  const [isSaving, setSaving] = useState(false);
  const [name, setName] = useState("");
  const schema = useLoaded(`schema ${id}`, (signal) => get<Schema>(path`schema/${id}`, signal));
  const checked = useChecked(bodyOf(id, text, values));

  const running = useTask(async (signal, body: Record<string, unknown>) => {
    try {
      setRows(await rowsOf(body, signal));
      const config = { sql: String(body["sql"]), ...(body["parameters"] ? { parameters: body["parameters"] as Record<string, unknown> } : {}) };
      setShown([
        { name: "As fits best", type: "chart", config },
        { name: "Table", type: "table", config },
      ]);
    } finally {
      setRound((number) => number + 1);
    }
  });
  const files = useTask((signal, format: string) => download(bodyOf(id, text, values), format, signal));
  const run = () => {
    const sql = editor?.text() ?? text;
    if (sql.trim()) change({ sql, values: writeValues(sql, values) }, "replace");
    void running.start(bodyOf(id, sql, values));
  };
  const latest = useRef({ run, text, values });
  latest.current = { run, text, values };

  useEffect(() => {
    let made: SqlEditor | null = null;
    let isOver = false;
    void import("../parts/editor").then(({ createEditor }) => {
      if (isOver) return;
      made = createEditor(host.current!, { text: latest.current.text, label: "SQL", onChange: setText, onRun: () => latest.current.run() });
      setEditor(made);
      if (asked && isWhole(asked, latest.current.values)) latest.current.run();
    });
    return () => {
      isOver = true;
      made?.destroy();
    };
  }, []);
  // Either may come first, the editor or what it shows; and who sees the tables is offered their columns.
  useLayoutEffect(() => {
    if (schema.data) editor?.know(schema.data);
  }, [editor, schema.data]);
  useEffect(() => editor?.mark(checked?.valid === false ? checked.errors : []), [editor, checked]);

  const open = (statement: { sql: string; defaults?: Record<string, unknown>; name?: string }) => {
    editor?.set(statement.sql);
    setText(statement.sql);
    setName(statement.name ?? "");
    const defaults = Object.entries(statement.defaults ?? {});
    setValues(Object.fromEntries(defaults.map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)])));
    editor?.focus();
  };
  return (
    <>
      <Head title="SQL" />
      <div class="sql">
        <div class="stack">
          <section class="card" aria-label="Statement">
            <div class="sql-editor" ref={host} />
            <Parameters types={placeholdersOf(text)} values={values} onChange={setValues} />
            <footer class="sql-foot">
              <CheckLine checked={checked} />
              <div class="row">
                <button type="button" class="button" onClick={() => setSaving(!isSaving)} aria-expanded={isSaving}>
                  <Icon name="bookmark" size={15} />
                  Save
                </button>
                {running.busy ? (
                  <button type="button" class="button" onClick={running.stop}>
                    <Icon name="square" size={13} />
                    Stop
                  </button>
                ) : (
                  <button type="button" class="button first" onClick={run}>
                    <Icon name="play" size={14} />
                    Run <kbd>Ctrl ↵</kbd>
                  </button>
                )}
              </div>
            </footer>
            {isSaving && (
              <SaveForm
                name={name}
                sql={text}
                values={values}
                onDone={() => {
                  setSaving(false);
                  setRound((number) => number + 1);
                }}
              />
            )}
          </section>
          {running.busy && <div class="wait" role="status" aria-label="Running" />}
          {running.error && <ErrorNote error={running.error} />}
          {files.error && <ErrorNote error={files.error} />}
          {rows && !running.error && <Result rows={rows} choices={shown} onDownload={(format) => void files.start(format)} isBusy={files.busy} />}
        </div>
        <SqlSide schema={schema} round={round} onOpen={open} onInsert={(insert) => editor?.insert(insert)} />
      </div>
    </>
  );
}

/** What the server says of the statement, a moment after it has changed. */
function useChecked(body: { sql: string }): Checked | null {
  const [checked, set] = useState<Checked | null>(null);
  const key = JSON.stringify(body);
  useEffect(() => {
    if (!body.sql.trim()) return set(null);
    const stop = new AbortController();
    const timer = setTimeout(() => {
      post<Checked>("query/check", body, stop.signal).then(set, () => {
        // it is asked again with the next change; running it says what is wrong
      });
    }, CHECK_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [key]);
  return checked;
}

function CheckLine({ checked }: { checked: Checked | null }) {
  if (!checked) return <p />;
  const mistake = checked.errors[0];
  if (mistake) {
    return (
      <p class="sql-mistake" role="status">
        <Icon name="alert" size={14} />
        {mistake.line !== null && `Line ${mistake.line}: `}
        {mistake.message}
      </p>
    );
  }
  return (
    <p class="small muted" role="status">
      {checked.estimated_rows === null ? "Fine" : `Reads about ${count(checked.estimated_rows)} rows`}
    </p>
  );
}

function Parameters(props: { types: Record<string, string>; values: Record<string, string>; onChange: (values: Record<string, string>) => void }) {
  const names = Object.keys(props.types);
  if (names.length === 0) return null;
  return (
    <div class="sql-values">
      {names.map((name) => (
        <label key={name} class="field">
          <span>
            {name} <code>{props.types[name]}</code>
          </span>
          <input
            class="input"
            value={props.values[name] ?? ""}
            onInput={(event) => props.onChange({ ...props.values, [name]: event.currentTarget.value })}
          />
        </label>
      ))}
    </div>
  );
}

function SaveForm(props: { name: string; sql: string; values: Record<string, string>; onDone: () => void }) {
  const { customer_id: id } = useTenant();
  const [name, setName] = useState(props.name);
  const [description, setDescription] = useState("");
  const save = useTask(async () => {
    const { parameters } = bodyOf(id, props.sql, props.values);
    const given = Object.entries(parameters ?? {}).filter(([, value]) => value !== "");
    await put(path`query/saved/${id}/${name}`, { sql: props.sql, description, defaults: Object.fromEntries(given) });
    props.onDone();
  });
  return (
    <form
      class="sql-save"
      onSubmit={(event) => {
        event.preventDefault();
        void save.start();
      }}
    >
      <label class="field">
        <span>Name</span>
        <input
          class="input"
          required
          pattern="[a-z0-9][a-z0-9_\-]{0,63}"
          title="Small letters, digits, _ and -"
          placeholder="pages-of-the-day"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <label class="field wide">
        <span>Description</span>
        <input class="input" maxLength={1000} value={description} onInput={(event) => setDescription(event.currentTarget.value)} />
      </label>
      <button class="button first" disabled={save.busy}>
        Save statement
      </button>
      {save.error && <ErrorNote error={save.error} />}
    </form>
  );
}

const FILES = [
  ["", "Download…"],
  ["csv", "CSV"],
  ["jsonl", "JSON lines"],
  ["parquet", "Parquet"],
  ["arrow", "Arrow"],
] as const;

function Result({ rows, choices, onDownload, isBusy }: { rows: Rows; choices: readonly Choice[]; onDownload: (format: string) => void; isBusy: boolean }) {
  const table = rows.data.map((row) => rows.columns.map((name) => row[name]));
  const said = [
    `${count(rows.row_count)} ${rows.row_count === 1 ? "row" : "rows"}${rows.truncated ? ", there are more" : ""}`,
    duration(rows.execution_time_ms / 1000),
    rows.cache === "hit" && "kept from before",
    rows.stale && "the warehouse is away: from before",
  ];
  return (
    <Card
      title="Result"
      said={<span role="status">{said.filter(Boolean).join(" · ")}</span>}
      flush
      aside={
        <div class="row">
          <SaveToDashboard key={JSON.stringify(choices)} title="Rows" choices={choices} />
          <Select
            hidden
            label="Download"
            class="fit"
            value=""
            options={isBusy ? [["", "Downloading…"]] : FILES}
            onChange={(format) => format && onDownload(format)}
          />
        </div>
      }
    >
      {rows.row_count === 0 ? (
        <Empty icon="search" title="No rows">
          The statement is fine, and nothing fits it.
        </Empty>
      ) : (
        <>
          <div class="sql-picture">
            <Picture label="A chart of the rows below" columns={rows.columns} rows={table} />
          </div>
          <Table caption="Result" columns={rows.columns.map((column) => ({ name: column }))} rows={table} />
        </>
      )}
    </Card>
  );
}
