"""Who asks: finds the credential of a request, and lets nobody in without one where one is required."""

import base64
import binascii
from collections.abc import Collection, Mapping
from typing import Annotated, Final, Protocol
from urllib.parse import parse_qs

from fastapi import Depends, Request

from millrace_core.access import ANYONE, Caller
from millrace_core.errors import MillraceError, Unauthorized
from millrace_web.errors import error_headers, status_of
from millrace_web.problems import error_response
from millrace_web.requests import AsgiApp, Message, Receive, Send

PUBLIC_PATHS: Final = frozenset(
    {
        "/",
        "/health",
        "/live",
        "/ready",
        "/metrics",
        "/docs",
        "/docs/oauth2-redirect",
        "/openapi.json",
        "/tracker.js",
        "/tracker.mjs",
    }
)
"""What everyone may ask: who the server is, how it is, and what its API is. No tenant's data is there."""

LOGIN_PATHS: Final = frozenset(
    {"/setup", "/auth/v1/login", "/auth/v1/refresh", "/auth/v1/password", "/auth/v1/password-forgotten"}
)
"""What brings its credential in its body: a password, a refresh token, a link that works once."""

STREAMS: Final = ("/events/stream/", "/ingest/live/")
"""Where ``?token=`` is taken, as EventSource cannot set a header."""


class Credentials(Protocol):
    """Knows who a credential belongs to. No method waits."""

    def caller(self, presented: str) -> Caller:
        """Whose key or login token this is.

        Raises:
            Unauthorized: ``unauthorized`` where nothing was presented, ``invalid_key``, ``invalid_token``.
            Unavailable: credentials cannot be judged now.
        """
        ...

    def stream_caller(self, token: str) -> Caller:
        """Whose stream's token this is. Raises likewise."""
        ...


def presented_in(headers: Mapping[bytes, bytes]) -> str:
    """The credential of a request: ``Authorization: Bearer``, ``Authorization: Basic`` (the key as user name), or
    ``X-API-Key``; empty where there is none."""
    authorization = headers.get(b"authorization")
    if authorization is None:
        return headers.get(b"x-api-key", b"").decode("latin-1").strip()
    if authorization.startswith(b"Bearer "):  # as nearly everyone writes it
        return authorization[7:].decode("latin-1").strip()
    scheme, _, value = authorization.decode("latin-1").strip().partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip()
        case "basic":
            return _user_name(value.strip())
    return headers.get(b"x-api-key", b"").decode("latin-1").strip()


def _user_name(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")[0]
    except (binascii.Error, ValueError):
        return ""


class RequireCaller:
    """ASGI middleware: answers 401 where nobody knows who asks. ``caller_of`` says who does.

    Args:
        credentials: None lets everyone in.
        public: paths that everyone may ask beside :data:`PUBLIC_PATHS`.
    """

    def __init__(self, app: AsgiApp, credentials: Credentials | None, public: Collection[str] = ()) -> None:
        self._app = app
        self._credentials = credentials
        self._everyones = PUBLIC_PATHS | LOGIN_PATHS | set(public)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            try:
                scope.setdefault("state", {})["caller"] = self._caller(scope)
            except MillraceError as error:
                status = status_of(error)
                answer = error_response(scope, status, error.code, error.message, headers=error_headers(error))
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _caller(self, scope: Message) -> Caller | None:
        path = scope["path"]
        if self._credentials is None:
            return ANYONE
        if path in self._everyones:
            return None
        presented = presented_in(dict(scope["headers"]))
        if not presented and path.startswith(STREAMS) and (token := _token_in(scope)):
            return self._credentials.stream_caller(token)
        return self._credentials.caller(presented)


def _token_in(scope: Message) -> str:
    query: bytes = scope.get("query_string", b"")
    return parse_qs(query.decode("latin-1")).get("token", [""])[0]


def caller_of(request: Request) -> Caller:
    """Who asks.

    Raises:
        Unauthorized: nobody knows; a route that this happens on is on a list of paths for everyone, and should not be.
    """
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None:
        raise Unauthorized("A key or a token is needed.")
    return caller


Asking = Annotated[Caller, Depends(caller_of)]
