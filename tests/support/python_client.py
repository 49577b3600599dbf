"""Both Python clients behind one set of calls, so that one suite runs over them."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from millrace_client import AsyncMillrace, Millrace, Options, Stats
from millrace_client.tracking import Tracker

KINDS: Final = ("threads", "tasks")
_SECONDS: Final = 60.0


class Driven(Protocol):
    """A client, driven from the test's thread."""

    @property
    def tracker(self) -> Tracker:
        """To track with."""

    def flush(self, seconds: float = _SECONDS) -> bool:
        """Settle what was tracked."""

    def close(self, seconds: float | None = None) -> None:
        """Close it."""

    def stats(self) -> Stats:
        """Its counts."""


class _Threads:
    def __init__(self, url: str, options: Options) -> None:
        self.tracker = Millrace(url, "key-1", customer_id="shop", options=options)

    def flush(self, seconds: float = _SECONDS) -> bool:
        return self.tracker.flush(seconds)

    def close(self, seconds: float | None = None) -> None:
        self.tracker.close(seconds)

    def stats(self) -> Stats:
        return self.tracker.stats()


class _Tasks:
    """On a loop in a thread of its own, as an application has it whose handlers run in a thread pool."""

    def __init__(self, url: str, options: Options) -> None:
        self.tracker = AsyncMillrace(url, "key-1", customer_id="shop", options=options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.tracker.__aenter__(), self._loop).result(_SECONDS)

    def flush(self, seconds: float = _SECONDS) -> bool:
        return asyncio.run_coroutine_threadsafe(self.tracker.flush(seconds), self._loop).result(2 * _SECONDS)

    def close(self, seconds: float | None = None) -> None:
        if not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(self.tracker.aclose(seconds), self._loop).result(2 * _SECONDS)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def stats(self) -> Stats:
        return self.tracker.stats()


@contextmanager
def driven(kind: str, url: str, options: Options) -> Iterator[Driven]:
    """A client of this kind, closed at the end."""
    made: Driven = _Threads(url, options) if kind == "threads" else _Tasks(url, options)
    try:
        yield made
    finally:
        made.close(0.5)
