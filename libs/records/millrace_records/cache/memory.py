"""In this process: what one process alone has, and what each falls back to."""

import asyncio
import math
import time
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Final

from millrace_records.cache.ports import CachePorts, Rate

_OF_AN_ENTRY: Final = 200
"""Bytes that an entry takes beside its key and value."""
_MOST_NAMES: Final = 100_000


class MemoryCache:
    """Cache, Limits, Locks and Messages.

    Args:
        most_bytes: of keys and values; the values that were not asked for the longest leave first.
        clock: seconds.
    """

    def __init__(self, most_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_bytes = most_bytes
        self._clock = clock
        self._values: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._bytes = 0
        self._free_at: OrderedDict[str, float] = OrderedDict()
        self._locked_until: dict[str, float] = {}
        self._followers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    async def get(self, key: str) -> bytes | None:
        """See Cache."""
        kept = self._values.get(key)
        if kept is None:
            return None
        if kept[0] <= self._clock():
            self._forget(key)
            return None
        self._values.move_to_end(key)
        return kept[1]

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """See Cache."""
        self._forget(key)
        self._values[key] = (self._clock() + seconds, value)
        self._bytes += _size(key, value)
        while self._bytes > self._most_bytes:
            self._forget(next(iter(self._values)))

    async def take(self, key: str, amount: int, rate: Rate) -> float:
        """See Limits."""
        return self.take_here(key, amount, rate)

    def take_here(self, key: str, amount: int, rate: Rate) -> float:
        """See Limits. On the hot path of ingestion: 0.4 µs (tests/bench/access_cost.py)."""
        now, kept = self._clock(), self._free_at
        free_at = kept.get(key, now)
        if free_at <= now:
            behind = now + amount * rate.seconds / rate.amount
        else:
            behind = free_at + amount * rate.seconds / rate.amount
            if behind - now > rate.seconds:
                return behind - now - rate.seconds
        kept[key] = behind
        kept.move_to_end(key)
        if len(kept) > _MOST_NAMES:
            kept.popitem(last=False)
        return 0.0

    async def acquire(self, name: str, seconds: float) -> bool:
        """See Locks."""
        now = self._clock()
        if self._locked_until.get(name, -math.inf) > now:
            return False
        self._locked_until[name] = now + seconds
        return True

    async def publish(self, channel: str) -> None:
        """See Messages."""
        for told in self._followers[channel]:
            told.set()

    async def follow(self, channel: str) -> AsyncIterator[None]:
        """See Messages."""
        told = asyncio.Event()
        self._followers[channel].add(told)
        try:
            while True:
                await told.wait()
                told.clear()
                yield
        finally:
            self._followers[channel].discard(told)

    def _forget(self, key: str) -> None:
        kept = self._values.pop(key, None)
        if kept is not None:
            self._bytes -= _size(key, kept[1])


def _size(key: str, value: bytes) -> int:
    return len(key) + len(value) + _OF_AN_ENTRY


def memory_ports(most_bytes: int) -> CachePorts:
    """All ports on this process's own memory."""
    own = MemoryCache(most_bytes)
    return CachePorts(own, own, own, own, lambda: False)
