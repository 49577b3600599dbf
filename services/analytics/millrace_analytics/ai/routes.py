"""``/ai/query``: questions in plain language, answered at once or step by step, and what people think of the answers."""

import json
from collections.abc import AsyncIterator
from typing import Any, Final

from fastapi import APIRouter
from sse_starlette import EventSourceResponse, ServerSentEvent

from millrace_analytics.ai.asking import Told
from millrace_analytics.ai.desk import Desk
from millrace_analytics.ai.schemas import AskAnswer, AskRequest, FeedbackAnswer, FeedbackRequest
from millrace_core.access import tenant_of
from millrace_core.errors import MillraceError
from millrace_web.access import Asking
from millrace_web.app import error_responses
from millrace_web.errors import status_of

_PING_SECONDS: Final = 15


def ai_router(desk: Desk) -> APIRouter:
    """``/ai/query``, ``/ai/query/stream``, ``/ai/feedback``."""
    router = APIRouter(tags=["realtime"])

    @router.post("/ai/query", responses=error_responses(400, 401, 403, 429, 503))
    async def ask(asked: AskRequest, caller: Asking) -> AskAnswer:
        """Answer a question in plain language."""
        return await desk.answer(tenant_of(caller, asked.customer_id, "query"), asked.query, execute=asked.execute)

    @router.post("/ai/query/stream", response_class=EventSourceResponse, responses=error_responses(400, 401, 403, 429, 503))
    async def stream(asked: AskRequest, caller: Asking) -> EventSourceResponse:
        """The same, telling each step as it is done (server-sent events): `accepted`, `read`, `repair`, `rows`, then `done`
        with the answer, or `error`."""
        tenant = tenant_of(caller, asked.customer_id, "query")
        await desk.take(tenant)
        steps = _events(desk, tenant, asked)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return EventSourceResponse(steps, headers=headers, ping=_PING_SECONDS, sep="\n")

    @router.post("/ai/feedback", responses=error_responses(400, 401, 403, 404, 503))
    async def feedback(given: FeedbackRequest, caller: Asking) -> FeedbackAnswer:
        """Keep a question that was answered well, or forget it."""
        tenant = tenant_of(caller, given.customer_id, "query")
        kept = await desk.judge(tenant, given.answer_id, caller.who, helpful=given.helpful)
        return FeedbackAnswer(verified=kept)

    return router


async def _events(desk: Desk, tenant: str, asked: AskRequest) -> AsyncIterator[ServerSentEvent]:
    try:
        async for step in desk.steps(tenant, asked.query, execute=asked.execute):
            if isinstance(step, Told):
                yield _event("done", (await desk.finish(tenant, step)).model_dump(mode="json"))
            else:
                yield _event(step.name, dict(step.detail))
    except MillraceError as error:  # the status has been sent: what went wrong is the last event
        yield _event("error", {"code": error.code, "message": error.message, "status": status_of(error)})


def _event(name: str, data: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(data, ensure_ascii=False), event=name, sep="\n")
