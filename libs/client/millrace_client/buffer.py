"""Events that wait to be sent: bounded, counted, and known until each of them is settled."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from millrace_client.errors import Failure, Stats
from millrace_client.events import Item
from millrace_client.options import Options, log

_SAY_AGAIN_SECONDS = 60.0


@dataclass(slots=True)
class _Counts:
    tracked: int = 0
    stored: int = 0
    rejected: int = 0
    dropped: int = 0
    retries: int = 0


@dataclass(slots=True)
class _Waiting:
    items: deque[Item] = field(default_factory=deque)
    size: int = 0
    """Bytes of what is waiting or on its way."""
    taken: int = 0
    """Events on their way."""
    queued: int = 0
    """Events that were ever let in."""
    hurry: bool = False
    """Whether what waits should leave at once."""
    since: float = 0.0
    """When the first of ``items`` came."""


class Buffer:
    """Where application threads put events and the sender takes them from."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget everything. In a forked process: what waits is the parent's to send, and its lock may be held for ever."""
        self.changed = threading.Condition()
        self._counts = _Counts()
        self._waiting = _Waiting()
        self._said_dropped = float("-inf")
        self.closed = False

    def put(self, item: Item, wake: Callable[[], None]) -> bool:
        """Queue an event, or drop it where there is no room; whether it was queued.

        Args:
            wake: called, without the lock, when the sender has to look.
        """
        reason: tuple[str, str] | None = None
        news = False
        with self.changed:
            self._counts.tracked += 1
            waiting = self._waiting
            if self.closed:
                reason = ("closed", "the client is closed")
            elif len(waiting.items) + waiting.taken >= self._options.queue_events:
                reason = ("queue_full", f"{self._options.queue_events} events wait already")
            elif waiting.size + len(item.text) > self._options.queue_bytes:
                reason = ("queue_full", f"{waiting.size} bytes wait already")
            else:
                if not waiting.items:
                    waiting.since = time.monotonic()
                waiting.items.append(item)
                waiting.size += len(item.text)
                waiting.queued += 1
                # The sender sleeps until the first event comes, or a batch is full; others need not wake it.
                news = len(waiting.items) in (1, self._options.batch_events) or waiting.size >= self._options.batch_bytes
                if news:
                    self.changed.notify_all()
            if reason is not None:
                self._counts.dropped += 1
        if reason is None:
            if news:
                wake()
            return True
        self._say_dropped(reason[1])
        self._tell(Failure(item.event_id, *reason, item.event))
        return False

    def refuse(self, failure: Failure) -> None:
        """Count what never became an event."""
        with self.changed:
            self._counts.tracked += 1
            self._counts.rejected += 1
        log.warning("an event was not tracked: %s", failure.message)
        self._tell(failure)

    def seconds_until_due(self) -> float | None:
        """How long until a batch should leave: 0 when it is full or its first event has waited; None when nothing waits."""
        with self.changed:
            waiting = self._waiting
            if not waiting.items:
                return None
            full = len(waiting.items) >= self._options.batch_events or waiting.size >= self._options.batch_bytes
            if full or self.closed or waiting.hurry:
                return 0.0
            return max(0.0, waiting.since + self._options.flush_seconds - time.monotonic())

    def take(self) -> list[Item]:
        """The next batch; it stays counted until it is settled."""
        batch: list[Item] = []
        with self.changed:
            size, waiting = 0, self._waiting
            while waiting.items and len(batch) < self._options.batch_events:
                size += len(waiting.items[0].text)
                if batch and size > self._options.batch_bytes:
                    break
                batch.append(waiting.items.popleft())
            waiting.taken += len(batch)
            waiting.since = time.monotonic()
            waiting.hurry = waiting.hurry and bool(waiting.items)
        return batch

    def settle(self, items: Sequence[Item], failures: Sequence[Failure], *, dropped: bool = False) -> None:
        """These events are done with: stored, but for the failures."""
        with self.changed:
            self._waiting.taken -= len(items)
            self._waiting.size -= sum(len(item.text) for item in items)
            self._counts.stored += len(items) - len(failures)
            if dropped:
                self._counts.dropped += len(failures)
            else:
                self._counts.rejected += len(failures)
            self.changed.notify_all()
        for failure in failures:
            self._tell(failure)

    def count_retry(self) -> None:
        """A request has to be sent again."""
        with self.changed:
            self._counts.retries += 1

    def close(self) -> None:
        """Take nothing more."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    @property
    def unsettled(self) -> int:
        """Events that wait or are on their way."""
        return len(self._waiting.items) + self._waiting.taken

    @property
    def settled(self) -> int:
        """How many of those that were let in are done with."""
        return self._waiting.queued - self.unsettled

    def hurry(self) -> int:
        """Let what waits leave at once; how many have to be ``settled`` for all of it to be done with."""
        with self.changed:
            self._waiting.hurry = bool(self._waiting.items)
            self.changed.notify_all()
            return self._waiting.queued

    def stats(self) -> Stats:
        """Counts of this moment."""
        with self.changed:
            counts = self._counts
            return Stats(counts.tracked, counts.stored, counts.rejected, counts.dropped, self.unsettled, counts.retries)

    def _tell(self, failure: Failure) -> None:
        if self._options.on_failure is None:
            return
        try:
            self._options.on_failure(failure)
        except Exception:  # noqa: BLE001 -- the application's
            log.exception("on_failure raised")

    def _say_dropped(self, reason: str) -> None:
        now = time.monotonic()
        if now - self._said_dropped >= _SAY_AGAIN_SECONDS:
            self._said_dropped = now
            log.warning("events are dropped: %s; %d so far", reason, self._counts.dropped)
