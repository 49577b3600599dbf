"""``/auth/v1``: logging in and out, and tokens for streams. The tokens of an answer are kept by nobody on the way."""

from typing import Final

from fastapi import APIRouter, Request, Response

from millrace_analytics.accounts.logins import LoggedIn, Logins
from millrace_analytics.accounts.schemas import Done, Forgotten, Login, Me, NewPassword, Refresh, StreamOf, StreamToken, Tokens
from millrace_core.access import tenant_of
from millrace_records.access.checking import AccessCheck
from millrace_web.access import Asking, credential_in
from millrace_web.app import error_responses

_NO_STORE: Final = "no-store"


def accounts_router(logins: Logins, access: AccessCheck, stream_seconds: int) -> APIRouter:
    """The routes.

    Args:
        stream_seconds: how long a stream may be opened with its token.
    """
    router = APIRouter(prefix="/auth/v1", tags=["access"])

    @router.post("/login", responses=error_responses(400, 401, 429, 503))
    async def log_in(given: Login, response: Response) -> Tokens:
        """Begin a session."""
        return _tokens(await logins.log_in(given.email, given.password), response)

    @router.post("/refresh", responses=error_responses(400, 401, 503))
    async def refresh(given: Refresh, response: Response) -> Tokens:
        """The next pair of tokens; the one of before ends the session if it is used again."""
        return _tokens(await logins.refresh(given.refresh_token), response)

    @router.post("/logout", responses=error_responses(401, 403, 503))
    async def log_out(request: Request, caller: Asking) -> Done:
        """End the session of the token, or of the session's cookie, everywhere."""
        await logins.log_out(credential_in(request.method, dict(request.headers.raw)), caller.who)
        return Done()

    @router.post("/password", responses=error_responses(400, 401, 503))
    async def set_password(given: NewPassword) -> Done:
        """Set a password with a link."""
        await logins.set_password(given.token, given.password)
        return Done()

    @router.post("/password-forgotten", responses=error_responses(400, 404, 429, 503))
    async def forgotten(given: Forgotten) -> Done:
        """Mail a link to set a password, if there is such a user."""
        await logins.mail_link(given.email)
        return Done()

    _read_routes(router, access, stream_seconds)
    return router


def _read_routes(router: APIRouter, access: AccessCheck, stream_seconds: int) -> None:
    @router.get("/me", responses=error_responses(401, 503))
    async def me(caller: Asking) -> Me:
        """Who asks, and what they may do."""
        return Me(who=caller.who, rights={tenant: sorted(rights) for tenant, rights in caller.rights.items()})

    @router.post("/stream-token", responses=error_responses(400, 401, 403, 503))
    async def stream_token(given: StreamOf, caller: Asking, response: Response) -> StreamToken:
        """A token for `EventSource`, which cannot set a header: `/events/stream/…?token=…`."""
        tenant = tenant_of(caller, given.customer_id, "view")
        response.headers["Cache-Control"] = _NO_STORE
        return StreamToken(token=access.stream_token(caller, tenant, stream_seconds), expires_in=stream_seconds)


def _tokens(logged_in: LoggedIn, response: Response) -> Tokens:
    response.headers["Cache-Control"] = _NO_STORE
    return Tokens(access_token=logged_in.access_token, expires_in=logged_in.seconds, refresh_token=logged_in.refresh_token)
