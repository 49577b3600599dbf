// Server-sent events read by fetch: with the session of the page, by POST, too, and with errors that say what is wrong.
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { send } from "./api";

/** Messages of one answer, until it ends. */
export async function* messages(
  path: string,
  init: RequestInit,
  onRetry?: (milliseconds: number) => void,
): AsyncGenerator<EventSourceMessage> {
  const answer = await send(path, init);
  const waiting: EventSourceMessage[] = [];
  const parser = createParser({
    onEvent: (message) => waiting.push(message),
    ...(onRetry && { onRetry }),
  });
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      parser.feed(value);
      yield* waiting.splice(0);
    }
  } finally {
    reader.cancel().catch(() => {}); // the request is over, or was aborted before
  }
}

export type StreamState = "connecting" | "open" | "waiting";

/** Follow a live stream for as long as the signal lets; come back where it was left, after the time that the server names. */
export async function follow(
  path: string,
  signal: AbortSignal,
  onMessage: (message: EventSourceMessage) => void,
  onState: (state: StreamState) => void,
): Promise<void> {
  let last = "";
  let retry = 3000;
  while (!signal.aborted) {
    onState("connecting");
    try {
      const from = last ? `?last_event_id=${encodeURIComponent(last)}` : "";
      const stream = messages(path + from, { signal, headers: { Accept: "text/event-stream" } }, (told) => {
        retry = told;
        onState("open");
      });
      for await (const message of stream) {
        if (message.id) last = message.id;
        onMessage(message);
      }
    } catch {
      // what is wrong shows in the state, and is tried again
    }
    if (signal.aborted) return;
    onState("waiting");
    await pause(retry, signal);
  }
}

const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
