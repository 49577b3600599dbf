"""``/admin/v1``: what the command line asks of a running server, with the token of ``server.json`` or an administrator's key.
An administrator of one tenant sees that tenant's alone."""

import base64
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
import structlog
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from millrace_consumer.audit import audit
from millrace_consumer.privacy.requests import PrivacyRequests
from millrace_core.access import ALL_TENANTS, Caller, tenant_of
from millrace_core.errors import InvalidInput, NotFound, RecordsUnavailable
from millrace_core.time import iso_time, now_ms
from millrace_eventlog.ports import DeadLetters, LogPorts
from millrace_eventlog.records import DeadLetter, LogRecord
from millrace_records.cache.ports import Messages
from millrace_records.ports import Decision, Records
from millrace_service.metrics import Metrics
from millrace_standalone.admin_access import Operator, admin_check, admin_of
from millrace_standalone.admin_keys import changes_router, keys_router
from millrace_standalone.admin_privacy import privacy_router
from millrace_standalone.admin_tenants import decisions_router, tenants_router
from millrace_standalone.admin_users import users_router
from millrace_warehouse.ports import WarehouseAdmin
from millrace_web.access import Asking, Credentials

Status = Callable[[], Awaitable[dict[str, Any]]]

_log = structlog.get_logger("millrace.admin")

_LAST_MS: Final = 4_102_444_800_000  # 2100-01-01


class Letter(BaseModel):
    """A record that was set aside."""

    id: int
    position: str
    tenant: str
    event_id: str
    reason: str
    step: str
    error: str
    at: str
    line: str = Field(description="The record as it stands in the log; base64 where it is no UTF-8.")


LetterId = Annotated[int, Field(ge=0, le=2**63 - 1)]


class LetterIds(BaseModel):
    """Which letters to act on."""

    ids: list[LetterId] = Field(min_length=1, max_length=10_000)


class Count(BaseModel):
    """How many."""

    count: int


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
    public_url: str = "",
) -> APIRouter:
    """The routes.

    Args:
        credentials: who may administer.
        access_changed: to be called when keys or users were changed.
        public_url: where people reach the server, for links.
    """
    router = APIRouter(prefix="/admin/v1", dependencies=[Depends(admin_check(credentials))], include_in_schema=False)
    router.include_router(_dead_letter_routes(log, records))
    router.include_router(tenants_router(records, messages))
    router.include_router(decisions_router(records))
    router.include_router(keys_router(records.access, access_changed))
    router.include_router(users_router(records.access, access_changed, public_url))
    router.include_router(changes_router(records.access))
    router.include_router(privacy_router(privacy, records))

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


def _dead_letter_routes(log: LogPorts, records: Records) -> APIRouter:
    router = APIRouter()

    @router.get("/dead-letters")
    async def list_letters(
        caller: Asking,
        tenant: str | None = None,
        reason: str | None = None,
        after: LetterId = 0,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    ) -> list[Letter]:
        asked = admin_of(caller, tenant)
        return [_shown(one) for one in await log.dead_letters.list(tenant=asked, reason=reason, after=after, limit=limit)]

    @router.get("/dead-letters/{letter_id}")
    async def show_letter(letter_id: LetterId, caller: Asking) -> Letter:
        return _shown(_own(await log.dead_letters.get(letter_id), caller))

    @router.post("/dead-letters/replay")
    async def replay_letters(asked: LetterIds, caller: Asking) -> Count:
        letters = [_own(await log.dead_letters.get(one), caller) for one in asked.ids]
        await log.writer.append(_records(letters))
        return await settle(letters, "replayed")

    @router.post("/dead-letters/drop")
    async def drop_letters(asked: LetterIds, caller: Asking) -> Count:
        found = [_own(letter, caller) for one in asked.ids if (letter := await _letter(log.dead_letters, one)) is not None]
        return await settle(found, "dropped")

    async def settle(letters: Sequence[DeadLetter], action: Literal["replayed", "dropped"]) -> Count:
        count = await log.dead_letters.drop([letter.id for letter in letters])
        at = now_ms()
        try:
            await records.decide([_decision(letter, action, at) for letter in letters])
        except RecordsUnavailable:
            _log.warning("decisions_not_recorded", action=action, letters=[letter.id for letter in letters])
        return Count(count=count)

    return router


def _own(letter: DeadLetter, caller: Caller) -> DeadLetter:
    """The letter, where the caller administers its tenant; a damaged one may not say whose it is.

    Raises:
        Forbidden: ``foreign_tenant`` or ``missing_scope``.
    """
    tenant_of(caller, letter.tenant or ALL_TENANTS, "admin")
    return letter


async def _letter(letters: DeadLetters, letter_id: int) -> DeadLetter | None:
    try:
        return await letters.get(letter_id)
    except NotFound:
        return None


def _decision(letter: DeadLetter, action: Literal["replayed", "dropped"], at: int) -> Decision:
    return Decision(letter.id, _position(letter), letter.tenant, letter.event_id, letter.reason, action, at)


def _position(letter: DeadLetter) -> str:
    return f"{letter.partition}/{letter.offset}/{letter.index}"


def _shown(letter: DeadLetter) -> Letter:
    try:
        line = letter.line.decode()
    except UnicodeDecodeError:
        line = base64.b64encode(letter.line).decode("ascii")
    return Letter(
        id=letter.id,
        position=_position(letter),
        tenant=letter.tenant,
        event_id=letter.event_id,
        reason=letter.reason,
        step=letter.step,
        error=letter.error,
        at=iso_time(letter.at),
        line=line,
    )


class _Origin(msgspec.Struct):
    protocol: str = ""
    key_id: str = ""


def _records(letters: Sequence[DeadLetter]) -> list[LogRecord]:
    """The letters as records again, with the ids that they had."""
    decode = msgspec.json.Decoder(_Origin).decode
    records = []
    for letter in letters:
        if not letter.line:
            raise InvalidInput(f"Dead letter {letter.id} holds no record: it was damaged in the log and can only be dropped.")
        origin = decode(letter.line)
        records.append(LogRecord(letter.tenant, letter.event_id, letter.at, origin.protocol, origin.key_id, letter.line))
    return records
