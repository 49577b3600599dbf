"""Request ids: taken from ``X-Request-ID`` or made, answered in the same header, and in every log line of the request."""

import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import structlog

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]

_HEADER: Final = b"x-request-id"
_is_id = re.compile(rb"[A-Za-z0-9_.:-]{1,128}\Z").match

_log = structlog.get_logger("millrace.http")


def request_id_of(scope: Message) -> str:
    """The client's id where it is well formed, else a new one; the same for the same request."""
    state = scope.setdefault("state", {})
    if "request_id" not in state:
        given = next((value for name, value in scope["headers"] if name == _HEADER), b"")
        state["request_id"] = given.decode("ascii") if _is_id(given) else secrets.token_hex(8)
    return str(state["request_id"])


class RequestLog:
    """ASGI middleware: binds the id, answers it, and logs one line a request.

    Args:
        path_of: the whole path of a route, as its own may lack the prefix of the router that it is in.
        on_answer: called at the end with the route's path, the method, the status, and how many seconds passed before the
            answer began: that of a live stream goes on for hours.
    """

    def __init__(
        self, app: AsgiApp, path_of: Callable[[object], str], on_answer: Callable[[str, str, int, float], None]
    ) -> None:
        self._app = app
        self._path_of = path_of
        self._on_answer = on_answer

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(scope)
        started = time.perf_counter()
        status, began = 500, 0.0

        async def send_with_id(message: Message) -> None:
            nonlocal status, began
            if message["type"] == "http.response.start":
                status, began = message["status"], time.perf_counter()
                message.setdefault("headers", [])
                message["headers"] = [*message["headers"], (_HEADER, request_id.encode("ascii"))]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            finally:
                route = self._path_of(scope.get("route"))
                ended = time.perf_counter()
                self._on_answer(route, scope["method"], status, (began or ended) - started)
                took = round((ended - started) * 1000, 1)
                # Probes come every few seconds and say nothing; they are counted, not logged.
                level = _log.debug if route in ("/live", "/ready", "/metrics", "/health") else _log.info
                level("request", method=scope["method"], route=route, status=status, milliseconds=took)
