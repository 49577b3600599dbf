"""``/admin/v1/users``: people, their roles, and links to set a password."""

import dataclasses
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from millrace_analytics.accounts.links import password_link
from millrace_core.access import ALL_TENANTS, Caller, Role, new_id, tenant_of
from millrace_core.errors import InvalidInput, NotFound
from millrace_core.tenants import TENANT_PATTERN
from millrace_core.time import iso_time, now_ms
from millrace_records.access.ports import AccessPorts, User
from millrace_standalone.admin_access import Operator, admin_of
from millrace_web.access import Asking

_NO_PASSWORD: Final = "!"  # noqa: S105 (no hash looks like it, so nothing matches)
_is_email = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}\Z").match
_Tenant = Annotated[str, Path(pattern=rf"{TENANT_PATTERN[:-1]}$|^\*$")]


class NewUser(BaseModel):
    """A person and their first role."""

    email: str = Field(max_length=320)
    tenant: str | None = Field(None, pattern=rf"{TENANT_PATTERN[:-1]}$|^\*$", description="`*` is every tenant.")
    role: Role = "viewer"


class Given(BaseModel):
    """A role."""

    role: Role


class _People:
    """What several of the routes do."""

    def __init__(self, access: AccessPorts, tell: Callable[[], Awaitable[None]], public_url: str) -> None:
        self.users = access.users
        self._tickets = access.tickets
        self._tell = tell
        self._public_url = public_url

    async def named(self, email: str) -> User:
        """The user of this email, however it is written."""
        return await self.users.user(_email(email))

    async def added(self, user: User, caller: Caller) -> None:
        """Keep a new user."""
        await self.users.add(user, caller.who)
        await self._tell()

    async def changed(self, user: User, caller: Caller, action: str) -> dict[str, Any]:
        """Keep the user as they are now, and tell everyone who judges credentials."""
        await self.users.put(user, caller.who, action)
        await self._tell()
        return _shown(user, caller)

    async def link_for(self, user: User, caller: Caller, response: Response) -> str:
        """A link by which the user sets a password."""
        response.headers["Cache-Control"] = "no-store"
        return await password_link(self._tickets, user, caller.who, self._public_url)


def add_users(router: APIRouter, access: AccessPorts, tell: Callable[[], Awaitable[None]], public_url: str) -> None:
    """The routes; prefix and check of the credential are the router's.

    Args:
        tell: to be called when a user was changed.
    """
    people = _People(access, tell, public_url)
    _add_roles(router, people)

    @router.get("/users")
    async def list_users(caller: Asking, tenant: str | None = None) -> list[dict[str, Any]]:
        return [_shown(user, caller) for user in await people.users.users(admin_of(caller, tenant))]

    @router.post("/users")
    async def make_user(asked: NewUser, caller: Asking, response: Response) -> dict[str, Any]:
        tenant = tenant_of(caller, asked.tenant, "admin")
        user = User(new_id(), _email(asked.email), _NO_PASSWORD, {tenant: asked.role}, now_ms())
        await people.added(user, caller)
        return {**_shown(user, caller), "link": await people.link_for(user, caller, response)}

    @router.post("/users/{email}/password")
    async def reset_password(email: str, caller: Asking, response: Response) -> dict[str, Any]:
        user = await people.named(email)
        # Whoever sets a password can log in as that person, and so has to administer all that the person may see.
        for tenant in user.roles or (ALL_TENANTS,):
            tenant_of(caller, tenant, "admin")
        return {"link": await people.link_for(user, caller, response)}

    @router.delete("/users/{email}")
    async def disable_user(email: str, caller: Operator) -> dict[str, Any]:
        user = dataclasses.replace(await people.named(email), disabled_at=now_ms())
        return await people.changed(user, caller, "user_disabled")


def _add_roles(router: APIRouter, people: _People) -> None:
    @router.put("/users/{email}/roles/{tenant}")
    async def give_role(email: str, tenant: _Tenant, given: Given, caller: Asking) -> dict[str, Any]:
        tenant_of(caller, tenant, "admin")
        user = await people.named(email)
        return await people.changed(
            dataclasses.replace(user, roles={**user.roles, tenant: given.role}), caller, "roles_changed"
        )

    @router.delete("/users/{email}/roles/{tenant}")
    async def take_role(email: str, tenant: _Tenant, caller: Asking) -> dict[str, Any]:
        tenant_of(caller, tenant, "admin")
        user = await people.named(email)
        if tenant not in user.roles:
            raise NotFound(f"{user.email} has no role in {tenant}.")
        left = {name: role for name, role in user.roles.items() if name != tenant}
        return await people.changed(dataclasses.replace(user, roles=left), caller, "roles_changed")


def _email(given: str) -> str:
    email = given.strip().lower()
    if not _is_email(email):
        raise InvalidInput(f"{given} is no email address.")
    return email


def _shown(user: User, caller: Caller) -> dict[str, Any]:
    """A user as the caller may see them: with the roles in the caller's tenants."""
    return {
        "id": user.id,
        "email": user.email,
        "roles": {tenant: role for tenant, role in user.roles.items() if caller.may("admin", tenant)},
        "created_at": iso_time(user.created_at),
        "disabled": user.disabled_at is not None,
    }
