// What becomes of what is sent, as it comes: for whoever is pointing an SDK here.
import { useEffect, useState } from "preact/hooks";
import { path } from "../lib/api";
import { clock, count } from "../lib/format";
import { follow, type StreamState } from "../lib/sse";
import { useTenant } from "../lib/session";

export interface Verdict {
  key: number;
  outcome: string;
  at: string;
  protocol: string;
  key_id?: string;
  event_type?: string;
  event_id?: string;
  client_event_id?: string;
  reason?: string;
  events?: number;
  event_ids?: string[];
}

const MOST = 60;
let number = 0;

/** Verdicts of a tenant, the newest first, for as long as they are wanted. */
export function useVerdicts(isOn: boolean, most = MOST): { verdicts: Verdict[]; state: StreamState } {
  const { customer_id: id } = useTenant();
  const [verdicts, set] = useState<Verdict[]>([]);
  const [state, setState] = useState<StreamState>("connecting");
  useEffect(() => {
    if (!isOn) return;
    const stop = new AbortController();
    set([]);
    void follow(
      path`ingest/live/${id}`,
      stop.signal,
      (message) => {
        if (message.event !== "verdicts") return;
        const came = (JSON.parse(message.data) as Verdict[]).map((one) => ({ ...one, key: number++ })).reverse();
        set((before) => [...came, ...before].slice(0, most));
      },
      setState,
    );
    return () => stop.abort();
  }, [id, isOn]);
  return { verdicts, state };
}

export const TONES: Record<string, string> = { accepted: "good", duplicate: "warn", limited: "warn" };

/** What a verdict says in one line. */
export function VerdictLine({ verdict: one }: { verdict: Verdict }) {
  const { time_zone: zone } = useTenant();
  return (
    <>
      <time class="num muted">{clock(new Date(one.at), zone)}</time>
      <span>
        <span class={`badge ${TONES[one.outcome] ?? "bad"}`}>{one.outcome.replace("_", " ")}</span>
      </span>
      <span>
        {one.event_type ?? `${count(one.events ?? 1)} × ${one.reason || "no reason told"}`} <span class="muted">{one.protocol}</span>
      </span>
      <code class="muted">{one.client_event_id ?? one.event_id ?? one.event_ids?.join(", ")}</code>
    </>
  );
}

export function VerdictList({ verdicts }: { verdicts: readonly Verdict[] }) {
  return (
    <div class="stream verdicts" role="log" aria-live="off" aria-label="Verdicts" tabIndex={0}>
      <ol>
        {verdicts.map((one) => (
          <li key={one.key}>
            <VerdictLine verdict={one} />
          </li>
        ))}
      </ol>
    </div>
  );
}
