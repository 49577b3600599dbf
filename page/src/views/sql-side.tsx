import { useState } from "preact/hooks";
import { get, path, put, remove } from "../lib/api";
import { count, moment } from "../lib/format";
import { useLoaded, useTask, type Loading } from "../lib/hooks";
import type { Schema } from "../lib/questions";
import { useTenant } from "../lib/session";
import { ErrorNote, Segments, Waiting } from "../parts/basics";
import { Icon } from "../parts/icon";

export interface SavedStatement {
  name: string;
  sql: string;
  description: string;
  parameters: Record<string, string>;
  defaults: Record<string, unknown>;
}

interface HistoryLine {
  id: number;
  asked_at: string;
  asked_by: string;
  sql: string;
  status: string;
  row_count: number;
  execution_time_ms: number;
}

type Tab = "schema" | "saved" | "history";

/** What there is to ask about, what is saved, and what was asked. */
export function SqlSide(props: {
  schema: Loading<Schema>;
  round: number;
  onInsert: (text: string) => void;
  onOpen: (statement: { sql: string; defaults?: Record<string, unknown>; name?: string }) => void;
}) {
  const [tab, setTab] = useState<Tab>("schema");
  return (
    <aside class="card sql-side" aria-label="Tables, saved statements and history">
      <div class="sql-tabs">
        <Segments
          label="Show"
          value={tab}
          onChange={setTab}
          options={[
            ["schema", "Tables"],
            ["saved", "Saved"],
            ["history", "History"],
          ]}
        />
      </div>
      {tab === "schema" && <Tables schema={props.schema} onInsert={props.onInsert} />}
      {tab === "saved" && <Saved round={props.round} onOpen={props.onOpen} />}
      {tab === "history" && <History round={props.round} onOpen={props.onOpen} />}
    </aside>
  );
}

function Tables({ schema, onInsert }: { schema: Loading<Schema>; onInsert: (text: string) => void }) {
  if (schema.error) return <ErrorNote error={schema.error} again={schema.again} />;
  if (!schema.data) return <Waiting what="Loading the tables" />;
  return (
    <div class="sql-list" tabIndex={0} role="region" aria-label="Tables and events">
      {schema.data.tables.map((table) => (
        <details key={table.name} class="more">
          <summary title={table.meaning}>
            <code>{table.name}</code> {table.kind === "view" && <span class="badge">view</span>}
          </summary>
          <ul>
            {table.columns.map((column) => (
              <li key={column.name}>
                <button type="button" class="name" title={`Insert ${column.name}`} onClick={() => onInsert(column.name)}>
                  {column.name}
                </button>
                <span class="muted">{column.type.replace(/LowCardinality\((.*)\)/, "$1")}</span>
              </li>
            ))}
          </ul>
        </details>
      ))}
      <h3>Events</h3>
      {schema.data.event_types.map((event) => (
        <details key={event.event_type} class="more">
          <summary>
            <code>{event.event_type}</code> <span class="muted small num">{count(event.count)}</span>
          </summary>
          <ul>
            {event.properties.map((property) => (
              <li key={property.name}>
                <button
                  type="button"
                  class="name"
                  title={`Insert ${property.name}`}
                  onClick={() => onInsert(`JSONExtractString(properties, '${property.name}')`)}
                >
                  {property.name}
                </button>
                <span class="muted">{property.type}</span>
              </li>
            ))}
          </ul>
        </details>
      ))}
    </div>
  );
}

type Open = (statement: { sql: string; defaults?: Record<string, unknown>; name?: string }) => void;

function Saved({ round, onOpen }: { round: number; onOpen: Open }) {
  const { customer_id: id } = useTenant();
  const list = useLoaded(`saved ${id} ${round}`, (signal) =>
    get<{ statements: { name: string; description: string }[] }>(path`query/saved/${id}`, signal),
  );
  const [gone, setGone] = useState<SavedStatement | null>(null);
  const one = (name: string) => get<{ statement: SavedStatement }>(path`query/saved/${id}/${name}`);
  const open = useTask(async (_, name: string) => onOpen((await one(name)).statement));
  const drop = useTask(async (_, name: string) => {
    const kept = (await one(name)).statement;
    await remove(path`query/saved/${id}/${name}`);
    setGone(kept);
    list.again();
  });
  const undo = useTask(async (_, kept: SavedStatement) => {
    await put(path`query/saved/${id}/${kept.name}`, { sql: kept.sql, description: kept.description, defaults: kept.defaults });
    setGone(null);
    list.again();
  });
  const error = list.error ?? open.error ?? drop.error ?? undo.error;
  return (
    <div class="sql-list">
      {error && <ErrorNote error={error} />}
      {gone && (
        <p class="note" role="status">
          <span>
            {gone.name} is deleted.{" "}
            <button type="button" class="button quiet" onClick={() => void undo.start(gone)}>
              Undo
            </button>
          </span>
        </p>
      )}
      {list.data?.statements.length === 0 && <p class="muted small">Nothing is saved yet. Save keeps a statement under a name, as an endpoint with values.</p>}
      <ul>
        {list.data?.statements.map((saved) => (
          <li key={saved.name} class="saved">
            <button type="button" class="name" onClick={() => void open.start(saved.name)}>
              {saved.name}
              {saved.description && <small class="muted">{saved.description}</small>}
            </button>
            <button type="button" class="button quiet square" aria-label={`Delete ${saved.name}`} onClick={() => void drop.start(saved.name)}>
              <Icon name="trash" size={14} />
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function History({ round, onOpen }: { round: number; onOpen: Open }) {
  const { customer_id: id, time_zone } = useTenant();
  const list = useLoaded(`history ${id} ${round}`, (signal) =>
    get<{ statements: HistoryLine[] }>(`${path`query/history/${id}`}?limit=60`, signal),
  );
  if (list.error) return <ErrorNote error={list.error} again={list.again} />;
  if (!list.data) return <Waiting what="Loading the history" />;
  if (list.data.statements.length === 0) return <p class="sql-list muted small">Nothing was asked yet.</p>;
  return (
    <div class="sql-list" tabIndex={0} role="region" aria-label="History">
      <ul>
        {list.data.statements.map((line) => (
          <li key={line.id} class="asked">
            <button type="button" class="name" title={line.sql} onClick={() => onOpen({ sql: line.sql })}>
              <code>{line.sql.replace(/\s+/g, " ").slice(0, 140)}</code>
              <small class={line.status === "success" ? "muted" : "failed"}>
                {moment(new Date(line.asked_at), time_zone)} · {line.status === "success" ? `${count(line.row_count)} rows` : line.status}
              </small>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
