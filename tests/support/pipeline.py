"""The consumer between the real log and the real engine, in this process: what fault tests of one step take apart.

A life is what happens between a start and an end of the process; the log's folder and the engine's tables outlive it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from millrace_consumer.consumer import Consumer
from millrace_consumer.privacy.tombstones import Tombstones
from millrace_consumer.settings import ConsumerSettings
from millrace_core.errors import Unavailable
from millrace_core.events import Arrival, Event, Visit, line_of, part_of_line
from millrace_core.ids import new_id
from millrace_core.time import now_ms, warehouse_time
from millrace_eventlog.ports import LogPorts
from millrace_eventlog.records import LogRecord
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import open_log
from millrace_service.metrics import Metrics
from millrace_warehouse.ports import StoringPorts, WarehouseWriter
from tests.support import figures
from tests.support.warehouse import OpenWarehouse


@dataclass
class Life:
    """One run of the consumer."""

    log: LogPorts
    consumer: Consumer
    metrics: Metrics
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    begin: asyncio.Event = field(default_factory=asyncio.Event)
    """The consumer waits for it."""
    died: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it has ended at the step that it dies at."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it has ended."""

    async def until_stored(self) -> None:
        """Return when everything in the log is in the warehouse."""
        async with asyncio.timeout(60):
            while not self.consumer.partitions or (await self.consumer.lag()).records or not await self.is_ready():
                await asyncio.sleep(0.01)

    async def until_in_trouble(self) -> Unavailable:
        """What the consumer waits for, once it waits."""
        async with asyncio.timeout(60):
            while True:
                try:
                    await self.consumer.check()
                except Unavailable as trouble:
                    if trouble.code != "consumer_unassigned":
                        return trouble
                await asyncio.sleep(0.01)

    def sample(self, name: str, **labels: str) -> float:
        """The value of a metric."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    async def is_ready(self) -> bool:
        """Whether partitions are granted, and nothing keeps them waiting."""
        try:
            await self.consumer.check()
        except Unavailable:
            return False
        return True


class Died(Exception):
    """Ends a life at a step."""


@contextlib.asynccontextmanager
async def life(
    folder: Path,
    warehouse: OpenWarehouse,
    *,
    writer: WarehouseWriter | None = None,
    clock: Callable[[], int] = now_ms,
    dies_at: str = "",
    settings: ConsumerSettings | None = None,
    waits: bool = False,
    log_settings: LogSettings | None = None,
    tombstones: Tombstones | None = None,
) -> AsyncIterator[Life]:
    """Open the log, run the consumer, stop it at the end as a SIGTERM does.

    Args:
        writer: what stands before the engine; the engine's own where nothing does.
        waits: the consumer does nothing until it is told to begin.
        log_settings: which log; the one in the folder by default.
        tombstones: whose events are left out.
        dies_at: the step at which the consumer ends, leaving everything as it is there.
    """
    metrics = Metrics()
    ports = StoringPorts(writer or warehouse.writer, warehouse.admin, warehouse.people)
    given = settings or ConsumerSettings(consumer_flush_seconds=0.02, consumer_backoff_seconds=0.2)
    async with open_log(log_settings or LogSettings(), folder, metrics) as log:
        died = asyncio.Event()

        def on_step(step: str) -> None:
            if step == dies_at:
                figures.injected(f"end at {step}")
                died.set()
                raise Died(step)

        if tombstones is not None:
            tombstones.all_known()
        consumer = Consumer(
            given, log.reader, log.dead_letters, ports, metrics, clock=clock, on_step=on_step, tombstones=tombstones
        )
        alive = Life(log, consumer, metrics, died=died)
        if not waits:
            alive.begin.set()
        running = asyncio.create_task(_run(alive))
        try:
            yield alive
        finally:
            alive.stop.set()
            if not alive.begin.is_set():
                running.cancel()
            expected = (ExceptionGroup,) if dies_at else (asyncio.CancelledError,) if running.cancelling() else ()
            with contextlib.suppress(*expected):
                await asyncio.wait_for(running, 30)


async def _run(alive: Life) -> None:
    await alive.begin.wait()
    try:
        await alive.consumer.run(alive.stop)
    finally:
        alive.ended.set()


def record(number: int, *, tenant: str = "faults", timestamp: str | None = None, event_id: str | None = None) -> LogRecord:
    """A record as ingestion appends it."""
    at = now_ms()
    made = Event(event_id or new_id(at), tenant, "page_view", timestamp or warehouse_time(at), f"v{number % 7}")
    line = line_of(made, part_of_line(Visit(page_path="/")), part_of_line(Arrival(warehouse_time(at), "native")))
    return LogRecord(tenant, made.event_id, at, "native", "", line)


def records(count: int) -> Sequence[LogRecord]:
    """So many records."""
    return [record(number) for number in range(count)]
