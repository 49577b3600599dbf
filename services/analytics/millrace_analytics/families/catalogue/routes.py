"""The routes of descriptions and segments. Who may look reads them, who may ask in SQL writes them."""

from fastapi import APIRouter

from millrace_analytics.families.catalogue.keeping import Keeping
from millrace_analytics.families.catalogue.schemas import (
    DescribeRequest,
    DescriptionAnswer,
    DescriptionList,
    Forgotten,
    SegmentAnswer,
    SegmentList,
    SegmentName,
    SegmentRequest,
    Tenant,
    WhatKind,
    WhatName,
)
from millrace_core.access import tenant_of
from millrace_web.access import Asking
from millrace_web.app import error_responses


def written_router(keeping: Keeping) -> APIRouter:
    """``/api/v1/descriptions/{customer_id}``, ``/api/v1/segments/{customer_id}`` and what is below it."""
    router = APIRouter(prefix="/api/v1", tags=["questions"])
    _add_descriptions(router, keeping)
    _add_segments(router, keeping)
    return router


def _add_descriptions(router: APIRouter, keeping: Keeping) -> None:
    @router.get("/descriptions/{customer_id}", responses=error_responses(400, 401, 403, 503))
    async def descriptions(customer_id: Tenant, caller: Asking) -> DescriptionList:
        """What a tenant has written about its events and properties."""
        return DescriptionList(descriptions=await keeping.descriptions(tenant_of(caller, customer_id, "view")))

    @router.put("/descriptions/{customer_id}", responses=error_responses(400, 401, 403, 409, 503))
    async def describe(customer_id: Tenant, asked: DescribeRequest, caller: Asking) -> DescriptionAnswer:
        """Say what an event type or a property is, in place of what was said before. `/schema` tells it, and plain language
        knows its label and synonyms."""
        tenant = tenant_of(caller, customer_id, "query")
        return DescriptionAnswer(description=await keeping.describe(tenant, asked, caller.who))

    @router.delete("/descriptions/{customer_id}", responses=error_responses(400, 401, 403, 404, 503))
    async def forget(customer_id: Tenant, kind: WhatKind, name: WhatName, caller: Asking) -> Forgotten:
        """Forget a description."""
        await keeping.forget(tenant_of(caller, customer_id, "query"), kind, name, caller.who)
        return Forgotten()


def _add_segments(router: APIRouter, keeping: Keeping) -> None:
    @router.get("/segments/{customer_id}", responses=error_responses(400, 401, 403, 503))
    async def segments(customer_id: Tenant, caller: Asking) -> SegmentList:
        """A tenant's segments; those of the catalogue are in `/api/v1/catalogue`."""
        return SegmentList(segments=await keeping.segments(tenant_of(caller, customer_id, "view")))

    @router.get("/segments/{customer_id}/{name}", responses=error_responses(400, 401, 403, 404, 503))
    async def segment(customer_id: Tenant, name: SegmentName, caller: Asking) -> SegmentAnswer:
        """One of them."""
        return SegmentAnswer(segment=await keeping.segment(tenant_of(caller, customer_id, "view"), name))

    @router.put("/segments/{customer_id}/{name}", responses=error_responses(400, 401, 403, 409, 503))
    async def save(customer_id: Tenant, name: SegmentName, asked: SegmentRequest, caller: Asking) -> SegmentAnswer:
        """Keep a filter under a name, in place of the one that has it. From then on it stands for this filter in every
        question of the tenant that names it."""
        tenant = tenant_of(caller, customer_id, "query")
        return SegmentAnswer(segment=await keeping.save(tenant, name, asked, caller.who))

    @router.delete("/segments/{customer_id}/{name}", responses=error_responses(400, 401, 403, 404, 409, 503))
    async def remove(customer_id: Tenant, name: SegmentName, caller: Asking) -> Forgotten:
        """Forget a segment that no other one is about."""
        await keeping.remove(tenant_of(caller, customer_id, "query"), name, caller.who)
        return Forgotten()
