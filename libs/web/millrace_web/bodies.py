"""Bodies of the JSON routes: read whole before the application sees the request, small and within a time."""

import asyncio
from typing import Final

from millrace_core.errors import MillraceError, TooLarge, Unavailable
from millrace_web.errors import error_headers, status_of
from millrace_web.problems import error_response
from millrace_web.requests import AsgiApp, Message, Receive, Send

_BYTES: Final = 2 * 2**20  # a statement of a million characters fits
_SECONDS: Final = 10.0
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class BodyLimit:
    """ASGI middleware: answers 413 to a body that is too large, and 503 to one that does not come."""

    def __init__(self, app: AsgiApp, largest: int = _BYTES, seconds: float = _SECONDS) -> None:
        self._app = app
        self._largest = largest
        self._seconds = seconds

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] in _WITHOUT_BODY:
            await self._app(scope, receive, send)
            return
        try:
            read = await self._read(scope, receive)
        except MillraceError as error:
            status = status_of(error)
            # What is left of the body is not read, so the connection cannot be used again.
            headers = {**error_headers(error), "connection": "close"}
            await error_response(scope, status, error.code, error.message, headers=headers)(scope, receive, send)
            return
        waiting = [read]

        async def receive_again() -> Message:
            return waiting.pop() if waiting else await receive()

        await self._app(scope, receive_again, send)

    async def _read(self, scope: Message, receive: Receive) -> Message:
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if declared.isdigit() and (len(declared) > 18 or int(declared) > self._largest):
            raise self._too_large()
        body = bytearray()
        try:
            async with asyncio.timeout(self._seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return message
                    body += message.get("body", b"")
                    if len(body) > self._largest:
                        raise self._too_large()
                    if not message.get("more_body", False):
                        return {"type": "http.request", "body": bytes(body), "more_body": False}
        except TimeoutError as error:
            raise Unavailable(f"The body took longer than {self._seconds:g} seconds.", code="body_timeout") from error

    def _too_large(self) -> TooLarge:
        return TooLarge(f"A body has {self._largest} bytes at most.", code="body_too_large")
