// One dashboard while it is looked at and changed: shown at once, kept one change after the other, and never over what somebody
// else has changed meanwhile.
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "./api";
import { change, type Dashboard, read, type Widget } from "./dashboards";
import { useLoaded } from "./hooks";

export type Draft = Partial<Pick<Dashboard, "name" | "description" | "filters" | "guest_ranges">> & { widgets?: Widget[] };

/** So long nothing changes before it is kept: a key that is held down is one change. */
const CALM_MS = 300;

/** What of a widget makes its values others: not how it is drawn. */
const askedOf = ({ config }: Widget): string => JSON.stringify({ ...config, chart_type: null, opens: null });

export function useDashboard(tenant: string, id: string) {
  const loaded = useLoaded(`dashboard ${tenant} ${id}`, (signal) => read(tenant, id, signal));
  const [shown, setShown] = useState<Dashboard | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const saved = useRef<Dashboard | null>(null);
  const waiting = useRef<Draft | null>(null);
  const running = useRef(false);
  const timer = useRef(0);

  const take = (told: Dashboard) => {
    saved.current = told;
    setShown(told);
  };
  useEffect(() => {
    if (!loaded.data) return;
    waiting.current = null;
    setError(null);
    take(loaded.data);
  }, [loaded.data]);

  const run = async () => {
    clearTimeout(timer.current);
    if (running.current) return;
    running.current = true;
    setBusy(true);
    while (waiting.current && saved.current) {
      const draft: Draft = waiting.current;
      waiting.current = null;
      try {
        const told = await change(tenant, id, draft, saved.current.version);
        setError(null);
        if (waiting.current) saved.current = told;
        else take(told);
      } catch (thrown) {
        // What was to be kept stays on the screen until somebody says what is to become of it.
        waiting.current = { ...draft, ...(waiting.current as Draft | null) };
        setError(thrown instanceof ApiError ? thrown : new ApiError(0, "page_fault", String(thrown), "", null, null));
        break;
      }
    }
    running.current = false;
    setBusy(false);
  };

  const save = (draft: Draft) => {
    setShown((before) => before && { ...before, ...draft });
    waiting.current = { ...waiting.current, ...draft };
    setBusy(true);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => void run(), CALM_MS);
  };
  // Whoever leaves does not lose the last moment.
  const latest = useRef(run);
  latest.current = run;
  useEffect(() => {
    const leave = () => void (waiting.current && latest.current());
    window.addEventListener("pagehide", leave);
    return () => {
      window.removeEventListener("pagehide", leave);
      leave();
    };
  }, []);
  /** Over what somebody else has changed. */
  const insist = async () => {
    try {
      saved.current = await read(tenant, id);
      await run();
    } catch (thrown) {
      if (thrown instanceof ApiError) setError(thrown);
    }
  };
  /** What a widget asks, as it is kept; null while it is not. */
  const asked = (widget: Widget): string | null => {
    const kept = saved.current?.widgets.find((one) => one.id === widget.id);
    return kept && askedOf(kept) === askedOf(widget) ? askedOf(widget) : null;
  };
  return { shown, loading: loaded, error, busy, save, again: () => void run(), insist: () => void insist(), asked };
}
