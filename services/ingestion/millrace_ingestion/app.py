"""The tracking routes as a plain ASGI application: ``POST /track`` and ``POST /track/batch``, and beside them those of other
people's SDKs (``surface``).

Answers 200 only once the log has the events on disk.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

from millrace_core.errors import Conflict, Forbidden, InvalidInput, LogUnavailable, MillraceError, TooLarge
from millrace_eventlog.ports import Durable
from millrace_eventlog.records import LogRecord
from millrace_ingestion.bodies import Body, Disconnected, Receive
from millrace_ingestion.dry_run import DryRuns, is_dry
from millrace_ingestion.idempotency import content_of, name_of
from millrace_ingestion.keys import Grant
from millrace_ingestion.parts import SLICE, Parts, Scope, Send
from millrace_ingestion.protocols import native
from millrace_ingestion.protocols.routes import NATIVE, SINGLE, route_of
from millrace_ingestion.protocols.shared import TRACK
from millrace_ingestion.protocols.wire import WireProtocol, WireRequest
from millrace_ingestion.replies import (
    Headers,
    batch_answer,
    error_answer,
    fault_answer,
    plain_error,
    preflight_headers,
    request_id_of,
    send_answer,
    single_answer,
)
from millrace_ingestion.senders import Sender
from millrace_ingestion.surface import LEFT, Surface
from millrace_ingestion.verdicts import Verdicts

App = Callable[[Scope, Receive, Send], Any]

_METHODS: Final = frozenset({"GET", "POST", "OPTIONS"})
_log = structlog.get_logger("millrace.ingestion")


def create_app(parts: Parts) -> App:
    """The application on these parts."""
    surface = Surface(parts)
    tracking = Tracking(parts, surface)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"only HTTP is served here, not {scope['type']}")
        headers = dict(scope["headers"])
        request_id = request_id_of(headers, parts.clock())
        path, method = scope["path"], scope["method"]
        if path in NATIVE:
            status = await tracking.respond(scope, receive, send, headers, request_id)
        elif found := route_of(path):
            path = found[0].path
            status = await surface.answer(*found, scope, receive, send, headers, request_id)
        else:
            path, status = "unmatched", 404
            body = plain_error(404, "not_found", "there is nothing at this path", request_id)
            await send_answer(send, 404, body, request_id, headers)
        parts.counting.answered(path.rstrip("/"), method if method in _METHODS else "other", status)

    return app


class Tracking:
    """Answers tracking requests."""

    def __init__(self, parts: Parts, surface: Surface) -> None:
        self._parts = parts
        self._surface = surface
        self._grant = parts.keys.grant_native
        self._dry_runs = DryRuns(parts, surface)

    async def respond(self, scope: Scope, receive: Receive, send: Send, headers: Headers, request_id: bytes) -> int:
        """Serve one request of any method and return its status."""
        if scope["method"] == "POST":
            return await (self._dry_runs if is_dry(scope) else self).answer(scope, receive, send, headers, request_id)
        if scope["method"] == "OPTIONS":
            await send_answer(send, 204, b"", request_id, headers, preflight_headers(headers))
            return 204
        if scope["method"] == "GET" and b"data=" in scope.get("query_string", b"") and not is_dry(scope):
            return await self._surface.answer(TRACK, (), scope, receive, send, headers, request_id)
        body = plain_error(405, "method_not_allowed", "events are sent with POST", request_id)
        await send_answer(send, 405, body, request_id, headers, [(b"allow", b"POST, OPTIONS")])
        return 405

    async def answer(self, scope: Scope, receive: Receive, send: Send, headers: Headers, request_id: bytes) -> int:
        """Serve one POST and return its status. Nothing is stored for a client that leaves before its body is whole."""
        status, more = 200, None
        try:
            answer = await self._accept(scope, receive, headers, request_id)
        except Disconnected:
            return LEFT
        except _Claimed as claimed:
            return await self._surface.answer_claimed(*claimed.by, scope, send, headers, request_id)
        except _Rejected as rejected:
            status, answer, more = error_answer(rejected.reason, request_id, rejected.detail)
        except MillraceError as error:
            if isinstance(error, LogUnavailable):  # its events may be stored, so they do not count as dropped
                _log.warning("log_unavailable", request_id=request_id.decode(), reason=error.message)
            else:
                self._parts.counting.lost_request(error.code)
            status, answer, more = error_answer(error, request_id)
        except Exception:  # noqa: BLE001 -- the last resort: a client never sees a traceback, and the process goes on
            status, answer = fault_answer(request_id, scope["path"])
        await send_answer(send, status, answer, request_id, headers, more)
        return status

    async def _accept(self, scope: Scope, receive: Receive, headers: Headers, request_id: bytes) -> bytes:
        """The answer to events that are durable."""
        parts, began = self._parts, time.perf_counter()
        with Body(parts.body_limits, parts.in_flight) as body:
            is_single = scope["path"].rstrip("/") == SINGLE
            text, batch = await self._read(body, receive, headers, is_single=is_single)
            if (
                is_single
                and not native.is_native(batch.events[0])
                and (by := self._surface.claim(text, scope, headers, request_id))
            ):
                raise _Claimed(by)
            grant = self._grant(headers, text)
            sender = self._sender(scope, headers, grant)
            verdicts = Verdicts()
            for start in range(0, len(batch.events), SLICE):
                if start:
                    await asyncio.sleep(0)
                parts.acceptance.judge(batch, sender, slice(start, start + SLICE), verdicts)
            if verdicts.errors or verdicts.left_out:
                parts.counting.dropped(verdicts)
                keys = dict.fromkeys([tenant for tenant, _ in (*verdicts.refused, *verdicts.left_out)], grant.key_id)
                parts.outcomes.rejected(verdicts, sender.received_at, native.NAME, keys)
            if verdicts.errors:
                self._reject_whole(verdicts, is_single=is_single, query=scope.get("query_string", b""))
            answer = await self._store(verdicts, batch, sender.idempotency_key, is_single=is_single)
        parts.counting.stored(verdicts.accepted, time.perf_counter() - began)
        return answer

    def _sender(self, scope: Scope, headers: Headers, grant: Grant) -> Sender:
        try:
            return self._parts.senders.sender(scope, headers, self._parts.clock(), native.NAME, grant)
        except InvalidInput as error:
            self._parts.tell_unread(grant, native.NAME, error.code)
            raise

    async def _read(self, body: Body, receive: Receive, headers: Headers, *, is_single: bool) -> tuple[bytes, native.Batch]:
        """A body's text, and the events in it. One that cannot be read counts as one event of its key's tenant."""
        text = b""
        try:
            text = await body.read(receive, headers)
            self._parts.counting.received(body.wire_bytes)
            return text, self._decode(text, is_single=is_single)
        except (InvalidInput, _Rejected) as error:
            with contextlib.suppress(MillraceError):
                code = error.code if isinstance(error, InvalidInput) else error.reason.code
                self._parts.tell_unread(self._grant(headers, text), native.NAME, code)
            raise

    def _decode(self, text: bytes, *, is_single: bool) -> native.Batch:
        try:
            return (native.decode_single if is_single else native.decode_batch)(text, self._parts.event_limits)
        except InvalidInput as reason:
            self._parts.counting.lost_request(reason.code)
            raise _Rejected(reason, reason.message) from reason

    async def _store(self, verdicts: Verdicts, batch: native.Batch, key: str, *, is_single: bool) -> bytes:
        parts, records = self._parts, verdicts.records
        name = name_of(key, len(verdicts.errors), records, batch.events) if key and records else b""
        content = content_of(batch.events) if name else b""
        if name and (known := await self._answered(name, content, records)) is not None:
            verdicts.accepted.clear()
            return known
        durable: Durable = "log"
        if records:
            durable = await parts.append(records)
        answer = single_answer(verdicts, durable) if is_single else batch_answer(verdicts, durable)
        if name:
            await parts.answers.keep(name, content, answer)
        return answer

    async def _answered(self, name: bytes, content: bytes, records: Sequence[LogRecord]) -> bytes | None:
        """What the same request was answered before."""
        outcomes = self._parts.outcomes
        try:
            known = await self._parts.answers.find(name, content)
        except Conflict as error:
            outcomes.not_stored(records, "rejected", error.code)
            raise
        if known is not None:
            outcomes.not_stored(records, "duplicate", "idempotency_key")
        return known

    def _reject_whole(self, verdicts: Verdicts, *, is_single: bool, query: bytes) -> None:
        """Raise where one rejected event rejects its request: on ``/track``, and on a batch with ``?strict=1``."""
        reason = verdicts.reason
        if is_single and reason is not None:
            raise _Rejected(reason, reason.message)
        if native.is_strict(query):
            self._parts.outcomes.not_stored(verdicts.records, "rejected", "batch_rejected")
            raise _Rejected(InvalidInput("an event was rejected", code="batch_rejected"), {"errors": verdicts.errors})


class _Claimed(Exception):
    """The body is another protocol's."""

    def __init__(self, by: tuple[WireProtocol, WireRequest]) -> None:
        super().__init__(by[0].name)
        self.by = by


class _Rejected(Exception):
    """The whole request is rejected for what its events are, and nothing of it is stored."""

    def __init__(self, reason: InvalidInput | Forbidden, detail: Any) -> None:
        super().__init__(reason.message)
        tells = isinstance(reason, TooLarge | Forbidden)
        self.reason = reason if tells else InvalidInput("Invalid event format", code=reason.code)
        self.detail = detail
