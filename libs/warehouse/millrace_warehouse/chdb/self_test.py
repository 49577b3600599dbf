"""Barrier B before anything is served: with a configuration of the wrong shape the engine applies no row policy, and says
nothing."""

import re
from typing import Final

from millrace_core.errors import StartRefused
from millrace_warehouse.chdb.engine import Engine
from millrace_warehouse.chdb.failures import EngineFailure
from millrace_warehouse.gate.tables import READABLE

_CANARY: Final = "canary.of.the.self-test"
# A month that no event can have: dropping its partitions leaves nothing behind.
_INSERT: Final = (
    "INSERT INTO events_raw (customer_id, event_id, event_type, timestamp, visitor_id, page_path, received_at, ingested_at) "
    f"VALUES ('{_CANARY}', generateUUIDv4(), 'page_view', '1971-01-01 00:00:00', 'canary', '/', "
    "'1971-01-01 00:00:00', '1971-01-01 00:00:00')"
)
_SOURCES: Final = re.compile(r"\b(ALL|FILE|URL|REMOTE|S3|SOURCES|READ|WRITE|MYSQL|POSTGRES|REDIS|MONGO|HDFS|ODBC|JDBC)\b")


async def check_barrier(engine: Engine) -> None:
    """Return when a connection without a marker and another tenant's see nothing of a canary that ours does see.

    Raises:
        StartRefused: the barrier does not stand; no tenant's SQL may be served.
    """
    try:
        admin = await engine.admin()
        unmarked = await engine.unmarked_client()
        other = await engine.tenant_client("another.tenant", {})
        await _drop_canary(engine)
        await admin.command(_INSERT)
        try:
            for table in READABLE:
                count = f"SELECT count() FROM {table} WHERE customer_id = '{_CANARY}'"
                if await admin.text(count) == "0":
                    raise StartRefused(f"the warehouse's view of {table} is not filled: the row policies shut ourselves out")
                if [await unmarked.text(count), await other.text(count)] != ["0", "0"]:
                    raise StartRefused(
                        f"the warehouse shows rows of {table} to other tenants: its row policies are not applied"
                    )
        finally:
            await _drop_canary(engine)
        grants = await other.text("SHOW GRANTS")
        if granted := _SOURCES.search(grants):
            raise StartRefused(f"the warehouse grants access to {granted[0]}: its configuration is not applied")
        for connection in (admin, unmarked, other):
            await connection.close()
    except EngineFailure as failure:
        raise StartRefused(f"the warehouse's isolation cannot be tested (engine code {failure.code})") from failure


async def _drop_canary(engine: Engine) -> None:
    admin = await engine.admin()
    for table in READABLE:
        await admin.command(f"ALTER TABLE {table} DROP PARTITION '197101'")
    await admin.command("ALTER TABLE event_ids DROP PARTITION '1971-01-01 00:00:00'")
    await admin.close()
