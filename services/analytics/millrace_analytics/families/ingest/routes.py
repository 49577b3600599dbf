"""The routes about what becomes of what is sent."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from sse_starlette import EventSourceResponse

from millrace_analytics.families.ingest.lookup import Lookups
from millrace_analytics.families.ingest.report import MOST_MINUTES, report_of
from millrace_analytics.families.ingest.schemas import FoundEvent, Report
from millrace_analytics.families.realtime.schemas import LastEventId, ResumeFrom, Tenant
from millrace_analytics.live.responses import LiveResponses
from millrace_analytics.live.views import VERDICTS
from millrace_core.access import tenant_of
from millrace_core.tenants import TENANT_PATTERN
from millrace_core.time import now_ms
from millrace_warehouse.ports import Warehouse
from millrace_web.access import Asking
from millrace_web.app import error_responses

EventId = Annotated[str, Path(min_length=1, max_length=512, description="A UUID, or the id that the client gave the event.")]
WhoseEvent = Annotated[
    str | None, Query(pattern=TENANT_PATTERN, description="Whose event; the default is the tenant of the credential.")
]
Minutes = Annotated[int, Query(ge=1, le=MOST_MINUTES, description="How far back; the minute of now counts as one.")]


def ingest_router(warehouse: Warehouse, lookups: Lookups, live: LiveResponses) -> APIRouter:
    """``/events/{event_id}``, ``/ingest/report/{customer_id}``, ``/ingest/live/{customer_id}``.

    To be included behind ``/events/stream/{customer_id}``: an id may have slashes.
    """
    router = APIRouter(tags=["ingestion"])

    @router.get(
        "/events/{event_id:path}",
        response_model_exclude_none=True,
        responses=error_responses(400, 401, 403, 404, 503),
    )
    async def find(event_id: EventId, caller: Asking, customer_id: WhoseEvent = None) -> FoundEvent:
        """Where an event is: stored, on its way, set aside, or refused and why. 404 says what was looked through."""
        return await lookups.find(tenant_of(caller, customer_id, "view"), event_id)

    @router.get("/ingest/report/{customer_id}", responses=error_responses(400, 401, 403, 503))
    async def report(customer_id: Tenant, caller: Asking, minutes: Minutes = MOST_MINUTES) -> Report:
        """What arrived lately, by minute, and what became of it.

        `received` is `accepted` + `duplicate` + `dead_letter` + `limited` + all of `rejected`; `bot` is a part of `accepted`.
        An event is in it once it has come to an end: what is accepted and not stored yet is not, and what was refused comes in
        within seconds. Refused events whose tenant nobody knows are in nobody's report.
        """
        return await report_of(warehouse.of(tenant_of(caller, customer_id, "view")), minutes, now_ms())

    @router.get("/ingest/live/{customer_id}", response_class=EventSourceResponse, responses=error_responses(400, 401, 403, 503))
    async def live_verdicts(
        customer_id: Tenant,
        caller: Asking,
        last_event_id: LastEventId = None,
        resume_from: ResumeFrom = None,
    ) -> EventSourceResponse:
        """What becomes of what is sent, as it is sent (server-sent events): messages `verdicts`, each a list of objects with
        `outcome`, `events` where they are told as one, ids, protocol, key, and the reason of a refusal."""
        return await live.open(caller, customer_id, last_event_id or resume_from, VERDICTS)

    return router
