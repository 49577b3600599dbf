"""``/auth/v1/session``: a login whose tokens are in cookies that no script reads, for the page.

Two cookies: the access token, which every route takes for as long as it is good, and the refresh token, which is sent to
``/auth/v1`` only. Both are ``SameSite=Strict``, and what changes anything is refused where it does not come from a page of this
origin (``millrace_web.access.check_same_origin``).
"""

from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from millrace_analytics.accounts.logins import LoggedIn, Logins
from millrace_analytics.accounts.schemas import Done, Login
from millrace_core.errors import Unauthorized
from millrace_web.access import ACCESS_COOKIE, check_same_origin, cookie_in
from millrace_web.app import error_responses

REFRESH_COOKIE: Final = "millrace_session"


class Begun(BaseModel):
    """A session; its tokens are in cookies."""

    success: bool = True
    expires_in: int


async def _from_here(request: Request) -> None:
    check_same_origin(dict(request.headers.raw))


_NOBODY: Final = "Nobody is signed in here."
_FromHere: Final = [Depends(_from_here)]


def _refresh_token(request: Request) -> str:
    token = cookie_in(dict(request.headers.raw), REFRESH_COOKIE)
    if not token:
        raise Unauthorized(_NOBODY)
    return token


def sessions_router(logins: Logins, days: float, public_url: str) -> APIRouter:
    """The routes.

    Args:
        days: how long a session goes on.
        public_url: where people reach the server: whether cookies are for TLS only, and under which path.
    """
    router = APIRouter(prefix="/auth/v1/session", tags=["access"], dependencies=_FromHere)
    cookies = _Cookies(days, public_url)

    @router.post("", responses=error_responses(400, 401, 403, 429, 503))
    async def begin(given: Login, request: Request, response: Response) -> Begun:
        """Sign in from a page of this origin: the tokens are set as cookies, which no script reads."""
        logged_in = await logins.log_in(given.email, given.password)
        return cookies.begin(request, response, logged_in)

    @router.post("/refresh", responses=error_responses(401, 403, 503))
    async def go_on(request: Request, response: Response, token: Annotated[str, Depends(_refresh_token)]) -> Begun:
        """Another access token, as a cookie. Several tabs may ask at once."""
        return cookies.go_on(request, response, await logins.go_on(token))

    @router.delete("", responses=error_responses(401, 403, 503))
    async def end(request: Request, response: Response) -> Done:
        """Sign out: the session ends everywhere, and the cookies are taken away. 401 where the cookies are of no session that
        goes on, as then none has been ended."""
        sent = dict(request.headers.raw)
        if not await logins.leave(cookie_in(sent, REFRESH_COOKIE), cookie_in(sent, ACCESS_COOKIE)):
            raise Unauthorized(_NOBODY)
        cookies.clear(response)
        return Done()

    return router


class _Cookies:
    """Sets and takes away both."""

    def __init__(self, days: float, public_url: str) -> None:
        self._seconds = round(days * 86_400)
        self._has_tls = public_url.startswith("https:")
        self._path = urlsplit(public_url).path or "/"

    def begin(self, request: Request, response: Response, logged_in: LoggedIn) -> Begun:
        """Both cookies."""
        response.set_cookie(
            REFRESH_COOKIE,
            logged_in.refresh_token,
            max_age=self._seconds,
            # Without a path it is that of this request as the browser sees it, a prefix of a proxy included.
            path=None,
            secure=self._is_secure(request),
            httponly=True,
            samesite="strict",
        )
        return self.go_on(request, response, logged_in)

    def go_on(self, request: Request, response: Response, logged_in: LoggedIn) -> Begun:
        """The access token's."""
        response.headers["Cache-Control"] = "no-store"
        response.set_cookie(
            ACCESS_COOKIE,
            logged_in.access_token,
            max_age=logged_in.seconds,
            path=self._path,
            secure=self._is_secure(request),
            httponly=True,
            samesite="strict",
        )
        return Begun(expires_in=logged_in.seconds)

    def clear(self, response: Response) -> None:
        """Neither."""
        response.delete_cookie(ACCESS_COOKIE, path=self._path, httponly=True, samesite="strict")
        response.set_cookie(REFRESH_COOKIE, "", max_age=0, path=None, httponly=True, samesite="strict")

    def _is_secure(self, request: Request) -> bool:
        return self._has_tls or request.url.scheme == "https"
