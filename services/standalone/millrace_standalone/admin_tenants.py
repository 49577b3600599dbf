"""``/admin/v1/tenants`` and ``/admin/v1/decisions``: what the records hold."""

import asyncio
import dataclasses
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from millrace_core.access import Caller, tenant_of
from millrace_core.errors import InvalidInput, NotFound
from millrace_core.privacy import MOST_FIELDS, Signals, field_of
from millrace_core.tenants import TENANT_PATTERN
from millrace_core.time import iso_time
from millrace_records.cache.ports import Messages
from millrace_records.ports import TENANTS_CHANGED, Records, Tenant, Tier
from millrace_standalone.admin_access import admin_of, admin_of_all
from millrace_warehouse.metrics.ranges import zone_of
from millrace_web.access import Asking

_Days = Annotated[int, Field(ge=1, le=36_500)]
_EventType = Annotated[str, Field(min_length=1, max_length=256)]
_Name = Annotated[str, Path(pattern=TENANT_PATTERN)]


class Settled(BaseModel):
    """A tenant's settings; what is left out is the default. A field of another name is refused: it could be meant to keep
    something from being stored."""

    model_config = ConfigDict(extra="forbid")

    tier: Tier = "default"
    events_a_minute: Annotated[int, Field(ge=1, le=10**12)] | None = None
    retention_days: _Days | None = None
    time_zone: str = "UTC"
    denied: Annotated[list[str], Field(max_length=MOST_FIELDS)] = []
    hashed: Annotated[list[str], Field(max_length=MOST_FIELDS)] = []
    signals: Signals | None = None
    event_days: Annotated[dict[_EventType, _Days], Field(max_length=MOST_FIELDS)] = {}

    @field_validator("denied", "hashed")
    @classmethod
    def _fields_are_known(cls, names: list[str], info: ValidationInfo) -> list[str]:
        for name in names:
            try:
                field_of(name, hashed=info.field_name == "hashed")
            except InvalidInput as error:
                raise ValueError(error.message) from error
        return sorted(set(names))

    @field_validator("time_zone")
    @classmethod
    def _zone_is_known(cls, name: str) -> str:
        try:
            return zone_of(name).key
        except InvalidInput as error:
            raise ValueError(f"{name} is no time zone: write it like Europe/Berlin") from error


_THE_TENANTS: Final = frozenset({"time_zone", "denied", "hashed", "signals"})
"""What a tenant's own administrator may settle: how its days are cut, and what is not stored of its people."""


class Removed(BaseModel):
    """Whether there was one."""

    removed: bool


def add_tenants(router: APIRouter, records: Records, messages: Messages) -> None:
    """The routes; prefix and check of the token are the router's. A change is told to who keeps the limits."""
    changing = asyncio.Lock()

    @router.get("/tenants")
    async def list_tenants(caller: Asking) -> list[dict[str, Any]]:
        return [_shown(one) for one in await records.tenants() if caller.may("admin", one.name)]

    @router.get("/tenants/{name}")
    async def show_tenant(name: _Name, caller: Asking) -> dict[str, Any]:
        return _shown(await records.tenant(tenant_of(caller, name, "admin")))

    @router.put("/tenants/{name}")
    async def put_tenant(name: _Name, settled: Settled, caller: Asking) -> dict[str, Any]:
        _check_operator(caller, name)
        tenant = Tenant(name, **_fields(settled))
        await records.put_tenant(tenant, caller.who)
        await messages.publish(TENANTS_CHANGED)
        return _shown(tenant)

    @router.patch("/tenants/{name}")
    async def change_tenant(name: _Name, settled: Settled, caller: Asking) -> dict[str, Any]:
        tenant_of(caller, name, "admin")
        given = _fields(settled, named_alone=True)
        if not given.keys() <= _THE_TENANTS:
            admin_of_all(caller)
        async with changing:  # two that change different fields at once keep both
            changed = dataclasses.replace(await _known(records, name), **given)
            await records.put_tenant(changed, caller.who)
        await messages.publish(TENANTS_CHANGED)
        return _shown(changed)

    @router.delete("/tenants/{name}")
    async def remove_tenant(name: _Name, caller: Asking) -> Removed:
        _check_operator(caller, name)
        if not await records.remove_tenant(name, caller.who):
            raise NotFound(f"{name} has no record")
        await messages.publish(TENANTS_CHANGED)
        return Removed(removed=True)


def add_decisions(router: APIRouter, records: Records) -> None:
    """Likewise."""

    @router.get("/decisions")
    async def list_decisions(
        caller: Asking,
        tenant: str | None = None,
        after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    ) -> list[dict[str, Any]]:
        return [
            {
                "id": one.id,
                "letter_id": one.letter_id,
                "position": one.position,
                "tenant": one.tenant,
                "event_id": one.event_id,
                "reason": one.reason,
                "action": one.action,
                "at": iso_time(one.at),
            }
            for one in await records.decisions(tenant=admin_of(caller, tenant), after=after, limit=limit)
        ]


def _check_operator(caller: Caller, tenant: str) -> None:
    """What a tenant may send, and how long its events are kept, is not for the tenant to settle.

    Raises:
        Forbidden: ``foreign_tenant`` or ``missing_scope``.
    """
    tenant_of(caller, tenant, "admin")
    admin_of_all(caller)


def _fields(settled: Settled, *, named_alone: bool = False) -> dict[str, Any]:
    """What was sent, as a Tenant has it."""
    given = settled.model_dump(exclude_unset=named_alone)
    return given | {name: tuple(given[name]) for name in ("denied", "hashed") if name in given}


async def _known(records: Records, name: str) -> Tenant:
    """What is settled for a tenant; the defaults where nothing is."""
    try:
        return await records.tenant(name)
    except NotFound:
        return Tenant(name)


def _shown(tenant: Tenant) -> dict[str, Any]:
    return {
        "name": tenant.name,
        "tier": tenant.tier,
        "events_a_minute": tenant.events_a_minute,
        "limit": tenant.limit,
        "retention_days": tenant.retention_days,
        "time_zone": tenant.time_zone,
        "denied": tenant.denied,
        "hashed": tenant.hashed,
        "signals": tenant.signals,
        "event_days": tenant.event_days,
    }
