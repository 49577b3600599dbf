"""Storing a batch: leave out what is already there, insert the rest, set aside what can never be stored."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from millrace_consumer.batches import Batch
from millrace_consumer.dead_letters import DeadLetterLimit, judged_rows
from millrace_consumer.privacy.tombstones import Tombstones
from millrace_core import metrics as names
from millrace_core.errors import RowsRefused, WarehouseUnavailable
from millrace_eventlog.ports import DeadLetters
from millrace_eventlog.records import REFUSED, Damaged, DeadLetter
from millrace_service.metrics import Metrics
from millrace_warehouse.ports import WarehouseWriter

_RECONCILIATIONS: Final = 5
_ROWS_A_TURN: Final = 500
"""Outcomes that are made before the loop serves others: 2 ms."""

_log = structlog.get_logger("millrace.consumer")


class TooManyRefused(WarehouseUnavailable):
    """More rows are refused than a few bad events explain: nothing is set aside, the batch waits for an operator."""

    code = "too_many_refused"


class BatchStore:
    """Stores batches of any partition, each exactly once in effect."""

    def __init__(
        self,
        warehouse: WarehouseWriter,
        dead_letters: DeadLetters,
        limit: DeadLetterLimit,
        metrics: Metrics,
        clock: Callable[[], int],
        tombstones: Tombstones,
    ) -> None:
        self._tombstones = tombstones
        self._warehouse = warehouse
        self._dead_letters = dead_letters
        self._limit = limit
        self._metrics = metrics
        self._clock = clock

    async def store(self, batch: Batch) -> None:
        """Insert the batch under its token, without the events that were stored before, and set aside what is refused.

        Calling it again with the same batch, in this process or after a crash, completes it.

        Raises:
            WarehouseUnavailable: unknown whether stored; to be called again with the same batch.
            LogUnavailable: the dead letters may not be stored; likewise.
        """
        await self._set_aside_damaged(batch)
        self._tell_missing(batch)
        await self._leave_out_duplicates(batch)
        await self._insert(batch, batch.token)
        await self._tell_outcomes(batch)
        self._count(batch)

    async def reconcile(self, batch: Batch) -> int:
        """Insert what the warehouse lacks of the batch, judged by positions and ids instead of its token; how many rows.

        Raises:
            WarehouseUnavailable, LogUnavailable: as for ``store``.
        """
        await self._set_aside_damaged(batch)
        batch.drop(batch.repeated)
        batch.tell(batch.repeated, "duplicate")
        missing = await self._missing(batch)
        if missing:
            await self._leave_out_stored(batch, missing)
            missing = batch.kept()
        for number in range(1, _RECONCILIATIONS + 1):
            if not batch.kept():
                break
            # The same token as long as it is unknown whether the rows are stored, another one where it turns out to be spent.
            await self._insert(batch, f"{batch.token}:r{number}")
            await self._missing(batch)
        if batch.kept():  # they expire at once
            _log.error("rows_do_not_stay", rows=len(batch.kept()), partition=batch.partition, start=batch.start)
        if missing:
            self._metrics.counter(names.CONSUMER_RECONCILED).inc(len(missing))
        await self._warehouse.restore_ids(batch.partition, batch.start, batch.end - 1)
        await self._tell_outcomes(batch)
        return len(missing)

    async def _missing(self, batch: Batch) -> list[int]:
        """The rows of the batch that the warehouse has not; the others are left out."""
        stored = set(await self._warehouse.stored_positions(batch.partition, batch.start, batch.end - 1))
        batch.drop([row for row in batch.kept() if _place(batch, row) in stored])
        return batch.kept()

    async def _leave_out_duplicates(self, batch: Batch) -> None:
        batch.tell(batch.repeated, "duplicate")
        dropped = batch.drop(batch.repeated) + await self._leave_out_stored(batch, batch.suspects)
        if dropped:
            self._metrics.counter(names.DUPLICATES_DROPPED, "consumer").inc(dropped)

    async def _leave_out_stored(self, batch: Batch, suspects: list[int]) -> int:
        if not suspects:
            return 0
        asked = [batch.record(row)[1] for row in suspects]
        found = await self._warehouse.stored_ids([(record.tenant, record.event_id) for record in asked])
        positions: dict[tuple[str, str], set[tuple[int, int, int]]] = {}
        for each in found:
            positions.setdefault((each.tenant, each.event_id), set()).add((each.partition, each.offset, each.index))
        duplicates = []
        for row in suspects:
            (offset, index), record = batch.record(row)
            stored = positions.get((record.tenant, record.event_id))
            # Found under its own position, the row is a half-committed copy of itself: it must go in again, or the
            # rollups that the crash left out would never get it.
            if stored and (batch.partition, offset, index) not in stored:
                duplicates.append(row)
        batch.tell(duplicates, "duplicate")
        return batch.drop(duplicates)

    async def _insert(self, batch: Batch, token: str) -> None:
        while batch.kept():
            # As late as can be: who is erased while a batch waits for its turn is left out, too.
            erased = batch.drop(self._tombstones.rows_of(batch))
            if erased:
                self._metrics.counter(names.CONSUMER_ERASED).inc(erased)
                continue
            started = time.perf_counter()
            try:
                await self._warehouse.insert(batch.payload(), token)
            except RowsRefused as error:
                self._metrics.counter(names.SINK_ERRORS, "refused").inc()
                await self._set_aside_refused(batch, error)
            except WarehouseUnavailable:
                self._metrics.counter(names.SINK_ERRORS, "unavailable").inc()
                raise
            else:
                self._metrics.histogram(names.SINK_INSERT).observe(time.perf_counter() - started)
                self._limit.passed(len(batch.kept()))
                return

    async def _set_aside_refused(self, batch: Batch, error: RowsRefused) -> None:
        trial = self._limit.trial()
        reasons: dict[int, str] = {}
        async for rows, reason in judged_rows(batch, batch.kept(), self._warehouse.probe):
            reasons |= {} if reason is None else dict.fromkeys(rows, reason)
            if trial.passes_limit(refused=reason is not None, rows=len(rows)):
                raise TooManyRefused(f"too many rows are refused: {reason}") from error
        if not reasons:
            raise WarehouseUnavailable("the warehouse refuses a batch, but none of its rows alone") from error
        self._limit.keep(trial)
        await self._dead_letters.put([self._letter(batch, row, reason) for row, reason in reasons.items()])
        self._metrics.counter(names.DEAD_LETTERS, REFUSED).inc(len(reasons))
        _log.warning("rows_set_aside", rows=len(reasons), reason=next(iter(reasons.values())))
        batch.drop(reasons)
        batch.tell(reasons, "dead_letter", REFUSED)

    async def _tell_outcomes(self, batch: Batch) -> None:
        """Store what became of events that are not stored. Behind the events, before the commit: what a crash leaves out or
        doubles, the replay writes again under the same ids. No event waits for a row that cannot be stored."""
        rows: list[bytes] = []
        for row in batch.outcomes():
            rows.append(row)
            if len(rows) % _ROWS_A_TURN == 0:
                await asyncio.sleep(0)
        if not rows:
            return
        try:
            await self._warehouse.insert_outcomes(rows)
        except RowsRefused as error:
            self._metrics.counter(names.OUTCOMES_LOST).inc(len(rows))
            _log.error("outcomes_refused", rows=len(rows), reason=error.message)

    def _letter(self, batch: Batch, row: int, reason: str) -> DeadLetter:
        (offset, index), record = batch.record(row)
        return DeadLetter(
            partition=batch.partition,
            offset=offset,
            index=index,
            tenant=record.tenant,
            event_id=record.event_id,
            reason=REFUSED,
            step="insert",
            error=reason[:500],
            line=record.line,
            attempt=1,
            at=self._clock(),
        )

    async def _set_aside_damaged(self, batch: Batch) -> None:
        if not batch.damaged:
            return
        await self._dead_letters.put([_damage_letter(damaged, self._clock()) for damaged in batch.damaged])
        lost = sum(damaged.records for damaged in batch.damaged)
        self._metrics.counter(names.DEAD_LETTERS, "damaged_in_log").inc(lost)
        _log.error("log_entries_damaged", offsets=[damaged.offset for damaged in batch.damaged], records=lost)
        batch.damaged.clear()

    def _tell_missing(self, batch: Batch) -> None:
        for gap in batch.missing:
            self._metrics.counter(names.CONSUMER_GAP).inc(gap.end - gap.offset)
            _log.critical("log_entries_missing", partition=gap.partition, first=gap.offset, last=gap.end - 1)
        batch.missing.clear()

    def _count(self, batch: Batch) -> None:
        rows = len(batch.kept())
        self._metrics.counter(names.SINK_ROWS).inc(rows)
        self._metrics.histogram(names.SINK_BATCH_ROWS).observe(rows)
        oldest = batch.oldest_received_at()
        if oldest is not None:
            self._metrics.histogram(names.FRESHNESS).observe(max(0, self._clock() - oldest) / 1000)


def _place(batch: Batch, row: int) -> tuple[int, int, str]:
    """Where a row stands, and which event it is: at the positions of a topic that was made again others are stored."""
    (offset, index), record = batch.record(row)
    return offset, index, record.event_id


def _damage_letter(damaged: Damaged, at: int) -> DeadLetter:
    return DeadLetter(
        partition=damaged.partition,
        offset=damaged.offset,
        index=0,
        tenant="",
        event_id="",
        reason="damaged_in_log",
        step="read",
        error=f"{damaged.records} records: {damaged.reason}"[:500],
        line=b"",
        attempt=1,
        at=at,
    )
