"""``POST /api/v1/analytics/query`` with ``query``: SQL, without the rule of the realtime family that it names its tenant."""

from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel, Field, JsonValue

from millrace_analytics.asking.responses import is_fresh, json_response
from millrace_analytics.asking.sql import SqlAsking, SqlQuestion
from millrace_core.access import Caller, tenant_of
from millrace_web.disconnects import while_connected


class SqlRequest(BaseModel):
    """A question in SQL."""

    query: str = Field(
        min_length=1,
        max_length=100_000,
        examples=["SELECT count() AS total, avg(duration) AS average FROM conversations WHERE bot_id = ? AND date >= ?"],
        description="One SELECT. It reads this tenant's rows only.",
    )
    parameters: list[JsonValue] | dict[str, JsonValue] | None = Field(
        None, examples=[["bot_123", "2026-01-01"]], description="Values of its `?`, or of its `{name:Type}`."
    )
    timeout_seconds: float | None = Field(None, gt=0, le=600, description="How long it may take.")


class SqlResults(BaseModel):
    """What it answers."""

    results: list[dict[str, Any]]
    execution_time_ms: float
    rows_returned: int
    truncated: bool = Field(description="Whether there were more rows, or more bytes, than may be answered.")
    stale: bool = Field(default=False, description="There, and true, while the warehouse is away: `Age` says how old it is.")


async def answer_sql(asked: SqlRequest, caller: Caller, tenant: str | None, request: Request, asking: SqlAsking) -> Response:
    """The documented answer. Raises as :meth:`SqlAsking.rows`, and ClientGone."""
    question = SqlQuestion(
        tenant_of(caller, tenant, "query"),
        caller.who,
        asked.query,
        asked.parameters,
        asked.timeout_seconds,
        is_fresh=is_fresh(request),
    )
    answer = await while_connected(request, asking.rows(question))
    body = {
        "results": answer.table.data,
        "execution_time_ms": round(answer.seconds * 1000, 2),
        "rows_returned": answer.table.row_count,
        "truncated": answer.table.truncated,
    }
    return json_response(body, answer)
