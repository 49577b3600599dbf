"""Barrier B before anything is served: with a configuration of the wrong shape the engine applies no row policy, and says
nothing."""

import random
import re
import secrets
from typing import Final

from millrace_core.errors import StartRefused
from millrace_warehouse.clickhouse.engine import Connection, Engine
from millrace_warehouse.clickhouse.failures import EngineFailure
from millrace_warehouse.clickhouse.standing import StandingConnection
from millrace_warehouse.gate.tables import READABLE
from millrace_warehouse.migrations.tables import LIVE, OUTCOMES, TABLES

_SOURCES: Final = re.compile(r"\b(ALL|FILE|URL|REMOTE|S3|SOURCES|READ|WRITE|MYSQL|POSTGRES|REDIS|MONGO|HDFS|ODBC|JDBC)\b")
# Canaries stand in months that no event can have, so dropping their partitions leaves nothing behind. Processes that start
# at the same time take different ones.
_YEARS: Final = range(1971, 2000)
_STALE_SECONDS: Final = 600
_TESTED: Final = tuple(table.name for table in TABLES if table.tenant_filter)
"""Every table that a tenant's connection reads, for people or for ourselves."""


async def check_barrier(engine: Engine) -> None:
    """Return when a connection without a marker and another tenant's see nothing of a canary that its own tenant and we see.

    Raises:
        StartRefused: the barrier does not stand; no tenant's SQL may be served.
    """
    canary = f"canary.{secrets.token_hex(8)}"
    month = f"{random.choice(_YEARS)}{random.randint(1, 12):02}"  # noqa: S311
    try:
        ours = StandingConnection(engine.admin)
        admin = await ours.get()
        await _drop_stale(engine, admin)
        time = f"{month[:4]}-{month[4:]}-01 00:00:00"
        await admin.command(
            "INSERT INTO events_raw "
            "(customer_id, event_id, event_type, timestamp, visitor_id, user_id, page_path, received_at, ingested_at) "
            f"VALUES ('{canary}', generateUUIDv4(), 'page_view', '{time}', 'canary', '', '/', '{time}', '{time}'), "
            f"('{canary}', generateUUIDv4(), 'identify', '{time}', 'canary', 'user', '', '{time}', '{time}')"
        )
        await admin.command(f"INSERT INTO {OUTCOMES} (customer_id, minute, outcome) VALUES ('{canary}', '{time}', 'rejected')")
        await admin.command(f"INSERT INTO {LIVE.name} (customer_id, minute, events) VALUES ('{canary}', '{time}', 1)")
        try:
            await _check_tables(engine, admin, canary)
        finally:
            await _drop(engine, await ours.get(), month)
            await ours.close()
    except EngineFailure as failure:
        raise StartRefused(f"the warehouse's isolation cannot be tested (engine code {failure.code})") from failure


async def _check_tables(engine: Engine, admin: Connection, canary: str) -> None:
    own, other = await engine.tenant(canary, {}), await engine.tenant("another.tenant", {})
    unmarked = StandingConnection(engine.nobody)
    seen, own_seen, other_seen = [await _counts(each, canary) for each in (admin, own, other)]
    for table in _TESTED:
        if not seen[table]:
            raise StartRefused(f"the warehouse's view of {table} is not filled: the row policies shut ourselves out")
        if not own_seen[table]:
            raise StartRefused(
                f"the warehouse hides rows of {table} from their own tenant: its row policies are not the right ones"
            )
        if other_seen[table] or await _unmarked_sees(unmarked, _count(table, canary)):
            raise StartRefused(f"the warehouse shows rows of {table} to other tenants: its row policies are not applied")
    if granted := _SOURCES.search(await other.text("SHOW GRANTS")):
        raise StartRefused(f"the warehouse grants access to {granted[0]}: its configuration is not applied")
    for connection in (own, other, unmarked):
        await connection.close()


def _count(table: str, canary: str) -> str:
    return f"SELECT count() FROM {table} WHERE customer_id = '{canary}'"


async def _counts(connection: Connection, canary: str) -> dict[str, int]:
    """How many rows of the canary a connection sees in each table."""
    found = await connection.text(f"SELECT {', '.join(f'({_count(table, canary)})' for table in _TESTED)}")
    return dict(zip(_TESTED, map(int, found.split("\t")), strict=True))


async def _unmarked_sees(unmarked: StandingConnection, count: str) -> bool:
    """Whether nobody's connection counts a row; an error is no count."""
    try:
        return await (await unmarked.get()).text(count) != "0"
    except EngineFailure as failure:
        if not failure.code:  # the engine did not even refuse
            raise
        return False


async def _drop_stale(engine: Engine, admin: Connection) -> None:
    """Canaries of processes that ended in the middle of their test."""
    age = _STALE_SECONDS if engine.is_shared else 0
    months = await admin.query(
        f"SELECT DISTINCT partition FROM {engine.layout.system('parts')} WHERE database = currentDatabase() AND active "
        f"AND (table LIKE 'events%' OR table LIKE '{OUTCOMES}%') AND match(partition, '^[0-9]{{6}}$') AND partition < '200001' "
        f"AND rows > 0 AND modification_time <= now() - {age}"
    )
    for row in months.rows:
        await _drop(engine, admin, str(row[0]))


async def _drop(engine: Engine, admin: Connection, month: str) -> None:
    for table in READABLE:
        await admin.command(f"ALTER TABLE {engine.layout.stored(table)} DROP PARTITION '{month}'")
    day = f"{month[:4]}-{month[4:]}-01 00:00:00"
    for table in ("event_ids", LIVE.name):
        await admin.command(f"ALTER TABLE {engine.layout.stored(table)} DROP PARTITION '{day}'")
