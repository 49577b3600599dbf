// Dashboards as /api/v1/dashboards has them, and as /api/v1/shared shows them to those who have a link.
import { ApiError, path, postInit, send } from "./api";
import type { Place } from "./grid";
import { placeNow } from "./place";
import type { Answer, Filter, Question } from "./questions";
import type { Range } from "./ranges";

export type WidgetType = "metric" | "chart" | "table" | "text";
export type ChartType = "auto" | "line" | "bar" | "table" | "number" | "funnel" | "cohorts";

export interface Config {
  chart_type?: ChartType;
  question?: Question;
  metric?: string;
  granularity?: string;
  by?: string;
  period?: string;
  range?: Record<string, unknown>;
  saved?: string;
  sql?: string;
  parameters?: Record<string, unknown>;
  text?: string;
  /** Which measure of several is shown. */
  measure?: string;
  /** The view, with its state, where it is looked at more closely. */
  opens?: string;
}

export interface NewWidget {
  type: WidgetType;
  title: string;
  config: Config;
  position?: Place;
}

export interface Widget extends NewWidget {
  id: string;
  position: Place;
}

/** What holds for all widgets of a dashboard. */
export interface Filters {
  range?: Range;
  where?: Filter;
}

export interface Dashboard {
  id: string;
  name: string;
  description: string;
  layout: { columns: number; rows: number };
  widgets: Widget[];
  filters: Filters;
  guest_ranges: Range[];
  updated_at: string;
  updated_by: string;
  version: number;
}

export interface Line {
  id: string;
  name: string;
  description: string;
  updated_at: string;
  widget_count: number;
}

export interface Values {
  widget_id: string;
  answer: Answer | null;
  rows: { columns: string[]; data: Record<string, unknown>[]; row_count: number; truncated: boolean } | null;
  value: number | string | null;
  change: string | null;
  stale: boolean;
  age_seconds: number;
  follows_range: boolean;
  error: { code: string; message: string } | null;
}

export interface Link {
  id: string;
  shown: string;
  label: string;
  created_by: string;
  created_at: string;
  expires_at: string | null;
}

export interface Shared {
  name: string;
  description: string;
  layout: { columns: number; rows: number };
  widgets: { id: string; type: WidgetType; title: string; chart_type: ChartType; measure: string | null; text: string | null; position: Place }[];
  range: Range | null;
  ranges: Range[];
  is_filtered: boolean;
  time_zone: string;
  updated_at: string;
  expires_at: string | null;
}

const ROOT = "api/v1/dashboards";

/** A request about a tenant's dashboards. */
async function call<T>(tenant: string, where: string, init: RequestInit = {}, more: Record<string, string> = {}): Promise<T> {
  const headers = { ...(init.headers as Record<string, string>), "X-Tenant-ID": tenant, ...more };
  return (await send(where, { ...init, headers })).json() as Promise<T>;
}

const MOST_PAGES = 5;
const MOST_LASTING = 60_000;

/** A request that goes on when the page is left; browsers let only small ones. */
const lasting = (init: RequestInit): RequestInit => ({ ...init, keepalive: String(init.body).length < MOST_LASTING });

/** All of a tenant's. */
export async function listed(tenant: string, signal?: AbortSignal): Promise<Line[]> {
  const found: Line[] = [];
  for (let page = 1; page <= MOST_PAGES; page++) {
    const told = await call<{ data: Line[]; pagination: { total_pages: number } }>(tenant, `${ROOT}?limit=100&page=${page}`, signal ? { signal } : {});
    found.push(...told.data);
    if (page >= told.pagination.total_pages) break;
  }
  return found;
}

export const read = (tenant: string, id: string, signal?: AbortSignal): Promise<Dashboard> =>
  call(tenant, path`api/v1/dashboards/${id}`, signal ? { signal } : {});

export const create = (tenant: string, body: { name: string; description?: string; widgets?: NewWidget[] }): Promise<{ id: string; name: string }> =>
  call(tenant, ROOT, postInit("POST", body));

export const change = (tenant: string, id: string, body: Partial<Pick<Dashboard, "name" | "description" | "layout" | "filters" | "guest_ranges">> & { widgets?: NewWidget[] }, version: number): Promise<Dashboard> =>
  call(tenant, path`api/v1/dashboards/${id}`, lasting(postInit("PUT", body)), { "If-Match": `"${version}"` });

export const drop = (tenant: string, id: string): Promise<unknown> => call(tenant, path`api/v1/dashboards/${id}`, { method: "DELETE" });
export const restore = (tenant: string, id: string): Promise<Dashboard> =>
  call(tenant, path`api/v1/dashboards/${id}/restore`, { method: "POST" });

export const exported = (tenant: string, id: string): Promise<Record<string, unknown>> =>
  call(tenant, path`api/v1/dashboards/${id}/export`);
export const imported = (tenant: string, document: unknown): Promise<{ id: string; name: string }> =>
  call(tenant, `${ROOT}/import`, postInit("POST", document));

export const links = async (tenant: string, id: string, signal?: AbortSignal): Promise<Link[]> =>
  (await call<{ links: Link[] }>(tenant, path`api/v1/dashboards/${id}/links`, signal ? { signal } : {})).links;
export const share = (tenant: string, id: string, body: { label: string; expires_at?: string }): Promise<Link & { place: string }> =>
  call(tenant, path`api/v1/dashboards/${id}/links`, postInit("POST", body));
export const endLink = (tenant: string, id: string, link: string): Promise<unknown> =>
  call(tenant, path`api/v1/dashboards/${id}/links/${link}`, { method: "DELETE" });

/** Of which events: with other filters than the dashboard's, or, by a link, of another time. */
export type Of = { filters: Filters } | { range: Range } | Record<string, never>;

export type AskWidget = (widget: string, signal: AbortSignal, of: Of) => Promise<Values>;

const MOST_TRIES = 5;
const AT_ONCE = 2;

/** What a widget shows; where too many are asked at once, it waits for its turn. */
async function valuesAt(where: string, headers: Record<string, string>, widget: string, signal: AbortSignal, of: Of): Promise<Values> {
  for (let tries = 1; ; tries++) {
    const asked = postInit("POST", { widgets: [widget], ...of }, signal);
    const answer = await send(where, { ...asked, headers: { ...(asked.headers as Record<string, string>), ...headers } });
    const found = ((await answer.json()) as { values: Values[] }).values[0];
    if (!found) throw new ApiError(404, "unknown_widget", "This widget is not there any more.", "", null, null);
    if (found.error?.code !== "too_many_queries" || tries === MOST_TRIES) return found;
    await new Promise((resolve) => setTimeout(resolve, 400 * tries * (0.5 + Math.random())));
    signal.throwIfAborted();
  }
}

/** A few at a time, in the order of the dashboard: a tenant has so many turns, and each widget is shown as soon as it is there. */
function byTurns(ask: AskWidget): AskWidget {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (widget, signal, of) => {
    if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      signal.throwIfAborted();
      return await ask(widget, signal, of);
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}

export const asking = (tenant: string, id: string): AskWidget =>
  byTurns((widget, signal, of) => valuesAt(path`api/v1/dashboards/${id}/values`, { "X-Tenant-ID": tenant }, widget, signal, of));

export const askingShared = (token: string): AskWidget =>
  byTurns((widget, signal, of) => valuesAt("api/v1/shared/values", { Authorization: `Bearer ${token}` }, widget, signal, of));

export const shared = async (token: string, signal: AbortSignal): Promise<Shared> =>
  (await send("api/v1/shared", { signal, headers: { Authorization: `Bearer ${token}` } })).json() as Promise<Shared>;

/** Where a view is with its state, to come back to it: without whose data it shows. */
export function opensHere(): string {
  const { view, params } = placeNow();
  params.delete("tenant");
  const query = params.toString();
  return query ? `${view}?${query}` : view;
}

/** A file that is no JSON at all. */
export class NotADocument extends ApiError {
  constructor(name: string) {
    super(400, "invalid_json", `${name} is no JSON.`, "", null, null);
  }
}

/** A name for a new widget, that no other one has. */
export const newId = (): string => [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
