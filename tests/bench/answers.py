"""How fast answers are: the gate, plain language without a model, the live dashboard over its rollups against the same
questions to the events themselves, and from what is kept.

Events are made by the engine, for each number of them a tenant of its own, all within the day before and in the order in which
they would have arrived. ``MILLRACE_BENCH_EVENTS`` says how many, as a list (1000000,10000000 of its own; a hundred million take
some minutes more and 8 GB).
"""

import asyncio
import datetime
import json
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Final

import httpx

from millrace_analytics.ai.knowing import vocabulary_of
from millrace_analytics.ai.offline.matcher import OfflineMatcher
from millrace_analytics.ai.ports import Asked, ModelFailed
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
from tests.eval.world import NOW, TENANTS, open_world

_TENANT: Final = "demo"
_ROUNDS: Final = 15
_REQUESTS: Final = 300
_SIZES: Final = [int(size) for size in os.environ.get("MILLRACE_BENCH_EVENTS", "1000000,10000000").split(",")]
_CASES: Final = Path(__file__).parents[1] / "cases" / "sql-legit.json"
_EVAL: Final = Path(__file__).parents[1] / "eval"

_INSERT: Final = (
    "INSERT INTO events_raw (customer_id, event_id, event_type, timestamp, visitor_id, page_path, received_at, ingested_at) "
    "SELECT {tenant:String}, generateUUIDv4(), if(number % 3 = 0, concat('type-', toString(number % 20)), 'page_view'), "
    "fromUnixTimestamp64Milli({now:Int64} - intDiv(({events:Int64} - toInt64(number)) * 86400000, {events:Int64})) AS at, "
    "concat('v', toString(rand(2) % {people:UInt64})), concat('/p', toString(rand(3) % 100)), at, at "
    "FROM numbers({first:UInt64}, {count:UInt64})"
)
_BLOCK: Final = 2_000_000
_MERGE_SECONDS: Final = 300.0
# The same as the dashboard asks, in whatever it asks of the rollups.
_HOUR: Final = (
    "FROM events_raw WHERE customer_id = {tenant:String} AND timestamp >= {first:DateTime} AND timestamp <= {now:DateTime} "
    "AND NOT is_bot"
)
_VIEW: Final = "event_type = 'page_view' AND page_path != ''"
_RAW: Final = (
    f"SELECT toStartOfMinute(timestamp) AS minute, count(), uniqIf(visitor_id, visitor_id != '') {_HOUR} GROUP BY minute",
    f"SELECT event_type, count() AS c {_HOUR} GROUP BY event_type ORDER BY c DESC, event_type LIMIT 10",
    f"SELECT page_path, count() AS c, uniq(visitor_id) {_HOUR} AND {_VIEW} GROUP BY 1 ORDER BY c DESC, page_path LIMIT 10",
    f"SELECT max(timestamp) {_HOUR}",
)


def measure(folder: Path) -> Iterator[Row]:
    """The rows."""
    yield from asyncio.run(_in_process(folder / "cold"))
    yield asyncio.run(_offline(folder / "told"))
    yield _cached(folder)


async def _in_process(folder: Path) -> list[Row]:
    rows: list[Row] = []
    now = now_ms()
    async with _opened(folder) as (engine, reads):
        rows.append(await _gate(reads))
        await _fill(engine, now)
        ways: dict[str, Callable[[], Awaitable[object]]] = {}
        for size in _SIZES:
            ways |= {f"rollups {size}": _of_rollups(reads, size, now), f"events {size}": _of_events(reads, size, now)}
        took = dict(zip(ways, await _in_turns(*ways.values()), strict=True))
        for size in _SIZES:
            ours, raw = took[f"rollups {size}"], took[f"events {size}"]
            told = f"{ours * 1000:.1f} ms against {raw * 1000:.1f} ms: {ours / raw:.2f}x"
            what = f"dashboard, nothing kept, {size:,} events of a day, against the events"
            rows.append(Row(what, told, "<= 0.1x", ours <= 0.1 * raw))
        cold = [took[f"rollups {size}"] for size in (min(_SIZES), max(_SIZES))]
    growth = cold[1] / cold[0]
    rows.append(Row(f"the same from {min(_SIZES):,} to {max(_SIZES):,} events", f"{growth:.2f}x", "<= 1.3x", growth <= 1.3))
    return rows


def _of_rollups(reads: ClickHouseReads, size: int, now: int) -> Callable[[], Awaitable[object]]:
    return lambda: dashboard_of(reads.of(f"t{size}"), now)


def _of_events(reads: ClickHouseReads, size: int, now: int) -> Callable[[], Awaitable[object]]:
    warehouse = reads.of(f"t{size}")
    first = datetime.datetime.fromtimestamp(now // 60_000 * 60 - 59 * 60, datetime.UTC)
    values = {"tenant": warehouse.tenant, "first": first, "now": datetime.datetime.fromtimestamp(now // 1000 + 1, datetime.UTC)}
    return lambda: asyncio.gather(*(warehouse.query(sql, values) for sql in _RAW))


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


async def _fill(engine: ChdbEngine, now: int) -> None:
    """In pieces as they would have come, the last hour in twelve; and the rollups merged: what is measured is no backlog."""
    admin = await engine.admin()
    for size in _SIZES:
        began, hour = time.monotonic(), size // 24
        starts = [*range(0, size - hour, _BLOCK), *(size - hour + hour * part // 12 for part in range(12)), size]
        for first, end in pairwise(starts):
            values = {"tenant": f"t{size}", "now": now, "events": size, "people": max(1, size // 20)}
            await admin.command(_INSERT, {**values, "first": first, "count": end - first})
        sys.stderr.write(f"made {size:,} events in {time.monotonic() - began:.0f} s\n")
    for table in ("events_by_minute", "live_by_minute"):
        await admin.command(f"OPTIMIZE TABLE {table} FINAL")
    deadline = time.monotonic() + _MERGE_SECONDS
    while time.monotonic() < deadline and (await admin.query("SELECT count() FROM system.merges")).rows[0][0]:
        await asyncio.sleep(0.5)
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


async def _in_turns(*asked: Callable[[], Awaitable[object]]) -> list[float]:
    """The median of each, asked in turns: a busy machine slows all of them."""
    took: list[list[float]] = [[] for _ in asked]
    for _ in range(_ROUNDS):
        for each, mine in zip(asked, took, strict=True):
            began = time.perf_counter()
            await each()
            mine.append(time.perf_counter() - began)
    return [statistics.median(mine) for mine in took]


async def _offline(folder: Path) -> Row:
    """Of every question of the eval: what the tenant's names are is known, and what it is read as is not run."""
    questions = [case["question"] for case in json.loads((_EVAL / "questions.json").read_text())]
    took = []
    async with open_world(folder) as world:
        model, tenant = OfflineMatcher(), TENANTS[0]
        vocabulary = await vocabulary_of(world.warehouse.of(tenant))
        for _ in range(4):
            for question in questions:
                began = time.perf_counter()
                with suppress(ModelFailed):  # it does not understand everything
                    await model.about(Asked(tenant, question, NOW, vocabulary=vocabulary)).read()
                took.append(time.perf_counter() - began)
    p50, p95 = _percentiles(took)
    measured = f"p50 {p50:.1f} ms, p95 {p95:.1f} ms"
    return Row("a question in plain language, offline, without its query", measured, "p95 <= 15 ms", p95 <= 15)


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
