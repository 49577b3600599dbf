"""Connects to a ClickHouse server, and makes there what the platform needs."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from millrace_warehouse.clickhouse.admin import ClickHouseAdmin
from millrace_warehouse.clickhouse.turns import WriteTurns
from millrace_warehouse.server.engine import ServerEngine, create_database


@asynccontextmanager
async def open_server(writer_url: str, reader_url: str | None, cluster: str | None) -> AsyncIterator[ServerEngine]:
    """The engine on a server; without a reader no tenant's rows can be asked for.

    Raises:
        StartRefused: it is not reached, or cannot be used.
    """
    engine = await ServerEngine.open(writer_url, reader_url, cluster)
    try:
        yield engine
    finally:
        await engine.close()


async def migrate_server(writer_url: str, cluster: str | None, ttl_days: int) -> Sequence[str]:
    """Make the database and bring its schema up to date; the names of the migrations that ran.

    Raises:
        StartRefused: the server is not reached, cannot be used, or has a newer schema.
        WarehouseUnavailable: a statement failed; the next call takes it up again.
    """
    await create_database(writer_url, cluster)
    async with open_server(writer_url, None, cluster) as engine:
        admin = ClickHouseAdmin(engine, WriteTurns(), ttl_days)
        try:
            return await admin.migrate()
        finally:
            await admin.close()
