"""The product family's questions."""

from fastapi import APIRouter, Response

from millrace_analytics.asking.questions import told
from millrace_analytics.families.commerce.schemas import TenantHeader
from millrace_analytics.families.product.asking import (
    cohorts_of,
    cohorts_question,
    funnel_of,
    funnel_result,
    hour_question,
    now_question,
    realtime_of,
)
from millrace_analytics.families.product.schemas import CohortAnswer, CohortRequest, FunnelAnswer, FunnelRequest, Realtime
from millrace_analytics.families.product.users import UserAnswer, UserId, UserRequest, user_analytics
from millrace_analytics.questioning import Questioning
from millrace_core.access import tenant_of
from millrace_web.access import Asking
from millrace_web.problems import problem_responses


def product_router(questioning: Questioning) -> APIRouter:
    """``/api/v1/analytics/funnels``, ``/cohorts``, ``/realtime`` and ``/users/{user_id}/analytics``."""
    router = APIRouter(prefix="/api/v1/analytics", tags=["product"])

    @router.post("/funnels", response_model_exclude_none=True, responses=problem_responses(400, 401, 403, 429, 503))
    async def funnels(asked: FunnelRequest, caller: Asking, response: Response, tenant: TenantHeader = None) -> FunnelAnswer:
        """How many people come how far."""
        answer = told(response, await questioning.ask(tenant_of(caller, tenant, "view"), funnel_of(asked)))
        return FunnelAnswer(funnel=funnel_result(asked, answer))

    @router.post("/cohorts", responses=problem_responses(400, 401, 403, 429, 503))
    async def cohorts(asked: CohortRequest, caller: Asking, response: Response, tenant: TenantHeader = None) -> CohortAnswer:
        """How many come back."""
        answer = told(response, await questioning.ask(tenant_of(caller, tenant, "view"), cohorts_question(asked)))
        return CohortAnswer(cohorts=cohorts_of(asked, answer))

    @router.get("/realtime", responses=problem_responses(400, 401, 403, 429, 503))
    async def realtime(caller: Asking, response: Response, tenant: TenantHeader = None) -> Realtime:
        """The last five minutes against those before."""
        whose = tenant_of(caller, tenant, "view")
        answer = told(response, await questioning.ask(whose, now_question()))
        hour = (await questioning.ask(whose, hour_question(), counts=False)).answer
        return realtime_of(answer, hour, questioning.clock())

    @router.get("/users/{user_id}/analytics", responses=problem_responses(400, 401, 403, 404, 429, 503))
    async def user(
        user_id: UserId, asked: UserRequest, caller: Asking, response: Response, tenant: TenantHeader = None
    ) -> UserAnswer:
        """What somebody did, and how lively they are. Without dates it is about all of the time."""
        found = await user_analytics(questioning, tenant_of(caller, tenant, "view"), user_id, asked)
        response.headers.update(found.headers)
        return found.answer

    return router
