"""The routes of the realtime family. Ingestion's are a service of their own."""

import contextlib
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Annotated

import msgspec
import structlog
from fastapi import APIRouter, Header, Query, Response
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Scope, Send

from millrace_analytics.asking_limits import AskingLimit
from millrace_analytics.families.realtime.dashboard import Dashboards
from millrace_analytics.families.realtime.schemas import Dashboard, QueryAnswer, QueryRequest, Tenant
from millrace_analytics.families.realtime.values import to_json
from millrace_analytics.live.frames import position_of
from millrace_analytics.live.hub import Hub
from millrace_analytics.settings import AnalyticsSettings
from millrace_core import metrics as names
from millrace_core.access import Caller, tenant_of
from millrace_core.errors import Forbidden, MillraceError, QueryError
from millrace_service.metrics import Metrics
from millrace_warehouse.ports import Rows, TenantWarehouse, Warehouse
from millrace_web.access import Asking
from millrace_web.app import error_responses

_log = structlog.get_logger("millrace.live")


def realtime_router(
    warehouse: Warehouse,
    dashboards: Dashboards,
    hub: Hub,
    settings: AnalyticsSettings,
    metrics: Metrics,
    may_go_on: Callable[[Caller, str], bool],
    sql_limit: AskingLimit,
) -> APIRouter:
    """``/query``, ``/dashboard/realtime/{customer_id}``, ``/events/stream/{customer_id}``.

    Args:
        may_go_on: whether a caller may still look at a tenant; asked at each message of a stream.
    """
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
        last_event_id: Annotated[str | None, Header(description="Resume behind this message.")] = None,
        resume_from: Annotated[
            str | None, Query(alias="last_event_id", description="The same, for clients that cannot set headers.")
        ] = None,
    ) -> EventSourceResponse:
        """Events as they are accepted (server-sent events)."""
        resume = last_event_id or resume_from
        messages = hub.stream(tenant_of(caller, customer_id, "view"), position_of(resume) if resume else None)
        first = await anext(messages)  # before the headers: a client that has them misses nothing from then on
        return _Stream(
            _begun(first, messages, lambda: may_go_on(caller, customer_id)),
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
            # Each client at a pace of its own: 2,000 heartbeats at once held every stream up for 0.4 s (tests.bench sse).
            ping=settings.stream_heartbeat_seconds * random.uniform(0.6, 1.0),  # noqa: S311
            ping_message_factory=lambda: ServerSentEvent(comment="heartbeat", sep="\n"),
            send_timeout=settings.stream_send_seconds,
            sep="\n",
        )

    return router


async def _begun(first: bytes, rest: AsyncGenerator[bytes, None], may_go_on: Callable[[], bool]) -> AsyncIterator[bytes]:
    async with contextlib.aclosing(rest):
        yield first
        async for message in rest:
            if not may_go_on():
                return
            yield message


class _Stream(EventSourceResponse):
    """A stream whose client may stop reading: that ends it, and is no fault of the server."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client or the hub ends it."""
        try:
            await super().__call__(scope, receive, send)
        except* SendTimeoutError:
            _log.info("stream_client_does_not_read", seconds=self.send_timeout)
            await send({"type": "http.response.body", "more_body": False})  # once what waits is taken, or the connection ended


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
