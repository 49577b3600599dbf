import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "./api";

export interface Loading<T> {
  data: T | null;
  error: ApiError | null;
  busy: boolean;
  again: () => void;
}

const asError = (thrown: unknown): ApiError =>
  thrown instanceof ApiError ? thrown : new ApiError(0, "page_fault", String(thrown), "", null, null);

/** What `load` answers, asked anew when `key` changes and, if so said, every so many milliseconds while the page is seen. */
export function useLoaded<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>, every = 0): Loading<T> {
  const [state, set] = useState<{ data: T | null; error: ApiError | null; busy: boolean }>({ data: null, error: null, busy: true });
  const [round, setRound] = useState(0);
  const known = useRef<string | null>(null);
  useEffect(() => {
    if (key === null) {
      set({ data: null, error: null, busy: false });
      return;
    }
    const stop = new AbortController();
    let timer = 0;
    const isOther = known.current !== key;
    known.current = key;
    set((before) => ({ data: isOther ? null : before.data, error: null, busy: true }));
    const ask = async () => {
      try {
        const data = await load(stop.signal);
        if (!stop.signal.aborted) set({ data, error: null, busy: false });
      } catch (thrown) {
        if (!stop.signal.aborted) set((before) => ({ data: before.data, error: asError(thrown), busy: false }));
      }
      if (every && !stop.signal.aborted) timer = window.setTimeout(tick, every);
    };
    const tick = () => {
      if (document.visibilityState === "visible") void ask();
      else timer = window.setTimeout(tick, every);
    };
    void ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [key, round, every]);
  return { ...state, again: useCallback(() => setRound((number) => number + 1), []) };
}

/** Something that a person begins and may stop. */
export function useTask<A extends unknown[]>(work: (signal: AbortSignal, ...given: A) => Promise<void>) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const running = useRef<AbortController | null>(null);
  const stop = useCallback(() => {
    running.current?.abort();
    running.current = null;
    setBusy(false);
  }, []);
  const start = async (...given: A) => {
    stop();
    const mine = new AbortController();
    running.current = mine;
    setBusy(true);
    setError(null);
    try {
      await work(mine.signal, ...given);
    } catch (thrown) {
      if (!mine.signal.aborted) setError(asError(thrown));
    } finally {
      if (running.current === mine) {
        running.current = null;
        setBusy(false);
      }
    }
  };
  useEffect(() => stop, []);
  return { start, stop, busy, error, clear: () => setError(null) };
}

/** A value in the browser's storage; where there is none, in memory. */
export function remembered(name: string): { read: () => string | null; write: (value: string) => void } {
  const key = `millrace.${name}`;
  let here: string | null = null;
  return {
    read: () => {
      try {
        return localStorage.getItem(key) ?? here;
      } catch {
        return here;
      }
    },
    write: (value) => {
      here = value;
      try {
        localStorage.setItem(key, value);
      } catch {
        // storage is full or forbidden: it holds until the page is left
      }
    },
  };
}
