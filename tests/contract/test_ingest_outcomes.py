"""The table of outcomes, on the engine in the process and behind ClickHouse's HTTP interface: an id counts once, and each
tenant reads its own."""

import asyncio
import json
from typing import Any

import pytest

from millrace_core.errors import QueryError, RowsRefused
from millrace_core.ids import new_id
from millrace_core.time import now_ms, warehouse_time
from millrace_eventlog.outcomes import Outcome, minute_of, of_event, record_of, row_of, row_of_record
from millrace_eventlog.records import LogRecord
from millrace_warehouse.clickhouse.moving import ClickHouseEventSource
from millrace_warehouse.migrations import all_migrations
from millrace_warehouse.migrations.layout import Layout
from tests.support.pipeline import record
from tests.support.warehouse import ON_BOTH, OpenWarehouse
from tests.support.worlds import open_reads


def _outcome(tenant: str = "demo", **given: Any) -> Outcome:
    at = now_ms()
    said = {
        "customer_id": tenant,
        "minute": minute_of(at),
        "outcome": "rejected",
        "outcome_id": new_id(at),
        "events": 3,
        "last_at": warehouse_time(at),
        "reason": "invalid_json",
        "protocol": "native",
        "key_id": "k1",
        "sample": ['it\'s "mine" \\ ü', "b"],
    }
    return Outcome(**{**said, **given})


async def _rows(warehouse: OpenWarehouse, columns: str) -> list[tuple[Any, ...]]:
    found = await warehouse.connection.query(f"SELECT {columns} FROM ingest_outcomes FINAL ORDER BY ALL")
    return [tuple(row) for row in found.rows]


@ON_BOTH
async def test_a_row_says_what_its_record_says_and_counts_once_however_often_it_comes(warehouse: OpenWarehouse) -> None:
    outcome = _outcome()
    told = record_of(outcome, outcome.outcome_id, now_ms())
    for offset in (7, 7, 9):  # inserted again, and appended to the log again
        await warehouse.writer.insert_outcomes([row_of_record(told, 1, offset, 2)])
    columns = "customer_id, outcome, reason, protocol, key_id, outcome_id, version, events, sample"
    assert await _rows(warehouse, columns) == [
        ("demo", "rejected", "invalid_json", "native", "k1", outcome.outcome_id, 0, 3, outcome.sample)
    ]
    assert await _rows(warehouse, "toString(minute), toString(last_at), _p, _o, _i") == [
        (outcome.minute, outcome.last_at, 1, 9, 2)
    ]


@ON_BOTH
async def test_outcomes_are_stored_while_rows_of_another_batch_are_judged(warehouse: OpenWarehouse) -> None:
    judged, _ = await asyncio.gather(
        asyncio.gather(*(warehouse.writer.probe(b"no row\n") for _ in range(10))),
        asyncio.gather(*(warehouse.writer.insert_outcomes([row_of(_outcome(), 0, number, 0)]) for number in range(10))),
    )
    assert None not in judged
    assert len(await _rows(warehouse, "_o")) == 10


@ON_BOTH
async def test_what_is_taken_back_counts_no_more_in_whatever_order_it_comes(warehouse: OpenWarehouse) -> None:
    event = record(1, tenant="demo")
    was = of_event("dead_letter", event, "0/5/1", "refused_by_warehouse")
    back = of_event("dead_letter", event, "0/5/1", "refused_by_warehouse", version=1)
    for rows in ([row_of(was, 0, 5, 1)], [row_of(back, 0, 8, 0)], [row_of(was, 0, 5, 1)]):
        await warehouse.writer.insert_outcomes(rows)
    assert await _rows(warehouse, "outcome, events") == [("dead_letter", 0)]


@ON_BOTH
async def test_a_tenant_asks_for_its_own_outcomes_in_sql(warehouse: OpenWarehouse) -> None:
    theirs = _outcome("theirs", events=5)
    await warehouse.writer.insert_outcomes([row_of(_outcome(), 0, 1, 0), row_of(theirs, 0, 2, 0)])
    async with open_reads(warehouse.engine) as reads:
        asked = reads.of("demo").ask
        rows = (await asked("SELECT outcome, reason, sum(events) FROM ingest_outcomes FINAL GROUP BY ALL")).rows
        assert [list(row) for row in rows] == [["rejected", "invalid_json", 3]]
        columns = (await asked("SELECT * FROM ingest_outcomes")).columns
        assert not {"key_id", "outcome_id", "_p", "_o", "_i"} & set(columns)
        for hidden in ("outcome_id", "key_id", "_o"):
            with pytest.raises(QueryError):
                await asked(f"SELECT {hidden} FROM ingest_outcomes")


@ON_BOTH
async def test_outcomes_move_in_pages_and_their_positions_with_them(warehouse: OpenWarehouse) -> None:
    told = [_outcome(events=number) for number in range(1, 6)]
    found = of_event("duplicate", record(1, tenant="demo"), "0/7/1")
    await warehouse.writer.insert_outcomes([*(row_of(each, 0, 1, 0) for each in told), row_of(found, 0, 7, 1)])
    source, moved = ClickHouseEventSource(warehouse.engine), list[bytes]()
    while page := await source.outcomes(len(moved), 4, 65_000):
        moved += page
    await source.close()
    assert len(moved) == 6
    await warehouse.connection.command("TRUNCATE TABLE ingest_outcomes")
    for _ in range(2):
        await warehouse.writer.insert_outcomes(moved)
    assert await _rows(warehouse, "sum(events), countIf(_p = 65000)") == [(16, 6)]
    assert await _rows(warehouse, "outcome_id, toString(minute), sample") == sorted(
        [(each.outcome_id, each.minute, each.sample) for each in told] + [("65000/7/1", found.minute, found.sample)]
    )


async def test_outcomes_are_kept_no_longer_than_their_tenants_events(warehouse: OpenWarehouse) -> None:
    day, now = 86_400_000, now_ms()
    told = [_outcome(minute=minute_of(now - days * day)) for days in (0, 1, 3)]
    others = _outcome("other", minute=minute_of(now - 3 * day))
    await warehouse.writer.insert_outcomes([row_of(each, 0, 1, 0) for each in (*told, others)])
    assert await warehouse.admin.expire("demo", now - 2 * day)
    assert not await warehouse.admin.expire("demo", now - 2 * day)
    assert await _rows(warehouse, "customer_id, count() OVER (PARTITION BY customer_id)") == [
        ("demo", 2),
        ("demo", 2),
        ("other", 1),
    ]


async def test_a_row_that_is_none_is_refused_whole(warehouse: OpenWarehouse) -> None:
    bad = row_of(_outcome(minute="soon"), 0, 1, 0)
    with pytest.raises(RowsRefused):
        await warehouse.writer.insert_outcomes([row_of(_outcome(), 0, 2, 0), bad])
    assert await _rows(warehouse, "1") == []


async def test_the_self_tests_canary_does_not_expire_before_it_is_looked_for(warehouse: OpenWarehouse) -> None:
    await warehouse.connection.command(
        "INSERT INTO ingest_outcomes (customer_id, minute, outcome) VALUES ('canary', '1985-05-01 00:00:00', 'rejected'), "
        "('old', '2026-01-01 00:00:00', 'rejected')"
    )
    await warehouse.connection.command("OPTIMIZE TABLE ingest_outcomes FINAL")
    assert await _rows(warehouse, "customer_id") == [("canary",)]


def test_a_cluster_keeps_the_version_by_which_an_outcome_is_taken_back() -> None:
    [step] = [each for each in all_migrations() if each.name == "ingest_outcomes"]
    [statement] = step.statements
    local, distributed = Layout("main").statements(statement)
    assert (
        "ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version)" in local
    )
    assert "ingest_outcomes_local" in local
    assert distributed.endswith("ingest_outcomes_local, cityHash64(customer_id))")


def test_an_outcome_of_a_line_that_nobody_can_read_counts_all_the_same() -> None:
    broken = LogRecord("demo", new_id(0), 1_771_243_261_000, "native", "", b"\xff{")
    told = of_event("dead_letter", broken, "0/1/0", "refused_by_warehouse")
    assert (told.minute, told.events, told.sample) == ("2026-02-16 12:01:00", 1, [broken.event_id])
    assert json.loads(row_of(told, 0, 1, 0))["outcome_id"] == "0/1/0"
