"""``/admin/v1``: what the command line asks of a running server, with the token of ``server.json`` or an administrator's key.
An administrator of one tenant sees that tenant's alone."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from millrace_consumer.audit import audit
from millrace_consumer.privacy.requests import PrivacyRequests
from millrace_core.errors import InvalidInput
from millrace_eventlog.ports import LogPorts
from millrace_records.cache.ports import Messages
from millrace_records.ports import Records
from millrace_service.metrics import Metrics
from millrace_standalone.admin_access import Operator, admin_check
from millrace_standalone.admin_backup import add_backup
from millrace_standalone.admin_keys import add_changes, add_keys
from millrace_standalone.admin_letters import Count, add_letters
from millrace_standalone.admin_privacy import add_privacy
from millrace_standalone.admin_tenants import add_decisions, add_tenants
from millrace_standalone.admin_users import add_users
from millrace_standalone.backup import Backups
from millrace_standalone.corrections import Probe
from millrace_warehouse.ports import WarehouseAdmin
from millrace_web.access import ADMINISTRATION, Credentials

Status = Callable[[], Awaitable[dict[str, Any]]]

_log = structlog.get_logger("millrace.admin")

_LAST_MS: Final = 4_102_444_800_000  # 2100-01-01


class Span(BaseModel):
    """From the hour of one time to the hour of another, both in milliseconds since the epoch."""

    first: Annotated[int, Field(ge=0, le=_LAST_MS)]
    last: Annotated[int, Field(ge=0, le=_LAST_MS)]


class AuditResult(BaseModel):
    """What an audit found; both are 0 when all is well."""

    duplicate_rows: int
    rollup_differences: int


def admin_router(
    credentials: Credentials,
    status: Status,
    log: LogPorts,
    warehouse: WarehouseAdmin,
    records: Records,
    messages: Messages,
    metrics: Metrics,
    privacy: PrivacyRequests,
    *,
    access_changed: Callable[[], Awaitable[None]],
    probe: Probe,
    public_url: str = "",
    backups: Backups | None = None,
) -> APIRouter:
    """The routes.

    Args:
        credentials: who may administer.
        access_changed: to be called when keys or users were changed.
        probe: why the warehouse would refuse rows, or None.
        public_url: where people reach the server, for links.
        backups: makes them where all of it is this process's.
    """
    router = APIRouter(
        prefix=ADMINISTRATION.removesuffix("/"), dependencies=[Depends(admin_check(credentials))], include_in_schema=False
    )
    add_letters(router, log, records, probe)
    add_tenants(router, records, messages)
    add_decisions(router, records)
    add_keys(router, records.access, access_changed)
    add_users(router, records.access, access_changed, public_url)
    add_changes(router, records.access)
    add_privacy(router, privacy, records)
    if backups is not None:
        add_backup(router, backups)

    @router.get("/status")
    async def read_status(_: Operator) -> dict[str, Any]:
        return await status()

    @router.post("/rebuild")
    async def rebuild(span: Span, _: Operator) -> Count:
        if span.first > span.last:
            raise InvalidInput("The first hour lies behind the last one.")
        return Count(count=await warehouse.rebuild(span.first, span.last))

    @router.post("/audit")
    async def run_audit(_: Operator) -> AuditResult:
        found = await audit(warehouse, records, metrics)
        return AuditResult(duplicate_rows=found.duplicate_rows, rollup_differences=found.rollup_differences)

    return router
