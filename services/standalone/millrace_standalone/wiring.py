"""The composition root: opens every port once and makes all three services on them."""

import asyncio
import functools
import importlib.metadata
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from millrace_analytics import wiring as analytics
from millrace_analytics.live.hub import Hub
from millrace_consumer import wiring as consumer
from millrace_consumer.consumer import Consumer
from millrace_consumer.partition import ignore_step
from millrace_core import metrics as names
from millrace_core.time import iso_time, now_ms
from millrace_eventlog.ports import LogPorts
from millrace_eventlog.wiring import open_log
from millrace_ingestion import wiring as ingestion
from millrace_ingestion.openapi import paths as tracking_paths
from millrace_service.health import Health
from millrace_service.metrics import Metrics
from millrace_service.settings import is_loopback
from millrace_standalone.admin import admin_router
from millrace_standalone.settings import StandaloneSettings
from millrace_warehouse.ports import WarehousePorts
from millrace_warehouse.wiring import open_warehouse
from millrace_web.app import create_app
from millrace_web.health import health_router
from millrace_web.requests import AsgiApp, Message, Receive, Send

_log = structlog.get_logger("millrace")


@dataclass(slots=True)
class Platform:
    """Everything, opened and running."""

    app: AsgiApp
    hub: Hub
    health: Health
    consumer: Consumer
    stop_seconds: float
    failed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the consumer ended by itself, which it never does on purpose."""
    admin_token: str = ""
    _stop_by: float | None = None

    def begin_stop(self) -> None:
        """Be not ready from now on, and end live streams. The time that a stop may take has begun."""
        self.health.stopping = True
        self.hub.close()
        self._stop_by = asyncio.get_running_loop().time() + self.stop_seconds

    def seconds_left(self) -> float:
        """How much of the time of a stop is left, a second at least."""
        if self._stop_by is None:
            return self.stop_seconds
        return max(1.0, self._stop_by - asyncio.get_running_loop().time())


@functools.cache
def version() -> str:
    """Of the installed distribution, whose files are read once."""
    return importlib.metadata.version("millrace")


@asynccontextmanager
async def open_platform(
    settings: StandaloneSettings, *, clock: Callable[[], int] = now_ms, on_step: Callable[[str], None] = ignore_step
) -> AsyncIterator[Platform]:
    """Open the ports, build the services, start the consumer; at the end store what was read and close in reverse.

    Args:
        clock: milliseconds since the epoch.
        on_step: called with the name of each step of the log and the consumer; fault tests end the process there.

    Raises:
        StartRefused: a port cannot be opened.
    """
    metrics, health = Metrics(), Health()
    async with AsyncExitStack() as stack:
        log = await stack.enter_async_context(open_log(settings, settings.data_dir, metrics, clock=clock, on_step=on_step))
        warehouse = await stack.enter_async_context(open_warehouse(settings, settings, settings.data_dir, metrics))
        consuming = consumer.build(settings, log, warehouse, metrics, health, clock=clock, on_step=on_step)
        tracking = ingestion.build(settings, log.writer, metrics, health, clock=clock)
        answering = analytics.build(settings, warehouse.reads, log.tail, metrics, health)
        platform = Platform(
            app=tracking, hub=answering.hub, health=health, consumer=consuming.consumer, stop_seconds=settings.shutdown_seconds
        )
        status = _status(log, warehouse, consuming.consumer, health, metrics)
        app = create_app(
            "Millrace",
            version(),
            metrics,
            [
                health_router(analytics.SERVICE, health, metrics, status, ai_enabled=False),
                answering.router,
                admin_router(lambda: platform.admin_token, status, log, warehouse.admin, metrics),
            ],
            origins=settings.cors_origins,
            hosts=_hosts(settings),
        )
        document = app.openapi()
        document["paths"] |= tracking_paths()
        platform.app = _Dispatch(tracking, app)
        stop = asyncio.Event()
        running = asyncio.create_task(consuming.run(stop), name="consumer")
        running.add_done_callback(lambda task: _consumer_ended(task, stop, platform))
        try:
            yield platform
        finally:
            stop.set()
            await _finish(running, platform.seconds_left())


class _Dispatch:
    """One router for both services: tracking requests pass nothing that they do not need."""

    def __init__(self, tracking: AsgiApp, rest: AsgiApp) -> None:
        self._tracking = tracking
        self._rest = rest

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "")
        app = self._tracking if path.rstrip("/") in ("/track", "/track/batch") else self._rest
        await app(scope, receive, send)


def _hosts(settings: StandaloneSettings) -> list[str]:
    return settings.allowed_hosts or ([] if is_loopback(settings.host) else ["*"])


def _consumer_ended(task: "asyncio.Task[None]", stop: asyncio.Event, platform: Platform) -> None:
    if not stop.is_set() and not task.cancelled():
        _log.critical("consumer_failed", exc_info=task.exception())
        platform.failed.set()


async def _finish(running: "asyncio.Task[None]", seconds: float) -> None:
    """Wait for the last batch; what is not stored by then has its intent in the log and is stored at the next start."""
    done, _ = await asyncio.wait({running}, timeout=seconds)
    if not done:
        _log.warning("consumer_given_up", seconds=seconds)
        running.cancel()
        await asyncio.wait({running}, timeout=1.0)


def _status(
    log: LogPorts, warehouse: WarehousePorts, consuming: Consumer, health: Health, metrics: Metrics
) -> Callable[[], Any]:
    async def status() -> dict[str, Any]:
        lag = await consuming.lag()
        oldest = lag.oldest_stored_at
        readiness = await health.readiness()
        return {
            "version": version(),
            "checks": dict(readiness.checks),
            "lag": {
                "events": lag.records,
                "bytes": lag.bytes,
                "seconds": 0.0 if oldest is None else round(max(0, now_ms() - oldest) / 1000, 3),
                "oldest_at": None if oldest is None else iso_time(oldest),
            },
            "freshness": _freshness(metrics),
            "dead_letters": await log.dead_letters.count(),
            "log_bytes": log.bytes_on_disk(),
            "tables": [
                {"table": one.table, "rows": one.rows, "bytes": one.bytes, "parts": one.parts}
                for one in await warehouse.admin.sizes()
            ],
        }

    return status


def _freshness(metrics: Metrics) -> dict[str, Any]:
    """From accepted to queryable, of the oldest event of each batch since the start."""
    name = names.FRESHNESS.name
    kept = metrics.registry.restricted_registry([f"{name}_count", f"{name}_sum"])
    found = {sample.name: sample.value for metric in kept.collect() for sample in metric.samples}
    batches, seconds = found.get(f"{name}_count", 0.0), found.get(f"{name}_sum", 0.0)
    return {"batches": int(batches), "average_seconds": round(seconds / batches, 3) if batches else None}
