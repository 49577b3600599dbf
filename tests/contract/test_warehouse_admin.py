"""WarehouseAdmin on the real engine: the schema, sizes, and rollups that equal the events."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from millrace_consumer.retention import expire
from millrace_consumer.sizes import report_sizes
from millrace_core.errors import StartRefused, WarehouseUnavailable
from millrace_core.time import now_ms, warehouse_time
from millrace_records.ports import Tenant
from millrace_records.settings import RecordsSettings
from millrace_records.wiring import open_records
from millrace_service.metrics import Metrics
from millrace_warehouse.clickhouse.admin import ClickHouseAdmin
from millrace_warehouse.clickhouse.schema import migrate, set_retention
from millrace_warehouse.migrations import Migration, all_migrations
from millrace_warehouse.migrations.tables import LIVE, MOVING, ROLLUPS, TABLES, Rollup
from tests.support.warehouse import ON_BOTH, OpenWarehouse, event_line, event_lines

pytestmark = ON_BOTH

_HOUR = 3_600_000
_NOON = 1_771_243_200_000  # 2026-02-16 12:00:00 UTC


def _past_hour() -> tuple[int, str]:
    """The start of the last whole hour, in both forms."""
    start = now_ms() // _HOUR * _HOUR - _HOUR
    return start, warehouse_time(start + 60_000)


class TestSchema:
    async def test_running_it_again_changes_nothing(self, warehouse: OpenWarehouse) -> None:
        await warehouse.writer.insert(event_lines(10), "t")
        assert await warehouse.admin.migrate() == []
        assert (await warehouse.counts())["events_by_hour"] == 10

    async def test_the_list_of_tables_is_what_the_migrations_create(self, warehouse: OpenWarehouse) -> None:
        found = (await warehouse.connection.query("SELECT name FROM system.tables WHERE database = 'analytics'")).rows
        assert {row[0] for row in found} == {table.name for table in TABLES} - {MOVING}

    @pytest.mark.parametrize("rollup", [*ROLLUPS, LIVE], ids=lambda rollup: rollup.name)
    async def test_a_view_computes_what_a_rebuild_computes(self, warehouse: OpenWarehouse, rollup: Rollup) -> None:
        where = f" WHERE {rollup.where}" if rollup.where != "1" else ""
        ours = f"{rollup.select} FROM analytics.events_raw{where} GROUP BY {rollup.group}"
        theirs = f"SELECT formatQuerySingleLine(as_select) FROM system.tables WHERE name = '{rollup.view}'"
        formatted = await warehouse.connection.query("SELECT formatQuerySingleLine({q:String})", {"q": ours})
        assert await warehouse.value(theirs) == formatted.rows[0][0]

    async def test_a_crash_in_the_middle_is_mended_by_the_next_start(self, warehouse: OpenWarehouse) -> None:
        first = "CREATE TABLE IF NOT EXISTS half_made (a UInt8) ENGINE = Null;\n"
        broken = Migration(9001, "half", first + "CREATE TABLE IF NOT EXISTS half_made_2 (a NoSuchType) ENGINE = Null;\n")
        whole = Migration(9001, "half", first + "CREATE TABLE IF NOT EXISTS half_made_2 (a UInt8) ENGINE = Null;\n")
        connection = await warehouse.engine.admin()
        with pytest.raises(Exception, match="engine error 50"):
            await migrate(connection, [*all_migrations(), broken])
        connection = await warehouse.engine.admin()
        try:
            assert await migrate(connection, [*all_migrations(), whole]) == ["half"]
            assert await migrate(connection, [*all_migrations(), whole]) == []
        finally:
            await connection.command("DROP TABLE IF EXISTS half_made")
            await connection.command("DROP TABLE IF EXISTS half_made_2")
            await connection.command("DELETE FROM schema_migrations WHERE version = 9001")
            await connection.close()

    async def test_a_newer_schema_is_refused(self, warehouse: OpenWarehouse) -> None:
        await warehouse.connection.command(
            "INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, 'later', 'x')"
        )
        try:
            with pytest.raises(StartRefused, match="version 9999"):
                await warehouse.admin.migrate()
        finally:
            await warehouse.connection.command("DELETE FROM schema_migrations WHERE version = 9999")

    async def test_another_text_of_a_migration_is_refused(self, warehouse: OpenWarehouse) -> None:
        first, *rest = all_migrations()
        changed = Migration(first.version, first.name, first.text + "\n")
        with pytest.raises(StartRefused, match="another text"):
            await migrate(warehouse.connection, [changed, *rest])

    async def test_retention_follows_the_setting(self, warehouse: OpenWarehouse) -> None:
        full = "SELECT engine_full FROM system.tables WHERE name = 'events_raw'"
        for days, expected in ((30, "toIntervalDay(30)"), (7, "toIntervalDay(7)"), (0, "")):
            await set_retention(warehouse.connection, days)
            text = await warehouse.value(full)
            assert expected in text
            assert ("TTL" in text) == bool(days)

    async def test_expired_events_go(self, warehouse: OpenWarehouse) -> None:
        await warehouse.writer.insert(event_lines(10), "expiring")
        try:
            await set_retention(warehouse.connection, 30)
            await warehouse.connection.command("OPTIMIZE TABLE events_raw FINAL")
            counts = await warehouse.counts()
        finally:
            await set_retention(warehouse.connection, 0)
        assert (counts["events_raw"], counts["events_by_hour"]) == (0, 10)


class TestProof:
    async def test_sizes(self, warehouse: OpenWarehouse) -> None:
        await warehouse.writer.insert(event_lines(100), "t")
        sizes = {size.table: size for size in await warehouse.admin.sizes()}
        assert sizes["events_raw"].rows == 100
        assert sizes["events_raw"].bytes > 1000
        assert (
            sizes["events_raw"].parts >= sizes["events_raw"].partition_parts >= 1
        )  # the empty parts of partitions that other tests dropped may still stand

    async def test_sizes_are_told_to_whoever_watches(self, warehouse: OpenWarehouse) -> None:
        await warehouse.writer.insert(event_lines(100), "t")
        metrics = Metrics()
        await report_sizes(warehouse.admin, metrics)
        told = metrics.registry.get_sample_value
        assert told("millrace_warehouse_table_rows", {"table": "events_raw"}) == 100
        assert (told("millrace_warehouse_table_bytes", {"table": "events_raw"}) or 0) > 1000
        assert (told("millrace_warehouse_partition_parts", {"table": "events_raw"}) or 0) >= 1

    async def test_nothing_differs_after_inserts(self, warehouse: OpenWarehouse) -> None:
        _, at = _past_hour()
        await warehouse.writer.insert(event_lines(1000, timestamp=at), "t")
        await warehouse.writer.insert(event_lines(50, timestamp=at, customer_id="other", is_bot=True), "u")
        assert await warehouse.admin.audit(2) == []

    async def test_a_difference_is_found_and_rebuilt(self, warehouse: OpenWarehouse) -> None:
        start, at = _past_hour()
        await warehouse.writer.insert(event_lines(100, timestamp=at), "t")
        await warehouse.connection.command(
            "INSERT INTO events_by_hour (customer_id, hour, event_type, events) "
            f"VALUES ('demo', {start // 1000}, 'page_view', 5)"
        )
        await warehouse.connection.command("ALTER TABLE pages_by_minute DELETE WHERE 1 SETTINGS mutations_sync = 1")
        differing = {(each.table, each.stored, each.recomputed) for each in await warehouse.admin.audit(2)}
        assert differing == {("events_by_hour", 105, 100), ("pages_by_minute", 0, 100)}
        assert await warehouse.admin.rebuild(start, start) == 1
        assert await warehouse.admin.audit(2) == []

    async def test_what_the_live_dashboard_reads_is_compared_and_rebuilt(self, warehouse: OpenWarehouse) -> None:
        start, at = _past_hour()
        await warehouse.writer.insert(event_lines(100, timestamp=at), "t")
        await warehouse.connection.command(f"ALTER TABLE {LIVE.name} DELETE WHERE page = '/' SETTINGS mutations_sync = 1")
        assert {(each.table, each.stored, each.recomputed) for each in await warehouse.admin.audit(2)} == {(LIVE.name, 0, 100)}
        assert await warehouse.admin.repair(start, start) == 1
        assert await warehouse.admin.audit(2) == []
        live = f"SELECT page, sum(events), uniqCombinedMerge(12)(visitors) FROM {LIVE.name} GROUP BY page ORDER BY page"
        assert [tuple(row) for row in (await warehouse.connection.query(live)).rows] == [("", 100, 7), ("/", 100, 7)]

    async def test_what_the_live_dashboard_reads_is_there_after_an_upgrade(self, warehouse: OpenWarehouse) -> None:
        _, at = _past_hour()
        await warehouse.writer.insert(event_lines(30, timestamp=at), "t")
        await warehouse.writer.insert(event_lines(30, timestamp="2026-02-16 12:00:00.000"), "of long ago")
        events = f"SELECT sum(events) FROM {LIVE.name} WHERE page = ''"
        await warehouse.connection.command(f"ALTER TABLE {LIVE.name} DELETE WHERE 1 SETTINGS mutations_sync = 1")
        for _ in range(2):
            assert await warehouse.admin.migrate() == []
            assert await warehouse.value(events) == 30

    async def test_old_hours_are_no_difference_of_what_the_live_dashboard_reads(self, warehouse: OpenWarehouse) -> None:
        start = now_ms() // _HOUR * _HOUR
        times = [warehouse_time(start - hour * _HOUR) for hour in range(9)]
        await warehouse.writer.insert(b"".join(event_line(n, timestamp=at) + b"\n" for n, at in enumerate(times)), "t")
        assert await warehouse.admin.repair(start - 9 * _HOUR, start) == 0
        assert await warehouse.admin.rebuild(start - 9 * _HOUR, start) == 10
        assert await warehouse.admin.repair(start - 9 * _HOUR, start) == 0

    @pytest.mark.minutes
    async def test_an_hour_that_several_partitions_want_repaired_is_rebuilt_once(self, warehouse: OpenWarehouse) -> None:
        await warehouse.writer.insert(event_lines(100), "t")
        await warehouse.connection.command("ALTER TABLE pages_by_minute DELETE WHERE 1 SETTINGS mutations_sync = 1")
        done = await asyncio.gather(*(warehouse.admin.repair(_NOON, _NOON) for _ in range(3)))
        assert sorted(done) == [0, 0, 1]
        assert await warehouse.value("SELECT sum(views) FROM pages_by_minute") == 100

    async def test_a_rebuild_leaves_other_hours_alone_and_may_run_again(self, warehouse: OpenWarehouse) -> None:
        times = [warehouse_time(_NOON + hour * _HOUR) for hour in range(4)]
        rows = b"".join(event_line(number, timestamp=times[number % 4]) + b"\n" for number in range(400))
        await warehouse.writer.insert(rows, "t")
        await warehouse.connection.command("ALTER TABLE events_by_hour UPDATE events = 7 WHERE 1 SETTINGS mutations_sync = 1")
        for _ in range(2):
            assert await warehouse.admin.rebuild(_NOON + _HOUR, _NOON + 2 * _HOUR) == 2
        hours = await warehouse.connection.query("SELECT sum(events) FROM events_by_hour GROUP BY hour ORDER BY hour")
        assert [row[0] for row in hours.rows] == [7, 100, 100, 7]
        assert await warehouse.value("SELECT uniqMerge(visitors) FROM pages_by_hour") == 7

    async def test_a_rebuild_counts_a_twice_stored_event_once(self, warehouse: OpenWarehouse) -> None:
        await warehouse.writer.insert(event_lines(100), "t")
        await warehouse.writer.insert(event_lines(100, offset=1), "u")
        assert await warehouse.admin.duplicates(2) == 100
        await warehouse.admin.rebuild(_NOON, _NOON)
        assert await warehouse.value("SELECT sum(events) FROM events_by_minute") == 100

    @pytest.mark.minutes
    async def test_inserts_during_a_rebuild_are_neither_lost_nor_doubled(self, warehouse: OpenWarehouse) -> None:
        async def insert(batch: int) -> None:
            rows = b"".join(event_line(batch * 200 + row, offset=batch, index=row) + b"\n" for row in range(200))
            await warehouse.writer.insert(rows, f"v1:{batch}")

        await insert(0)

        async def insert_all(batches: Sequence[int]) -> None:
            for batch in batches:
                await insert(batch)

        rebuild = warehouse.admin.rebuild(_NOON, _NOON + 3 * _HOUR)
        await asyncio.gather(insert_all(range(1, 20)), rebuild)
        await warehouse.admin.rebuild(_NOON, _NOON)
        await insert_all(range(20, 22))
        assert set((await warehouse.counts()).values()) == {4400}

    async def test_a_rebuild_waits_for_an_insert_that_failed_half_way(self, warehouse: OpenWarehouse) -> None:
        await warehouse.writer.insert(event_lines(10), "t")
        await warehouse.connection.command("ALTER TABLE pages_by_hour MODIFY SETTING parts_to_throw_insert = 1")
        more = b"".join(event_line(row, offset=1) + b"\n" for row in range(10, 30))
        with pytest.raises(WarehouseUnavailable):
            await warehouse.writer.insert(more, "u")
        rebuild = asyncio.create_task(warehouse.admin.rebuild(_NOON, _NOON))
        await asyncio.sleep(0.2)
        assert not rebuild.done()
        await warehouse.connection.command("ALTER TABLE pages_by_hour RESET SETTING parts_to_throw_insert")
        await warehouse.writer.insert(more, "u")
        assert await rebuild == 1
        assert set((await warehouse.counts()).values()) == {30}

    async def test_a_tenant_keeps_its_events_as_long_as_its_settings_say(
        self, warehouse: OpenWarehouse, tmp_path: Path
    ) -> None:
        days = [warehouse_time(_NOON + day * 24 * _HOUR) for day in range(3)]
        for tenant in ("demo", "other"):
            rows = b"".join(event_line(n, customer_id=tenant, timestamp=days[n % 3]) + b"\n" for n in range(30))
            await warehouse.writer.insert(rows, tenant)
        async with open_records(RecordsSettings(), tmp_path) as records:
            await records.put_tenant(Tenant("demo", retention_days=1))
            await records.put_tenant(Tenant("other"))
            now = _NOON + 2 * 24 * _HOUR + 1
            assert await expire(warehouse.admin, records, now) == ["demo"]
            assert await expire(warehouse.admin, records, now) == []
        left = await warehouse.connection.query(
            "SELECT customer_id, toString(min(timestamp)), count() FROM events_raw GROUP BY customer_id ORDER BY customer_id"
        )
        assert [tuple(row) for row in left.rows] == [("demo", days[1], 20), ("other", days[0], 30)]
        for rollup in ROLLUPS:
            sums = f"SELECT sum({rollup.count}) FROM {rollup.name} GROUP BY customer_id ORDER BY customer_id"
            assert [row[0] for row in (await warehouse.connection.query(sums)).rows] == [20, 30]

    async def test_events_of_a_type_are_kept_for_a_time_of_their_own(self, warehouse: OpenWarehouse, tmp_path: Path) -> None:
        types = ("page_view", "purchase", "click", "identify")
        rows = [
            event_line(
                day * 10 + number,
                event_type=event_type,
                user_id="ada",
                timestamp=warehouse_time(_NOON + day * 24 * _HOUR),
            )
            + b"\n"
            for day in range(4)
            for number, event_type in enumerate(types)
        ]
        await warehouse.writer.insert(b"".join(rows), "t")
        now = _NOON + 3 * 24 * _HOUR + 1
        async with open_records(RecordsSettings(), tmp_path) as records:
            await records.put_tenant(Tenant("demo", retention_days=2, event_days={"page_view": 1, "purchase": 3}))
            assert await expire(warehouse.admin, records, now) == ["demo"]
            assert await expire(warehouse.admin, records, now) == []
            left = {"click": 3, "identify": 3, "page_view": 2, "purchase": 4}
            by_type = "SELECT event_type, {} FROM {} GROUP BY event_type ORDER BY event_type"
            for table, count in (
                ("events_raw", "count()"),
                ("events_by_hour", "sum(events)"),
                ("events_by_minute", "sum(events)"),
            ):
                found = (await warehouse.connection.query(by_type.format(count, table))).rows
                assert {str(row[0]): int(row[1]) for row in found} == left
            for table in ("pages_by_hour", "pages_by_minute"):
                assert await warehouse.value(f"SELECT sum(views) FROM {table}") == 2
            assert await warehouse.value("SELECT count() FROM identity_links") == 3
            assert await warehouse.admin.repair(_NOON, now) == 0, "rollups are what the events say"
            await records.put_tenant(Tenant("demo", event_days={"click": 1}))
            assert await expire(warehouse.admin, records, now) == ["demo"]
            assert await warehouse.value("SELECT countIf(event_type = 'click') FROM events_raw") == 2
            assert await warehouse.value("SELECT countIf(event_type = 'purchase') FROM events_raw") == 4

    async def test_hours_whose_events_expired_are_not_rebuilt(self, warehouse: OpenWarehouse) -> None:
        await warehouse.writer.insert(event_lines(10), "t")
        admin = ClickHouseAdmin(warehouse.engine, warehouse.writer._turns, 30)
        assert await admin.rebuild(_NOON, _NOON + _HOUR) == 0
        assert (await warehouse.counts())["events_by_hour"] == 10
        await admin.close()


REALTIME = {
    "total events": "SELECT\n  count() as total_events,\n  uniq(visitor_id) as unique_visitors,\n"
    "  uniq(user_id) as identified_users\nFROM events_raw\nWHERE customer_id = 'demo_tenant'",
    "events over time": "SELECT toStartOfHour(timestamp) as hour, count() as event_count, uniq(visitor_id) as unique_visitors "
    "FROM events_raw WHERE customer_id = 'demo_tenant' AND timestamp >= now() - INTERVAL 24 HOUR "
    "GROUP BY hour ORDER BY hour DESC",
    "top events": "SELECT event_type, count() as count, uniq(visitor_id) as unique_visitors FROM events_raw "
    "WHERE customer_id = 'demo_tenant' GROUP BY event_type ORDER BY count DESC LIMIT 10",
    "user journey": "SELECT timestamp, event_type, event_name, properties FROM events_raw WHERE customer_id = 'demo_tenant' "
    "AND visitor_id = 'visitor_123' ORDER BY timestamp DESC LIMIT 100",
    "cart abandonment": "SELECT visitor_id, count(*) as pricing_views, max(timestamp) as last_pricing_view, "
    "any(timestamp) as cart_abandon_time FROM events_raw WHERE customer_id = 'demo_tenant' AND event_type = 'page_view' "
    "AND JSONExtractString(properties, 'page') LIKE '%pricing%' AND visitor_id IN (SELECT visitor_id FROM events_raw "
    "WHERE customer_id = 'demo_tenant' AND event_type = 'cart_abandon') GROUP BY visitor_id HAVING pricing_views >= 3 "
    "ORDER BY pricing_views DESC",
    "total": "SELECT count(*) as total FROM events_raw WHERE customer_id = 'demo_tenant'",
    "pages today": "SELECT JSONExtractString(properties, 'page') AS page, count() AS views, "
    "uniq(visitor_id) AS unique_visitors FROM events_raw WHERE customer_id = 'demo_tenant' AND event_type = 'page_view' "
    "AND toDate(timestamp) = today() "
    "GROUP BY page ORDER BY views DESC LIMIT 10",
}
EXPECTED = {
    "total events": 1,
    "events over time": 1,
    "top events": 2,
    "user journey": 5,
    "cart abandonment": 1,
    "total": 1,
    "pages today": 1,
}


@pytest.mark.parametrize("name", REALTIME)
async def test_the_documented_queries_run_as_they_are(warehouse: OpenWarehouse, name: str) -> None:
    at = warehouse_time(now_ms())
    columns: dict[str, Any] = {"customer_id": "demo_tenant", "visitor_id": "visitor_123", "timestamp": at}
    views = b"".join(event_line(n, **columns, properties={"page": "/pricing"}) + b"\n" for n in range(4))
    await warehouse.writer.insert(views + event_line(9, **columns, event_type="cart_abandon") + b"\n", "t")
    assert len((await warehouse.connection.query(REALTIME[name])).rows) == EXPECTED[name]
