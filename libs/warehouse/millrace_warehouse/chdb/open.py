"""Opens and closes the warehouse in this process."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from millrace_core.errors import StartRefused
from millrace_service.metrics import Metrics
from millrace_warehouse.chdb.admin import ChdbAdmin
from millrace_warehouse.chdb.connection import Connection
from millrace_warehouse.chdb.engine import Engine
from millrace_warehouse.chdb.failures import EngineFailure
from millrace_warehouse.chdb.parser import ChdbParser
from millrace_warehouse.chdb.reads import ChdbReads
from millrace_warehouse.chdb.self_test import check_barrier
from millrace_warehouse.chdb.turns import WriteTurns
from millrace_warehouse.chdb.writer import ChdbWriter
from millrace_warehouse.gate.functions import Functions
from millrace_warehouse.gate.gate import Gate
from millrace_warehouse.gate.tables import public_columns
from millrace_warehouse.migrations.tables import DATABASE
from millrace_warehouse.ports import WarehousePorts
from millrace_warehouse.query_settings import QuerySettings


@asynccontextmanager
async def open_chdb(folder: Path, ttl_days: int, queries: QuerySettings, metrics: Metrics) -> AsyncIterator[WarehousePorts]:
    """The ports of the engine on this folder, its schema up to date and its isolation tested.

    Args:
        ttl_days: how long events are kept; 0 keeps them.

    Raises:
        StartRefused: another process has the folder, its schema is newer, or tenants would not be kept apart.
    """
    engine = await Engine.open(folder, metrics)
    try:
        turns = WriteTurns()
        writer, admin = ChdbWriter(engine, turns, folder), ChdbAdmin(engine, turns, ttl_days)
        await admin.migrate()
        await check_barrier(engine)
        parser = ChdbParser(engine)
        reads = ChdbReads(engine, await open_gate(engine, parser), queries, metrics)
        await asyncio.gather(writer.warm_up(), reads.ping())
        try:
            yield WarehousePorts(writer, reads, admin)
        finally:
            for part in (writer, reads, admin, parser):
                await part.close()
    finally:
        await engine.close()


async def open_gate(engine: Engine, parser: ChdbParser) -> Gate:
    """The gate for the tables and functions that this engine has.

    Raises:
        StartRefused: the engine does not tell.
    """
    try:
        connection = await engine.admin()
        functions = await _rows(connection, "SELECT name, categories, is_aggregate, alias_to FROM system.functions")
        described = await _rows(
            connection, "SELECT table, name FROM system.columns WHERE database = currentDatabase() ORDER BY table, position"
        )
        await connection.close()
    except EngineFailure as failure:
        raise StartRefused(f"the warehouse does not tell its functions (engine code {failure.code})") from failure
    columns: dict[str, list[str]] = {}
    for row in described:
        columns.setdefault(row["table"], []).append(row["name"])
    return Gate(parser, Functions.of_engine(functions), DATABASE, public_columns(columns), list(columns))


async def _rows(connection: Connection, sql: str) -> list[Mapping[str, Any]]:
    answer = await connection.raw(sql, "JSONEachRow")
    return [msgspec.json.decode(line) for line in answer.splitlines()]
