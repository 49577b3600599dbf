"""One HTTP connection: uvicorn's, with deadlines for a client that stalls, and our error body for what is no HTTP."""

import asyncio
from typing import Any, Final

import msgspec
import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from millrace_core.errors import InvalidInput, MillraceError, Unavailable
from millrace_core.ids import new_id
from millrace_core.time import now_ms
from millrace_web.errors import error_body, status_of

_STALL_SECONDS: Final = 10.0

_log = structlog.get_logger("millrace.http")


class Config(uvicorn.Config):
    """uvicorn's, for connections of this kind.

    Args:
        head_seconds: how long a client may take for the headers of a request.
    """

    def __init__(self, app: Any, *, head_seconds: float, **options: Any) -> None:
        super().__init__(app, http=Connection, **options)
        self.head_seconds = head_seconds


class Connection(HttpToolsProtocol):
    """Ends the connection of a client that does not finish a request's headers in time, or takes nothing of what is
    written to it for as long: uvicorn waits for both for ever, with the buffer and the socket held.

    Costs nothing where headers come whole and answers fit the buffer: no timer is started then.
    """

    def __init__(self, config: uvicorn.Config, *given: Any, **named: Any) -> None:
        super().__init__(config, *given, **named)
        assert isinstance(config, Config)
        self._head_seconds = config.head_seconds
        self._within_headers = False
        self._headers_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._unwritten = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there; its first request has to follow."""
        super().connection_made(transport)
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._have_headers()
        self._end_write_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._within_headers or self._is_answered():
            self._await_headers()
        elif self._headers_timer is not None:
            self._have_headers()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._within_headers = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its headers are whole."""
        self._within_headers = False
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(InvalidInput(msg, code="invalid_http"))

    def pause_writing(self) -> None:
        """The buffer of this connection is full: from now on its client has to take something."""
        super().pause_writing()
        self._unwritten = self.transport.get_write_buffer_size()
        self._end_write_timer()
        self._write_timer = self.loop.call_later(_STALL_SECONDS, self._check_write)

    def resume_writing(self) -> None:
        """There is room again."""
        self._end_write_timer()
        super().resume_writing()

    def _await_headers(self) -> None:
        if self._headers_timer is None:
            self._headers_timer = self.loop.call_later(self._head_seconds, self._end_headers)

    def _have_headers(self) -> None:
        if self._headers_timer is not None:
            self._headers_timer.cancel()
            self._headers_timer = None

    def _is_answered(self) -> bool:
        """Whether nothing is being answered. Bytes that come then, an empty line, have ended uvicorn's wait for a request."""
        cycle: Any = self.cycle  # None before the first request, whatever uvicorn's types say
        return cycle is None or bool(cycle.response_complete)

    def _end_headers(self) -> None:
        self._headers_timer = None
        if self.flow.read_paused:  # requests in front of it keep us from reading
            self._await_headers()
        elif self._within_headers and self._is_answered():
            message = f"the headers took longer than {self._head_seconds:g} seconds"
            self._refuse(Unavailable(message, code="headers_timeout"))
        else:
            self.transport.close()

    def _check_write(self) -> None:
        left = self.transport.get_write_buffer_size()
        if left < self._unwritten:
            self._unwritten = left
            self._write_timer = self.loop.call_later(_STALL_SECONDS, self._check_write)
            return
        _log.info("client_does_not_read", seconds=_STALL_SECONDS, bytes=left)
        self.transport.abort()

    def _end_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _refuse(self, error: MillraceError) -> None:
        status, request_id = status_of(error), new_id(now_ms())
        body = msgspec.json.encode(error_body(status, error.code, error.message, request_id))
        self.transport.write(
            b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nx-request-id: %s\r\n"
            b"connection: close\r\n\r\n%s"
            % (status, b"Bad Request" if status == 400 else b"Service Unavailable", len(body), request_id.encode(), body)
        )
        self.transport.close()
