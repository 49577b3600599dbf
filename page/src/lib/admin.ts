// The admin API: what owners of a tenant do with the session of their browser. See docs/reference/admin.md.
import { get, patch, path, post, put, remove } from "./api";

const ROOT = "admin/v1/";

const listOf = (name: string, tenant: string, filters: Record<string, string | number | undefined> = {}): string => {
  const query = new URLSearchParams({ tenant });
  for (const [key, value] of Object.entries(filters)) if (value) query.set(key, String(value));
  return `${ROOT}${name}?${query}`;
};

export type Scope = "ingest" | "query" | "admin";
export type Role = "owner" | "analyst" | "viewer";

export interface Key {
  id: string;
  tenant: string;
  kind: "write" | "secret";
  name: string;
  shown: string;
  scopes: Scope[];
  origins: string[];
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
  replaced_by: string | null;
  last_used_at: string | null;
}

export interface NewKey {
  tenant: string;
  kind: Key["kind"];
  name: string;
  scopes?: Scope[];
  origins?: string[];
  expires_days?: number;
}

/** A key with its secret, which no other answer has. */
export type MadeKey = Key & { key: string };

export const keysOf = (tenant: string, signal: AbortSignal) => get<Key[]>(listOf("keys", tenant), signal);
export const makeKey = (asked: NewKey) => post<MadeKey>(`${ROOT}keys`, asked);
export const rotateKey = (id: string, hours: number) => post<MadeKey>(ROOT + path`keys/${id}/rotate`, { overlap_hours: hours });
export const revokeKey = (id: string) => remove<Key>(ROOT + path`keys/${id}`);

export interface Person {
  id: string;
  email: string;
  roles: Record<string, Role>;
  created_at: string;
  disabled: boolean;
}

/** Whoever has a role in a tenant; an administrator of all tenants also sees those who have one in all of them. */
export async function peopleOf(tenant: string, isOfAll: boolean, signal: AbortSignal): Promise<Person[]> {
  if (!isOfAll) return get<Person[]>(listOf("users", tenant), signal);
  const everyone = await get<Person[]>(`${ROOT}users`, signal);
  return everyone.filter((one) => one.roles[tenant] || one.roles["*"]);
}
export const invite = (email: string, tenant: string, role: Role) =>
  post<Person & { link: string }>(`${ROOT}users`, { email, tenant, role });
export const giveRole = (email: string, tenant: string, role: Role) => put<Person>(ROOT + path`users/${email}/roles/${tenant}`, { role });
export const takeRole = (email: string, tenant: string) => remove<Person>(ROOT + path`users/${email}/roles/${tenant}`);
export const passwordLink = (email: string) => post<{ link: string }>(ROOT + path`users/${email}/password`, {});

export interface Settled {
  name: string;
  tier: "default" | "enterprise";
  events_a_minute: number | null;
  limit: number | null;
  retention_days: number | null;
  time_zone: string;
  denied: string[];
  hashed: string[];
  signals: "ignore" | "anonymous" | "drop" | null;
  event_days: Record<string, number>;
}

const DEFAULTS: Omit<Settled, "name"> = {
  tier: "default",
  events_a_minute: null,
  limit: null,
  retention_days: null,
  time_zone: "UTC",
  denied: [],
  hashed: [],
  signals: null,
  event_days: {},
};

/** What is settled for a tenant; the defaults where nothing is. */
export const settledOf = async (tenant: string, signal: AbortSignal): Promise<Settled> =>
  (await get<Settled[]>(`${ROOT}tenants`, signal)).find((one) => one.name === tenant) ?? { name: tenant, ...DEFAULTS };

/** Change what is named. A zone holds at once where one process does everything, and a moment later where several do. */
export async function settle(tenant: string, changed: Partial<Settled>): Promise<Settled> {
  const settled = await patch<Settled>(ROOT + path`tenants/${tenant}`, changed);
  for (let tries = 0; changed.time_zone !== undefined && tries < 8; tries++) {
    const { time_zone } = await get<{ time_zone: string }>(path`api/v1/tenants/${tenant}`);
    if (time_zone === changed.time_zone) break;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return settled;
}

export interface Change {
  id: number;
  at: string;
  actor: string;
  action: string;
  tenant: string;
  subject: string;
  detail: Record<string, unknown>;
}

export const changesOf = (
  tenant: string,
  asked: { after?: number; action?: string; text?: string; limit: number },
  signal: AbortSignal,
) => get<Change[]>(listOf("changes", tenant, { order: "newest", ...asked }), signal);

export interface DeadLetter {
  id: number;
  position: string;
  tenant: string;
  event_id: string;
  reason: "refused_by_warehouse" | "damaged_in_log";
  step: string;
  error: string;
  at: string;
  line: string;
}

export interface Decision {
  id: number;
  letter_id: number;
  event_id: string;
  reason: string;
  action: "replayed" | "edited" | "dropped";
  at: string;
}

export const lettersOf = (tenant: string, asked: { reason?: string; after?: number; limit: number }, signal: AbortSignal) =>
  get<DeadLetter[]>(listOf("dead-letters", tenant, asked), signal);
export const letterOf = (id: string, signal: AbortSignal) => get<DeadLetter>(ROOT + path`dead-letters/${id}`, signal);
export const correctLetter = (id: number, line: string) => put<{ count: number }>(`${ROOT}dead-letters/${id}`, { line });
export const replayLetters = (ids: number[]) => post<{ count: number }>(`${ROOT}dead-letters/replay`, { ids });
export const dropLetters = (ids: number[]) => post<{ count: number }>(`${ROOT}dead-letters/drop`, { ids });
export const decisionsOf = (tenant: string, signal: AbortSignal) =>
  get<Decision[]>(listOf("decisions", tenant, { limit: 10_000 }), signal);

export type Whose = { user_id: string } | { visitor_id: string };

export interface Found {
  received_before: string;
  users: string[];
  visitors: string[];
  shared_visitors: string[];
  rows: Record<string, number>;
}

export interface Erased extends Found {
  erasure: number;
  complete: boolean;
  remaining: Record<string, number>;
  verification: string;
  log: unknown;
  off_disk_by: string;
}

export interface Erasure {
  id: number;
  at: string;
  received_before: string;
  actor: string;
  ids: number;
  rows: Record<string, number>;
  state: string;
}

export const EXPORT = `${ROOT}privacy/export`;
export const look = (tenant: string, whose: Whose) => post<Found>(`${ROOT}privacy/erase`, { tenant, ...whose, dry_run: true });
export const erase = (tenant: string, whose: Whose) => post<Erased>(`${ROOT}privacy/erase`, { tenant, ...whose });
export const erasuresOf = (tenant: string, signal: AbortSignal) =>
  get<Erasure[]>(listOf("privacy/erasures", tenant, { limit: 10_000 }), signal);
