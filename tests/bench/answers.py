"""How fast answers are: the gate, the live dashboard over its rollups against the same questions to the events themselves, and
from what is kept.

Events are made by the engine, all within the last day; ``MILLRACE_BENCH_EVENTS`` says how many, as a list (1000000,10000000
of its own; a hundred million take some minutes and 6 GB).
"""

import asyncio
import json
import os
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx

from millrace_analytics.families.realtime.dashboard import dashboard_of
from millrace_core.time import now_ms
from millrace_service.metrics import Metrics
from millrace_warehouse.chdb.engine import ChdbEngine
from millrace_warehouse.clickhouse import schema
from millrace_warehouse.clickhouse.open import open_gate
from millrace_warehouse.clickhouse.parser import ClickHouseParser
from millrace_warehouse.clickhouse.reads import ClickHouseReads
from millrace_warehouse.query_settings import QuerySettings
from tests.bench.processes import server
from tests.bench.table import Row

_TENANT: Final = "bench"
_ROUNDS: Final = 15
_REQUESTS: Final = 300
_SIZES: Final = [int(size) for size in os.environ.get("MILLRACE_BENCH_EVENTS", "1000000,10000000").split(",")]
_CASES: Final = Path(__file__).parents[1] / "cases" / "sql-legit.json"

_INSERT: Final = (
    "INSERT INTO events_raw (customer_id, event_id, event_type, timestamp, visitor_id, page_path, received_at, ingested_at) "
    f"SELECT '{_TENANT}', generateUUIDv4(), if(number % 3 = 0, concat('type-', toString(number % 20)), 'page_view'), "
    "now64(3, 'UTC') - toIntervalMillisecond(rand64(1) % 86400000) AS at, concat('v', toString(rand(2) % {people})), "
    "concat('/p', toString(rand(3) % 100)), at, at FROM numbers({events}) SETTINGS max_insert_threads = 2"
)
_SINCE: Final = "timestamp >= toStartOfMinute(now()) - INTERVAL 59 MINUTE"
_HOUR: Final = f"FROM events_raw WHERE customer_id = '{_TENANT}' AND {_SINCE} AND NOT is_bot"
_VIEW: Final = "event_type = 'page_view' AND page_path != ''"
_RAW: Final = (
    f"SELECT toStartOfMinute(timestamp) AS minute, count(), uniqIf(visitor_id, visitor_id != '') {_HOUR} GROUP BY minute",
    f"SELECT event_type, count() AS c {_HOUR} GROUP BY event_type ORDER BY c DESC, event_type LIMIT 10",
    f"SELECT page_path, count() AS c, uniq(visitor_id) {_HOUR} AND {_VIEW} GROUP BY 1 ORDER BY c DESC, page_path LIMIT 10",
    f"SELECT max(timestamp) {_HOUR}",
)


def measure(folder: Path) -> Iterator[Row]:
    """The rows."""
    yield from asyncio.run(_in_process(folder))
    yield _cached(folder)


async def _in_process(folder: Path) -> list[Row]:
    rows: list[Row] = []
    cold: list[float] = []
    async with _opened(folder) as (engine, reads):
        rows.append(await _gate(reads))
        stored = 0
        for size in sorted(_SIZES):
            await _grow(engine, size - stored)
            stored = size
            warehouse = reads.of(_TENANT)

            async def of_rollups() -> None:
                await dashboard_of(warehouse, now_ms())  # noqa: B023 (asked at once)

            async def of_events() -> None:
                await asyncio.gather(*(warehouse.query(sql) for sql in _RAW))  # noqa: B023

            ours, raw = await _in_turns(of_rollups, of_events)
            cold.append(ours)
            told = f"{ours * 1000:.1f} ms against {raw * 1000:.1f} ms: {ours / raw:.2f}x"
            rows.append(
                Row(
                    f"dashboard, nothing kept, {size:,} events of a day, against the events", told, "<= 0.1x", ours <= 0.1 * raw
                )
            )
    growth = max(cold) / min(cold)
    rows.append(Row(f"the same from {min(_SIZES):,} to {max(_SIZES):,} events", f"{growth:.2f}x", "<= 1.3x", growth <= 1.3))
    return rows


@asynccontextmanager
async def _opened(folder: Path) -> AsyncIterator[tuple[ChdbEngine, ClickHouseReads]]:
    engine = await ChdbEngine.open(folder / "warehouse", Metrics())
    admin = await engine.admin()
    await schema.migrate(admin)
    await admin.close()
    parser = ClickHouseParser(engine)
    reads = ClickHouseReads(engine, await open_gate(engine, parser), QuerySettings(query_seconds=120), Metrics())
    try:
        yield engine, reads
    finally:
        await reads.close()
        await parser.close()
        await engine.close()


async def _grow(engine: ChdbEngine, events: int) -> None:
    """So many more, and everything merged: what is measured is no backlog."""
    admin = await engine.admin()
    await admin.command(_INSERT.replace("{events}", str(events)).replace("{people}", str(max(1, events // 20))))
    for table in ("events_by_minute", "pages_by_minute"):
        await admin.command(f"OPTIMIZE TABLE {table} FINAL")
    await admin.close()


async def _gate(reads: ClickHouseReads) -> Row:
    statements = [case["sql"] for case in json.loads(_CASES.read_text())]
    took = []
    for _ in range(4):
        for sql in statements:
            began = time.perf_counter()
            await reads.gate.scope(sql, _TENANT)
            took.append(time.perf_counter() - began)
    p50, p95 = _percentiles(took)
    return Row("the gate, a statement of the corpus", f"p50 {p50:.1f} ms, p95 {p95:.1f} ms", "p95 <= 6 ms", p95 <= 6)


async def _in_turns(*asked: Callable[[], Awaitable[None]]) -> list[float]:
    """The median of each, asked in turns: a busy machine slows all of them."""
    took: list[list[float]] = [[] for _ in asked]
    for _ in range(_ROUNDS):
        for each, mine in zip(asked, took, strict=True):
            began = time.perf_counter()
            await each()
            mine.append(time.perf_counter() - began)
    return [statistics.median(mine) for mine in took]


def _cached(folder: Path) -> Row:
    """Over HTTP, with the client's own time in it."""
    took = []
    environment = {"MILLRACE_DASHBOARD_CACHE_SECONDS": "60"}
    with server(folder, **environment) as ours, httpx.Client(base_url=ours.url, timeout=30) as client:
        client.get(f"/dashboard/realtime/{_TENANT}").raise_for_status()
        for _ in range(_REQUESTS):
            began = time.perf_counter()
            answer = client.get(f"/dashboard/realtime/{_TENANT}")
            took.append(time.perf_counter() - began)
            assert answer.headers["x-cache"] == "hit", answer.text
    p50, p95 = _percentiles(took)
    return Row("dashboard, kept, over HTTP", f"p50 {p50:.1f} ms, p95 {p95:.1f} ms", "p95 <= 5 ms", p95 <= 5)


def _percentiles(seconds: list[float]) -> tuple[float, float]:
    """The median and the 95th percentile, in milliseconds."""
    ordered = sorted(seconds)
    return ordered[len(ordered) // 2] * 1000, ordered[int(len(ordered) * 0.95)] * 1000
