"""WarehouseWriter on the real engine: rows of a token are stored once, in the events and in every rollup."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from millrace_core.errors import RowsRefused, WarehouseUnavailable
from millrace_warehouse.clickhouse.schema import check_windows
from millrace_warehouse.migrations.tables import ROLLUPS
from tests.support.warehouse import FILLED, ON_BOTH, OpenWarehouse, event_line, event_lines

pytestmark = ON_BOTH


async def _everywhere(warehouse: OpenWarehouse) -> set[int]:
    return set((await warehouse.counts()).values())


@asynccontextmanager
async def _setting(warehouse: OpenWarehouse, table: str, name: str, value: int) -> AsyncIterator[None]:
    await warehouse.connection.command(f"ALTER TABLE {table} MODIFY SETTING {name} = {value}")
    try:
        yield
    finally:
        back = "100000" if name == "non_replicated_deduplication_window" else None
        change = f"MODIFY SETTING {name} = {back}" if back else f"RESET SETTING {name}"
        connection = await warehouse.engine.admin()
        await connection.command(f"ALTER TABLE {table} {change}")
        await connection.close()


class TestTokens:
    async def test_the_same_token_stores_once_in_every_table(self, warehouse: OpenWarehouse) -> None:
        rows = event_lines(100)
        for _ in range(3):
            await warehouse.writer.insert(rows, "v1:log:0-1:aa")
        assert await _everywhere(warehouse) == {100}

    async def test_two_tokens_store_twice(self, warehouse: OpenWarehouse) -> None:
        await warehouse.writer.insert(event_lines(100), "v1:log:0-1:aa")
        await warehouse.writer.insert(event_lines(100, offset=1), "v1:log:1-2:aa")
        assert await warehouse.value("SELECT sum(events) FROM events_by_minute") == 200

    async def test_batches_at_once_are_stored_whole_and_each_token_once(self, warehouse: OpenWarehouse) -> None:
        lines = [event_line(number) + b"\n" for number in range(400)]
        batches = [(lines[first : first + 50], f"v1:log:{first}:aa") for first in range(0, 400, 50)]
        await asyncio.gather(*(warehouse.writer.insert(rows, token) for rows, token in batches for _ in range(3)))
        assert await _everywhere(warehouse) == {400}

    async def test_a_retry_still_stores_once_after_merges(self, warehouse: OpenWarehouse) -> None:
        rows = event_lines(100)
        await warehouse.writer.insert(rows, "v1:log:0-1:aa")
        for table in FILLED:
            await warehouse.connection.command(f"OPTIMIZE TABLE {table} FINAL")
        await warehouse.writer.insert(rows, "v1:log:0-1:aa")
        assert await _everywhere(warehouse) == {100}

    @pytest.mark.parametrize("table", [rollup.name for rollup in ROLLUPS] + ["event_ids"])
    async def test_a_retry_fills_the_rollup_that_a_crash_left_out(self, warehouse: OpenWarehouse, table: str) -> None:
        rows = event_lines(100)
        await warehouse.writer.insert(rows, "v1:log:0-1:aa")
        await warehouse.connection.command(f"TRUNCATE TABLE {table}")  # takes its deduplication log with it
        await warehouse.writer.insert(rows, "v1:log:0-1:aa")
        assert await _everywhere(warehouse) == {100}

    async def test_a_retry_fills_the_months_that_a_crash_left_out(self, warehouse: OpenWarehouse) -> None:
        months = [f"2026-0{month}-16 12:00:00.000" for month in (1, 2, 3, 4)]
        rows = b"".join(event_line(number, timestamp=months[number % 4]) + b"\n" for number in range(100))
        await warehouse.writer.insert(rows, "v1:log:0-1:aa")
        await warehouse.connection.command("ALTER TABLE events_raw DROP PARTITION 202603")
        await warehouse.connection.command("ALTER TABLE events_by_hour DROP PARTITION 202603")
        assert await warehouse.value("SELECT count() FROM events_raw") == 75
        await warehouse.writer.insert(rows, "v1:log:0-1:aa")
        assert await _everywhere(warehouse) == {100}

    async def test_a_token_of_other_rows_would_lose_them_so_it_holds_a_checksum(self, warehouse: OpenWarehouse) -> None:
        await warehouse.writer.insert(event_lines(10), "v1:log:0-1:aa")
        await warehouse.writer.insert(event_lines(20), "v1:log:0-1:aa")
        assert await warehouse.value("SELECT count() FROM events_raw") == 10

    async def test_the_same_rows_again_under_another_token_are_two_inserts(self, warehouse: OpenWarehouse) -> None:
        rows = event_lines(10)
        await warehouse.writer.insert(rows, "v1:log:0-1:aa")
        await warehouse.writer.insert(rows, "v1:log:1-2:aa")
        assert await warehouse.value("SELECT sum(events) FROM events_by_hour") == 20

    async def test_beyond_the_window_a_token_is_forgotten(self, warehouse: OpenWarehouse) -> None:
        async with _setting(warehouse, "events_raw", "non_replicated_deduplication_window", 5):
            for number in range(7):
                await warehouse.writer.insert(event_line(number) + b"\n", f"v1:log:{number}")
            await warehouse.writer.insert(event_line(0) + b"\n", "v1:log:0")
            await warehouse.writer.insert(event_line(6) + b"\n", "v1:log:6")
        assert await warehouse.value("SELECT count() FROM events_raw") == 8

    async def test_a_rollup_without_a_window_counts_every_retry(self, warehouse: OpenWarehouse) -> None:
        rows = event_lines(100)
        async with _setting(warehouse, "events_by_hour", "non_replicated_deduplication_window", 0):
            for _ in range(3):
                await warehouse.writer.insert(rows, "v1:log:0-1:aa")
            with pytest.raises(Exception, match="events_by_hour has no deduplication window"):
                await check_windows(warehouse.connection)
        assert await warehouse.value("SELECT sum(events) FROM events_by_hour") == 300
        await check_windows(warehouse.connection)


class TestBlocks:
    @pytest.mark.parametrize("rows", [50_000, 120_000])
    async def test_an_insert_is_one_block(self, warehouse: OpenWarehouse, rows: int) -> None:
        properties = {"page": "/", "filler": "x" * 200}
        line = event_line(0, properties=properties)
        body = b"".join(line.replace(b'"_i":0', b'"_i":%d' % (row % 50_000)) + b"\n" for row in range(rows))
        assert len(body) > 16 * 2**20
        await warehouse.writer.insert(body, "v1:log:0-1:aa")
        parts = (
            "SELECT count() FROM system.parts WHERE database = 'analytics' AND table = 'events_raw' AND level = 0 AND rows > 0"
        )
        assert await warehouse.value(f"{parts} AND active") == 1
        assert await warehouse.value("SELECT count() FROM events_raw") == rows

    async def test_more_rows_than_a_block_holds_are_refused_at_once(self, warehouse: OpenWarehouse) -> None:
        with pytest.raises(ValueError, match="at most"):
            await warehouse.writer.insert(b"\n" * 1_000_001, "v1:log:0-1:aa")

    async def test_a_batch_over_more_than_a_hundred_months_is_stored(self, warehouse: OpenWarehouse) -> None:
        rows = b"".join(
            event_line(number, timestamp=f"{2000 + number // 12}-{number % 12 + 1:02d}-03 01:02:03.004") + b"\n"
            for number in range(120)
        )
        await warehouse.writer.insert(rows, "v1:log:0-1:aa")
        assert await _everywhere(warehouse) == {120}


class TestTrouble:
    async def test_too_many_parts_is_trouble_of_the_warehouse_and_passes(self, warehouse: OpenWarehouse) -> None:
        await warehouse.writer.insert(event_lines(10), "v1:log:0-1:aa")
        async with _setting(warehouse, "events_raw", "parts_to_throw_insert", 1):
            with pytest.raises(WarehouseUnavailable) as raised:
                await warehouse.writer.insert(event_lines(10, offset=1), "v1:log:1-2:aa")
            assert "code 252" in raised.value.message
        await warehouse.writer.insert(event_lines(10, offset=1), "v1:log:1-2:aa")
        assert await warehouse.value("SELECT sum(events) FROM events_by_minute") == 20

    async def test_a_rollup_that_fails_is_completed_by_the_retry(self, warehouse: OpenWarehouse) -> None:
        await warehouse.writer.insert(event_lines(10), "v1:log:0-1:aa")
        async with _setting(warehouse, "pages_by_hour", "parts_to_throw_insert", 1):
            with pytest.raises(WarehouseUnavailable):
                await warehouse.writer.insert(event_lines(10, offset=1), "v1:log:1-2:aa")
        await warehouse.writer.insert(event_lines(10, offset=1), "v1:log:1-2:aa")
        counts = await warehouse.counts()
        assert {counts[rollup.name] for rollup in ROLLUPS} == {20}

    async def test_a_cancelled_insert_goes_on_to_its_end(self, warehouse: OpenWarehouse) -> None:
        task = asyncio.create_task(warehouse.writer.insert(event_lines(5_000), "v1:log:0-1:aa"))
        await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await warehouse.writer.insert(event_lines(5_000), "v1:log:0-1:aa")
        assert await _everywhere(warehouse) == {5_000}


def _with(column: bytes, value: bytes) -> bytes:
    """A row with this JSON text as the value of a column."""
    return event_line(1).replace(b'"properties":{"page":"/"}', b'"%s":%s' % (column, value))


REFUSED = {
    "text for a time": _with(b"skew_ms", b'"soon"'),
    "an id that is none": event_line(1).replace(b'"event_id":"', b'"event_id":"x'),
    "no JSON": b"}{",
    "an array": b"[1,2]",
    "cut short": event_line(1)[:-30],
    "null byte outside of text": event_line(1).replace(b'"_p":0', b'"_p":\x00'),
    "an impossible date": event_line(1, timestamp="2026-99-99 00:00:00.000"),
    "an object for a number": _with(b"skew_ms", b'{"a":1}'),
}
STORED = {
    "1e400": _with(b"properties", b'{"a":1e400}'),
    "NaN": _with(b"properties", b'{"a":NaN}'),
    "lone surrogate": _with(b"properties", b'{"a":"\\ud800"}'),
    "duplicate keys": _with(b"properties", b'{"a":1,"a":2}'),
    "a path beside an object": _with(b"properties", b'{"a.b":1,"a":{"b":2}}'),
    "depth of 2,000": _with(b"properties", b'{"a":' * 2000 + b"1" + b"}" * 2000),
    "a key of a megabyte": _with(b"properties", b'{"%s":1}' % (b"k" * 2**20)),
    "an escaped NUL": _with(b"properties", b'{"a":"\\u0000"}'),
    "invalid UTF-8": _with(b"properties", b'{"a":"\xff\xfe"}'),
    "a huge integer": _with(b"properties", b'{"a":123456789012345678901234567890}'),
    "no object": _with(b"properties", b'"text"'),
    "an empty key": _with(b"properties", b'{"":1}'),
}


class TestProbe:
    @pytest.mark.parametrize("name", REFUSED)
    async def test_what_the_probe_refuses_the_insert_refuses(self, warehouse: OpenWarehouse, name: str) -> None:
        row = REFUSED[name] + b"\n"
        reason = await warehouse.writer.probe(row)
        assert reason is not None
        assert reason.startswith("a row holds ")
        with pytest.raises(RowsRefused):
            await warehouse.writer.insert(event_lines(3) + row, "v1:log:0-1:aa")
        assert await _everywhere(warehouse) == {0}
        await warehouse.writer.insert(event_lines(3), "v1:log:0-1:aa")  # the good rows, under the same token
        assert await _everywhere(warehouse) == {3}

    @pytest.mark.parametrize("name", STORED)
    async def test_what_the_probe_lets_through_is_stored(self, warehouse: OpenWarehouse, name: str) -> None:
        row = STORED[name] + b"\n"
        assert await warehouse.writer.probe(row) is None
        await warehouse.writer.insert(row + event_line(2) + b"\n", "v1:log:0-1:aa")
        assert await _everywhere(warehouse) == {2}
        await warehouse.connection.command("OPTIMIZE TABLE events_raw FINAL")
        await warehouse.connection.command("ALTER TABLE events_raw UPDATE country = 'DE' WHERE 1 SETTINGS mutations_sync = 1")

    async def test_a_reason_never_quotes_a_value(self, warehouse: OpenWarehouse) -> None:
        reason = await warehouse.writer.probe(_with(b"skew_ms", b'"canary-7f3a"') + b"\n")
        assert reason is not None
        assert "canary" not in reason


class TestWhatIsStored:
    async def test_ids_with_their_positions(self, warehouse: OpenWarehouse) -> None:
        await warehouse.writer.insert(event_lines(100, offset=7), "v1:log:7-8:aa")
        ids = [row[0] for row in (await warehouse.connection.query("SELECT toString(event_id) FROM event_ids")).rows]
        asked = [("demo", ids[0]), ("demo", ids[1].upper()), ("other", ids[2]), ("demo", "no uuid")]
        found = await warehouse.writer.stored_ids([*asked, ("demo", "00000000-0000-4000-8000-000000000000")])
        assert sorted(each.event_id for each in found) == sorted(ids[:2])
        assert {(each.tenant, each.partition, each.offset) for each in found} == {("demo", 0, 7)}

    async def test_ids_in_tens_of_thousands(self, warehouse: OpenWarehouse) -> None:
        await warehouse.writer.insert(event_lines(12_000), "v1:log:0-1:aa")
        streamed = [each async for block in warehouse.writer.recent_ids([0]) for each in block]
        assert len(set(streamed)) == len(streamed) == 12_000
        assert len(await warehouse.writer.stored_ids([("demo", each) for each in streamed])) == 12_000

    async def test_ids_older_than_two_days_are_forgotten(self, warehouse: OpenWarehouse) -> None:
        await warehouse.writer.insert(event_lines(10, ingested_at="2026-02-16 12:00:00.000"), "v1:log:0-1:aa")
        assert [each async for block in warehouse.writer.recent_ids([0]) for each in block] == []

    async def test_ids_of_partitions_and_those_that_were_moved_here(self, warehouse: OpenWarehouse) -> None:
        for number, partition in enumerate((0, 1, 2, 65_001)):
            await warehouse.writer.insert(event_line(number, _p=partition) + b"\n", f"v1:{partition}")
        wanted = [str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))) for number in (1, 2, 3)]
        found = [each async for block in warehouse.writer.recent_ids([1, 2]) for each in block]
        assert sorted(found) == sorted(wanted)

    async def test_positions_of_a_range(self, warehouse: OpenWarehouse) -> None:
        for offset in range(5):
            await warehouse.writer.insert(event_lines(3, offset=offset), f"v1:log:{offset}")
        found = await warehouse.writer.stored_positions(0, 1, 3)
        assert sorted(each[:2] for each in found) == [(offset, index) for offset in (1, 2, 3) for index in range(3)]
        of_table = await warehouse.connection.query(
            "SELECT _o, _i, toString(event_id) FROM events_raw WHERE _o BETWEEN 1 AND 3"
        )
        assert sorted(found) == sorted(tuple(row) for row in of_table.rows)
        assert await warehouse.writer.stored_positions(1, 0, 9) == []
