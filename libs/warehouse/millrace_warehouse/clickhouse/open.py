"""Makes the ports of an opened engine."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from millrace_core.errors import StartRefused
from millrace_service.metrics import Metrics
from millrace_warehouse.clickhouse.admin import ClickHouseAdmin
from millrace_warehouse.clickhouse.engine import Connection, Engine
from millrace_warehouse.clickhouse.failures import EngineFailure
from millrace_warehouse.clickhouse.parser import ClickHouseParser
from millrace_warehouse.clickhouse.people import ClickHousePeople
from millrace_warehouse.clickhouse.reads import ClickHouseReads
from millrace_warehouse.clickhouse.self_test import check_barrier
from millrace_warehouse.clickhouse.turns import WriteTurns
from millrace_warehouse.clickhouse.writer import ClickHouseWriter
from millrace_warehouse.gate.functions import DESCRIBED, Functions
from millrace_warehouse.gate.gate import Gate
from millrace_warehouse.gate.tables import public_columns
from millrace_warehouse.gate.views import VIEWS
from millrace_warehouse.gate.walk import Readable
from millrace_warehouse.ports import StoringPorts, WarehousePorts
from millrace_warehouse.query_settings import QuerySettings


@asynccontextmanager
async def storing_ports(engine: Engine, ttl_days: int) -> AsyncIterator[StoringPorts]:
    """The ports of the consumer and of operators; nobody asks for a tenant's rows. An engine of this process alone is migrated,
    another one has to be.

    Args:
        ttl_days: how long events are kept; 0 keeps them.

    Raises:
        StartRefused: the schema is not this code's.
    """
    turns = WriteTurns()
    writer, admin = ClickHouseWriter(engine, turns), ClickHouseAdmin(engine, turns, ttl_days)
    people = ClickHousePeople(engine, turns, ttl_days)
    try:
        await (admin.check() if engine.is_shared else admin.migrate())
        await writer.warm_up()
        yield StoringPorts(writer, admin, people)
    finally:
        await writer.close()
        await people.close()
        await admin.close()


@asynccontextmanager
async def all_ports(engine: Engine, ttl_days: int, queries: QuerySettings, metrics: Metrics) -> AsyncIterator[WarehousePorts]:
    """Every port, the isolation of tenants tested.

    Raises:
        StartRefused: the schema is not this code's, or tenants would not be kept apart.
    """
    async with storing_ports(engine, ttl_days) as storing:
        await check_barrier(engine)
        parser = ClickHouseParser(engine)
        reads = ClickHouseReads(engine, await open_gate(engine, parser), queries, metrics)
        try:
            await reads.ping()
            yield WarehousePorts(storing.writer, storing.admin, storing.people, reads)
        finally:
            await reads.close()
            await parser.close()


async def open_gate(engine: Engine, parser: ClickHouseParser) -> Gate:
    """The gate for the tables and functions that this engine has.

    Raises:
        StartRefused: the engine does not tell.
    """
    try:
        connection = await engine.admin()
        functions = await _rows(connection, f"SELECT {', '.join(DESCRIBED)} FROM system.functions")
        described = await _rows(
            connection, "SELECT table, name FROM system.columns WHERE database = currentDatabase() ORDER BY table, position"
        )
        await connection.close()
    except EngineFailure as failure:
        raise StartRefused(f"the warehouse does not tell its functions (engine code {failure.code})") from failure
    columns: dict[str, list[str]] = {}
    for row in described:
        columns.setdefault(row["table"], []).append(row["name"])
    views = {name: json.loads(await parser.parse(view.sql)) for name, view in VIEWS.items()}
    readable = Readable(engine.database, public_columns(columns), views, frozenset(columns))
    return Gate(parser, Functions.of_engine(functions), readable)


async def _rows(connection: Connection, sql: str) -> list[Mapping[str, Any]]:
    answer = await connection.raw(sql, "JSONEachRow")
    return [msgspec.json.decode(line) for line in answer.splitlines()]
