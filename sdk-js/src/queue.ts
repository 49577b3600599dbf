import { attempt, EVENT, type Device } from "./device.js";
import { idHead } from "./ids.js";

/**
 * Events that the server has not answered for. Each one is an entry of its own in local storage, so tabs never write over each
 * other's. Its name ends with that of its page. A page sends its own events, and those of a page whose lock it gets: that one is
 * gone. Age alone would not say so, and what one tab has removed another may still read for a moment.
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

type Waiting = [name: string, text: string];

const WAIT = "wait"; // no tab sends before this moment
const ANSWERED = "ok"; // when the server took events for the last time
const PAGE_AT = 38; // in an event's name: after `q.` and its id comes its page, which is the id of that one's first event
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
  const own = new Map<string, string>(); // what this page sends by name, whether it could be stored or not
  const flying = new Set<string>();
  let page = "";
  let sending = Promise.resolve();
  let timer = 0;
  let due = Infinity; // when it ends
  let failures = 0;
  let until = 0;

  /** Flush then, or earlier where that is already planned. */
  const later = (milliseconds: number): void => {
    const at = Date.now() + milliseconds;
    if (at > due) return;
    clearTimeout(timer);
    due = at;
    timer = setTimeout(flush, milliseconds);
  };

  /** Milliseconds in which nothing may be sent. */
  const wait = (): number => {
    const left = Math.max(until, +device._read(WAIT)!) - Date.now();
    return left < LONGEST_WAIT ? left : 0; // the clock was set back
  };

  const forget = (batch: Iterable<[name: string, ...rest: unknown[]]>): void => {
    for (const [name] of batch) if (own.delete(name)) device._drop(name);
  };

  const keep = (name: string, text: string): void => {
    own.set(name, text);
    while (own.size > MOST_WAITING || `${[...own]}`.length > MOST_WAITING_CHARACTERS) forget([[...own].sort()[0]!]); // the oldest
  };

  /** Take over the events of a page, unless a tab has its lock; and take this page's lock when it begins. */
  const adopt = async (gone: string): Promise<void> => {
    if (gone === page) return;
    const answer = (lock: unknown): unknown => {
      if (!lock) return;
      for (const name of device._names()) if (name.slice(PAGE_AT) === gone) keep(name, device._read(name)!);
      // A page that comes back is another one; while it has locks no browser would keep it.
      return new Promise<string>((free) => addEventListener("pagehide", () => free((page = ""))));
    };
    try {
      await navigator.locks.request(device._prefix + gone, { ifAvailable: true }, answer);
    } catch (error) {
      answer(error); // no locks outside of secure contexts: that two tabs send the same is harmless
    }
  };

  /** What goes into the next request, and is under way from now on. */
  const next = (): Waiting[] => {
    const batch: Waiting[] = [];
    let characters = 0;
    for (const one of own) {
      if (flying.has(one[0])) continue;
      characters += one[1].length;
      if (batch[0] && (characters > MOST_CHARACTERS || batch.length >= MOST_IN_A_REQUEST)) break;
      flying.add(one[0]);
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
    try {
      const answer = await fetch(url, {
        method: "POST",
        body,
        keepalive: body.length < MOST_CHARACTERS + 1_000,
        signal: AbortSignal.timeout?.(ANSWER_WITHIN),
      });
      status = answer.status;
      const told = answer.headers.get("retry-after")!;
      after = +told * 1_000 || Date.parse(told) - Date.now() || 0; // seconds or a date; 0 without
      log(status, await answer.text());
    } catch (error) {
      log(error);
    }
    flying.clear();
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
    clearTimeout(timer);
    due = Infinity;
    const left = wait();
    if (left > 0) return later(left);
    const old = EVENT + idHead(Date.now() - ADOPTED_AFTER);
    new Set(device._names().map((name) => (name < old ? name.slice(PAGE_AT) : page))).forEach(adopt);
    await (sending = sending.then(drain));
    if (device._names()[0]) later(ADOPTED_AFTER); // another page's, which may be gone by then
  };

  attempt(() => {
    addEventListener("storage", ({ key, newValue }) => {
      if (key && !newValue) forget([[key.slice(device._prefix.length)]]); // another tab sent it, or had to forget it
    });
    addEventListener("online", () => {
      until = 0; // what the server asked us to wait stands in storage and holds
      flush();
    });
  });

  return {
    _add(id, text, isHeld) {
      if (!page) adopt(id);
      page = page || id;
      const name = EVENT + id + page;
      keep(name, text);
      if (isHeld) return;
      device._write(name, text);
      later(own.size < batchSize ? flushInterval : 0);
    },
    _release() {
      own.forEach((text, name) => device._write(name, text));
      later(ADOPTED_AFTER);
    },
    _flush: flush,
    _leave() {
      if (wait() > 0 && device._names()[0]) return;
      const answers = navigator.onLine && Date.now() - +device._read(ANSWERED)! < TRUSTED_FOR;
      for (let batch; (batch = next())[0] && navigator.sendBeacon(...request(batch)); ) {
        // Where the server answered a moment ago the browser is trusted with them; else they stay for the next page as well.
        if (answers) forget(batch);
      }
      flying.clear(); // for a page that comes back
    },
    _clear() {
      forget(own);
    },
  };
};
