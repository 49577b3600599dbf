"""``?dry_run=1`` on the native routes: what would become of events, and the rows that they would be. Nothing is stored, and
nothing counts: no limit, no report, no metric of events."""

import asyncio
from itertools import islice
from typing import Any, Final

import msgspec

from millrace_core.errors import Forbidden, MillraceError, TooLarge
from millrace_core.events import Arrival, Event, Visit
from millrace_eventlog.records import LogRecord
from millrace_ingestion.bodies import Body, Disconnected, Receive
from millrace_ingestion.parts import SLICE, Parts, Scope, Send
from millrace_ingestion.protocols import native
from millrace_ingestion.protocols.routes import SINGLE
from millrace_ingestion.replies import Headers, error_answer, fault_answer, send_answer
from millrace_ingestion.surface import LEFT, Surface
from millrace_ingestion.verdicts import PRIVACY_SIGNAL, Remark, Verdicts

_DRY: Final = frozenset({b"dry_run=1", b"dry_run=true"})
_encode: Final = msgspec.json.Encoder().encode
_decode_row: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _defaults() -> dict[str, msgspec.Raw]:
    """The columns that a line may leave out."""
    fields = (field for part in (Event, Visit, Arrival) for field in msgspec.structs.fields(part))
    return {field.name: msgspec.Raw(_encode(field.default)) for field in fields if field.default is not msgspec.NODEFAULT}


_DEFAULTS: Final = _defaults()


def is_dry(scope: Scope) -> bool:
    """Whether a request only asks what would become of it."""
    query = scope.get("query_string", b"")
    return b"dry_run" in query and not _DRY.isdisjoint(query.split(b"&"))


class Row(msgspec.Struct):
    """An event that would be accepted."""

    index: int
    """Its place in the batch, from 0."""
    row: dict[str, msgspec.Raw]
    """The columns of ``events_raw``, but for those that the log and the warehouse give."""


class DryAnswer(msgspec.Struct):
    """The body of the answer, whatever would become of the events."""

    success: bool
    events_accepted: int
    events_rejected: int
    events_left_out: int
    message: str
    errors: list[Remark]
    warnings: list[Remark]
    would_answer: int
    """The status without ``dry_run``."""
    rows: list[Row]
    """Of the first 1,000."""
    dry_run: bool = True


class DryRuns:
    """Answers them."""

    def __init__(self, parts: Parts, surface: Surface) -> None:
        self._parts = parts
        self._surface = surface

    async def answer(self, scope: Scope, receive: Receive, send: Send, headers: Headers, request_id: bytes) -> int:
        """Serve one request and return its status: 200 where its events could be read, whatever they are."""
        status, more = 200, None
        try:
            answer = await self._answer(scope, receive, headers, request_id)
        except Disconnected:
            return LEFT
        except MillraceError as error:
            status, answer, more = error_answer(error, request_id)
        except Exception:  # noqa: BLE001 -- the last resort: a client never sees a traceback, and the process goes on
            status, answer = fault_answer(request_id, scope["path"])
        await send_answer(send, status, answer, request_id, headers, more)
        return status

    async def _answer(self, scope: Scope, receive: Receive, headers: Headers, request_id: bytes) -> bytes:
        parts = self._parts
        with Body(parts.body_limits, parts.in_flight) as body:
            text = await body.read(receive, headers)
            is_single = scope["path"].rstrip("/") == SINGLE
            batch = (native.decode_single if is_single else native.decode_batch)(text, parts.event_limits)
            if (
                is_single
                and not native.is_native(batch.events[0])
                and (by := self._surface.claim(text, scope, headers, request_id))
            ):
                return dry_answer(*await self._surface.judge_only(*by, scope))
            grant = parts.keys.grant_native(headers, text)
            sender = parts.senders.sender(scope, headers, parts.clock(), native.NAME, grant)
            verdicts = Verdicts()
            for start in range(0, len(batch.events), SLICE):
                await asyncio.sleep(0)
                parts.acceptance.judge(batch, sender, slice(start, start + SLICE), verdicts)
            return dry_answer(verdicts, _status(verdicts, is_single=is_single, scope=scope))


def dry_answer(verdicts: Verdicts, would_answer: int) -> bytes:
    """The body of the answer."""
    accepted, rejected, left_out = len(verdicts.records), len(verdicts.errors), len(verdicts.left_out)
    others = {remark.index for remark in verdicts.errors}
    others |= {remark.index for remark in verdicts.warnings if remark.code == PRIVACY_SIGNAL}
    places = [index for index in range(accepted + rejected + left_out) if index not in others]
    return _encode(
        DryAnswer(
            success=accepted > 0 or rejected == 0,
            events_accepted=accepted,
            events_rejected=rejected,
            events_left_out=left_out,
            message=f"Would accept {accepted} of {accepted + rejected + left_out} events; nothing was stored",
            errors=verdicts.errors,
            warnings=verdicts.warnings,
            would_answer=would_answer,
            rows=[Row(index, _row(record)) for index, record in islice(zip(places, verdicts.records, strict=True), SLICE)],
        )
    )


def _row(record: LogRecord) -> dict[str, msgspec.Raw]:
    said = _decode_row(record.line)
    return {**_DEFAULTS, "event_name": said["event_type"], **said}


def _status(verdicts: Verdicts, *, is_single: bool, scope: Scope) -> int:
    reason: Any = verdicts.reason
    if reason is None:
        return 200
    if is_single:
        return 413 if isinstance(reason, TooLarge) else 403 if isinstance(reason, Forbidden) else 400
    return 400 if native.is_strict(scope.get("query_string", b"")) else 200
