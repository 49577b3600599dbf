"""Trouble between the log and the engine: everything appended is stored once, whatever fails in between and whenever.

The log, the consumer and the engine are the real ones, in this process; what fails is either the engine itself, made to refuse
by its own settings, or a writer before it that loses answers.
"""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from millrace_consumer.settings import ConsumerSettings
from millrace_core.errors import StartRefused, WarehouseUnavailable
from millrace_core.time import now_ms
from millrace_eventlog.records import LogRecord
from millrace_warehouse.clickhouse.schema import check_windows
from millrace_warehouse.migrations.tables import ROLLUPS
from tests.support import figures
from tests.support.pipeline import life, record, records
from tests.support.warehouse import FILLED, OpenWarehouse, event_line

_DAY_MS = 86_400_000

Clock = Callable[[], int]

pytestmark = [pytest.mark.faults, pytest.mark.minutes]


async def assert_stored_once(warehouse: OpenWarehouse, count: int) -> None:
    """So many events, each once, in the table and in every rollup."""
    counts = await warehouse.counts()
    unique = await warehouse.value("SELECT uniqExact(event_id) FROM events_raw")
    rows = counts["events_raw"]
    figures.outcome(acknowledged=count, stored=unique, lost=max(0, count - unique), doubled=rows - unique)
    assert counts == dict.fromkeys(counts, count)
    assert unique == count
    assert await warehouse.value("SELECT uniqExact(_p, _o, _i) FROM events_raw") == count


class LossyWriter:
    """Stands before the engine's writer and fails when its plan says so: before an insert, or behind one that was done."""

    def __init__(self, warehouse: OpenWarehouse, plan: Iterator[str]) -> None:
        self._writer = warehouse.writer
        self._plan = plan
        self.inserts = 0
        self.probe = self._writer.probe
        self.stored_ids = self._writer.stored_ids
        self.stored_positions = self._writer.stored_positions
        self.restore_ids = self._writer.restore_ids
        self.insert_outcomes = self._writer.insert_outcomes

    def recent_ids(self, partitions: Sequence[int]) -> AsyncIterator[Sequence[str]]:
        """As the engine's."""
        return self._writer.recent_ids(partitions)

    async def insert(self, rows: bytes | Sequence[bytes], token: str) -> None:
        """Insert, or fail before or behind."""
        self.inserts += 1
        what = next(self._plan, "works")
        if what != "works":
            figures.injected(f"insert: {what}")
        if what == "down":
            raise WarehouseUnavailable("nobody answers")
        await self._writer.insert(rows, token)
        if what == "answer lost":
            raise WarehouseUnavailable("the answer was lost")


async def test_a_warehouse_that_is_down_makes_the_lag_grow_and_nothing_else(tmp_path: Path, warehouse: OpenWarehouse) -> None:
    down = asyncio.Event()
    writer = LossyWriter(warehouse, iter(lambda: "works" if down.is_set() else "down", ""))
    async with life(tmp_path, warehouse, writer=writer) as alive:
        for number in range(20):
            await alive.log.writer.append(records(50))
            lag = await alive.consumer.lag()
            assert lag.records == 50 * (number + 1)
        assert (await alive.until_in_trouble()).code == "warehouse_unavailable"
        assert await alive.log.dead_letters.count() == 0
        down.set()
        await alive.until_stored()

    await assert_stored_once(warehouse, 1000)


async def test_answers_that_are_lost_behind_the_insert_double_nothing(tmp_path: Path, warehouse: OpenWarehouse) -> None:
    plan = iter(["answer lost", "down", "answer lost", "works"] * 5)
    writer = LossyWriter(warehouse, plan)
    async with life(tmp_path, warehouse, writer=writer) as alive:
        for _ in range(5):
            await alive.log.writer.append(records(40))
            await alive.until_stored()

    assert writer.inserts == 20
    await assert_stored_once(warehouse, 200)


REFUSALS = {
    "too many parts": ("parts_to_throw_insert = 1, parts_to_delay_insert = 0", "parts_to_throw_insert, parts_to_delay_insert"),
    "no room on the disk": (
        "min_free_disk_bytes_to_perform_insert = 1000000000000000",
        "min_free_disk_bytes_to_perform_insert",
    ),
}
"""How the engine itself comes to refuse an insert (codes 252 and 243), and how it stops."""


@pytest.mark.parametrize("trouble", REFUSALS)
async def test_an_engine_that_refuses_inserts_is_waited_for(tmp_path: Path, warehouse: OpenWarehouse, trouble: str) -> None:
    setting, reset = REFUSALS[trouble]
    command = warehouse.connection.command
    async with life(tmp_path, warehouse) as alive:
        await alive.log.writer.append(records(10))
        await alive.until_stored()
        await command(f"ALTER TABLE events_raw MODIFY SETTING {setting}")
        figures.injected(f"engine refuses: {trouble}")
        try:
            await alive.log.writer.append(records(10))
            await alive.log.writer.append(records(10))
            assert (await alive.until_in_trouble()).code == "warehouse_unavailable"
            assert (await alive.consumer.lag()).records == 20
        finally:
            await command(f"ALTER TABLE events_raw RESET SETTING {reset}")
        await alive.until_stored()
        assert await alive.log.dead_letters.count() == 0

    await assert_stored_once(warehouse, 30)


async def test_a_rollup_without_a_window_stops_the_start(warehouse: OpenWarehouse) -> None:
    setting = "ALTER TABLE pages_by_hour MODIFY SETTING non_replicated_deduplication_window ="
    await check_windows(warehouse.connection)
    await warehouse.connection.command(f"{setting} 0")
    try:
        with pytest.raises(StartRefused, match="pages_by_hour has no deduplication window"):
            await check_windows(warehouse.connection)
    finally:
        await warehouse.connection.command(f"{setting} 100000")


async def _die_with_a_batch_pending(folder: Path, warehouse: OpenWarehouse, step: str, clock: Clock) -> None:
    async with life(folder, warehouse, dies_at=step, clock=clock) as alive:
        await alive.log.writer.append(records(100))
        async with asyncio.timeout(60):
            await alive.died.wait()


@pytest.mark.parametrize("step", ["consumer.after-intent", "consumer.after-insert"])
@pytest.mark.parametrize("jump", [0, _DAY_MS, -_DAY_MS], ids=["no jump", "a day ahead", "a day back"])
async def test_a_pending_batch_is_stored_once_whatever_the_clock_did_meanwhile(
    tmp_path: Path, warehouse: OpenWarehouse, step: str, jump: int
) -> None:
    await _die_with_a_batch_pending(tmp_path, warehouse, step, now_ms)
    async with life(tmp_path, warehouse, clock=lambda: now_ms() + jump) as alive:
        await alive.log.writer.append(records(10))
        await alive.until_stored()
        assert alive.sample("millrace_consumer_intents_replayed_total") == 1

    await assert_stored_once(warehouse, 110)


async def test_a_pending_batch_whose_token_the_engine_forgot_is_judged_by_positions(
    tmp_path: Path, warehouse: OpenWarehouse
) -> None:
    window = "ALTER TABLE events_raw MODIFY SETTING non_replicated_deduplication_window ="
    await warehouse.connection.command(f"{window} 5")
    try:
        await _die_with_a_batch_pending(tmp_path, warehouse, "consumer.after-insert", now_ms)
        for number in range(10):
            await warehouse.writer.insert(event_line(number, offset=1_000 + number) + b"\n", f"other-{number}")
        async with life(tmp_path, warehouse, clock=lambda: now_ms() + _DAY_MS) as alive:
            await alive.until_stored()
            assert alive.sample("millrace_consumer_reconciled_records_total") == 0
    finally:
        await warehouse.connection.command(f"{window} 100000")

    await assert_stored_once(warehouse, 110)


def _crash_the_machine(folder: Path) -> None:
    """What another boot finds: the process was not shut down, and the machine was."""
    figures.injected("crash of the machine")
    with closing(sqlite3.connect(folder / "log.db")) as connection:
        connection.execute("UPDATE meta SET value = 'of before' WHERE name = 'boot_id'")
        connection.commit()


_COUNTED = "event_type, is_bot, count(), uniqState(visitor_id)"
LOST = {
    "events_by_hour": f"SELECT customer_id, toStartOfHour(timestamp) AS hour, {_COUNTED}",
    "events_by_minute": f"SELECT customer_id, toStartOfMinute(timestamp) AS minute, {_COUNTED}",
    "event_ids": "SELECT customer_id, event_id, toStartOfHour(ingested_at), _p, _o, _i",
}
"""How each table is filled; a crash between the events and one of these leaves its part of the pending batch out."""


@pytest.mark.parametrize("machine", [False, True], ids=["the process", "the machine"])
@pytest.mark.parametrize("late", [0, 3_600_000], ids=["at once", "an hour later"])
@pytest.mark.parametrize("table", LOST)
async def test_a_batch_that_a_crash_left_out_of_one_table_is_completed_there(
    tmp_path: Path, warehouse: OpenWarehouse, table: str, late: int, *, machine: bool
) -> None:
    async with life(tmp_path, warehouse) as alive:
        await alive.log.writer.append(records(50))
        await alive.until_stored()
    await _die_with_a_batch_pending(tmp_path, warehouse, "consumer.after-insert", now_ms)
    await warehouse.connection.command(f"TRUNCATE TABLE {table}")
    group = "" if table == "event_ids" else "GROUP BY 1, 2, 3, 4"
    await warehouse.connection.command(f"INSERT INTO {table} {LOST[table]} FROM events_raw WHERE _o = 1 {group}")
    if machine:
        _crash_the_machine(tmp_path)
    async with life(tmp_path, warehouse, clock=lambda: now_ms() + late) as alive:
        await alive.until_stored()

    await assert_stored_once(warehouse, 150)


@pytest.mark.parametrize("lost", FILLED)
async def test_a_batch_whose_token_a_table_knows_without_its_rows_is_completed_there(
    tmp_path: Path, warehouse: OpenWarehouse, lost: str
) -> None:
    async with life(tmp_path, warehouse) as alive:
        await alive.log.writer.append(records(50))
        await alive.until_stored()
    before = await warehouse.counts()
    await _die_with_a_batch_pending(tmp_path, warehouse, "consumer.after-insert", now_ms)
    # An engine killed between the two writes a token down and leaves the rows out. A mutation leaves the same behind.
    await _forget(warehouse, lost)
    assert (await warehouse.counts())[lost] == before[lost] == 50
    async with life(tmp_path, warehouse) as alive:
        await alive.until_stored()

    await assert_stored_once(warehouse, 150)


async def test_answers_that_are_lost_with_the_rows_of_a_table_double_nothing(tmp_path: Path, warehouse: OpenWarehouse) -> None:
    class Engine(LossyWriter):
        async def insert(self, rows: bytes | Sequence[bytes], token: str) -> None:
            try:
                await super().insert(rows, token)
            except WarehouseUnavailable:
                await _forget(warehouse, "events_raw")  # it was killed and is up again
                raise

    writer = Engine(warehouse, iter(["works", "answer lost", "works", "answer lost", "works"]))
    async with life(tmp_path, warehouse, writer=writer) as alive:
        for count in (50, 100):
            await alive.log.writer.append(records(count))
            await alive.until_stored()

    assert writer.inserts == 6  # the batch, again; what lacks, again; once more, as its token turned out to be spent
    await assert_stored_once(warehouse, 150)


async def _forget(warehouse: OpenWarehouse, table: str) -> None:
    """Take everything but the first entry out of a table whose deduplication log goes on knowing it."""
    figures.injected(f"rows of {table} lost behind their token")
    command = warehouse.connection.command
    if table in ("events_raw", "event_ids"):
        await command(f"DELETE FROM {table} WHERE _o > 1")
        return
    rollup = next(rollup for rollup in ROLLUPS if rollup.name == table)
    await command(f"DELETE FROM {table} WHERE 1")
    await command(
        f"INSERT INTO {table} {rollup.select} FROM events_raw WHERE {rollup.where} AND _o = 1 GROUP BY {rollup.group}"
    )


async def test_rows_that_the_machine_lost_behind_a_commit_are_put_back(tmp_path: Path, warehouse: OpenWarehouse) -> None:
    async with life(tmp_path, warehouse) as alive:
        for _ in range(3):
            await alive.log.writer.append(records(40))
            await alive.until_stored()
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection:
        connection.execute("UPDATE meta SET value = '0' WHERE name = 'clean'")
        connection.commit()
    _crash_the_machine(tmp_path)
    await warehouse.connection.command("DELETE FROM events_raw WHERE _o = 2")
    await warehouse.connection.command("DELETE FROM event_ids WHERE _o = 2")
    # The first start after it dies as well; the next one still knows that it has to look.
    async with life(tmp_path, warehouse, waits=True):
        pass
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection:
        connection.execute("UPDATE meta SET value = '0' WHERE name = 'clean'")
        connection.commit()
    async with life(tmp_path, warehouse) as alive:
        async with asyncio.timeout(60):
            while alive.sample("millrace_consumer_reconciled_records_total") < 40:
                await asyncio.sleep(0.05)

    await assert_stored_once(warehouse, 120)


async def test_another_size_of_batches_after_a_crash_changes_no_pending_batch(tmp_path: Path, warehouse: OpenWarehouse) -> None:
    await _die_with_a_batch_pending(tmp_path, warehouse, "consumer.after-insert", now_ms)
    small = ConsumerSettings(consumer_batch_rows=7, consumer_flush_seconds=0.02)
    async with life(tmp_path, warehouse, settings=small) as alive:
        await alive.log.writer.append(records(50))
        await alive.until_stored()

    await assert_stored_once(warehouse, 150)


def _spoiled(good: LogRecord) -> LogRecord:
    """A record that ingestion would never let pass: the engine cannot read its time."""
    return msgspec.structs.replace(good, line=good.line.replace(b'"timestamp":"2', b'"timestamp":"x'))


async def test_one_bad_row_in_ten_thousand_is_set_aside_and_the_others_are_stored(
    tmp_path: Path, warehouse: OpenWarehouse
) -> None:
    batch = list(records(10_000))
    batch[1234] = _spoiled(batch[1234])
    async with life(tmp_path, warehouse) as alive:
        await alive.log.writer.append(batch)
        await alive.until_stored()
        letters = await alive.log.dead_letters.list()

    assert [(letter.event_id, letter.index, letter.line) for letter in letters] == [
        (batch[1234].event_id, 1234, batch[1234].line)
    ]
    assert letters[0].reason == "refused_by_warehouse"
    await assert_stored_once(warehouse, 9_999)


async def test_a_flood_of_bad_rows_stops_the_consumer_before_it_empties_the_log(
    tmp_path: Path, warehouse: OpenWarehouse
) -> None:
    batch = [_spoiled(one) for one in records(150)]
    async with life(tmp_path, warehouse) as alive:
        await alive.log.writer.append(batch)
        assert (await alive.until_in_trouble()).code == "too_many_refused"
        assert await alive.log.dead_letters.count() == 0
        assert (await alive.consumer.lag()).records == 150

    # An operator raises the limit once the reason is known: what is refused is set aside, nothing else is touched.
    willing = ConsumerSettings(consumer_dead_letter_ratio=1, consumer_dead_letter_run=1_000_000, consumer_flush_seconds=0.02)
    async with life(tmp_path, warehouse, settings=willing) as alive:
        await alive.log.writer.append(records(100))
        await alive.until_stored()
        assert await alive.log.dead_letters.count() == 150

    await assert_stored_once(warehouse, 100)


async def test_events_that_are_sent_again_in_other_batches_count_once(tmp_path: Path, warehouse: OpenWarehouse) -> None:
    sent = list(records(300))
    chance = random.Random(7)
    async with life(tmp_path, warehouse) as alive:
        await alive.log.writer.append(sent)
        await alive.until_stored()
        for _ in range(5):
            again = chance.sample(sent, k=200)
            await alive.log.writer.append(again[:120])
            await alive.log.writer.append([*again[120:], *again[:30]])
        await alive.until_stored()
        assert alive.sample("millrace_duplicates_dropped_total", layer="consumer") == 5 * 230
    async with life(tmp_path, warehouse) as alive:  # whose memory of recent ids is empty at first
        await alive.log.writer.append(sent)
        await alive.until_stored()

    await assert_stored_once(warehouse, 300)


@pytest.mark.parametrize("years", [(1970, 1971), (2080, 2100)])
async def test_times_of_any_year_are_stored_whatever_their_number_of_months(
    tmp_path: Path, warehouse: OpenWarehouse, years: tuple[int, int]
) -> None:
    times = [f"{year}-{month:02}-15 12:00:00.000" for year in range(*years) for month in range(1, 13)]
    async with life(tmp_path, warehouse) as alive:
        await alive.log.writer.append([record(number, timestamp=at) for number, at in enumerate(times)])
        await alive.until_stored()

    await assert_stored_once(warehouse, len(times))
