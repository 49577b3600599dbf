"""Makes the FastAPI application of a service: error bodies, request ids, host and origin checks."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from millrace_core import metrics as names
from millrace_core.errors import MillraceError
from millrace_service.metrics import Metrics
from millrace_web.access import Credentials, RequireCaller
from millrace_web.bodies import BodyLimit
from millrace_web.disconnects import ClientGone, answer_nobody
from millrace_web.errors import error_headers, status_of
from millrace_web.hosts import HostCheck
from millrace_web.idempotency import AnswerCache, Idempotency
from millrace_web.problems import error_response
from millrace_web.requests import RequestLog, request_id_of

_log = structlog.get_logger("millrace.http")

_CODES = {404: "not_found", 405: "method_not_allowed"}
_ALLOWED_HEADERS = (
    "content-type",
    "authorization",
    "x-api-key",
    "x-tenant-id",
    "idempotency-key",
    "if-match",
    "x-request-id",
    "last-event-id",
)
_EXPOSED_HEADERS = (
    "x-request-id",
    "etag",
    "retry-after",
    "x-cache",
    "age",
    "server-timing",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
)
"""What pages of other origins may send, and read."""


class ErrorBody(BaseModel):
    """The error object of the realtime family."""

    success: bool = False
    code: str
    message: str
    detail: Any
    error: str
    request_id: str


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's ``responses``: these statuses answer the error object."""
    return {status: {"model": ErrorBody} for status in statuses}


@dataclass(frozen=True, slots=True)
class Repeating:
    """Where answers are kept for an ``Idempotency-Key``, for how many seconds, and how many a request waits while the same one
    is being done."""

    cache: AnswerCache
    seconds: float
    patience: float = 60.0


def create_app(
    title: str,
    version: str,
    metrics: Metrics,
    routers: Iterable[APIRouter],
    *,
    origins: Collection[str] = (),
    hosts: Collection[str] = (),
    credentials: Credentials | None = None,
    administrators: Credentials | None = None,
    repeating: Repeating | None = None,
    public: Collection[str] = (),
) -> FastAPI:
    """An application of these routers.

    Args:
        origins: other origins whose pages may read the answers.
        hosts: host names besides the loopback ones; ``*`` allows every name.
        credentials: who may come in; None lets everyone in.
        administrators: who may administer, also where everyone may come in.
        repeating: where answers are kept for an ``Idempotency-Key``; None keeps none.
        public: paths that need no credential.
    """
    # Not by include_router, which builds every route, its parameters and its models a second time.
    app = FastAPI(title=title, version=version, redoc_url=None, routes=[each for router in routers for each in router.routes])
    app.add_exception_handler(MillraceError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientGone, answer_nobody)
    app.add_exception_handler(Exception, _unexpected)
    if repeating is not None:
        app.add_middleware(Idempotency, cache=repeating.cache, seconds=repeating.seconds, patience=repeating.patience)
    app.add_middleware(BodyLimit)
    # Before a body is read, behind what answers preflights.
    app.add_middleware(RequireCaller, credentials=credentials, administrators=administrators, public=public)
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=_ALLOWED_HEADERS,
            expose_headers=_EXPOSED_HEADERS,
        )
    app.add_middleware(HostCheck, hosts=hosts)

    def count(route: str, method: str, status: int, seconds: float) -> None:
        metrics.counter(names.HTTP_REQUESTS, route, method, f"{status // 100}xx").inc()
        metrics.histogram(names.HTTP_SECONDS, route, method).observe(seconds)

    paths = {id(each.original_route): each.path or "" for each in iter_route_contexts(app.routes)}
    app.add_middleware(RequestLog, path_of=lambda route: paths.get(id(route), "unmatched"), on_answer=count)
    return app


def _answer(request: Request, status: int, code: str, message: str, detail: Any = None) -> JSONResponse:
    return error_response(request.scope, status, code, message, detail)


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MillraceError)
    status = status_of(error)
    if status >= 500:
        _log.warning("request_failed", code=error.code, message=error.message, cause=str(error.__cause__ or ""))
    answer = _answer(request, status, error.code, error.message, error.detail)
    answer.headers.update(error_headers(error))
    return answer


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    if isinstance(error.body, bytes) and error.body:  # FastAPI leaves a body undecoded that is not labelled as JSON
        return _answer(
            request, 400, "invalid_request", "The body is not labelled as JSON: send Content-Type: application/json."
        )
    found = [{"field": ".".join(str(part) for part in one["loc"][1:]), "message": one["msg"]} for one in error.errors()]
    first = found[0]
    message = f"{first['field']}: {first['message']}" if first["field"] else first["message"]
    return _answer(request, 400, "invalid_request", message, found)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    answer = _answer(request, error.status_code, _CODES.get(error.status_code, "http_error"), str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("request_crashed", exc_info=error, request_id=request_id_of(request.scope))
    return _answer(request, 500, "internal_error", "Something went wrong here; the request id finds it in the log.")
