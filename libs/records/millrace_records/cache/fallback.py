"""Stands before a shared store: a deadline for each call, and this process's own store while the other does not keep it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeVar

import structlog
from redis.exceptions import RedisError

from millrace_core import metrics as names
from millrace_records.cache.memory import MemoryCache
from millrace_records.cache.ports import Rate
from millrace_records.cache.redis_store import RedisCache
from millrace_service.metrics import Metrics

PROBE_SECONDS: Final = 1.0

_Answer = TypeVar("_Answer")

_log = structlog.get_logger("millrace.cache")


class FallbackCache:
    """Cache, Limits, Locks and Messages: those of Redis, or this process's own from the first call that fails or is late until
    Redis answers again (a circuit breaker). No request finds out whether it does: a task of its own asks every second.

    Args:
        deadline_seconds: how long a request waits for Redis.
    """

    def __init__(self, shared: RedisCache, own: MemoryCache, metrics: Metrics, deadline_seconds: float) -> None:
        self._shared = shared
        self._own = own
        self._metrics = metrics
        self._deadline_seconds = deadline_seconds
        self._probing: asyncio.Task[None] | None = None

    @property
    def degraded(self) -> bool:
        """Whether Redis is not asked at the moment."""
        return self._probing is not None

    async def get(self, key: str) -> bytes | None:
        """See Cache."""
        return await self._either("get", lambda: self._shared.get(key), lambda: self._own.get(key))

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """See Cache. Kept here as well, for when Redis goes."""
        await self._own.put(key, value, seconds)
        await self._either("put", lambda: self._shared.put(key, value, seconds), _nothing)

    async def take(self, key: str, amount: int, rate: Rate) -> float:
        """See Limits."""
        return await self._either(
            "take", lambda: self._shared.take(key, amount, rate), lambda: self._own.take(key, amount, rate)
        )

    def take_here(self, key: str, amount: int, rate: Rate) -> float | None:
        """See Limits. Here while Redis is not asked."""
        if self._probing is None:
            return None
        self._metrics.counter(names.CACHE_FALLBACKS, "take").inc()
        return self._own.take_here(key, amount, rate)

    async def acquire(self, name: str, seconds: float) -> bool:
        """See Locks. Without Redis every process does the work."""
        return await self._either(
            "acquire", lambda: self._shared.acquire(name, seconds), lambda: self._own.acquire(name, seconds)
        )

    async def publish(self, channel: str) -> None:
        """See Messages. Without Redis nobody hears it; followers look again once they have it back."""
        await self._either("publish", lambda: self._shared.publish(channel), _nothing)

    def follow(self, channel: str) -> AsyncIterator[None]:
        """See Messages."""
        return self._shared.follow(channel)

    def give_up(self, error: BaseException) -> None:
        """Use this process's own from now on, until Redis answers."""
        if self._probing is None:
            _log.warning("cache_degraded", cause=f"{type(error).__name__}: {error}")
            self._metrics.gauge(names.CACHE_DEGRADED).set(1)
            self._probing = asyncio.create_task(self._probe(), name="cache-probe")

    async def close(self) -> None:
        """Stop asking, close the connections. Idempotent."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)
        await self._shared.close()

    async def _either(
        self, operation: str, shared: Callable[[], Awaitable[_Answer]], own: Callable[[], Awaitable[_Answer]]
    ) -> _Answer:
        if self._probing is None:
            try:
                async with asyncio.timeout(self._deadline_seconds):
                    return await shared()
            except (RedisError, OSError, TimeoutError) as error:
                self.give_up(error)
        self._metrics.counter(names.CACHE_FALLBACKS, operation).inc()
        return await own()

    async def _probe(self) -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            try:
                async with asyncio.timeout(self._deadline_seconds):
                    await self._shared.ping()
            except (RedisError, OSError, TimeoutError):
                continue
            break
        self._metrics.gauge(names.CACHE_DEGRADED).set(0)
        _log.info("cache_recovered", seconds=round(time.monotonic() - began, 1))
        self._probing = None


async def _nothing() -> None:
    """What there is to do where it was done before."""
