"""The routes of the realtime family. Ingestion's are a service of their own."""

from fastapi import APIRouter, Request, Response
from sse_starlette import EventSourceResponse

from millrace_analytics.asking.responses import is_fresh
from millrace_analytics.asking.sql import SqlAsking
from millrace_analytics.asking.timing import Timing, headers_of
from millrace_analytics.families.realtime.dashboard import Dashboards
from millrace_analytics.families.realtime.schemas import Dashboard, LastEventId, ResumeFrom, Tenant
from millrace_analytics.families.realtime.sql import sql_router
from millrace_analytics.live.responses import LiveResponses
from millrace_analytics.live.views import EVENTS
from millrace_core.access import tenant_of
from millrace_web.access import Asking
from millrace_web.app import error_responses
from millrace_web.disconnects import while_connected


def realtime_router(asking: SqlAsking, dashboards: Dashboards, live: LiveResponses) -> APIRouter:
    """``/query``, ``/query/check``, ``/dashboard/realtime/{customer_id}``, ``/events/stream/{customer_id}``."""
    router = sql_router(asking)

    @router.get("/dashboard/realtime/{customer_id}", response_model=Dashboard, responses=error_responses(400, 401, 403, 503))
    async def dashboard(customer_id: Tenant, caller: Asking, request: Request) -> Response:
        """The last 60 minutes."""
        tenant, timing = tenant_of(caller, customer_id, "view"), Timing()
        answer = await while_connected(request, dashboards.of(tenant, is_fresh=is_fresh(request)))
        timing.note(answer.outcome)
        headers = headers_of(timing, answer.outcome, answer.age_seconds)
        return Response(answer.body, media_type="application/json", headers=headers)

    @router.get(
        "/events/stream/{customer_id}", response_class=EventSourceResponse, responses=error_responses(400, 401, 403, 503)
    )
    async def stream(
        customer_id: Tenant,
        caller: Asking,
        last_event_id: LastEventId = None,
        resume_from: ResumeFrom = None,
    ) -> EventSourceResponse:
        """Events as they are accepted (server-sent events)."""
        return await live.open(caller, customer_id, last_event_id or resume_from, EVENTS)

    return router
