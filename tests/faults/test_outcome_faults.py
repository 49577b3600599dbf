"""Outcomes in a batch: whatever dies or fails and whenever, each counts once, and no event beside them is lost or doubled."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from millrace_core.errors import RowsRefused, WarehouseUnavailable
from millrace_core.ids import new_id
from millrace_core.time import now_ms, warehouse_time
from millrace_eventlog.outcomes import Outcome, minute_of, record_of
from millrace_eventlog.records import LogRecord
from tests.faults.test_consumer_faults import LossyWriter, assert_stored_once
from tests.support import figures
from tests.support.pipeline import life, records
from tests.support.warehouse import OpenWarehouse

pytestmark = [pytest.mark.faults, pytest.mark.minutes]

_STEPS = ("consumer.before-intent", "consumer.after-intent", "consumer.after-insert", "consumer.after-commit")
_EXPECTED = {("dead_letter", "refused_by_warehouse"): 1, ("duplicate", ""): 10, ("rejected", "invalid_json"): 7}


def _told(events: int) -> LogRecord:
    at, record_id = now_ms(), new_id(now_ms())
    outcome = Outcome("faults", minute_of(at), "rejected", record_id, events, warehouse_time(at), "invalid_json", "native")
    return record_of(outcome, record_id, at)


def _spoiled(good: LogRecord) -> LogRecord:
    return msgspec.structs.replace(good, line=good.line.replace(b'"timestamp":"2', b'"timestamp":"x'))


def _batch(sent: Sequence[LogRecord]) -> list[LogRecord]:
    """Ten events that were stored before, ten new ones, one that the engine refuses, and two outcomes between them."""
    again = [*sent[10:30], _spoiled(sent[30])]
    return [*again[:5], _told(3), *again[5:], _told(4)]


async def _counted(warehouse: OpenWarehouse) -> dict[tuple[str, str], int]:
    rows = await warehouse.connection.query(
        "SELECT outcome, reason, sum(events) FROM ingest_outcomes FINAL GROUP BY outcome, reason"
    )
    return {(outcome, reason): int(events) for outcome, reason, events in rows.rows}


async def _stored_before(folder: Path, warehouse: OpenWarehouse) -> Sequence[LogRecord]:
    sent = records(31)
    async with life(folder, warehouse) as alive:
        await alive.log.writer.append(sent[:20])
        await alive.until_stored()
    return sent


@pytest.mark.parametrize("step", _STEPS)
async def test_a_kill_at_each_step_with_outcomes_in_the_batch_counts_each_of_them_once(
    tmp_path: Path, warehouse: OpenWarehouse, step: str
) -> None:
    sent = await _stored_before(tmp_path, warehouse)
    async with life(tmp_path, warehouse, waits=True, dies_at=step) as alive:
        await alive.log.writer.append(_batch(sent))
        alive.begin.set()
        await alive.died.wait()
    async with life(tmp_path, warehouse) as alive:
        await alive.until_stored()
        assert [letter.event_id for letter in await alive.log.dead_letters.list()] == [sent[30].event_id]

    assert await _counted(warehouse) == _EXPECTED
    await assert_stored_once(warehouse, 30)


async def test_a_kill_between_the_events_and_their_outcomes_is_completed(tmp_path: Path, warehouse: OpenWarehouse) -> None:
    sent = await _stored_before(tmp_path, warehouse)
    async with life(tmp_path, warehouse, waits=True, dies_at="consumer.after-insert") as alive:
        await alive.log.writer.append(_batch(sent))
        alive.begin.set()
        await alive.died.wait()
    figures.injected("outcomes lost behind the events")
    await warehouse.connection.command("TRUNCATE TABLE ingest_outcomes")
    async with life(tmp_path, warehouse) as alive:
        await alive.until_stored()

    assert await _counted(warehouse) == _EXPECTED
    await assert_stored_once(warehouse, 30)


class _LosingOutcomes(LossyWriter):
    """Fails at outcomes as its plan says."""

    def __init__(self, warehouse: OpenWarehouse, plan: Iterator[str]) -> None:
        super().__init__(warehouse, iter(()))
        self._fails = plan
        self.insert_outcomes = self._insert_outcomes

    async def _insert_outcomes(self, rows: Sequence[bytes]) -> None:
        what = next(self._fails, "works")
        if what != "works":
            figures.injected(f"outcomes: {what}")
        if what == "down":
            raise WarehouseUnavailable("nobody answers")
        if what == "refused":
            raise RowsRefused("a row holds what no table takes")
        await self._writer.insert_outcomes(rows)
        if what == "answer lost":
            raise WarehouseUnavailable("the answer was lost")


async def test_outcomes_whose_insert_fails_or_whose_answer_is_lost_count_once(tmp_path: Path, warehouse: OpenWarehouse) -> None:
    sent = await _stored_before(tmp_path, warehouse)
    writer = _LosingOutcomes(warehouse, iter(["down", "answer lost", "down", "works"]))
    async with life(tmp_path, warehouse, writer=writer) as alive:
        await alive.log.writer.append(_batch(sent))
        await alive.until_stored()

    assert await _counted(warehouse) == _EXPECTED
    await assert_stored_once(warehouse, 30)


async def test_outcomes_that_nobody_can_store_hold_no_event_up(tmp_path: Path, warehouse: OpenWarehouse) -> None:
    sent = await _stored_before(tmp_path, warehouse)
    writer = _LosingOutcomes(warehouse, iter(["refused"]))
    async with life(tmp_path, warehouse, writer=writer) as alive:
        await alive.log.writer.append(_batch(sent))
        await alive.until_stored()
        assert alive.sample("millrace_ingest_outcomes_lost_total") == 13  # rows: two of the log, ten, one

    assert await _counted(warehouse) == {}
    await assert_stored_once(warehouse, 30)


async def test_a_crash_of_the_machine_has_everything_looked_at_again_and_counts_nothing_twice(
    tmp_path: Path, warehouse: OpenWarehouse
) -> None:
    sent = await _stored_before(tmp_path, warehouse)
    async with life(tmp_path, warehouse) as alive:
        for part in (_batch(sent), list(records(5))):
            await alive.log.writer.append(part)
            await alive.until_stored()
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection:
        figures.injected("crash of the machine")
        connection.execute("UPDATE meta SET value = 'of before' WHERE name = 'boot_id'")
        connection.execute("UPDATE meta SET value = '0' WHERE name = 'clean'")
        connection.commit()
    await warehouse.connection.command("DELETE FROM ingest_outcomes WHERE outcome != 'rejected'")
    async with life(tmp_path, warehouse) as alive:
        await alive.log.writer.append(records(5))
        await alive.until_stored()

    assert await _counted(warehouse) == _EXPECTED
    await assert_stored_once(warehouse, 40)
