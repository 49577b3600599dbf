"""Events of tenants whose settings keep them for a shorter time than the warehouse does."""

import asyncio
from typing import Final

import structlog

from millrace_consumer.audit import ONE_TURN
from millrace_core.errors import MillraceError
from millrace_core.time import now_ms
from millrace_records.cache.ports import Locks
from millrace_records.ports import Records
from millrace_warehouse.ports import WarehouseAdmin

_DAY_MS: Final = 86_400_000

_log = structlog.get_logger("millrace.retention")


async def expire(admin: WarehouseAdmin, records: Records, now: int) -> list[str]:
    """Delete what is older than its tenant keeps, with its rollups; the tenants that had any.

    Args:
        now: milliseconds since the epoch.

    Raises:
        RecordsUnavailable, WarehouseUnavailable: the next call deletes the rest.
    """
    expired = []
    for tenant in await records.tenants():
        of_types = sorted(tenant.event_days.items())
        done = [await admin.expire(tenant.name, now - days * _DAY_MS, only=event_type) for event_type, days in of_types]
        if tenant.retention_days is not None:
            before = now - tenant.retention_days * _DAY_MS
            done.append(await admin.expire(tenant.name, before, but=[event_type for event_type, _ in of_types]))
        if any(done):
            expired.append(tenant.name)
            _log.info("events_expired", tenant=tenant.name, days=tenant.retention_days, by_type=dict(of_types))
    return expired


async def expire_regularly(admin: WarehouseAdmin, records: Records, locks: Locks, seconds: float) -> None:
    """Every so many seconds, for ever. Of several consumers one does."""
    while True:
        await asyncio.sleep(seconds)
        if not await locks.acquire("retention", seconds * ONE_TURN):
            continue
        try:
            await expire(admin, records, now_ms())
        except MillraceError as error:
            _log.warning("retention_failed", code=error.code, cause=str(error.__cause__ or error))
