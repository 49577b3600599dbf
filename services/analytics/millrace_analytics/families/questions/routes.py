"""The routes for questions of the metric layer."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from sse_starlette import EventSourceResponse

from millrace_analytics.asking.responses import is_fresh
from millrace_analytics.families.questions.schemas import (
    BatchAnswer,
    BatchRequest,
    Catalogue,
    QuestionAnswer,
    QuestionRequest,
)
from millrace_analytics.families.questions.shaping import body_of, catalogue
from millrace_analytics.families.questions.streaming import Watching, changes, event_stream
from millrace_analytics.questioning import Questioning
from millrace_analytics.settings import AnalyticsSettings
from millrace_core.access import Caller, tenant_of
from millrace_core.errors import MillraceError
from millrace_warehouse.metrics.questions import Question
from millrace_web.access import Asking
from millrace_web.app import error_responses
from millrace_web.disconnects import while_connected
from millrace_web.errors import error_body, status_of


def questions_router(
    questioning: Questioning, settings: AnalyticsSettings, watching: Watching, may_go_on: Callable[[Caller, str], bool]
) -> APIRouter:
    """``/api/v1/questions``, its batch and its stream.

    Args:
        may_go_on: whether a caller may still look at a tenant.
    """
    router = APIRouter(prefix="/api/v1", tags=["questions"])

    answered = partial(_answered, questioning)

    @router.post("/questions", response_model=QuestionAnswer, responses=error_responses(400, 401, 403, 429, 503))
    async def ask(asked: QuestionRequest, caller: Asking, request: Request) -> Response:
        """Answer a question: a trend, a funnel, retention. The answer says what it read, how fresh that is, and the SQL."""
        tenant = tenant_of(caller, asked.customer_id, "view")
        found = await while_connected(request, answered(tenant, asked.question, is_fresh=is_fresh(request)))
        return _json(found.body, found.headers)

    @router.post("/questions/batch", response_model=BatchAnswer, responses=error_responses(400, 401, 403))
    async def ask_several(asked: BatchRequest, caller: Asking) -> Response:
        """Answer several questions of a tenant, one after the other; each has its answer or its error object."""
        tenant, found = tenant_of(caller, asked.customer_id, "view"), []
        for question in asked.questions:
            try:
                found.append((await answered(tenant, question)).body)
            except MillraceError as error:
                found.append(error_body(status_of(error), error.code, error.message, ""))
        return _json({"success": True, "answers": found})

    @router.post("/questions/stream", response_class=EventSourceResponse, responses=error_responses(400, 401, 403, 429, 503))
    async def watch(asked: QuestionRequest, caller: Asking) -> EventSourceResponse:
        """Answer a question, and again whenever the answer changes (server-sent events, messages `answer` and `error`)."""
        tenant = tenant_of(caller, asked.customer_id, "view")
        watching.check()
        first = (await answered(tenant, asked.question)).body

        async def again() -> dict[str, Any]:
            return (await answered(tenant, asked.question, counts=False)).body

        def goes_on() -> bool:
            return may_go_on(caller, tenant)

        messages = changes(first, again, goes_on, settings.question_stream_seconds, watching)
        return event_stream(messages, settings)

    return router


def catalogue_router() -> APIRouter:
    """``/api/v1/catalogue``."""
    router = APIRouter(prefix="/api/v1", tags=["questions"])

    @router.get("/catalogue", response_model=Catalogue, responses=error_responses(401))
    async def read_catalogue(caller: Asking) -> Response:  # noqa: ARG001 (who asks is known)
        """What can be measured, and by what: metrics, dimensions, event types and segments with other words for them."""
        return _json(catalogue())

    return router


async def _answered(
    questioning: Questioning, tenant: str, question: Question, *, counts: bool = True, is_fresh: bool = False
) -> "_Body":
    started = time.perf_counter()
    found = await questioning.ask(tenant, question, counts=counts, is_fresh=is_fresh)
    return _Body(body_of(found, questioning.clock(), time.perf_counter() - started), found.headers)


@dataclass(frozen=True, slots=True)
class _Body:
    body: dict[str, Any]
    headers: dict[str, str]


def _json(body: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json", headers=headers)
