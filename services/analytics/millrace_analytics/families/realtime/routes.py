"""The routes of the realtime family. Ingestion's are a service of their own."""

import time

import msgspec
from fastapi import APIRouter, Response
from sse_starlette import EventSourceResponse

from millrace_analytics.asking_limits import AskingLimit
from millrace_analytics.families.realtime.dashboard import Dashboards
from millrace_analytics.families.realtime.schemas import (
    Dashboard,
    LastEventId,
    QueryAnswer,
    QueryRequest,
    ResumeFrom,
    Tenant,
)
from millrace_analytics.families.realtime.values import to_json
from millrace_analytics.live.responses import LiveResponses
from millrace_analytics.live.views import EVENTS
from millrace_core import metrics as names
from millrace_core.access import tenant_of
from millrace_core.errors import Forbidden, MillraceError, QueryError
from millrace_service.metrics import Metrics
from millrace_warehouse.ports import Rows, TenantWarehouse, Warehouse
from millrace_web.access import Asking
from millrace_web.app import error_responses


def realtime_router(
    warehouse: Warehouse,
    dashboards: Dashboards,
    live: LiveResponses,
    metrics: Metrics,
    sql_limit: AskingLimit,
) -> APIRouter:
    """``/query``, ``/dashboard/realtime/{customer_id}``, ``/events/stream/{customer_id}``."""
    router = APIRouter(tags=["realtime"])

    @router.post("/query", response_model=QueryAnswer, responses=error_responses(400, 401, 403, 429, 503))
    @router.post("/query/", include_in_schema=False)
    async def query(asked: QueryRequest, caller: Asking) -> Response:
        """Answer a question in SQL, read-only and within the tenant."""
        await sql_limit.take(tenant := tenant_of(caller, asked.customer_id, "query"))
        return await _measured(warehouse.of(tenant), asked.sql, metrics)

    @router.get("/dashboard/realtime/{customer_id}", responses=error_responses(400, 401, 403, 503))
    async def dashboard(customer_id: Tenant, caller: Asking) -> Dashboard:
        """The last 60 minutes."""
        return await dashboards.of(tenant_of(caller, customer_id, "view"))

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


async def _measured(warehouse: TenantWarehouse, sql: str, metrics: Metrics) -> Response:
    tenant = metrics.capped("customer_id", warehouse.tenant)
    started = time.perf_counter()
    status = "error"
    try:
        rows = await warehouse.ask(sql, require_tenant_filter=True)
        status = "success"
        return _answer(rows, time.perf_counter() - started)
    except (QueryError, Forbidden):
        status = "refused"
        raise
    except MillraceError as error:
        status = error.code
        raise
    finally:
        metrics.counter(names.ANALYTICS_QUERIES, tenant, status).inc()
        metrics.histogram(names.QUERY_LATENCY, tenant).observe(time.perf_counter() - started)


def _answer(rows: Rows, seconds: float) -> Response:
    body = {
        "success": True,
        "data": [{name: to_json(value) for name, value in row.items()} for row in rows.dicts()],
        "columns": list(rows.columns),
        "row_count": len(rows.rows),
        "execution_time_ms": round(seconds * 1000, 2),
    }
    return Response(msgspec.json.encode(body), media_type="application/json")
