"""``POST /api/v1/analytics/query``: one path that two families document, told apart by what the body asks for."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Discriminator, Tag

from millrace_analytics.asking.sql import SqlAsking
from millrace_analytics.families.commerce.routes import answer_metric
from millrace_analytics.families.commerce.schemas import MetricAnswer, MetricQuery, TenantHeader
from millrace_analytics.families.product.sql import SqlRequest, SqlResults, answer_sql
from millrace_analytics.questioning import Questioning
from millrace_web.access import Asking
from millrace_web.problems import problem_responses


def _kind(body: Any) -> str:
    """SQL where there is ``query``; everything else is told what a metric needs."""
    named = body if isinstance(body, dict) else getattr(body, "__dict__", {})  # JSON that is no object has none
    return "sql" if "query" in named and "metric" not in named else "metric"


_Asked = Annotated[Annotated[MetricQuery, Tag("metric")] | Annotated[SqlRequest, Tag("sql")], Discriminator(_kind)]


def analytics_query_router(questioning: Questioning, asking: SqlAsking) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/api/v1/analytics", tags=["commerce", "product"])

    @router.post("/query", response_model=MetricAnswer | SqlResults, responses=problem_responses(400, 401, 403, 429, 503))
    async def query(
        asked: _Asked, caller: Asking, request: Request, response: Response, tenant: TenantHeader = None
    ) -> MetricAnswer | Response:
        """A metric by dimensions (`metric`), or a question in SQL, read-only and within the tenant (`query`)."""
        if isinstance(asked, SqlRequest):
            return await answer_sql(asked, caller, tenant, request, asking)
        return await answer_metric(asked, caller, tenant, questioning, response)

    return router
