"""One partition: gather, write down the intent, store, commit (docs/adr/0002-exactly-once-effect.md).

Deliveries are strictly serial. Only the gathering of the next batch goes on beside one.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec
import structlog

from millrace_consumer.batches import Batch, runs_of
from millrace_consumer.patience import Patience, Stopped
from millrace_consumer.recent_ids import RecentIds
from millrace_consumer.room import Room
from millrace_consumer.settings import ConsumerSettings
from millrace_consumer.tracing import Store
from millrace_core import metrics as names
from millrace_core.errors import PartitionLost
from millrace_core.time import parse_time
from millrace_eventlog.ports import LogReader
from millrace_eventlog.records import Damaged, Entry, Granted, Intent, LogRun, Missing, ReadLimit
from millrace_service.metrics import Metrics
from millrace_warehouse.ports import WarehouseAdmin

_IDLE_WAIT_SECONDS: Final = 1.0
_LONGEST_WAIT_SECONDS: Final = 2.0
_ROWS_A_TURN: Final = 1_000
_HOUR_MS: Final = 3_600_000
_SMALL_BYTES: Final = 2**20
"""A batch of less needs no room that others may have: what comes in time never waits for a backlog."""

OnStep = Callable[[str], None]
"""Called with the name of each step as it is reached; fault tests end the process there."""


def ignore_step(_step: str) -> None:
    """What is called where nobody watches the steps."""


_log = structlog.get_logger("millrace.consumer")


@dataclass(frozen=True, slots=True)
class Tools:
    """What every partition of a consumer shares."""

    reader: LogReader
    store: Store
    admin: WarehouseAdmin
    recent: RecentIds
    metrics: Metrics
    settings: ConsumerSettings
    clock: Callable[[], int]
    on_step: OnStep
    room: Room


class PartitionConsumer:
    """Consumes one granted partition until the stop signal, or until it is to be left to another consumer.

    Args:
        stop: one batch more is read and stored, then ``run`` returns.
        leave: what is being stored is finished, then ``run`` returns.
    """

    def __init__(self, granted: Granted, tools: Tools, patience: Patience, stop: asyncio.Event, leave: asyncio.Event) -> None:
        self._granted = granted
        self._partition = granted.partition
        self._next = granted.start
        self._tools = tools
        self._patience = patience
        self._stop = stop
        self._leave = leave
        self._delivered_in = 0.0
        self._large: set[Batch] = set()

    async def run(self) -> None:
        """Finish what the last holder began, then consume; the last batch is stored before this returns.

        Raises:
            Stopped: the stop signal came while a neighbour was in trouble; the intent stays for the next start.
            PartitionLost: the partition is another consumer's already.
        """
        try:
            if self._granted.unclean:
                await self._recheck()
            if self._granted.intent is not None:
                await self._replay(self._granted.intent)
            await self._consume()
        finally:
            for batch in tuple(self._large):
                self._leave_room(batch)

    async def _consume(self) -> None:
        delivering: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        delivering.set_result(None)
        try:
            while True:
                stopping = self._stop.is_set()
                batch = await self._gather(delivering)
                await delivering
                if self._leave.is_set():
                    return None
                if not batch.empty:
                    delivering = asyncio.create_task(self._deliver(batch), name=f"deliver-{self._partition}")
                    self._next = batch.end
                del batch  # or it would stay for as long as the next one takes to come
                if stopping:  # others may go on filling the log: what is left of it waits for the next start
                    return await delivering
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)

    async def _gather(self, delivering: asyncio.Future[None]) -> Batch:
        """Entries until there are enough rows or bytes, or the oldest has waited long enough; while the batch before is still
        being delivered they go on gathering. (A third more rows a second than one after the other:
        python -m tests.bench consumer.)"""
        settings = self._tools.settings
        batch = self._batch(self._next)
        leaves_at = 0.0
        while True:
            wait = leaves_at - time.monotonic() if not batch.empty else _IDLE_WAIT_SECONDS
            if self._leave.is_set():
                return batch
            if self._stop.is_set():
                wait = 0.0
            if batch.bytes >= _SMALL_BYTES:
                await self._make_room(batch)
            most = settings.consumer_batch_bytes if batch in self._large else min(_SMALL_BYTES, settings.consumer_batch_bytes)
            limit = ReadLimit(
                records=settings.consumer_batch_rows - len(batch),
                bytes=most - batch.bytes,
                wait_seconds=max(0.0, wait),
            )
            entries = await self._read(batch.end, limit)
            if batch.empty and entries:
                leaves_at = time.monotonic() + self._patience_left(entries[0])
            await self._add(batch, entries)
            full = len(batch) >= settings.consumer_batch_rows or batch.bytes >= settings.consumer_batch_bytes
            if full or time.monotonic() >= leaves_at or (self._stop.is_set() and not entries):
                if full or delivering.done():
                    return batch
                await asyncio.wait([delivering])

    async def _make_room(self, batch: Batch) -> None:
        """Wait until fewer large batches are in memory, of all partitions: until the warehouse has taken one."""
        if batch not in self._large:
            await self._patience.until_done("room", self._tools.room.enter)
            self._large.add(batch)

    def _leave_room(self, batch: Batch) -> None:
        if batch in self._large:
            self._large.discard(batch)
            self._tools.room.leave()

    def _patience_left(self, oldest: Entry | Damaged | Missing) -> float:
        """Seconds until a batch that begins with this entry leaves; bounded whatever the wall clock does.

        The setting, but twice the last delivery where that took long: the busier the warehouse, the larger its batches, the
        fewer its parts to merge.
        """
        longest = max(self._tools.settings.consumer_flush_seconds, min(2 * self._delivered_in, _LONGEST_WAIT_SECONDS))
        waited = (self._tools.clock() - oldest.stored_at) / 1000 if isinstance(oldest, Entry) else 0.0
        return min(longest, max(0.0, longest - waited))

    async def _add(self, batch: Batch, entries: Sequence[Entry | Damaged | Missing]) -> None:
        yielded_at = len(batch)
        for entry in entries:
            batch.add(entry, self._tools.recent)
            # About 0.7 ms: requests are answered in between. Each turn of a busy loop takes milliseconds, so not more often.
            if len(batch) - yielded_at >= _ROWS_A_TURN:
                yielded_at = len(batch)
                await asyncio.sleep(0)

    async def _read(self, start: int, limit: ReadLimit) -> Sequence[Entry | Damaged | Missing]:
        found = await self._patience.until_done("read", lambda: self._tools.reader.read(self._partition, start, limit))
        self._patience.brought += bool(found)
        return found

    async def _deliver(self, batch: Batch) -> None:
        began = time.monotonic()
        intent = batch.intent(self._tools.clock())
        try:
            self._tools.on_step("consumer.before-intent")
            await self._patience.until_done("intend", lambda: self._tools.reader.intend(self._partition, intent))
            self._tools.on_step("consumer.after-intent")
            await self._store(batch, begun=False)
            self._tools.on_step("consumer.after-insert")
            await self._commit(batch.end)
            self._tools.on_step("consumer.after-commit")
        finally:
            self._leave_room(batch)
        self._delivered_in = time.monotonic() - began

    async def _store(self, batch: Batch, *, begun: bool) -> None:
        """Store the batch under its token. Where an insert of it may have been begun before, look whether all of it is there:
        the engine writes a token down just before it puts the rows in their place, in each table, and a kill in between
        leaves a token without its rows."""
        attempts = 0

        async def attempt() -> None:
            nonlocal attempts
            attempts += 1
            await self._tools.store.store(batch)

        await self._patience.until_done("insert", attempt)
        if begun or attempts > 1:
            await self._reconcile(batch)

    async def _commit(self, upto: int) -> None:
        await self._patience.until_done("commit", lambda: self._tools.reader.commit(self._partition, upto))

    async def _replay(self, intent: Intent) -> None:
        """Store the batch that was written down, under the same token, or by positions where the token cannot be trusted."""
        batch = self._batch(self._granted.start)
        await self._make_room(batch)
        await self._fill(batch, intent.end)
        age = (self._tools.clock() - intent.written_at) / 1000
        # After a crash of the machine the re-check may have rebuilt rollups with rows of this batch: a token that a rollup
        # does not know would then count them there again.
        trusted = not self._granted.unclean and 0 <= age <= self._tools.settings.consumer_intent_trust_seconds
        same = batch.crc32 == intent.crc32 and batch.end == intent.end
        _log.info("intent_found", start=batch.start, end=intent.end, rows=len(batch), age_seconds=age, same_bytes=same)
        self._tools.metrics.counter(names.CONSUMER_REPLAYED).inc()
        if same and trusted:
            await self._store(batch, begun=True)
        else:
            await self._reconcile(batch)
        self._next = max(batch.end, intent.end)
        await self._commit(self._next)
        self._leave_room(batch)

    async def _recheck(self) -> None:
        """After a crash of the machine: compare what the log still holds of the committed entries with the warehouse."""
        start, missing = 0, 0
        until = min(self._granted.start, await self._end())
        while start < until:
            batch = self._batch(start)
            entries = _below(until, await self._read_again(start))
            if not entries:
                break
            await self._add(batch, entries)
            missing += await self._reconcile(batch)
            start = batch.end
        _log.warning("rechecked_after_unclean_stop", upto=self._granted.start, missing=missing)

    async def _reconcile(self, batch: Batch) -> int:
        hours = sorted({time_ // _HOUR_MS for time_ in _timestamps(batch)})
        missing = await self._patience.until_done("reconcile", lambda: self._tools.store.reconcile(batch))
        for first, last in runs_of(hours):
            repair = partial(self._tools.admin.repair, first * _HOUR_MS, last * _HOUR_MS)
            await self._patience.until_done("repair", repair)
        return missing

    async def _fill(self, batch: Batch, end: int) -> None:
        until = min(end, await self._end())
        while batch.end < until:
            entries = _below(until, await self._read_again(batch.end))
            if not entries:
                return
            await self._add(batch, entries)

    async def _end(self) -> int:
        return await self._patience.until_done("read", lambda: self._tools.reader.end(self._partition))

    async def _read_again(self, start: int) -> Sequence[Entry | Damaged | Missing]:
        """Entries that are known to be there, however long they take to come: taking what has come so far for everything
        would commit what was never stored.

        Raises:
            PartitionLost: the partition is to be left to another consumer.
            Stopped: the process is stopping.
        """
        settings = self._tools.settings
        limit = ReadLimit(settings.consumer_batch_rows, settings.consumer_batch_bytes, _IDLE_WAIT_SECONDS)
        while not (entries := await self._read(start, limit)):
            if self._leave.is_set():
                raise PartitionLost("The partition is to be another consumer's.")
            if self._stop.is_set():
                raise Stopped
        return entries

    def _batch(self, start: int) -> Batch:
        return Batch(self._granted.log_id, self._partition, start)


def _below(end: int, entries: Sequence[Entry | Damaged | Missing]) -> list[Entry | Damaged | Missing]:
    """The entries in front of an offset; a run that goes on behind it is cut there."""
    found = [entry for entry in entries if entry.offset < end]
    if found and isinstance(found[-1], LogRun) and found[-1].end > end:
        found[-1] = found[-1].until(end)
    return found


class _Timestamp(msgspec.Struct):
    timestamp: str


def _timestamps(batch: Batch) -> list[int]:
    decode = msgspec.json.Decoder(_Timestamp).decode
    times = (parse_time(decode(batch.record(row)[1].line).timestamp) for row in batch.events())
    return [time_ for time_ in times if time_ is not None]
