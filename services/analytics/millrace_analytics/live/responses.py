"""The hub's streams as answers of HTTP."""

import contextlib
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import structlog
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Scope, Send

from millrace_analytics.live.frames import position_of
from millrace_analytics.live.hub import Hub
from millrace_analytics.live.views import View
from millrace_analytics.settings import AnalyticsSettings
from millrace_core.access import Caller, tenant_of

_log = structlog.get_logger("millrace.live")


class LiveResponses:
    """Opens streams for those who may look.

    Args:
        may_go_on: whether a caller may still look at a tenant; asked at each message of a stream, and at each heartbeat.
    """

    def __init__(self, hub: Hub, settings: AnalyticsSettings, may_go_on: Callable[[Caller, str], bool]) -> None:
        self._hub = hub
        self._settings = settings
        self._may_go_on = may_go_on

    async def open(self, caller: Caller, customer_id: str, resume: str | None, view: View) -> EventSourceResponse:
        """A stream of a tenant.

        Args:
            resume: an id of it to go on from.

        Raises:
            Forbidden, InvalidInput, Unavailable: there is no stream for this caller.
        """
        tenant = tenant_of(caller, customer_id, "view")
        messages = self._hub.stream(tenant, position_of(resume) if resume else None, view)
        first = await anext(messages)  # before the headers: a client that has them misses nothing from then on

        def may_go_on() -> bool:
            return self._may_go_on(caller, tenant)

        return _Stream(
            _begun(first, messages, may_go_on),
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
            # Each client at a pace of its own: 2,000 heartbeats at once held every stream up for 0.4 s (tests.bench sse).
            ping=self._settings.stream_heartbeat_seconds * random.uniform(0.6, 1.0),  # noqa: S311
            ping_message_factory=lambda: _heartbeat(may_go_on),
            send_timeout=self._settings.stream_send_seconds,
            sep="\n",
        )


async def _begun(first: bytes, rest: AsyncGenerator[bytes, None], may_go_on: Callable[[], bool]) -> AsyncIterator[bytes]:
    async with contextlib.aclosing(rest):
        yield first
        async for message in rest:
            if not may_go_on():
                return
            yield message


class _NotAllowed(Exception):
    """The caller may not look any more."""


def _heartbeat(may_go_on: Callable[[], bool]) -> ServerSentEvent:
    if not may_go_on():
        raise _NotAllowed
    return ServerSentEvent(comment="heartbeat", sep="\n")


class _Stream(EventSourceResponse):
    """A stream whose client may stop reading, or whose caller may lose the right to it: that ends it, and is no fault of the
    server."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client or the hub ends it."""
        try:
            await super().__call__(scope, receive, send)
        except* SendTimeoutError:
            _log.info("stream_client_does_not_read", seconds=self.send_timeout)
            await send({"type": "http.response.body", "more_body": False})  # once what waits is taken, or the connection ended
        except* _NotAllowed:
            await send({"type": "http.response.body", "more_body": False})
