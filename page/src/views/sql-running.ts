// Asking in SQL: what the server answers, and what the view does with it.
import { postInit, send } from "../lib/api";

export interface Rows {
  data: Record<string, unknown>[];
  columns: string[];
  row_count: number;
  truncated: boolean;
  execution_time_ms: number;
  stale?: boolean;
  cache: string;
}

export interface Checked {
  valid: boolean;
  errors: { code: string; message: string; position: number | null; line: number | null; column: number | null }[];
  estimated_rows: number | null;
  parameters: Record<string, string>;
}

/** A value of a placeholder as its type has it; text that is none stays text, and the server says so. */
export function valueOf(type: string, text: string): unknown {
  if (/^(Nullable\()?(U?Int|Float|Decimal)/.test(type)) {
    const number = Number(text);
    return text.trim() === "" || Number.isNaN(number) ? text : number;
  }
  if (type.startsWith("Array")) {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return text.split(",").map((one) => one.trim());
    }
  }
  return text;
}

/** The placeholders of a statement, `{name:Type}`, with their types; what stands in quotes is none. */
export function placeholdersOf(sql: string): Record<string, string> {
  const bare = sql.replace(/'(?:[^'\\]|\\.|'')*'|--[^\n]*/g, "");
  const found = bare.matchAll(/\{\s*(\w+)\s*:\s*([^{}]+?)\s*\}/g);
  return Object.fromEntries([...found].map(([, name, type]) => [name!, type!]));
}

/** Values of a statement as the address has them; what means nothing there is none. */
export function readValues(text: string | null): Record<string, string> {
  try {
    const read = JSON.parse(text ?? "{}") as unknown;
    if (typeof read !== "object" || read === null) return {};
    return Object.fromEntries(Object.entries(read).filter(([, value]) => typeof value === "string"));
  } catch {
    return {};
  }
}

/** Those that the statement has a place for. */
export function writeValues(sql: string, values: Record<string, string>): string {
  const given = Object.keys(placeholdersOf(sql)).filter((name) => values[name] !== undefined);
  return given.length > 0 ? JSON.stringify(Object.fromEntries(given.map((name) => [name, values[name]]))) : "";
}

/** Whether each of its places has one. */
export const isWhole = (sql: string, values: Record<string, string>): boolean =>
  Object.keys(placeholdersOf(sql)).every((name) => values[name] !== undefined);

/** A question, with the values that were given. */
export function bodyOf(tenant: string, sql: string, values: Record<string, string>) {
  const given = Object.entries(placeholdersOf(sql)).filter(([name]) => values[name] !== undefined);
  const parameters = Object.fromEntries(given.map(([name, type]) => [name, valueOf(type, values[name]!)]));
  return { customer_id: tenant, sql, ...(Object.keys(parameters).length > 0 && { parameters }) };
}

export async function rowsOf(body: Record<string, unknown>, signal: AbortSignal): Promise<Rows> {
  const answer = await send("query", postInit("POST", body, signal));
  return { ...((await answer.json()) as Omit<Rows, "cache">), cache: answer.headers.get("x-cache") ?? "" };
}

/** Ask for all rows as a file, and hand it to the browser. */
export async function download(body: Record<string, unknown>, format: string, signal: AbortSignal): Promise<void> {
  const answer = await send("query", postInit("POST", { ...body, format }, signal));
  const url = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "")?.[1] ?? `answer.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export const firstStatement = (tenant: string): string =>
  `SELECT toStartOfHour(timestamp) AS hour, count() AS events, uniq(visitor_id) AS visitors
FROM events_raw
WHERE customer_id = '${tenant}' AND timestamp >= now() - INTERVAL 24 HOUR
GROUP BY hour
ORDER BY hour`;
