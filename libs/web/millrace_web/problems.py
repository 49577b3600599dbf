"""Errors as problem details (RFC 9457), where a family documents them so."""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from typing import Any, Final

from pydantic import BaseModel
from starlette.responses import JSONResponse

from millrace_web.errors import STATUS_NAMES, error_body
from millrace_web.requests import Message, request_id_of

_PREFIXES: Final = ("/api/v1/analytics/", "/api/v1/dashboards", "/api/v1/shared")


class Problem(BaseModel):
    """A problem. ``type`` names its code; ``errors`` are the fields at fault, where there are any."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[dict[str, Any]] | None = None


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's ``responses``: these statuses answer a problem."""
    content = {"application/problem+json": {"schema": deepcopy(_schema())}}  # FastAPI adds to what it is given
    return {status: {"description": STATUS_NAMES[status], "content": content} for status in statuses}


@cache
def _schema() -> dict[str, Any]:
    return Problem.model_json_schema()


def error_response(
    scope: Message, status: int, code: str, message: str, detail: Any = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The answer of an error in the shape of the family that the path belongs to."""
    request_id = request_id_of(scope)
    path = str(scope.get("path", ""))
    if not path.startswith(_PREFIXES):
        return JSONResponse(error_body(status, code, message, request_id, detail), status, headers=headers)
    body: dict[str, Any] = {
        "type": f"urn:millrace:error:{code}",
        "title": STATUS_NAMES.get(status, "Error"),
        "status": status,
        "detail": message,
        "instance": path,
        "code": code,
        "request_id": request_id,
    }
    if isinstance(detail, list):
        body["errors"] = detail
    return JSONResponse(body, status, headers=headers, media_type="application/problem+json")
