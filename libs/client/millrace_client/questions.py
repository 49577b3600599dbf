"""Questions in SQL and in plain language: the request, and what the answer holds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from millrace_client.errors import MillraceError

PATH: Final = "/query"
ASK_PATH: Final = "/ai/query"


@dataclass(frozen=True, slots=True)
class Rows:
    """The answer to a question.

    Attributes:
        data: a dict a row, by column.
        columns: names in their order.
        execution_time_ms: how long the server took.
    """

    data: list[dict[str, Any]]
    columns: list[str]
    execution_time_ms: float


@dataclass(frozen=True, slots=True)
class PlainAnswer:
    """The answer to a question in plain language, or why there is none.

    Attributes:
        success: whether it was answered; ``status`` and ``reason`` say why not.
        data: a dict a row, by column.
        sql: the statement that answered it.
        explanation: what was computed.
        insights: what the rows show; each number in it was computed from them.
        options: questions with one reading each, where this one has several.
        whole: everything that the server said.
    """

    success: bool
    status: str
    data: list[dict[str, Any]]
    sql: str
    explanation: str
    insights: str
    reason: str
    options: list[str]
    related_queries: list[str]
    warnings: list[str]
    whole: dict[str, Any]


def plain_question(text: str, customer_id: str | None, *, execute: bool) -> dict[str, Any]:
    """The body of ``POST /ai/query``."""
    return {"query": text, "execute": execute} | ({"customer_id": customer_id} if customer_id is not None else {})


def plain_answer_of(status: int, headers: Mapping[str, str], content: bytes) -> PlainAnswer:
    """What an answer holds.

    Raises:
        MillraceError: it is none.
    """
    if status != 200:
        raise error_of(status, headers, content)
    try:
        said = json.loads(content)
        names = (
            "success",
            "status",
            "data",
            "sql",
            "explanation",
            "insights",
            "reason",
            "options",
            "related_queries",
            "warnings",
        )
        return PlainAnswer(**{name: said[name] for name in names}, whole=said)
    except (ValueError, KeyError, TypeError) as error:
        raise MillraceError("what answered is no Millrace server", code="unexpected_answer", status=status) from error


def question(sql: str, customer_id: str | None) -> dict[str, str]:
    """The body of ``POST /query``."""
    return {"sql": sql} | ({"customer_id": customer_id} if customer_id is not None else {})


def rows_of(status: int, headers: Mapping[str, str], content: bytes) -> Rows:
    """What an answer holds.

    Raises:
        MillraceError: it is none.
    """
    if status != 200:
        raise error_of(status, headers, content)
    try:
        said = json.loads(content)
        return Rows(said["data"], said["columns"], said["execution_time_ms"])
    except (ValueError, KeyError, TypeError) as error:
        raise MillraceError("what answered is no Millrace server", code="unexpected_answer", status=status) from error


def error_of(status: int, headers: Mapping[str, str], content: bytes) -> MillraceError:
    """The error that an answer is."""
    wait = headers.get("retry-after", "")
    after = float(wait) if wait.isdecimal() else None
    try:
        said = json.loads(content)
        code, message, request_id = str(said["code"]), str(said["message"]), str(said["request_id"])
    except (ValueError, KeyError, TypeError):
        return MillraceError(f"the server answered {status}", code="unexpected_answer", status=status, retry_after=after)
    return MillraceError(message, code=code, status=status, request_id=request_id, retry_after=after)
