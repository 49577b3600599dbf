"""What to send next, and what an answer means for it: the same for threads and tasks, without a clock or a socket."""

import email.utils
import gzip
import json
import random
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from millrace_client.buffer import Buffer
from millrace_client.errors import Failure
from millrace_client.events import Item, iso
from millrace_client.options import Options, log

PATH: Final = "/track/batch"
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_PACKED_FROM: Final = 1024  # bytes; below that packing saves no packet
_LONGEST_WAIT: Final = 3600.0  # seconds that a server may ask for


@dataclass(frozen=True, slots=True)
class Pause:
    """How long to wait before the next request."""

    seconds: float = 0.0
    asked: bool = False
    """The server asked for it: then it holds when the client closes, too."""


@dataclass(frozen=True, slots=True)
class Request:
    """A batch and how it is sent."""

    batch: list[Item]
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Delivery:
    """One batch at a time, in the order in which the events were tracked, each until it is settled."""

    def __init__(self, buffer: Buffer, options: Options) -> None:
        self._buffer = buffer
        self._options = options
        self._pending: deque[list[Item]]
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget what is on its way, in a forked process."""
        self._lock = threading.RLock()
        self._pending = deque()
        self._failures = 0

    @property
    def under_way(self) -> bool:
        """Whether a batch was sent that is not settled."""
        return bool(self._pending)

    def next_request(self) -> Request | None:
        """The next request; None when nothing waits. The events of a request that failed come again, with the same ids."""
        with self._lock:
            if not self._pending and (batch := self._buffer.take()):
                self._pending.append(batch)
            if not self._pending:
                return None
            batch = self._pending[0]
        sent_at = iso(time.time_ns() // 1_000_000)  # of this attempt, so that the server sees how far off this clock is
        body = b'{"sent_at":"%s","events":[%s]}' % (sent_at.encode(), b",".join(item.text for item in batch))
        headers = {"Content-Type": "application/json"}
        if len(body) >= _PACKED_FROM:
            return Request(batch, gzip.compress(body, compresslevel=3, mtime=0), headers | {"Content-Encoding": "gzip"})
        return Request(batch, body, headers)

    def answered(self, request: Request, answer: Answer) -> Pause:
        """Settle what the answer settles."""
        with self._lock:
            if not self._is_under_way(request):
                return Pause()
            if answer.status == 200:
                verdicts = _verdicts(answer.content)
                return self._again("the answer is not Millrace's") if verdicts is None else self._stored(verdicts)
            if answer.status in _PASSING:
                return self._again(f"HTTP {answer.status}", _retry_after(answer.headers.get("retry-after")))
            batch = self._pending.popleft()
            if answer.status == 413 and len(batch) > 1:
                middle = len(batch) // 2
                self._pending.extendleft((batch[middle:], batch[:middle]))
            else:
                self._refused(batch, answer)
            self._failures = 0
            return Pause()

    def failed(self, reason: str) -> Pause:
        """There was no answer: the events may or may not be stored, and are sent again."""
        with self._lock:
            return self._again(reason)

    def give_up(self) -> int:
        """Drop everything that waits; how many events that were."""
        lost = 0
        message = "the client was closed before the server took it"
        with self._lock:
            while items := self._pending.popleft() if self._pending else self._buffer.take():
                failures = [Failure(item.event_id, "not_delivered", message, item.event) for item in items]
                self._buffer.settle(items, failures, dropped=True)
                lost += len(items)
        if lost:
            log.error("%d events were not delivered in time and are lost", lost)
        return lost

    def _is_under_way(self, request: Request) -> bool:
        """Whether the request's events still wait for its answer. They do not once they were given up, or sent by another: at
        the interpreter's end, while a loop's task hangs."""
        return bool(self._pending) and self._pending[0] is request.batch

    def _refused(self, batch: list[Item], answer: Answer) -> None:
        code, message = _reason(answer)
        log.error("%d events were refused: %s (%s)", len(batch), message, code)
        self._buffer.settle(batch, [Failure(item.event_id, code, message, item.event) for item in batch])

    def _stored(self, verdicts: list[dict[str, Any]]) -> Pause:
        batch = self._pending.popleft()
        rejected = {one["index"]: one for one in verdicts if one.get("index") in range(len(batch))}
        failures = []
        for index, one in sorted(rejected.items()):
            item = batch[index]
            failures.append(Failure(item.event_id, str(one.get("code", "")), str(one.get("message", "")), item.event))
            log.warning("an event was rejected: %s (%s)", one.get("message"), one.get("code"))
        self._buffer.settle(batch, failures)
        if self._failures:
            log.info("events are delivered again")
        self._failures = 0
        return Pause()

    def _again(self, reason: str, asked: float | None = None) -> Pause:
        self._buffer.count_retry()
        ceiling = min(self._options.longest_retry_seconds, self._options.first_retry_seconds * 2.0 ** min(self._failures, 30))
        level = log.debug if self._failures else log.warning
        level("events cannot be delivered now and will be sent again: %s", reason)
        self._failures += 1
        if asked is None:
            return Pause(random.uniform(ceiling / 2, ceiling))  # noqa: S311 (spreads clients, keeps no secret)
        return Pause(asked + random.uniform(0, min(1.0, 0.1 * asked)), asked=True)  # noqa: S311 (never before, a little spread)


def _verdicts(content: bytes) -> list[dict[str, Any]] | None:
    """The errors of a 200; None when this is no answer of the tracking route, for example the page of a gateway."""
    try:
        said = json.loads(content)
    except ValueError:
        return None
    if not isinstance(said, dict) or "events_accepted" not in said:
        return None
    return [one for one in said.get("errors") or [] if isinstance(one, dict)]


def _reason(answer: Answer) -> tuple[str, str]:
    try:
        said = json.loads(answer.content)
        return str(said["code"]), str(said["message"])
    except (ValueError, KeyError, TypeError):
        return f"http_{answer.status}", f"the server answered {answer.status}"


def _retry_after(value: str | None) -> float | None:
    """Seconds of a ``Retry-After`` (RFC 9110, 10.2.3): a number of them, or a date."""
    if not value:
        return None
    if value.strip().isdecimal():
        return min(_LONGEST_WAIT, float(value))
    try:
        at = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return min(_LONGEST_WAIT, max(0.0, at.timestamp() - time.time()))
