"""Who may administer: the token of ``server.json``, a secret key with the scope ``admin``, or an owner who has logged in."""

import secrets
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

from millrace_core.access import ALL_TENANTS, ANYONE, SERVER, Caller, tenant_of
from millrace_core.errors import Forbidden
from millrace_web.access import Asking, Credentials, credential_in


class ServerToken:
    """Credentials: the token of this start of the server, else what the others know.

    Args:
        token: gives the token; empty before there is one.
    """

    def __init__(self, token: Callable[[], str], others: Credentials) -> None:
        self._token = token
        self._others = others

    def caller(self, presented: str) -> Caller:
        """See Credentials."""
        token = self._token()
        if token and secrets.compare_digest(presented.encode(), token.encode()):
            return SERVER
        return self._others.caller(presented)

    def stream_caller(self, token: str) -> Caller:
        """See Credentials."""
        return self._others.stream_caller(token)


def admin_check(credentials: Credentials) -> Callable[[Request], None]:
    """A dependency of every admin route, in open mode, too: it has a credential, whoever may come in else. Whom the application
    knows already stays who it is: it notes what they may, for answers that are kept (``millrace_web.idempotency``)."""

    def check(request: Request) -> None:
        known: Caller | None = getattr(request.state, "caller", None)
        if known is None or known.who == ANYONE.who:
            request.state.caller = credentials.caller(credential_in(request.method, dict(request.headers.raw)))

    return check


def admin_of_all(caller: Asking) -> Caller:
    """Who asks, an administrator of all tenants.

    Raises:
        Forbidden: ``missing_scope``.
    """
    if not caller.may("admin", ALL_TENANTS):
        raise Forbidden("This takes an administrator of all tenants.", code="missing_scope")
    return caller


def admin_of(caller: Caller, tenant: str | None) -> str | None:
    """The tenant that an administrator asks about: the named one, else their own; None is all of them.

    Raises:
        Forbidden: ``foreign_tenant`` or ``missing_scope``.
    """
    if tenant is None and caller.may("admin", ALL_TENANTS):
        return None
    return tenant_of(caller, tenant, "admin")


Operator = Annotated[Caller, Depends(admin_of_all)]
