"""The fixture in an embedded engine: its events as the platform stores them, and as the gold statements read them."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from millrace_analytics.ai.knowing import vocabulary_of
from millrace_analytics.ai.ports import Vocabulary
from millrace_service.metrics import Metrics
from millrace_warehouse.chdb.engine import ChdbEngine
from millrace_warehouse.clickhouse import schema
from millrace_warehouse.clickhouse.engine import Connection
from millrace_warehouse.ports import Rows, Warehouse
from tests.support.worlds import open_reads

NOW: Final = 1_774_742_400_000
"""2026-03-29 00:00:00 UTC, in milliseconds."""
TENANTS: Final = ("tenant_a", "tenant_b")
_FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class World:
    """What questions are put to."""

    warehouse: Warehouse
    admin: Connection
    known: dict[str, Vocabulary] = field(default_factory=dict)

    async def vocabulary(self, tenant: str) -> Vocabulary:
        """What the tenant's events are called: the fixture stays as it is, so it is looked up once."""
        if tenant not in self.known:
            self.known[tenant] = await vocabulary_of(self.warehouse.of(tenant))
        return self.known[tenant]

    async def gold(self, tenant: str, sql: str) -> Sequence[Sequence[Any]]:
        """What the gold statement answers on the tenant's events alone."""
        own = re.sub(r"\bevents_raw\b", f"gold_{tenant}", sql)
        rows: Rows = await self.admin.query(own)
        return rows.rows


@asynccontextmanager
async def open_world(folder: Path) -> AsyncIterator[World]:
    """The engine, with the fixture loaded."""
    engine = await ChdbEngine.open(folder / "warehouse", Metrics())
    admin = await engine.admin()
    try:
        await schema.migrate(admin)
        await _load(admin)
        async with open_reads(engine) as reads:
            yield World(reads, admin)
    finally:
        await admin.close()
        await engine.close()


async def _load(admin: Connection) -> None:
    """The fixture's table under another name; of it ``events_raw``, with what ingestion would have filled of the addresses."""
    create, insert = [
        part.replace("analytics.events_raw", "fixture_events")
        for part in (_FOLDER / "fixture.sql").read_text().split(";\n")
        if "events_raw" in part
    ]
    await admin.command(create[create.index("CREATE TABLE") :])
    await admin.command(insert[insert.index("INSERT") :].rstrip().rstrip(";"))
    await admin.command(
        "INSERT INTO events_raw (customer_id, event_id, event_type, event_name, visitor_id, user_id, session_id, timestamp, "
        "properties, page_url, page_path, referrer, referrer_domain, utm_campaign, received_at, ingested_at) "
        "SELECT customer_id, event_id, event_type, event_name, visitor_id, ifNull(user_id, ''), session_id, timestamp, "
        "properties, page_url, path(page_url), referrer, domainWithoutWWW(referrer), "
        "extractURLParameter(page_url, 'utm_campaign'), timestamp, toDateTime64('2026-03-29 00:00:00', 3, 'UTC') "
        "FROM fixture_events"
    )
    for tenant in TENANTS:
        await admin.command(
            f"CREATE TABLE gold_{tenant} ENGINE = MergeTree ORDER BY tuple() AS "
            f"SELECT * FROM fixture_events WHERE customer_id = '{tenant}'"
        )
