"""Who asks: finds the credential of a request, and lets nobody in without one where one is required."""

import base64
import binascii
from collections.abc import Collection, Mapping
from typing import Annotated, Final, Protocol
from urllib.parse import parse_qs, urlsplit

from fastapi import Depends, Request
from starlette.requests import cookie_parser

from millrace_core.access import ANYONE, Caller
from millrace_core.errors import Forbidden, MillraceError, Unauthorized
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
    {
        "/setup",
        "/auth/v1/login",
        "/auth/v1/refresh",
        "/auth/v1/session",
        "/auth/v1/session/refresh",
        "/auth/v1/password",
        "/auth/v1/password-forgotten",
        "/api/v1/shared",
        "/api/v1/shared/values",
    }
)
"""What brings a credential of its own: a password, a refresh token (in a cookie, of sessions), a link that works once, the
token of a link to a dashboard."""

ACCESS_COOKIE: Final = "millrace_access"
"""Holds the token of a login, where a browser has the session."""

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

ADMINISTRATION: Final = "/admin/v1/"
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


def cookie_in(headers: Mapping[bytes, bytes], name: str) -> str:
    """A cookie of a request; empty where there is none. What other applications of the same host have set may look like
    anything, and is passed over. Of several with one name it is the first, which browsers send for the longest path
    (RFC 6265, 5.4)."""
    sent = headers.get(b"cookie", b"").decode("latin-1").split(";")
    return cookie_parser(";".join(reversed(sent))).get(name, "")


def check_same_origin(headers: Mapping[bytes, bytes]) -> None:
    """A browser attaches cookies to what other sites' pages send, too. Says no to that: by ``Sec-Fetch-Site``, which every
    browser of today sends and no script can set, else by whether ``Origin`` is the host that is asked.

    Raises:
        Forbidden: ``cross_site_request``; also where neither header is there.
    """
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        is_ours = site in (b"same-origin", b"none")
    else:
        origin = urlsplit(headers.get(b"origin", b"").decode("latin-1").lower()).netloc
        is_ours = origin != "" and origin == headers.get(b"host", b"").decode("latin-1").lower()
    if not is_ours:
        raise Forbidden("A session's cookie does not serve pages of other origins.", code="cross_site_request")


def credential_in(method: str, headers: Mapping[bytes, bytes]) -> str:
    """The credential of a request: one that its client has put into a header, else a session's cookie, which changes nothing
    for pages of other origins; empty where there is none.

    Raises:
        Forbidden: ``cross_site_request``.
    """
    presented = presented_in(headers)
    if not presented and (presented := cookie_in(headers, ACCESS_COOKIE)) and method not in _SAFE_METHODS:
        check_same_origin(headers)
    return presented


class RequireCaller:
    """ASGI middleware: answers 401 where nobody knows who asks. ``caller_of`` says who does.

    Args:
        credentials: None lets everyone in.
        administrators: those of :data:`ADMINISTRATION`, which take one on an open server, too; None leaves it to its routes.
        public: paths that everyone may ask beside :data:`PUBLIC_PATHS`.
    """

    def __init__(
        self,
        app: AsgiApp,
        credentials: Credentials | None,
        administrators: Credentials | None = None,
        public: Collection[str] = (),
    ) -> None:
        self._app = app
        self._credentials = credentials
        self._administrators = administrators or credentials
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
        credentials = self._administrators if path.startswith(ADMINISTRATION) else self._credentials
        if credentials is None:
            return ANYONE
        if path in self._everyones:
            return None
        headers = dict(scope["headers"])
        if path.startswith(STREAMS) and not presented_in(headers) and (token := _token_in(scope)):
            return credentials.stream_caller(token)
        return credentials.caller(credential_in(scope["method"], headers))


def _token_in(scope: Message) -> str:
    query: bytes = scope.get("query_string", b"")
    return parse_qs(query.decode("latin-1")).get("token", [""])[0]


async def caller_of(request: Request) -> Caller:
    """Who asks. Waits for nothing: what is not a coroutine FastAPI gives to a thread, and each request would wait for one that
    shares the interpreter with all others.

    Raises:
        Unauthorized: nobody knows; a route that this happens on is on a list of paths for everyone, and should not be.
    """
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None:
        raise Unauthorized("A key or a token is needed.")
    return caller


Asking = Annotated[Caller, Depends(caller_of)]
