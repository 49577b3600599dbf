// Questions of the metric layer and their answers, as /api/v1/questions has them.
import { ApiError, post } from "./api";

export interface Column {
  name: string;
  role: "time" | "dimension" | "step" | "measure";
  type: string;
  unit: string;
  approximate: boolean;
}

export interface Series {
  name: string;
  group: Record<string, unknown>;
  other: boolean;
  values: (number | null)[];
}

export interface AnswerTable {
  rows: unknown[][];
  times: string[];
  series: Series[];
  truncated: boolean;
}

export interface Answer extends AnswerTable {
  kind: string;
  columns: Column[];
  range: [string, string] | null;
  time_zone: string;
  source: string;
  /** The share of people that was looked at; null is everybody. */
  sample: number | null;
  freshness: { last_event_at: string | null; seconds_since_last_event: number | null };
  previous: AnswerTable | null;
  previous_range: [string, string] | null;
  extra: { times?: StepTimes[]; people?: string[]; direction?: "after" | "before" };
  statements: { sql: string; values: Record<string, unknown> }[];
  stale: boolean;
  execution_time_ms: number;
}

export interface StepTimes {
  people: number;
  average_seconds: number | null;
  median_seconds: number | null;
  p90_seconds: number | null;
}

/** What is said of an answer that looks at some of the people; null of one that looks at everybody. */
export const estimated = (answer: Answer): string | null =>
  answer.sample ? `estimated from one of ${Math.round(1 / answer.sample).toLocaleString("en")} people` : null;

export type Filter =
  | { field: string | { name: string }; operator?: string; value?: unknown }
  | { all: Filter[] }
  | { any: Filter[] }
  | { not: Filter };

export type Question = { kind: string } & Record<string, unknown>;

export const ask = (tenant: string, question: Question, signal?: AbortSignal): Promise<Answer> =>
  post("api/v1/questions", { customer_id: tenant, question }, signal);

interface Refused {
  code: string;
  message: string;
}

/** Several questions of a tenant, answered one after the other; the first that is refused is thrown. */
export async function askAll(tenant: string, questions: readonly Question[], signal?: AbortSignal): Promise<Answer[]> {
  const { answers } = await post<{ answers: (Answer | Refused)[] }>("api/v1/questions/batch", { customer_id: tenant, questions }, signal);
  return answers.map((answer) => {
    if ("code" in answer) throw new ApiError(400, answer.code, answer.message, "", null, null);
    return answer;
  });
}

export const isEvent = (event_type: string): Filter => ({ field: "event_type", value: event_type });

/** Several conditions as one; none of them is no filter. */
export function all(filters: Filter[]): { where?: Filter } {
  if (filters.length === 0) return {};
  return { where: filters.length === 1 ? filters[0]! : { all: filters } };
}

export interface Catalogue {
  metrics: { name: string; label: string; unit: string; formula: string; synonyms: string[]; family: string }[];
  dimensions: { name: string; label: string; type: string; description: string }[];
  event_types: { name: string; label: string; properties: Record<string, string> }[];
  segments: { name: string; label: string }[];
}

export interface Schema {
  tables: { name: string; kind: "table" | "view"; meaning: string; columns: { name: string; type: string }[] }[];
  event_types: (Named & {
    event_type: string;
    count: number;
    first_seen: string;
    last_seen: string;
    sampled: number;
    properties: (Named & { name: string; type: string; count: number; values: { value: string; count: number }[] })[];
  })[];
}

/** What somebody wrote about it, else what the platform says. */
interface Named {
  label: string;
  description: string;
  synonyms: string[];
}
