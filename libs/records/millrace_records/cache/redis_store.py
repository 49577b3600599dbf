"""On Redis: shared by every process. Errors of Redis pass through; ``fallback`` stands before this."""

import asyncio
import math
import secrets
from collections.abc import AsyncIterator
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from millrace_records.cache.ports import Rate

PREFIX: Final = "millrace:"
_AGAIN_SECONDS: Final = 1.0

# The generic cell rate algorithm, in microseconds of Redis's own clock: KEYS[1] holds when everything taken is paid for.
_TAKE: Final = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local free_at = math.max(now, tonumber(redis.call('GET', KEYS[1]) or now))
local behind = free_at + tonumber(ARGV[1])
local most = tonumber(ARGV[2])
if free_at > now and behind - now > most then
  return behind - now - most
end
redis.call('SET', KEYS[1], string.format('%.0f', behind), 'PX', math.ceil((behind - now) / 1000) + 1)
return 0
"""


class RedisCache:
    """Cache, Limits, Locks and Messages.

    Args:
        client: of connections that answer within a deadline.
        listener: of one that waits for messages.
    """

    def __init__(self, client: Any, listener: Any) -> None:
        self._client: Redis = client
        self._listener: Redis = listener
        self._take: Any = client.register_script(_TAKE)
        self._us = secrets.token_hex(8)

    async def ping(self) -> None:
        """Return when Redis answers."""
        await self._client.ping()

    async def get(self, key: str) -> bytes | None:
        """See Cache."""
        value: Any = await self._client.get(f"{PREFIX}value:{key}")
        return None if value is None else bytes(value)

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """See Cache."""
        await self._client.set(f"{PREFIX}value:{key}", value, px=math.ceil(seconds * 1000))

    async def take(self, key: str, amount: int, rate: Rate) -> float:
        """See Limits."""
        micros = math.ceil(amount * rate.seconds * 1e6 / rate.amount)
        waits = await self._take(keys=[f"{PREFIX}rate:{key}"], args=[micros, math.ceil(rate.seconds * 1e6)])
        return int(waits) / 1e6

    async def acquire(self, name: str, seconds: float) -> bool:
        """See Locks."""
        return bool(await self._client.set(f"{PREFIX}lock:{name}", self._us, nx=True, px=math.ceil(seconds * 1000)))

    async def publish(self, channel: str) -> None:
        """See Messages."""
        await self._client.publish(f"{PREFIX}{channel}", b"")

    async def follow(self, channel: str) -> AsyncIterator[None]:
        """See Messages. Subscribes again for as long as it is asked."""
        while True:
            try:
                async with self._listener.pubsub(ignore_subscribe_messages=True) as subscribed:
                    await subscribed.subscribe(f"{PREFIX}{channel}")
                    yield  # what was told before
                    async for _ in subscribed.listen():
                        yield
            except (RedisError, OSError):
                await asyncio.sleep(_AGAIN_SECONDS)

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        await self._client.aclose()
        await self._listener.aclose()
