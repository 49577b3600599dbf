"""Opens the store that processes share, by its URL."""

import contextlib
import importlib
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import urlsplit

from millrace_core.errors import StartRefused
from millrace_records.cache.memory import MemoryCache, memory_ports
from millrace_records.cache.ports import CachePorts
from millrace_records.settings import CacheSettings
from millrace_service.metrics import Metrics

_CONNECT_SECONDS: Final = 2.0
_CONNECTIONS: Final = 32


@contextlib.asynccontextmanager
async def open_cache(settings: CacheSettings, metrics: Metrics) -> AsyncIterator[CachePorts]:
    """The ports on the store that ``MILLRACE_CACHE_URL`` names: this process's memory, or Redis with that behind it.

    Raises:
        StartRefused: Redis refuses the password, or its library is not installed. One that does not answer is no reason.
    """
    if settings.cache_url == "memory://":
        yield memory_ports(settings.cache_memory_bytes)
        return
    own = MemoryCache(settings.cache_memory_bytes)
    shared = _redis(settings.cache_url)
    guarded = _module("fallback").FallbackCache(shared, own, metrics, settings.cache_deadline_seconds)
    try:
        await _greet(settings, shared, guarded)
        yield CachePorts(guarded, guarded, guarded, guarded, lambda: bool(guarded.degraded))
    finally:
        await guarded.close()


def _redis(url: str) -> Any:
    module = _module("redis_store")
    client = importlib.import_module("redis.asyncio").Redis
    no_retry = importlib.import_module("redis.asyncio.retry").Retry(importlib.import_module("redis.backoff").NoBackoff(), 0)
    every = {"retry": no_retry, "socket_connect_timeout": _CONNECT_SECONDS, "client_name": "millrace"}
    asking = client.from_url(url, socket_timeout=_CONNECT_SECONDS, max_connections=_CONNECTIONS, **every)
    listening = client.from_url(url, socket_timeout=None, health_check_interval=15, **every)
    return module.RedisCache(asking, listening)


async def _greet(settings: CacheSettings, shared: Any, guarded: Any) -> None:
    errors = importlib.import_module("redis.exceptions")
    url = urlsplit(settings.cache_url)
    try:
        await shared.ping()
    except (errors.AuthenticationError, errors.AuthorizationError, errors.NoPermissionError) as error:
        raise StartRefused(
            f"MILLRACE_CACHE_URL={url.scheme}://{url.hostname}:{url.port or 6379}: Redis refuses the user or its password"
        ) from error
    except errors.ResponseError as error:
        raise StartRefused(f"MILLRACE_CACHE_URL={url.scheme}://{url.hostname}:{url.port or 6379}: {error}") from error
    except (errors.RedisError, OSError, TimeoutError) as error:
        guarded.give_up(error)


def _module(name: str) -> Any:
    """A module on Redis's library, imported only where it is used."""
    try:
        return importlib.import_module(f"millrace_records.cache.{name}")
    except ImportError as error:
        raise StartRefused("MILLRACE_CACHE_URL=redis://…: install millrace[redis]") from error
