"""The routes of saved statements and of the history."""

from typing import Any

from fastapi import APIRouter, Request, Response

from millrace_analytics.asking.history import History
from millrace_analytics.asking.responses import FILES, file_response, is_fresh, rows_response
from millrace_analytics.asking.sql import SqlAsking, SqlQuestion
from millrace_analytics.families.realtime.schemas import QueryAnswer
from millrace_analytics.families.saved.saving import RESERVED, SavedStatements
from millrace_analytics.families.saved.schemas import (
    AskedLine,
    Before,
    Form,
    HistoryAnswer,
    Limit,
    Name,
    Removed,
    RunRequest,
    SavedAnswer,
    SavedLine,
    SavedList,
    SaveRequest,
    Seconds,
    Tenant,
)
from millrace_core.access import tenant_of
from millrace_core.time import iso_time
from millrace_records.statements import Asked, Saved
from millrace_warehouse.statement_ports import FileForm
from millrace_web.access import Asking
from millrace_web.app import error_responses


def saved_router(saved: SavedStatements, asking: SqlAsking, history: History) -> APIRouter:
    """``/query/saved/{customer_id}`` and what is below it, ``/query/history/{customer_id}``."""
    router = APIRouter(tags=["sql"])
    _add_keeping(router, saved)
    _add_running(router, saved, asking)

    @router.get("/query/history/{customer_id}", responses=error_responses(400, 401, 403, 503))
    async def asked_before(customer_id: Tenant, caller: Asking, before: Before = None, limit: Limit = 100) -> HistoryAnswer:
        """Statements that were asked of a tenant, the newest first: who asked, what came of it, and how long it took."""
        tenant = tenant_of(caller, customer_id, "query")
        found = await history.of(tenant, before, limit)
        following = found[-1].id if len(found) == limit else None
        return HistoryAnswer(statements=[_line(one) for one in found], next_before=following)

    return router


def _add_keeping(router: APIRouter, saved: SavedStatements) -> None:
    @router.get("/query/saved/{customer_id}", responses=error_responses(400, 401, 403, 503))
    async def listed(customer_id: Tenant, caller: Asking) -> SavedList:
        """All saved statements of a tenant."""
        found = await saved.records.all_saved(tenant_of(caller, customer_id, "query"))
        return SavedList(statements=[_listed(one) for one in found])

    @router.put("/query/saved/{customer_id}/{name}", responses=error_responses(400, 401, 403, 409, 503))
    async def save(customer_id: Tenant, name: Name, asked: SaveRequest, caller: Asking) -> SavedAnswer:
        """Save a statement under a name, in place of the one that has it."""
        tenant = tenant_of(caller, customer_id, "query")
        return SavedAnswer(statement=await saved.save(tenant, name, asked, caller.who))

    @router.get("/query/saved/{customer_id}/{name}", responses=error_responses(400, 401, 403, 404, 503))
    async def one(customer_id: Tenant, name: Name, caller: Asking) -> SavedAnswer:
        """A saved statement and its placeholders."""
        return SavedAnswer(statement=await saved.one(tenant_of(caller, customer_id, "query"), name))

    @router.delete("/query/saved/{customer_id}/{name}", responses=error_responses(400, 401, 403, 404, 503))
    async def remove(customer_id: Tenant, name: Name, caller: Asking) -> Removed:
        """Forget a saved statement."""
        await saved.remove(tenant_of(caller, customer_id, "query"), name, caller.who)
        return Removed()


def _add_running(router: APIRouter, saved: SavedStatements, asking: SqlAsking) -> None:
    answers: dict[int | str, dict[str, Any]] = {200: {"content": FILES}, **error_responses(400, 401, 403, 404, 429, 503)}

    @router.get("/query/saved/{customer_id}/{name}/rows", response_model=QueryAnswer, responses=answers)
    async def rows(
        customer_id: Tenant, name: Name, caller: Asking, request: Request, form: Form = None, timeout_seconds: Seconds = None
    ) -> Response:
        """Ask a saved statement, with the values of its placeholders in the query string; one of an array is said as often as
        it has elements."""
        tenant = tenant_of(caller, customer_id, "query")
        given = [(key, text) for key, text in request.query_params.multi_items() if key not in RESERVED]
        found, values = await saved.with_texts(tenant, name, given)
        return await _answered(request, asking, _question(found, values, caller.who, timeout_seconds, request), form)

    @router.post("/query/saved/{customer_id}/{name}/rows", response_model=QueryAnswer, responses=answers)
    async def rows_of_values(customer_id: Tenant, name: Name, asked: RunRequest, caller: Asking, request: Request) -> Response:
        """The same, with the values as JSON."""
        found = await saved.records.saved(tenant_of(caller, customer_id, "query"), name)
        question = _question(found, asked.parameters, caller.who, asked.timeout_seconds, request)
        return await _answered(request, asking, question, asked.format)


def _question(saved: Saved, values: dict[str, Any], who: str, seconds: float | None, request: Request) -> SqlQuestion:
    given = {**saved.defaults, **values}
    return SqlQuestion(saved.tenant, who, saved.sql, given, seconds, is_fresh=is_fresh(request), saved=saved.name)


async def _answered(request: Request, asking: SqlAsking, asked: SqlQuestion, form: FileForm | None) -> Response:
    if form is None:
        return await rows_response(request, asking, asked)
    return await file_response(request, asking, asked, form)


def _listed(saved: Saved) -> SavedLine:
    return SavedLine(name=saved.name, description=saved.description, saved_by=saved.actor, saved_at=iso_time(saved.at))


def _line(asked: Asked) -> AskedLine:
    return AskedLine(
        id=asked.id,
        asked_at=iso_time(asked.at),
        asked_by=asked.actor,
        saved=asked.saved or None,
        sql=asked.sql,
        status=asked.status,
        row_count=asked.rows,
        execution_time_ms=asked.milliseconds,
    )
