import { attempt, EVENT, type Device } from "./device.js";
import { idHead } from "./ids.js";

/**
 * Events that the server has not answered for. Each one is an entry of its own in local storage, so tabs never write over each
 * other's; whoever holds the lock sends what lies there, so no two tabs send the same, and what a killed tab left is taken over.
 */
export interface Queue {
  /** Keep an event, to be sent soon; while it is held it stays in memory. @internal */
  _add(id: string, text: string, isHeld: boolean): void;
  /** Store and send what was held, and what other pages left. @internal */
  _release(): void;
  /** Send what waits, unless the server asked to wait. @internal */
  _flush(): Promise<void>;
  /** Hand what waits over to the browser: the page goes away and will not see an answer. @internal */
  _leave(): void;
  /** Forget everything that waits. @internal */
  _clear(): void;
}

type Waiting = [id: string, text: string];

const WAIT = "wait"; // no tab sends before this moment
const ANSWERED = "ok"; // when the server took events for the last time
const MOST_WAITING = 1_000;
const MOST_WAITING_CHARACTERS = 1_000_000; // of some five million that a site may store
const MOST_IN_A_REQUEST = 100;
// Characters of a request: at three bytes each it stays under the 64 KiB that a page may have under way while it goes away.
const MOST_CHARACTERS = 20_000;
const ADOPTED_AFTER = 2_000;
const TRUSTED_FOR = 60_000;
const LONGEST_BACKOFF = 300_000;
const LONGEST_WAIT = 3_600_000;
const ANSWER_WITHIN = 30_000;

/** A queue for the server at `server`; a batch leaves on size, and on age in milliseconds. */
export const openQueue = (
  server: string,
  key: string | undefined,
  batchSize: number,
  flushInterval: number,
  device: Device,
  log: (...said: unknown[]) => void,
): Queue => {
  const own = new Map<string, string>(); // this page's events by id, whether they could be stored or not
  const flying = new Set<string>();
  let timer = 0;
  let due = 0; // when it ends
  let failures = 0;
  let until = 0;
  let weight = 0; // characters in `own`

  const stop = (): void => {
    clearTimeout(timer);
    timer = 0;
  };

  /** Flush then, or earlier where that is already planned. */
  const later = (milliseconds: number): void => {
    const at = Date.now() + milliseconds;
    if (timer && at > due) return;
    stop();
    due = at;
    timer = window.setTimeout(flush, milliseconds);
  };

  /** Milliseconds in which nothing may be sent. */
  const wait = (): number => {
    const left = Math.max(until, +(device._read(WAIT) || 0)) - Date.now();
    return left < LONGEST_WAIT ? left : 0; // the clock was set back
  };

  const forget = (batch: Iterable<[id: string, ...rest: unknown[]]>): void => {
    for (const [id] of batch) {
      weight -= (own.get(id) || "").length;
      own.delete(id);
      device._drop(EVENT + id);
    }
  };

  /** What goes into the next request: this page's events, and what others have left for so long that they must be gone. */
  const next = (): Waiting[] => {
    const old = EVENT + idHead(Date.now() - ADOPTED_AFTER);
    const waiting = new Map(own);
    const batch: Waiting[] = [];
    let characters = 0;
    for (const name of device._names().reverse()) {
      const text = device._read(name) || "";
      characters += text.length;
      if (waiting.size > MOST_WAITING || characters > MOST_WAITING_CHARACTERS) device._drop(name); // the oldest
      else if (name < old) waiting.set(name.slice(EVENT.length), text);
    }
    characters = 0;
    for (const one of waiting) {
      if (flying.has(one[0])) continue;
      characters += one[1].length;
      if (batch[0] && (characters > MOST_CHARACTERS || batch.length >= MOST_IN_A_REQUEST)) break;
      batch.push(one);
    }
    return batch;
  };

  /** URL and body. Text needs no preflight, and a beacon has no header for a key. */
  const request = (batch: Waiting[]): [url: string, body: string] => {
    const events = batch.map(([, text]) => text).join();
    const rest = JSON.stringify({ sent_at: Date.now(), write_key: key }).slice(1);
    return batch.length > 1
      ? [`${server}/track/batch`, `{"events":[${events}],${rest}`]
      : [`${server}/track`, `${events.slice(0, -1)},${rest}`];
  };

  const send = async (batch: Waiting[]): Promise<void> => {
    const [url, body] = request(batch);
    let status = 0;
    let after = 0;
    batch.forEach(([id]) => flying.add(id));
    try {
      const answer = await fetch(url, {
        method: "POST",
        body,
        keepalive: body.length < MOST_CHARACTERS + 1_000,
        signal: AbortSignal.timeout?.(ANSWER_WITHIN),
      });
      status = answer.status;
      const told = answer.headers.get("retry-after");
      if (told) after = +told * 1_000 || Date.parse(told) - Date.now() || 0;
      log(status, await answer.text());
    } catch (error) {
      log(error);
    }
    batch.forEach(([id]) => flying.delete(id));
    if (status && status !== 408 && status !== 429 && status < 500) {
      // The verdict stands for each of them, the rejected ones too.
      failures = until = 0;
      forget(batch);
      device._write(ANSWERED, `${Date.now()}`);
    } else {
      const backoff = Math.min(1_000 * 2 ** failures++, LONGEST_BACKOFF) * (0.5 + Math.random() / 2);
      const pause = Math.min(Math.max(backoff, after), LONGEST_WAIT - 1);
      until = Date.now() + pause;
      if (status) device._write(WAIT, `${until}`); // for all tabs; that there is no network each finds out
      later(pause);
    }
  };

  const drain = async (): Promise<void> => {
    for (let batch; wait() <= 0 && (batch = next())[0]; ) await send(batch);
  };

  const flush = async (): Promise<void> => {
    stop();
    const left = wait();
    if (left > 0) return later(left);
    if (next()[0]) {
      try {
        await navigator.locks.request(device._prefix, drain);
      } catch {
        await drain(); // no locks outside of secure contexts: that two tabs send the same is harmless
      }
    }
    if (device._names()[0]) later(ADOPTED_AFTER); // another page's, which may be gone by then
  };

  attempt(() => {
    addEventListener("storage", ({ key, newValue }) => {
      if (key && !newValue) forget([[key.slice((device._prefix + EVENT).length)]]); // another tab sent it, or had to forget it
    });
    addEventListener("online", () => {
      until = 0; // what the server asked us to wait stands in storage and holds
      flush();
    });
  });

  return {
    _add(id, text, isHeld) {
      own.set(id, text);
      weight += text.length;
      while (own.size > MOST_WAITING || weight > MOST_WAITING_CHARACTERS) forget([own.entries().next().value!]);
      if (isHeld) return;
      device._write(EVENT + id, text);
      if (own.size >= batchSize) flush();
      else later(flushInterval);
    },
    _release() {
      own.forEach((text, id) => device._write(EVENT + id, text));
      later(own.size ? flushInterval : ADOPTED_AFTER);
    },
    _flush: flush,
    _leave() {
      if (wait() > 0 && device._names()[0]) return;
      const answers = navigator.onLine && Date.now() - +(device._read(ANSWERED) || 0) < TRUSTED_FOR;
      for (let batch; (batch = next())[0] && navigator.sendBeacon(...request(batch)); ) {
        batch.forEach(([id]) => flying.add(id));
        // Where the server answered a moment ago the browser is trusted with them; else they stay for the next page as well.
        if (answers) forget(batch);
      }
      flying.clear(); // for a page that comes back
    },
    _clear() {
      stop();
      forget(own);
    },
  };
};
