import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { path } from "../lib/api";
import { clock, count } from "../lib/format";
import { change, linkTo, usePlace } from "../lib/place";
import { follow, type StreamState } from "../lib/sse";
import { useTenant } from "../lib/session";
import { Card } from "../parts/basics";
import { Icon } from "../parts/icon";

interface Event {
  event_type: string;
  event_name: string;
  visitor_id: string;
  timestamp: string;
  key: number;
}

const MOST = 200;
let number = 0;

/** What comes in, as it comes: newest first, filtered by the words that are asked for. */
export function LiveStream() {
  const tenant = useTenant();
  const { params } = usePlace();
  const filter = params.get("only") ?? "";
  const isPaused = params.get("stream") === "paused";
  const [state, setState] = useState<StreamState>("connecting");
  const [events, setEvents] = useState<Event[]>([]);
  const [held, setHeld] = useState(0);
  const waiting = useRef<Event[]>([]);
  const paused = useRef(isPaused);
  const [skipped, setSkipped] = useState(0);

  const show = (more: Event[]) => setEvents((before) => [...more, ...before].slice(0, MOST));

  useEffect(() => {
    paused.current = isPaused;
    if (isPaused) return;
    show(waiting.current);
    waiting.current = [];
    setHeld(0);
  }, [isPaused]);

  useEffect(() => {
    const stop = new AbortController();
    void follow(
      path`events/stream/${tenant.customer_id}`,
      stop.signal,
      (message) => {
        if (message.event === "lagged") {
          setSkipped((before) => before + (JSON.parse(message.data) as { skipped: number }).skipped);
          return;
        }
        if (message.event !== "new_events") return;
        const came = (JSON.parse(message.data) as Event[]).map((event) => ({ ...event, key: number++ })).reverse();
        if (!paused.current) return show(came);
        waiting.current = [...came, ...waiting.current].slice(0, MOST);
        setHeld((before) => before + came.length);
      },
      setState,
    );
    return () => stop.abort();
  }, [tenant.customer_id]);

  const shown = useMemo(() => {
    const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (event: Event) => {
      const text = `${event.event_type} ${event.event_name} ${event.visitor_id}`.toLowerCase();
      return words.every((word) => text.includes(word));
    };
    return words.length ? events.filter(fits) : events;
  }, [events, filter]);

  return (
    <Card
      title="As it comes in"
      said={<StateLine state={state} isPaused={isPaused} held={held} skipped={skipped} />}
      flush
      aside={
        <div class="row stream-tools">
          <input
            class="input"
            type="search"
            aria-label="Show only events that match"
            placeholder="Type, name or visitor"
            value={filter}
            onInput={(event) => change({ only: event.currentTarget.value }, "replace")}
          />
          <button type="button" class="button" onClick={() => change({ stream: isPaused ? "" : "paused" }, "replace")}>
            <Icon name={isPaused ? "play" : "pause"} />
            {isPaused ? (held ? `Go on (${count(held)} new)` : "Go on") : "Pause"}
          </button>
        </div>
      }
    >
      {shown.length === 0 ? (
        <p class="stream-none muted">
          {events.length > 0 ? (
            "None of the latest events matches."
          ) : (
            <>
              Waiting for events. <a href={linkTo("start")}>How to send one</a>
            </>
          )}
        </p>
      ) : (
        <div class="stream" role="log" aria-live="off" aria-label="Events" tabIndex={0}>
          <ol>
            {shown.map((event) => (
              <li key={event.key}>
                <time class="num muted" dateTime={event.timestamp}>
                  {clock(new Date(event.timestamp), tenant.time_zone)}
                </time>
                <span class="type">{event.event_type}</span>
                <span class="name muted">{event.event_name !== event.event_type ? event.event_name : ""}</span>
                <code>
                  {event.visitor_id && <a href={linkTo("journeys", { who: event.visitor_id, range: "24h" })}>{event.visitor_id}</a>}
                </code>
              </li>
            ))}
          </ol>
        </div>
      )}
    </Card>
  );
}

function StateLine(props: { state: StreamState; isPaused: boolean; held: number; skipped: number }) {
  const text = props.isPaused
    ? "Paused. What comes meanwhile is kept."
    : { connecting: "Connecting…", open: "Each event the moment it is accepted", waiting: "The stream broke off; it comes back by itself" }[props.state];
  return (
    <span role="status">
      {text}
      {props.skipped > 0 && ` · ${count(props.skipped)} were too many to show`}
    </span>
  );
}
