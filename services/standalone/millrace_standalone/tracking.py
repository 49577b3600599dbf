"""A client of the tracking routes for the commands that send many events: batches, gzip, patience."""

import random
import threading
import time
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Generic, Self, TypeVar

import httpx
import msgspec

from millrace_core.errors import InvalidInput, Unavailable

_AT_ONCE: Final = 3
"""Posts under way: one is on its way, one at the server, one being answered; more only wait there for each other."""
_GZIP: Final = 31  # window of 32 KiB with a gzip header (zlib's manual, deflateInit2)
_LONGEST_PAUSE: Final = 30.0
_FIRST_PATIENCE: Final = 5.0
_RESTART_PATIENCE: Final = 300.0
_TRY_AGAIN: Final = (429, 502, 503, 504)

_Mark = TypeVar("_Mark")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event of a batch that the server did not take."""

    index: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Verdict(Generic[_Mark]):
    """What became of a batch; ``mark`` is what the caller gave with it."""

    mark: _Mark
    accepted: int
    refusals: Sequence[Refusal]


class TrackingClient:
    """Posts batches and tries again while the server is busy or away.

    Args:
        url: base URL of the server.
        key: sent as a bearer token where given.
        patience: seconds to wait for a first answer; a server that has answered once is waited for longer, through a restart.
    """

    def __init__(self, url: str, key: str | None = None, *, patience: float = _FIRST_PATIENCE) -> None:
        self.url = url.rstrip("/")
        headers = {"content-type": "application/json", "content-encoding": "gzip"}
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        self._http = httpx.Client(timeout=30.0, headers=headers)
        self._patience = patience
        self._stopping = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._http.close()

    def send_all(self, batches: Iterable[tuple[_Mark, Sequence[bytes]]]) -> Iterator[Verdict[_Mark]]:
        """Post every batch, a few at once; the verdicts in the order of the batches.

        Raises:
            Unavailable: the server is away for longer than a restart takes.
            InvalidInput: the server refuses a batch for more than its events.
        """
        waiting: deque[Future[Verdict[_Mark]]] = deque()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                for mark, events in batches:
                    waiting.append(pool.submit(self.send, mark, events))
                    if len(waiting) >= _AT_ONCE:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            except BaseException:
                self._stopping.set()  # or a post that waits for a busy server would hold up the end
                for future in waiting:
                    future.cancel()
                raise

    def send(self, mark: _Mark, events: Sequence[bytes]) -> Verdict[_Mark]:
        """Post one batch of events, each as JSON text."""
        answer = self._post(b'{"events":[' + b",".join(events) + b"]}")
        if answer.status_code == 413 and len(events) > 1:
            middle = len(events) // 2
            left, right = self.send(mark, events[:middle]), self.send(mark, events[middle:])
            moved = [Refusal(one.index + middle, one.code, one.message) for one in right.refusals]
            return Verdict(mark, left.accepted + right.accepted, [*left.refusals, *moved])
        if answer.status_code == 413:
            return Verdict(mark, 0, [Refusal(0, *_reason(answer))])
        if answer.status_code != 200:
            code, message = _reason(answer)
            raise InvalidInput(f"{self.url} answers {answer.status_code}: {message}", code=code)
        body = msgspec.json.decode(answer.content)
        refusals = [Refusal(one["index"], one["code"], one["message"]) for one in body["errors"]]
        return Verdict(mark, body["events_accepted"], refusals)

    def _post(self, body: bytes) -> httpx.Response:
        """The first answer that is not "try again". Posting the same events twice is safe: they carry their ids."""
        packing = zlib.compressobj(1, wbits=_GZIP)
        packed = packing.compress(body) + packing.flush()
        pause, since = 0.2, time.monotonic()
        while True:
            try:
                answer = self._http.post(f"{self.url}/track/batch", content=packed)
            except httpx.TransportError as error:
                if time.monotonic() - since > self._patience:
                    raise Unavailable(f"{self.url} does not answer: start a server with `millrace up`") from error
                wait = pause
            else:
                self._patience = max(self._patience, _RESTART_PATIENCE)
                if answer.status_code not in _TRY_AGAIN:
                    return answer
                wait = _retry_after(answer) or pause
            pause = min(pause * 2, _LONGEST_PAUSE)
            if self._stopping.wait(wait * random.uniform(0.9, 1.2)):  # noqa: S311
                raise Unavailable("stopped while the server was busy")


def _retry_after(answer: httpx.Response) -> float | None:
    text = answer.headers.get("retry-after", "")
    return min(float(text), _LONGEST_PAUSE) if text.isdecimal() else None


def _reason(answer: httpx.Response) -> tuple[str, str]:
    try:
        body: Any = answer.json()
        return str(body["code"]), str(body["message"])
    except (ValueError, KeyError, TypeError):
        return "unexpected_answer", answer.reason_phrase
