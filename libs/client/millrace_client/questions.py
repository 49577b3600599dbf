"""Questions in SQL: the request, and what the answer holds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from millrace_client.errors import MillraceError

PATH: Final = "/query"


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
