"""Which ``Host`` is answered: in open mode a page that was resolved to this address (DNS rebinding) must not read answers."""

from collections.abc import Collection
from typing import Final

from starlette.responses import JSONResponse

from millrace_web.errors import error_body
from millrace_web.requests import AsgiApp, Message, Receive, Send, request_id_of

_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})


class HostCheck:
    """ASGI middleware: answers 400 where the host is none of ours.

    Args:
        hosts: names besides the loopback ones; ``*`` allows every name.
    """

    def __init__(self, app: AsgiApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = _LOCAL | {host.lower() for host in hosts}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and "*" not in self._hosts and _host(scope) not in self._hosts:
            body = error_body(400, "unknown_host", "This server does not answer to that host name.", request_id_of(scope))
            await JSONResponse(body, 400)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _host(scope: Message) -> str:
    value = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").lower()
    if value.startswith("["):
        return value[: value.find("]") + 1]
    return value.rsplit(":", 1)[0]
