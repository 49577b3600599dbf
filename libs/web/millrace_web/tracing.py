"""A span for each request, named by its route: a part of the client's trace where it sends ``traceparent``."""

from collections.abc import Callable
from typing import Final

from millrace_service.tracing import Tracer
from millrace_web.requests import AsgiApp, Message, Receive, Send

_PROBES: Final = frozenset({"/live", "/ready", "/health", "/metrics"})


class TracedApp:
    """ASGI application around another one.

    Args:
        route_of: the template of a request's path, once it is known.
    """

    def __init__(self, app: AsgiApp, tracer: Tracer, route_of: Callable[[Message], str]) -> None:
        self._app = app
        self._tracer = tracer
        self._route_of = route_of

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in _PROBES:
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        parent = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), "")
        with self._tracer.span(method, "server", parent=parent) as span:

            async def told(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status = message["status"]
                    span.set("http.response.status_code", status)
                    if status >= 500:
                        span.fail(str(status))
                    for name, value in message.get("headers", ()):
                        if name == b"x-request-id":
                            span.set("millrace.request_id", value.decode("latin-1"))
                await send(message)

            span.set("http.request.method", method)
            try:
                await self._app(scope, receive, told)
            finally:
                if route := self._route_of(scope):
                    span.set("http.route", route)
                    span.rename(f"{method} {route}")
