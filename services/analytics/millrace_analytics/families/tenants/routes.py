"""The routes of the tenants family."""

from fastapi import APIRouter

from millrace_analytics.families.realtime.schemas import Tenant
from millrace_analytics.families.tenants.schemas import TenantAnswer, TenantLine, TenantList
from millrace_analytics.tenant_zones import TenantZones
from millrace_core.access import ALL_TENANTS, Caller, Right, tenant_of
from millrace_records.access.checking import AccessCheck
from millrace_records.ports import Records
from millrace_web.access import Asking
from millrace_web.app import error_responses

_RIGHTS: tuple[Right, ...] = ("admin", "ingest", "query", "view")


def tenants_router(zones: TenantZones, records: Records | None, access: AccessCheck | None) -> APIRouter:
    """``/api/v1/tenants`` and ``/api/v1/tenants/{customer_id}``.

    Args:
        records: what is settled for tenants; None where this process has none.
        access: who people are; None where nobody is asked.
    """
    router = APIRouter(prefix="/api/v1/tenants", tags=["tenants"])

    @router.get("", responses=error_responses(401, 503))
    async def listed(caller: Asking) -> TenantList:
        """Who asks, and the tenants that they may look at, each with its time zone."""
        sees_every = ALL_TENANTS in caller.rights
        names = {name for name in caller.rights if name != ALL_TENANTS}
        if sees_every and records is not None:
            names |= {tenant.name for tenant in await records.tenants()}
        return TenantList(
            auth="open" if access is None else "required",
            who=caller.who,
            email=access.email_of(caller.who) if access is not None else None,
            every_tenant=sees_every,
            tenants=[TenantLine(**await _told(zones, caller, name)) for name in sorted(names)],
        )

    @router.get("/{customer_id}", responses=error_responses(400, 401, 403, 503))
    async def one(customer_id: Tenant, caller: Asking) -> TenantAnswer:
        """One tenant: its time zone, and what the caller may do with its data."""
        return TenantAnswer(**await _told(zones, caller, tenant_of(caller, customer_id, "view")))

    return router


async def _told(zones: TenantZones, caller: Caller, tenant: str) -> dict[str, object]:
    rights = [right for right in _RIGHTS if caller.may(right, tenant)]
    return {"customer_id": tenant, "time_zone": await zones.of(tenant), "rights": rights}
