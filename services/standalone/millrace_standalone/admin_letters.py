"""``/admin/v1/dead-letters``: look at what was set aside, put it back as it is or corrected, or drop it."""

import base64
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
import structlog
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from millrace_core.access import ALL_TENANTS, Caller, tenant_of
from millrace_core.errors import InvalidInput, NotFound, RecordsUnavailable
from millrace_core.ids import new_id
from millrace_core.time import iso_time, now_ms
from millrace_eventlog.outcomes import of_event, record_of
from millrace_eventlog.ports import DeadLetters, LogPorts
from millrace_eventlog.records import REFUSED, DeadLetter, LogRecord
from millrace_records.ports import Action, Decision, Records
from millrace_standalone.admin_access import admin_of
from millrace_standalone.corrections import NO_RECORD, Probe, corrected
from millrace_web.access import Asking

_log = structlog.get_logger("millrace.admin")


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


class Correction(BaseModel):
    """What a record should have been."""

    line: str = Field(min_length=2, max_length=4 * 2**20, description="The whole record, as JSON text.")


class Count(BaseModel):
    """How many."""

    count: int


def add_letters(router: APIRouter, log: LogPorts, records: Records, probe: Probe) -> None:
    """The routes; prefix and check of the token are the router's.

    Args:
        probe: why the warehouse would refuse rows, or None.
    """
    letters = log.dead_letters

    @router.get("/dead-letters")
    async def list_letters(
        caller: Asking,
        tenant: str | None = None,
        reason: str | None = None,
        after: LetterId = 0,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    ) -> list[Letter]:
        asked = admin_of(caller, tenant)
        return [_shown(one) for one in await letters.list(tenant=asked, reason=reason, after=after, limit=limit)]

    @router.get("/dead-letters/{letter_id}")
    async def show_letter(letter_id: LetterId, caller: Asking) -> Letter:
        return _shown(_own(await letters.get(letter_id), caller))

    @router.put("/dead-letters/{letter_id}")
    async def edit_letter(letter_id: LetterId, correction: Correction, caller: Asking) -> Count:
        letter = _own(await letters.get(letter_id), caller)
        line = await corrected(letter, correction.line, probe)
        await log.writer.append([_record(letter, line), _taken_back(letter)])
        return await _settle(log, records, [letter], "edited")

    @router.post("/dead-letters/replay")
    async def replay_letters(asked: LetterIds, caller: Asking) -> Count:
        found = [_own(await letters.get(one), caller) for one in asked.ids]
        again = [_record(letter, letter.line) for letter in found]
        await log.writer.append([*again, *(_taken_back(letter) for letter in found)])
        return await _settle(log, records, found, "replayed")

    @router.post("/dead-letters/drop")
    async def drop_letters(asked: LetterIds, caller: Asking) -> Count:
        found = [_own(letter, caller) for one in asked.ids if (letter := await _letter(letters, one)) is not None]
        return await _settle(log, records, found, "dropped")


async def _settle(log: LogPorts, records: Records, letters: Sequence[DeadLetter], action: Action) -> Count:
    """Remove the letters, and write down what was decided."""
    count = await log.dead_letters.drop([letter.id for letter in letters])
    at = now_ms()
    try:
        await records.decide([_decision(letter, action, at) for letter in letters])
    except RecordsUnavailable:
        _log.warning("decisions_not_recorded", action=action, letters=[letter.id for letter in letters])
    return Count(count=count)


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


def _decision(letter: DeadLetter, action: Action, at: int) -> Decision:
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


_decode_origin: Final = msgspec.json.Decoder(_Origin).decode


def _record(letter: DeadLetter, line: bytes) -> LogRecord:
    """The letter as a record again, with the id that it had."""
    if not line:
        raise InvalidInput(NO_RECORD.format(letter.id), code="damaged_letter")
    origin = _origin(line)
    return LogRecord(letter.tenant, letter.event_id, letter.at, origin.protocol, origin.key_id, line)


def _taken_back(letter: DeadLetter) -> LogRecord:
    """Tells reports that the event is no dead letter any more: it will be counted as what becomes of it now."""
    at, origin = now_ms(), _origin(letter.line)
    was = LogRecord(letter.tenant, letter.event_id, letter.at, origin.protocol, origin.key_id, letter.line)
    return record_of(of_event("dead_letter", was, _position(letter), REFUSED, version=1), new_id(at), at)


def _origin(line: bytes) -> _Origin:
    try:
        return _decode_origin(line)
    except (msgspec.DecodeError, UnicodeDecodeError):  # what the warehouse refuses may be of any kind
        return _Origin()
