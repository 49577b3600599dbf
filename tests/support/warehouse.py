"""The real engine for tests: one for each file (a process can hold one open folder at a time), its tables empty at the start of
each test.

Fixtures: ``engine`` (the opened Engine), ``warehouse`` (writer and admin on empty tables); ``ON_BOTH`` runs a test on a server,
too. The engine runs from a file's first test that needs it to the file's end, so no test of that file opens a platform in this
process. The loop of the engine's fixture is not a test's loop, so nothing that waits is kept between tests: connections and
locks are made anew for each.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from millrace_core.time import now_ms, warehouse_time
from millrace_service.metrics import Metrics
from millrace_warehouse.chdb.engine import ChdbEngine
from millrace_warehouse.clickhouse import schema
from millrace_warehouse.clickhouse.admin import ClickHouseAdmin
from millrace_warehouse.clickhouse.engine import Connection, Engine
from millrace_warehouse.clickhouse.people import ClickHousePeople
from millrace_warehouse.clickhouse.turns import WriteTurns
from millrace_warehouse.clickhouse.writer import ClickHouseWriter
from millrace_warehouse.migrations.tables import ROLLUPS
from millrace_warehouse.server.open import open_server
from millrace_warehouse.wiring import migrate_warehouse
from tests.support.clickhouse import ClickHouse, new_clickhouse

FILLED = ("events_raw", "event_ids", *(rollup.name for rollup in ROLLUPS))
"""The tables that an insert fills."""


@dataclass(frozen=True, slots=True)
class OpenWarehouse:
    """The ports of the consumer and of operators, and a connection that sees everything."""

    engine: Engine
    writer: ClickHouseWriter
    admin: ClickHouseAdmin
    people: ClickHousePeople
    connection: Connection

    async def value(self, sql: str) -> Any:
        """The one value that a SELECT answers."""
        return (await self.connection.query(sql)).rows[0][0]

    async def counts(self) -> dict[str, int]:
        """How many events each filled table says there are."""
        counted = {"events_raw": "count()", "event_ids": "uniqExact(customer_id, event_id)"}
        counted |= {rollup.name: f"sum({rollup.count})" for rollup in ROLLUPS}
        return {name: int(await self.value(f"SELECT {what} FROM {name}")) for name, what in counted.items()}


ON_BOTH = pytest.mark.parametrize("opened_engine", ["embedded", "server"], indirect=True)
"""Runs a test, or all of a module, on the engine in the process and on one behind ClickHouse's HTTP interface."""


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbEngine]:
    folder: Path = tmp_path_factory.mktemp("warehouse")

    async def start() -> ChdbEngine:
        opened = await ChdbEngine.open(folder / "warehouse", Metrics())
        admin = await opened.admin()
        await schema.migrate(admin)
        await admin.close()
        return opened

    opened = asyncio.run(start())
    yield opened
    asyncio.run(opened.close())


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    server = new_clickhouse(tmp_path_factory.mktemp("clickhouse") / "server")
    server.start()
    asyncio.run(migrate_warehouse(server.settings))
    yield server
    server.stop()


@pytest.fixture
def opened_engine(request: pytest.FixtureRequest) -> ChdbEngine | ClickHouse:
    kind = {"embedded": "embedded", "server": "clickhouse"}[getattr(request, "param", "embedded")]
    found: ChdbEngine | ClickHouse = request.getfixturevalue(kind)
    return found


@pytest_asyncio.fixture
async def engine(opened_engine: ChdbEngine | ClickHouse) -> AsyncIterator[Engine]:
    async with engine_of(opened_engine) as engine:
        yield engine


@asynccontextmanager
async def engine_of(opened: ChdbEngine | ClickHouse) -> AsyncIterator[Engine]:
    """Connections to a server belong to the loop that made them; the engine in the process is open already."""
    if isinstance(opened, ChdbEngine):
        yield opened
        return
    async with open_server(opened.writer_url, opened.reader_url, None) as engine:
        yield engine


@pytest_asyncio.fixture
async def warehouse(engine: Engine) -> AsyncIterator[OpenWarehouse]:
    connection = await engine.admin()
    await empty(connection)
    turns = WriteTurns()
    people = ClickHousePeople(engine, turns)
    opened = OpenWarehouse(engine, ClickHouseWriter(engine, turns), ClickHouseAdmin(engine, turns, 0), people, connection)
    yield opened
    await opened.writer.close()
    await people.close()
    await opened.admin.close()
    if not connection.closed:
        await connection.close()


async def empty(connection: Connection) -> None:
    """Drop what has rows, with its deduplication log; TRUNCATE would write an empty part for every month of every test."""
    partitions = await connection.query(
        "SELECT DISTINCT table, partition_id FROM system.parts "
        "WHERE database = currentDatabase() AND active AND rows > 0 AND table != 'schema_migrations'"
    )
    for table, partition in partitions.rows:
        await connection.command(f"ALTER TABLE {table} DROP PARTITION ID '{partition}'")


def event_line(number: int = 0, *, offset: int = 0, index: int | None = None, **columns: Any) -> bytes:
    """A row as the consumer inserts it: event ``number`` at its position, with other columns as given."""
    row: dict[str, Any] = {
        "event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))),
        "customer_id": "demo",
        "event_type": "page_view",
        "timestamp": "2026-02-16 12:00:00.000",
        "received_at": "2026-02-16 12:00:00.050",
        "visitor_id": f"v{number % 7}",
        "session_id": f"s{number % 7}",
        "properties": {"page": "/"},
        "page_path": "/",
    }
    row |= columns
    row |= {
        "ingested_at": columns.get("ingested_at", _now()),
        "_p": columns.get("_p", 0),
        "_o": offset,
        "_i": number if index is None else index,
    }
    return json.dumps(row, separators=(",", ":")).encode()


def event_lines(count: int, **columns: Any) -> bytes:
    """Rows of ``count`` events, in one block of bytes."""
    return b"".join(event_line(number, **columns) + b"\n" for number in range(count))


def _now() -> str:
    return warehouse_time(now_ms())
