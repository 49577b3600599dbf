// The dashboards of a tenant; one of them, where the address names it.
import { useRef, useState } from "preact/hooks";
import * as dashboards from "../lib/dashboards";
import { moment } from "../lib/format";
import { useLoaded, useTask } from "../lib/hooks";
import { change, go, linkTo, usePlace } from "../lib/place";
import { may, useTenant } from "../lib/session";
import { Empty, ErrorNote, Head, Waiting } from "../parts/basics";
import { Icon } from "../parts/icon";
import { OneDashboard } from "./dashboard";
import { OVERVIEW } from "./dashboard-widgets";

export function Dashboards() {
  const { params } = usePlace();
  const id = params.get("id");
  return id ? <OneDashboard key={id} id={id} /> : <All />;
}

const openOne = (id: string, edit = false) => go(linkTo("dashboards", { id, ...(edit && { edit: "1" }) }));

type Gone = Pick<dashboards.Line, "id" | "name">;

function All() {
  const tenant = useTenant();
  const whose = tenant.customer_id;
  const list = useLoaded(`dashboards ${whose}`, (signal) => dashboards.listed(whose, signal));
  const mayChange = may(tenant, "query");
  // Deleted here, or by the dashboard itself, which leads here then.
  const { params } = usePlace();
  const left = params.get("gone");
  const [gone, setGone] = useState<Gone | null>(left ? { id: left, name: params.get("name") ?? "It" } : null);
  const create = useTask(async (_, name: string, widgets: dashboards.NewWidget[]) => openOne((await dashboards.create(whose, { name, widgets })).id, true));
  const take = useTask(async (_, file: File) => openOne((await dashboards.imported(whose, await documentOf(file))).id));
  const drop = useTask(async (_, line: dashboards.Line) => {
    await dashboards.drop(whose, line.id);
    setGone(line);
    list.again();
  });
  const undo = useTask(async (_, line: Gone) => {
    await dashboards.restore(whose, line.id);
    setGone(null);
    change({ gone: "", name: "" }, "replace");
    list.again();
  });
  const error = list.error ?? create.error ?? take.error ?? drop.error ?? undo.error;
  const lines = list.data?.filter((line) => line.id !== gone?.id) ?? null;
  const start = () => void create.start("New dashboard", []);
  return (
    <>
      <Head title="Dashboards">
        {mayChange && lines && lines.length > 0 && (
          <>
            <ImportButton onFile={(file) => void take.start(file)} />
            <button type="button" class="button first" onClick={start} disabled={create.busy}>
              <Icon name="plus" size={15} />
              New dashboard
            </button>
          </>
        )}
      </Head>
      <div class="stack">
        {error && <ErrorNote error={error} {...(list.error && { again: list.again })} />}
        {gone && (
          <p class="note" role="status">
            <span>
              {gone.name} is deleted, and its links lead nowhere.{" "}
              <button type="button" class="button quiet" onClick={() => void undo.start(gone)}>
                Undo
              </button>
            </span>
          </p>
        )}
        {list.busy && !list.data && <Waiting what="Loading the dashboards" />}
        {lines?.length === 0 && (
          <section class="card">
            <Empty
              icon="board"
              title="No dashboard yet"
              actions={
                mayChange && (
                  <>
                    <button type="button" class="button first" disabled={create.busy} onClick={() => void create.start("Overview", OVERVIEW)}>
                      Begin with an overview
                    </button>
                    <button type="button" class="button" disabled={create.busy} onClick={start}>
                      Begin with nothing
                    </button>
                    <ImportButton onFile={(file) => void take.start(file)} />
                  </>
                )
              }
            >
              {mayChange
                ? "A dashboard keeps the questions that you ask again and again. Save one to it from Explore, Funnels, Retention, Paths, Sessions, Ask or SQL, or begin here."
                : "Nobody has made one yet. Whoever may ask questions can."}
            </Empty>
          </section>
        )}
        {lines && lines.length > 0 && (
          <ul class="boards">
            {lines.map((line) => (
              <li key={line.id} class="card board-line">
                <a href={linkTo("dashboards", { id: line.id })}>
                  <strong>{line.name}</strong>
                  {line.description && <span>{line.description}</span>}
                </a>
                <p class="small muted">
                  {line.widget_count} {line.widget_count === 1 ? "widget" : "widgets"} · changed {moment(new Date(line.updated_at), tenant.time_zone)}
                </p>
                {mayChange && (
                  <button type="button" class="button quiet square" aria-label={`Delete ${line.name}`} title="Delete" onClick={() => void drop.start(line)}>
                    <Icon name="trash" size={15} />
                  </button>
                )}
              </li>
            ))}
          </ul>
        )}
      </div>
    </>
  );
}

/** What a file holds; one that is no JSON says so itself. */
async function documentOf(file: File): Promise<unknown> {
  try {
    return JSON.parse(await file.text()) as unknown;
  } catch {
    throw new dashboards.NotADocument(file.name);
  }
}

function ImportButton({ onFile }: { onFile: (file: File) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class="button" onClick={() => input.current?.click()}>
        <Icon name="file" size={15} />
        Import
      </button>
      <input
        ref={input}
        class="unseen"
        type="file"
        accept="application/json,.json"
        aria-label="A dashboard as a JSON file"
        tabIndex={-1}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          event.currentTarget.value = "";
          if (file) onFile(file);
        }}
      />
    </>
  );
}
