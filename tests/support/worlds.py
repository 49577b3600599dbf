"""Worlds for non-interference: the same tenant beside other tenants whose data differs, and alone.

A statement of the tenant must answer the same in each. That finds what a search for foreign strings misses: error messages,
counts and orders that depend on a neighbour.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from millrace_core.errors import MillraceError
from millrace_service.metrics import Metrics
from millrace_warehouse.clickhouse.engine import Engine
from millrace_warehouse.clickhouse.open import open_gate
from millrace_warehouse.clickhouse.parser import ClickHouseParser
from millrace_warehouse.clickhouse.reads import ClickHouseReads
from millrace_warehouse.clickhouse.turns import WriteTurns
from millrace_warehouse.clickhouse.writer import ClickHouseWriter
from millrace_warehouse.query_settings import QuerySettings
from tests.support.warehouse import empty, event_line

TENANT = "tenant_a"
CANARY = "CANARY-OF-ANOTHER-TENANT"

# What the attacks reach for beside the events: none of it has a row policy, so the gate alone stands before it.
_BAIT = (
    (
        "CREATE TABLE api_keys (customer_id String, secret String) ENGINE = MergeTree ORDER BY customer_id "
        f"AS SELECT 'tenant_b', '{CANARY}'"
    ),
    (
        "CREATE TABLE visitor_join (visitor_id String, email String) ENGINE = Join(ANY, LEFT, visitor_id) "
        f"AS SELECT 'v1', '{CANARY}'"
    ),
    "CREATE VIEW events_pv AS SELECT * FROM events_raw WHERE customer_id = {tenant:String}",
    "CREATE TABLE events_hourly (customer_id String, hour DateTime, c UInt64) ENGINE = MergeTree ORDER BY hour",
)
_BAIT_NAMES = ("api_keys", "visitor_join", "events_pv", "events_hourly")

_TYPES = ("page_view", "click", "signup", "purchase")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a statement ended: its rows as sorted JSON, or its error."""

    rows: tuple[str, ...] | None
    error: tuple[str, str] | None

    @property
    def text(self) -> str:
        """Everything that the client saw."""
        return "\n".join(self.rows or ()) + "".join(self.error or ())


@asynccontextmanager
async def open_reads(engine: Engine, **settings: Any) -> AsyncIterator[ClickHouseReads]:
    """Reads through both barriers, with short limits."""
    parser = ClickHouseParser(engine)
    gate = await open_gate(engine, parser)
    limits = QuerySettings(**{"query_seconds": 3.0, **settings})
    reads = ClickHouseReads(engine, gate, limits, Metrics())
    yield reads
    await reads.close()
    await parser.close()


async def outcomes(engine: Engine, statements: Sequence[str]) -> list[list[Outcome]]:
    """For each statement its outcome in each of three worlds: other tenants with one set of data, with another, and none."""
    found: list[list[Outcome]] = [[] for _ in statements]
    admin = await engine.admin()
    for name in _BAIT_NAMES:
        await admin.command(f"DROP TABLE IF EXISTS {name}")
    for sql in _BAIT:
        await admin.command(sql)
    try:
        for world in range(3):
            await empty(admin)
            writer = ClickHouseWriter(engine, WriteTurns())
            await writer.insert(_rows(world), f"world-{world}")
            await writer.close()
            for table in ("events_raw", "events_by_minute", "events_by_hour", "pages_by_minute", "pages_by_hour"):
                await admin.command(f"OPTIMIZE TABLE {table} FINAL")
            async with open_reads(engine) as reads:
                for number, sql in enumerate(statements):
                    found[number].append(await _outcome(reads, sql))
    finally:
        for name in _BAIT_NAMES:
            await admin.command(f"DROP TABLE IF EXISTS {name}")
        await admin.close()
    return found


async def _outcome(reads: ClickHouseReads, sql: str) -> Outcome:
    try:
        answer = await reads.of(TENANT).ask(sql)
    except MillraceError as error:
        return Outcome(None, (error.code, error.message))
    return Outcome(tuple(sorted(json.dumps(row) for row in answer.rows)), None)


def _rows(world: int) -> bytes:
    """The tenant's rows, the same in each world, between those of a tenant that sorts before it and one that sorts behind."""
    lines = [_row(number, TENANT, "own") for number in range(300)]
    if world < 2:
        for tenant in ("tenant_0", "tenant_b"):
            lines += [_row(number + 1000 * (world + 1), tenant, f"{CANARY}-{world}") for number in range(120 + 40 * world)]
    return b"".join(line + b"\n" for line in lines)


def _row(number: int, tenant: str, mark: str) -> bytes:
    kind = _TYPES[number % 4] if number % 7 else "page_view"
    properties: dict[str, Any] = {"plan": ("free", "pro")[number % 2], "country": ("DE", "US", "FR")[number % 3], "mark": mark}
    if kind == "purchase":
        properties["amount"] = 5 + number % 60
    return event_line(
        number,
        customer_id=tenant,
        event_type=kind,
        event_name=mark if mark != "own" else "Named",
        timestamp=f"2026-03-{1 + number % 20:02d} {number % 24:02d}:{number % 60:02d}:00.000",
        received_at="2026-03-21 00:00:00.000",
        ingested_at="2026-03-21 00:00:00.000",
        visitor_id=f"v{number % 23}" if mark == "own" else f"{mark}-{number % 5}",
        session_id=f"s{number % 40}" if mark == "own" else mark,
        referrer=("", "https://www.google.com/")[number % 2] if mark == "own" else mark,
        page_url=f"https://shop.example/p{number % 5}" if mark == "own" else mark,
        page_path=f"/p{number % 5}" if mark == "own" else f"/{mark}",
        properties=properties,
    )
