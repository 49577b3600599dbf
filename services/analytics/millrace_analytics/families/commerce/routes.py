"""The commerce family's questions."""

import time
from typing import Annotated

from fastapi import APIRouter, Query, Response

from millrace_analytics.asking.questions import told
from millrace_analytics.families.commerce.asking import MetricType, Period, compared, question_of, rows_of, summary_of
from millrace_analytics.families.commerce.schemas import MetricAnswer, MetricQuery, QueryMetadata, Summary, TenantHeader
from millrace_analytics.questioning import Questioning
from millrace_core.access import Caller, tenant_of
from millrace_web.access import Asking
from millrace_web.problems import problem_responses


async def answer_metric(
    asked: MetricQuery, caller: Caller, tenant: str | None, questioning: Questioning, response: Response
) -> MetricAnswer:
    """A metric by dimensions. Raises as :meth:`Questioning.ask`."""
    started = time.perf_counter()
    answer = told(response, await questioning.ask(tenant_of(caller, tenant, "view"), question_of(asked)))
    rows = rows_of(asked, answer)
    took = round((time.perf_counter() - started) * 1000, 2)
    return MetricAnswer(data=rows[: asked.limit], metadata=QueryMetadata(total_rows=len(rows), query_time_ms=took))


def commerce_router(questioning: Questioning) -> APIRouter:
    """``/api/v1/analytics/metrics``."""
    router = APIRouter(prefix="/api/v1/analytics", tags=["commerce"])

    @router.get("/metrics", responses=problem_responses(400, 401, 403, 429, 503))
    async def metrics(
        caller: Asking,
        response: Response,
        tenant: TenantHeader = None,
        period: Annotated[Period, Query(description="So long until now, compared with as long before.")] = "month",
        metric_type: Annotated[MetricType | None, Query(description="Only this one.")] = None,
    ) -> Summary:
        """Revenue, tickets, customers and events, and how they changed."""
        answer = told(response, await questioning.ask(tenant_of(caller, tenant, "view"), summary_of(period, metric_type)))
        return Summary(period=period, metrics=compared(answer))

    return router
