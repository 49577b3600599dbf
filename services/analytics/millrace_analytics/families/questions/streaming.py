"""An answer that is sent again when it changes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
from sse_starlette import EventSourceResponse, ServerSentEvent

from millrace_analytics.settings import AnalyticsSettings
from millrace_core.errors import MillraceError, Unavailable
from millrace_web.errors import error_body, status_of

_VOLATILE = ("execution_time_ms", "freshness", "statements", "range", "previous_range")
"""What differs each time although the numbers do not."""


class Watching:
    """Who watches answers.

    Args:
        most: of all tenants in this process.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open = 0
        self._closed = asyncio.Event()

    def check(self) -> None:
        """Return where one more may be opened.

        Raises:
            Unavailable: ``too_many_streams``.
        """
        if self._open >= self._most or self._closed.is_set():
            raise Unavailable("Too many answers are being watched.", code="too_many_streams", retry_after=10)

    def close(self) -> None:
        """End all of them."""
        self._closed.set()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count one while it is open."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    async def goes_on(self, seconds: float) -> bool:
        """Wait so long; whether it goes on then."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), seconds)
        return not self._closed.is_set()


async def changes(
    first: dict[str, Any],
    again: Callable[[], Awaitable[dict[str, Any]]],
    may_go_on: Callable[[], bool],
    seconds: float,
    watching: Watching,
) -> AsyncIterator[ServerSentEvent]:
    """Messages ``answer``, the first at once; ``error`` where a later one could not be had, after which it goes on.

    Args:
        again: asks anew.
        may_go_on: asked before each; false ends the stream.
        seconds: between two times that it is asked.
    """
    with watching.one():
        sent = _numbers(first)
        yield _message("answer", first)
        while await watching.goes_on(seconds):
            if not may_go_on():
                return
            try:
                body = await again()
            except MillraceError as error:
                yield _message("error", error_body(status_of(error), error.code, error.message, ""))
                continue
            if (numbers := _numbers(body)) != sent:
                sent = numbers
                yield _message("answer", body)


def event_stream(messages: AsyncIterator[ServerSentEvent], settings: AnalyticsSettings) -> EventSourceResponse:
    """The stream of these."""
    return EventSourceResponse(
        messages,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        ping=round(settings.stream_heartbeat_seconds) or 1,
        send_timeout=settings.stream_send_seconds,
        sep="\n",
    )


def _numbers(body: dict[str, Any]) -> bytes:
    return msgspec.json.encode({name: value for name, value in body.items() if name not in _VOLATILE})


def _message(name: str, body: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(data=msgspec.json.encode(body).decode(), event=name, sep="\n")
