"""The consumer: every partition that the log grants, each in a task of its own."""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Final

import structlog

from millrace_consumer.dead_letters import DeadLetterLimit
from millrace_consumer.partition import OnStep, PartitionConsumer, Tools, ignore_step
from millrace_consumer.patience import Patience, Stopped
from millrace_consumer.privacy.tombstones import Tombstones
from millrace_consumer.recent_ids import RecentIds
from millrace_consumer.room import Room
from millrace_consumer.settings import ConsumerSettings
from millrace_consumer.storing import BatchStore
from millrace_consumer.tracing import Store, TracedStore
from millrace_consumer.watchdog import Watchdog
from millrace_core import metrics as names
from millrace_core.errors import PartitionLost, Unavailable, WarehouseUnavailable
from millrace_core.time import now_ms
from millrace_eventlog.ports import DeadLetters, LogReader
from millrace_eventlog.records import Granted, Lag, Revoked
from millrace_service.metrics import Metrics
from millrace_service.tracing import Tracer
from millrace_warehouse.ports import StoringPorts, WarehouseWriter

_LAG_INTERVAL_SECONDS: Final = 1.0
_GRANTS_SECONDS: Final = 0.1
_ERASURES_SECONDS: Final = 10.0
"""How long a start waits to know who was erased."""
_REBALANCE_SECONDS: Final = 60.0
"""For how long a consumer whose partitions were taken stays ready: a rebalance gives it others, or none."""

_log = structlog.get_logger("millrace.consumer")


class Consumer:
    """Moves what the log holds into the warehouse.

    Args:
        clock: milliseconds since the epoch.
        on_step: called with the name of each step; fault tests end the process there.
        tombstones: whose events are left out, read by a follower; None where nobody was ever erased.
        tracer: tells what becomes of batches; None where nobody wants to know.
    """

    def __init__(
        self,
        settings: ConsumerSettings,
        reader: LogReader,
        dead_letters: DeadLetters,
        warehouse: StoringPorts,
        metrics: Metrics,
        *,
        clock: Callable[[], int] = now_ms,
        on_step: OnStep = ignore_step,
        tombstones: Tombstones | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._tombstones = tombstones
        self._settings = settings
        self._reader = reader
        self._dead_letters = dead_letters
        self._warehouse = warehouse
        self._metrics = metrics
        self._clock = clock
        limit = DeadLetterLimit(settings.consumer_dead_letter_ratio, settings.consumer_dead_letter_run)
        store: Store = BatchStore(warehouse.writer, dead_letters, limit, metrics, clock, tombstones or Tombstones())
        self._tools = Tools(
            reader=reader,
            store=store if tracer is None else TracedStore(store, tracer),
            admin=warehouse.admin,
            recent=RecentIds(clock, settings.consumer_recent_ids_bytes),
            metrics=metrics,
            settings=settings,
            clock=clock,
            on_step=on_step,
            room=Room(settings.consumer_large_batches),
        )
        self._watchdog = Watchdog(reader, settings.consumer_stuck_seconds)
        self._patience: dict[int, Patience] = {}
        self._unloaded: set[int] = set()
        self._granted = asyncio.Event()
        self._left_at = -math.inf

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until ``stop`` is set; then store what was read and return.

        A batch that cannot be stored by then keeps its intent in the log and is finished at the next start.
        """
        partitions: dict[int, tuple[asyncio.Task[None], asyncio.Event]] = {}
        if self._tombstones is not None:
            await self._tombstones.wait(_ERASURES_SECONDS)
        async with asyncio.TaskGroup() as tasks:
            beside = [
                tasks.create_task(self._load_recent_ids(stop), name="recent-ids"),
                tasks.create_task(self._report_lag(), name="lag"),
                tasks.create_task(self._tools.room.give_back(), name="memory"),
                tasks.create_task(self._watchdog.watch(lambda: self._patience), name="watchdog"),
            ]
            assignments = tasks.create_task(self._follow_assignments(tasks, partitions, stop), name="assignments")
            await stop.wait()
            assignments.cancel()
            for task in beside:
                task.cancel()

    async def check(self) -> None:
        """Return when every partition is being consumed, or there is none for this consumer as others have them all.

        Raises:
            WarehouseUnavailable: nothing is assigned that should be, or what keeps a partition waiting.
            LogUnavailable: likewise.
        """
        rebalances = time.monotonic() - self._left_at < _REBALANCE_SECONDS
        if not self._patience and not rebalances and (reason := self._reader.unassigned()) is not None:
            raise WarehouseUnavailable(reason, code="consumer_unassigned")
        for patience in self._patience.values():
            if patience.trouble is not None:
                raise patience.trouble

    @property
    def partitions(self) -> Collection[int]:
        """Those that this consumer has."""
        return self._patience.keys()

    async def lag(self) -> Lag:
        """What is stored in the log and not yet in the warehouse, over all partitions of this consumer."""
        lags = [await self._reader.lag(partition) for partition in self._patience]
        oldest = [lag.oldest_stored_at for lag in lags if lag.oldest_stored_at is not None]
        return Lag(sum(lag.records for lag in lags), sum(lag.bytes for lag in lags), min(oldest, default=None))

    async def _follow_assignments(
        self, tasks: asyncio.TaskGroup, partitions: dict[int, "tuple[asyncio.Task[None], asyncio.Event]"], stop: asyncio.Event
    ) -> None:
        async for change in self._reader.assignments():
            if isinstance(change, Granted):
                self._tools.recent.hold(change.partition)
                self._unloaded.add(change.partition)
                self._granted.set()
                patience = Patience(stop, self._settings.consumer_backoff_seconds)
                self._patience[change.partition] = patience
                leave = asyncio.Event()
                work = _until_stopped(PartitionConsumer(change, self._tools, patience, stop, leave))
                task = tasks.create_task(work, name=f"partition-{change.partition}")
                partitions[change.partition] = (task, leave)
            elif (found := partitions.pop(change.partition, None)) is not None:
                self._patience.pop(change.partition, None)
                self._left_at = time.monotonic()
                self._unloaded.discard(change.partition)
                self._tools.recent.forget(change.partition)
                tasks.create_task(self._let_go(change, *found), name=f"leave-{change.partition}")
            else:
                await self._reader.release(change.partition)

    async def _let_go(self, revoked: Revoked, task: "asyncio.Task[None]", leave: asyncio.Event) -> None:
        """Let the partition's delivery end, as long as that may take, then give the partition up."""
        leave.set()
        _, late = await asyncio.wait({task}, timeout=revoked.within_seconds)
        if late:
            _log.warning("delivery_given_up", partition=revoked.partition)
            task.cancel()
            await asyncio.wait({task}, timeout=1.0)
        for gauge in (names.CONSUMER_LAG_EVENTS, names.CONSUMER_LAG_SECONDS):
            self._metrics.gauge(gauge, str(revoked.partition)).set(0)
        await self._reader.release(revoked.partition)

    async def _load_recent_ids(self, stop: asyncio.Event) -> None:
        """For each partition that is granted, and again when it comes back from another consumer."""
        patience = Patience(stop, self._settings.consumer_backoff_seconds)
        writer, recent = self._warehouse.writer, self._tools.recent
        while True:
            await self._granted.wait()
            await asyncio.sleep(_GRANTS_SECONDS)  # several come at once, and each load reads everything
            self._granted.clear()
            wanted, self._unloaded = sorted(self._unloaded), set()
            load = partial(_load, recent, writer, wanted)
            try:
                count = await patience.until_done("recent_ids", load)
            except Stopped:
                return
            _log.info("recent_ids_loaded", partitions=wanted, ids=count)

    async def _report_lag(self) -> None:
        while True:
            for partition in tuple(self._patience):
                try:
                    lag = await self._reader.lag(partition)
                except (Unavailable, PartitionLost):
                    continue
                waiting = 0 if lag.oldest_stored_at is None else max(0, self._clock() - lag.oldest_stored_at)
                self._metrics.gauge(names.CONSUMER_LAG_EVENTS, str(partition)).set(lag.records)
                self._metrics.gauge(names.CONSUMER_LAG_SECONDS, str(partition)).set(waiting / 1000)
            self._metrics.gauge(names.CONSUMER_RECENT_IDS).set(self._tools.recent.count)
            self._metrics.gauge(names.CONSUMER_RECENT_IDS_BYTES).set(self._tools.recent.bytes)
            with contextlib.suppress(Unavailable):
                self._metrics.gauge(names.DEAD_LETTER_DEPTH).set(await self._dead_letters.count())
            await asyncio.sleep(_LAG_INTERVAL_SECONDS)


async def _load(recent: RecentIds, writer: WarehouseWriter, partitions: Sequence[int]) -> int:
    return await recent.load(partitions, writer.recent_ids(partitions))


async def _until_stopped(partition: PartitionConsumer) -> None:
    try:
        await partition.run()
    except Stopped:
        _log.warning("stopped_with_a_pending_batch")
    except PartitionLost:
        _log.warning("partition_lost")
