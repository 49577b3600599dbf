"""``/admin/v1/keys`` and ``/admin/v1/changes``: write keys, secret keys, and the trail of everything that was changed."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, field_validator

from millrace_core.access import (
    ALL_TENANTS,
    SECRET_PREFIX,
    WRITE_PREFIX,
    Caller,
    Scope,
    digest_of,
    new_id,
    new_secret,
    shown_part,
    tenant_of,
)
from millrace_core.errors import InvalidInput
from millrace_core.tenants import TENANT_PATTERN
from millrace_core.time import iso_time, now_ms
from millrace_records.access.ports import AccessPorts, Key, KeyKind
from millrace_standalone.admin_access import admin_of
from millrace_web.access import Asking

_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000
_TEXT: Final = r"^[^\x00]*$"  # PostgreSQL takes no NUL
_TENANT: Final = rf"{TENANT_PATTERN[:-1]}$|^\*$"


class NewKey(BaseModel):
    """A key to be made."""

    tenant: str | None = Field(None, pattern=_TENANT, description="`*` is every tenant, for secret keys of operators.")
    kind: KeyKind
    name: str = Field("", max_length=128)
    scopes: list[Scope] = Field([], max_length=3, description="Of a secret key. A write key has `ingest`.")
    origins: list[str] = Field([], max_length=100, description="Of a write key: the pages that may use it; empty is every one.")
    expires_days: Annotated[float, Field(gt=0, le=36_500)] | None = None

    @field_validator("origins")
    @classmethod
    def _origins_are_origins(cls, origins: list[str]) -> list[str]:
        for origin in origins:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts._replace(scheme="", netloc="").geturl():
                raise ValueError(f"{origin} is no origin: write it like https://shop.example.com")
        return [origin.lower() for origin in origins]


class Rotation(BaseModel):
    """How long the old key still works beside the new one."""

    overlap_hours: float = Field(24.0, ge=0, le=24 * 366)


class TrailPage(BaseModel):
    """Which lines of the trail."""

    tenant: str | None = None
    after: int = Field(0, ge=0, le=2**63 - 1, description="Behind the line of this id, in the order asked for.")
    limit: int = Field(100, ge=1, le=10_000)
    order: Literal["oldest", "newest"] = "oldest"
    action: str = Field("", max_length=64, pattern=_TEXT, description="Of these alone.")
    text: str = Field("", max_length=320, pattern=_TEXT, description="What the subject or the actor has in it.")


def add_keys(router: APIRouter, access: AccessPorts, changed: Callable[[], Awaitable[None]]) -> None:
    """The routes; prefix and check of the credential are the router's. A secret is in the answer that makes it, and nowhere
    else.

    Args:
        changed: to be called when a key was changed.
    """

    @router.get("/keys")
    async def list_keys(caller: Asking, tenant: str | None = None) -> list[dict[str, Any]]:
        return [shown_key(key) for key in await access.keys.keys(admin_of(caller, tenant))]

    @router.post("/keys")
    async def make_key(asked: NewKey, caller: Asking, response: Response) -> dict[str, Any]:
        tenant = tenant_of(caller, asked.tenant, "admin")
        key, secret = _made(asked, tenant)
        await access.keys.add(key, caller.who)
        return await answered(key, secret, response)

    @router.post("/keys/{key_id}/rotate")
    async def rotate_key(key_id: str, asked: Rotation, caller: Asking, response: Response) -> dict[str, Any]:
        old = await own_key(key_id, caller)
        now, secret = now_ms(), new_secret(_prefix(old.kind))
        new = Key(new_id(), old.tenant, old.kind, old.name, shown_part(secret), digest_of(secret), old.scopes, old.origins, now)
        await access.keys.rotate(key_id, new, now + round(asked.overlap_hours * _HOUR_MS), caller.who)
        return await answered(new, secret, response)

    @router.delete("/keys/{key_id}")
    async def revoke_key(key_id: str, caller: Asking) -> dict[str, Any]:
        await own_key(key_id, caller)
        await access.keys.revoke(key_id, caller.who)
        await changed()
        return shown_key(await access.keys.key(key_id))

    async def own_key(key_id: str, caller: Caller) -> Key:
        key = await access.keys.key(key_id)
        tenant_of(caller, key.tenant, "admin")
        return key

    async def answered(key: Key, secret: str, response: Response) -> dict[str, Any]:
        await changed()
        response.headers["Cache-Control"] = "no-store"
        return {**shown_key(key), "key": secret}


def add_changes(router: APIRouter, access: AccessPorts) -> None:
    """Likewise."""

    @router.get("/changes")
    async def list_changes(caller: Asking, asked: Annotated[TrailPage, Query()]) -> list[dict[str, Any]]:
        found = await access.trail.changes(
            tenant=admin_of(caller, asked.tenant),
            after=asked.after,
            limit=asked.limit,
            newest_first=asked.order == "newest",
            action=asked.action,
            text=asked.text,
        )
        return [
            {
                "id": one.id,
                "at": iso_time(one.at),
                "actor": one.actor,
                "action": one.action,
                "tenant": one.tenant,
                "subject": one.subject,
                "detail": dict(one.detail),
            }
            for one in found
        ]


def shown_key(key: Key) -> dict[str, Any]:
    """A key as it is listed: never its secret, never its hash."""
    return {
        "id": key.id,
        "tenant": key.tenant,
        "kind": key.kind,
        "name": key.name,
        "shown": f"{key.shown}…",
        "scopes": list(key.scopes),
        "origins": list(key.origins),
        "created_at": iso_time(key.created_at),
        "expires_at": _moment(key.expires_at),
        "revoked_at": _moment(key.revoked_at),
        "replaced_by": key.replaced_by or None,
        "last_used_at": _moment(key.last_used_at),
    }


def _made(asked: NewKey, tenant: str) -> tuple[Key, str]:
    """The key and its secret."""
    is_write = asked.kind == "write"
    if is_write and tenant == ALL_TENANTS:
        raise InvalidInput("A write key is of one tenant.")
    if is_write and asked.scopes not in ([], ["ingest"]):
        raise InvalidInput("A write key may only send events: for anything else make a secret key.")
    if not is_write and (not asked.scopes or asked.origins):
        raise InvalidInput("A secret key has one scope or more of ingest, query and admin, and no origins.")
    scopes: tuple[Scope, ...] = ("ingest",) if is_write else tuple(dict.fromkeys(asked.scopes))
    secret, now = new_secret(_prefix(asked.kind)), now_ms()
    expires_at = None if asked.expires_days is None else now + round(asked.expires_days * _DAY_MS)
    made = Key(
        new_id(),
        tenant,
        asked.kind,
        asked.name,
        shown_part(secret),
        digest_of(secret),
        scopes,
        tuple(asked.origins),
        now,
        expires_at,
    )
    return made, secret


def _prefix(kind: KeyKind) -> str:
    return WRITE_PREFIX if kind == "write" else SECRET_PREFIX


def _moment(at: int | None) -> str | None:
    return None if at is None else iso_time(at)
