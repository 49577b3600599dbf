"""The routes of other people's SDKs: reads the request, asks its protocol what it says and whose key it is, stores, and lets
the protocol answer."""

import asyncio
import contextlib
import dataclasses
import random
import time
from collections.abc import Sequence
from typing import Final

import structlog

from millrace_core.errors import Forbidden, InvalidInput, LogUnavailable, MillraceError, Unauthorized
from millrace_ingestion.bodies import Body, Disconnected, Receive
from millrace_ingestion.keys import Grant
from millrace_ingestion.parts import SLICE, Parts, Scope, Send
from millrace_ingestion.protocols.native import NativeEvent
from millrace_ingestion.protocols.routes import Route
from millrace_ingestion.protocols.shared import TRACK, protocol_of, protocol_of_track
from millrace_ingestion.protocols.wire import Decoded, Reply, WireProtocol, WireRequest, query_of
from millrace_ingestion.replies import Headers, plain_error, preflight_headers, send_answer
from millrace_ingestion.senders import Sender
from millrace_ingestion.verdicts import Verdicts

LEFT: Final = 499
"""Counted where the client left before an answer."""
_WAIT: Final = (2, 10)
"""Seconds. Spread, so that clients that were refused together do not come back together."""
_ON_LOOP: Final = 65_536
"""Bytes of a body in wrappings (base64 around gzip) that are unwrapped on the loop."""
_log = structlog.get_logger("millrace.ingestion")


class Surface:
    """Answers them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def answer(
        self,
        route: Route,
        arguments: Sequence[str],
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: Headers,
        request_id: bytes,
    ) -> int:
        """Serve one request and return its status."""
        method = scope["method"]
        if method == "OPTIONS":
            await send_answer(send, 204, b"", request_id, headers, preflight_headers(headers, route.methods_text))
            return 204
        try:
            with Body(self._parts.body_limits, self._parts.in_flight) as body:
                reply = await self._reply(route, arguments, body, scope, receive, headers, request_id)
        except Disconnected:
            return LEFT
        await self._send(send, reply, request_id, headers)
        return reply.status

    def claim(self, text: bytes, scope: Scope, headers: Headers, request_id: bytes) -> tuple[WireProtocol, WireRequest] | None:
        """The protocol that a body posted to ``/track`` is of, if it is another than the native one."""
        request = self._request(TRACK.operation, (), text, scope, headers, request_id)
        protocol = protocol_of_track(request)
        return None if protocol is None else (protocol, request)

    async def answer_claimed(
        self, protocol: WireProtocol, request: WireRequest, scope: Scope, send: Send, headers: Headers, request_id: bytes
    ) -> int:
        """Serve a request that :meth:`claim` found to be of this protocol."""
        size = len(request.body)
        try:
            self._parts.in_flight.take(size)
        except MillraceError as error:
            reply = self._failed(protocol, request, error)
        else:
            try:
                reply = await self._take(protocol, request, scope)
            finally:
                self._parts.in_flight.give(size)
        await self._send(send, reply, request_id, headers)
        return reply.status

    async def judge_only(self, protocol: WireProtocol, request: WireRequest, scope: Scope) -> tuple[Verdicts, int]:
        """What would become of a request that :meth:`claim` found to be of this protocol, and the status of its answer.

        Raises:
            MillraceError: it would be refused whole.
        """
        decoded = await _read(protocol, request)
        verdicts = await self._judge(protocol, request, decoded, self._grants(decoded, request.origin), scope)
        return verdicts, protocol.accepted(request, decoded, verdicts).status

    async def _reply(
        self,
        route: Route,
        arguments: Sequence[str],
        body: Body,
        scope: Scope,
        receive: Receive,
        headers: Headers,
        request_id: bytes,
    ) -> Reply:
        request = self._request(route.operation, arguments, b"", scope, headers, request_id)
        if request.method not in route.methods:
            return _not_allowed(route, request)
        try:
            text = await body.read(receive, headers)
        except MillraceError as error:
            if isinstance(error, InvalidInput):
                self._tell_unread(route.protocol, request, error)
            return self._failed(route.protocol, request, error)
        self._parts.counting.received(body.wire_bytes)
        request = self._request(route.operation, arguments, text, scope, headers, request_id)
        return await self._take(protocol_of(route, request), request, scope)

    def _request(
        self, operation: str, arguments: Sequence[str], text: bytes, scope: Scope, headers: Headers, request_id: bytes
    ) -> WireRequest:
        query = scope.get("query_string", b"")
        return WireRequest(
            operation=operation,
            arguments=arguments,
            method=scope["method"],
            query=query_of(query) if query else {},
            headers=headers,
            body=text,
            received_at=self._parts.clock(),
            request_id=request_id.decode(),
            limits=self._parts.event_limits,
            inflated_bytes=self._parts.body_limits.inflated,
        )

    async def _take(self, protocol: WireProtocol, request: WireRequest, scope: Scope) -> Reply:
        try:
            return protocol.stub(request) or await self._accept(protocol, request, scope)
        except MillraceError as error:
            return self._failed(protocol, request, error)
        except Exception:  # noqa: BLE001 -- the last resort: a client never sees a traceback, and the process goes on
            _log.exception("request_failed", request_id=request.request_id, path=scope["path"])
            fault = MillraceError("something failed here; the log of the server says what")
            return protocol.failed(request, fault, random.randint(*_WAIT))  # noqa: S311

    async def _accept(self, protocol: WireProtocol, request: WireRequest, scope: Scope) -> Reply:
        """The answer to events that are durable."""
        parts, began = self._parts, time.perf_counter()
        if protocol.needs_salt:
            salt, address = await parts.salts.of(request.received_at), parts.senders.address(scope, request.headers)
            request = dataclasses.replace(request, salt=salt, address=address)
        try:
            decoded = await _read(protocol, request)
        except InvalidInput as error:
            self._tell_unread(protocol, request, error)
            raise
        grants = self._grants(decoded, request.origin)
        verdicts = await self._judge(protocol, request, decoded, grants, scope)
        if verdicts.errors or verdicts.left_out:
            parts.counting.dropped(verdicts)
            keys = {grant.tenant: grant.key_id for grant in grants.values() if isinstance(grant, Grant)}
            parts.outcomes.rejected(verdicts, request.received_at, protocol.name, keys)
        if verdicts.records:
            await parts.append(verdicts.records)
        parts.counting.stored(verdicts.accepted, time.perf_counter() - began)
        return protocol.accepted(request, decoded, verdicts)

    def _tell_unread(self, protocol: WireProtocol, request: WireRequest, error: InvalidInput) -> None:
        """A request that cannot be read counts as one event of whoever's key stands outside of its body."""
        presented = request.any_key() or request.query.get("writeKey", "") or request.query.get("api_secret", "")
        with contextlib.suppress(MillraceError):
            self._parts.tell_unread(self._parts.keys.grant(presented, request.origin), protocol.name, error.code)

    def _grants(self, decoded: Decoded, origin: str) -> dict[str, Grant | MillraceError]:
        """What each key grants.

        Raises:
            Unauthorized, Forbidden: none of them grants anything.
        """
        grants: dict[str, Grant | MillraceError] = {}
        for key in dict.fromkeys(decoded.keys):
            try:
                grants[key] = self._parts.keys.grant(key, origin)
            except (Unauthorized, Forbidden) as error:
                grants[key] = error
        refusals = [one for one in grants.values() if isinstance(one, MillraceError)]
        if len(refusals) == len(grants) and refusals:
            raise refusals[0]
        return grants

    async def _judge(
        self,
        protocol: WireProtocol,
        request: WireRequest,
        decoded: Decoded,
        grants: dict[str, Grant | MillraceError],
        scope: Scope,
    ) -> Verdicts:
        """The verdicts, in slices between which the loop serves others."""
        parts, verdicts, batch = self._parts, Verdicts(), decoded.batch
        if len(grants) == 1:
            [grant] = grants.values()
            spans = [(slice(at, at + SLICE), grant) for at in range(0, len(batch.events), SLICE)]
        else:
            spans = [(slice(at, at + 1), grants[key]) for at, key in enumerate(decoded.keys)]
        senders: dict[Grant, Sender] = {}
        for number, (span, grant) in enumerate(spans):
            if number and (len(grants) == 1 or number % SLICE == 0):
                await asyncio.sleep(0)
            if isinstance(grant, MillraceError):
                verdicts.refuse(span.start, "", None, InvalidInput(grant.message, code=grant.code))
                continue
            sender = senders.get(grant)
            if sender is None:
                sender = senders[grant] = parts.senders.foreign_sender(
                    scope, request.headers, request.received_at, protocol.name, grant, decoded.id_kind
                )
            for event in batch.events[span]:
                if isinstance(event, NativeEvent):
                    event.customer_id = grant.tenant
            parts.acceptance.judge(batch, sender, span, verdicts)
        return verdicts

    def _failed(self, protocol: WireProtocol, request: WireRequest, error: MillraceError) -> Reply:
        if isinstance(error, LogUnavailable):  # its events may be stored, so they do not count as dropped
            _log.warning("log_unavailable", request_id=request.request_id, reason=error.message)
        else:
            self._parts.counting.lost_request(error.code)
        return protocol.failed(request, error, random.randint(*_WAIT))  # noqa: S311

    @staticmethod
    async def _send(send: Send, reply: Reply, request_id: bytes, headers: Headers) -> None:
        await send_answer(send, reply.status, reply.body, request_id, headers, reply.headers, reply.content_type)


async def _read(protocol: WireProtocol, request: WireRequest) -> Decoded:
    if len(request.body) > _ON_LOOP and request.body[:1] not in (b"{", b"["):
        return await asyncio.to_thread(protocol.read, request)
    return protocol.read(request)


def _not_allowed(route: Route, request: WireRequest) -> Reply:
    message = f"this path takes {' and '.join(route.methods)}"
    body = plain_error(405, "method_not_allowed", message, request.request_id.encode())
    return Reply(405, body, headers=[(b"allow", route.methods_text)])
