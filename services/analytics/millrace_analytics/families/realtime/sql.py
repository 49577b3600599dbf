"""``POST /query`` and ``POST /query/check``."""

from fastapi import APIRouter, Request, Response

from millrace_analytics.asking.responses import FILES, file_response, is_fresh, rows_response
from millrace_analytics.asking.sql import SqlAsking, SqlQuestion
from millrace_analytics.families.realtime.schemas import (
    CheckAnswer,
    CheckRequest,
    Column,
    Mistake,
    QueryAnswer,
    QueryRequest,
)
from millrace_core.access import tenant_of
from millrace_core.errors import Forbidden, QueryError
from millrace_web.access import Asking
from millrace_web.app import error_responses


def sql_router(asking: SqlAsking) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["realtime"])

    @router.post(
        "/query",
        response_model=QueryAnswer,
        responses={200: {"content": FILES}, **error_responses(400, 401, 403, 429, 503)},
    )
    @router.post("/query/", include_in_schema=False)
    async def query(asked: QueryRequest, caller: Asking, request: Request) -> Response:
        """Answer a question in SQL, read-only and within the tenant.

        Answers are kept for a second, or for an hour where their time range is over and no late event came: `X-Cache` says
        where one is from. `Cache-Control: no-cache` asks anew.
        """
        question = SqlQuestion(
            tenant_of(caller, asked.customer_id, "query"),
            caller.who,
            asked.sql,
            asked.parameters,
            asked.timeout_seconds,
            is_fresh=is_fresh(request),
            require_tenant_filter=True,
        )
        if asked.format == "json":
            return await rows_response(request, asking, question)
        return await file_response(request, asking, question, asked.format)

    @router.post("/query/check", responses=error_responses(400, 401, 403, 503))
    async def check(asked: CheckRequest, caller: Asking) -> CheckAnswer:
        """Look at a statement without asking it: what is wrong with it and where, what it reads, what it answers, and how many
        rows it would read."""
        return await _checked(asking, tenant_of(caller, asked.customer_id, "query"), asked)

    return router


async def _checked(asking: SqlAsking, tenant: str, asked: CheckRequest) -> CheckAnswer:
    try:
        found = await asking.describe(tenant, asked.sql, asked.parameters, require_tenant_filter=True)
    except (QueryError, Forbidden) as error:
        place = error.detail if isinstance(error.detail, dict) else {}
        mistake = Mistake(code=error.code, message=error.message, **place)
        return CheckAnswer(valid=False, errors=[mistake], tables=[], columns=None, estimated_rows=None, parameters={})
    columns = None if found.columns is None else [Column(name=name, type=kind) for name, kind in found.columns]
    return CheckAnswer(
        valid=True,
        errors=[],
        tables=list(found.tables),
        columns=columns,
        estimated_rows=found.estimated_rows,
        parameters=dict(found.parameters),
    )
