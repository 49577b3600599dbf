"""The hourly proof: no event twice, and every rollup equal to the events it was made of."""

import asyncio
from typing import Final

import structlog

from millrace_core import metrics as names
from millrace_core.errors import MillraceError, RecordsUnavailable
from millrace_core.time import now_ms
from millrace_records.cache.ports import Locks
from millrace_records.ports import AuditState, Records
from millrace_service.metrics import Metrics
from millrace_warehouse.ports import WarehouseAdmin

_HOURS: Final = 2
"""How far back an audit looks: every hour is looked at twice."""

ONE_TURN: Final = 0.9
"""Of the time between two turns: how long the lock of one is held, so that others skip it and the next one finds it free."""

_log = structlog.get_logger("millrace.audit")


async def audit(admin: WarehouseAdmin, records: Records, metrics: Metrics) -> AuditState:
    """Compare once; what was found is kept in the records. Differences are logged, not mended: that is for
    ``millrace rebuild``, after someone has seen them.

    Raises:
        WarehouseUnavailable: cannot tell now.
    """
    duplicates = await admin.duplicates(_HOURS)
    differences = await admin.audit(_HOURS)
    metrics.gauge(names.AUDIT_DUPLICATES).set(duplicates)
    metrics.gauge(names.AUDIT_DIFFERENCES).set(len(differences))
    for difference in differences[:20]:
        _log.error(
            "rollup_differs",
            table=difference.table,
            tenant=difference.tenant,
            bucket=difference.bucket,
            stored=difference.stored,
            recomputed=difference.recomputed,
        )
    if duplicates:
        _log.error("duplicate_rows", rows=duplicates)
    state = AuditState(now_ms(), _HOURS, duplicates, len(differences))
    try:
        await records.save_audit(state)
    except RecordsUnavailable as error:
        _log.warning("audit_not_recorded", cause=str(error.__cause__ or error))
    return state


async def audit_regularly(admin: WarehouseAdmin, records: Records, locks: Locks, metrics: Metrics, seconds: float) -> None:
    """Audit every so many seconds, for ever. Of several consumers one does."""
    while True:
        await asyncio.sleep(seconds)
        if not await locks.acquire("audit", seconds * ONE_TURN):
            continue
        try:
            found = await audit(admin, records, metrics)
        except MillraceError as error:
            _log.warning("audit_failed", code=error.code, cause=str(error.__cause__ or error))
        else:
            _log.info("audit_done", duplicates=found.duplicate_rows, differences=found.rollup_differences)
