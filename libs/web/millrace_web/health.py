"""The routes that every service has: who it is, whether it lives, whether it is ready, and its metrics."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from millrace_core.time import iso_time, now_ms
from millrace_service.health import Health, Readiness
from millrace_service.metrics import Metrics

Details = Callable[[], Awaitable[dict[str, Any]]]
"""What more there is to say in ``/health``."""

Page = Callable[[Request], Response | None]
"""What a browser is answered at ``/``; None for a client that does not ask for a page."""


class Identity(BaseModel):
    """Who answers."""

    service: str = Field(examples=["real-time-analytics-api"])
    status: str = Field(examples=["healthy"], description="`healthy`, or `degraded` while a check fails.")
    ai_enabled: bool | None = Field(
        None, description="Whether a language model reads questions in plain language; without one the offline matcher does."
    )
    timestamp: str = Field(examples=["2026-02-16T12:00:00.000Z"])


class HealthReport(BaseModel):
    """Every check, and what the process knows of itself."""

    status: str
    checks: dict[str, str] = Field(description="Of each check `ok`, or the code of what is wrong.")
    reasons: dict[str, str] = Field({}, description="Of each check that is not `ok`: what is wrong.")
    timestamp: str
    details: dict[str, Any] = {}


class Alive(BaseModel):
    """The event loop turns."""

    status: str = "alive"


def health_router(
    service: str,
    health: Health,
    metrics: Metrics,
    details: Details | None = None,
    *,
    ai_enabled: bool | None = None,
    page: Page | None = None,
) -> APIRouter:
    """``/``, ``/health``, ``/live``, ``/ready`` and ``/metrics``, each with HEAD, too, as monitors and balancers ask.

    Args:
        service: the documented name of the service.
        page: what ``/`` answers browsers; without it everyone is told who answers.
    """
    router = APIRouter(tags=["health"])

    _add_identity(router, service, health, page, ai_enabled=ai_enabled)

    @router.get("/health", responses={503: {"model": HealthReport, "description": "A check fails."}})
    async def report(response: Response) -> HealthReport:
        """Every check and the figures behind them; 503 while a check fails."""
        readiness = await health.readiness()
        response.status_code = 200 if readiness.ready else 503
        status = "healthy" if readiness.ready else "degraded"
        more = await details() if details is not None else {}
        return _report(status, readiness, more)

    @router.get("/live")
    async def live() -> Alive:
        """Whether the process turns at all. Never depends on a neighbour."""
        return Alive()

    @router.get("/ready", responses={503: {"model": HealthReport, "description": "Not ready."}})
    async def ready(response: Response) -> HealthReport:
        """Whether the process should get work."""
        readiness = await health.readiness()
        response.status_code = 200 if readiness.ready else 503
        status = "ready" if readiness.ready else "not ready"
        return _report(status, readiness, {})

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def exposition() -> Response:
        """Everything that is counted, in the text format of Prometheus."""
        # In a thread, as some figures are asked of the disk.
        exposed = await asyncio.to_thread(metrics.exposition)
        return Response(exposed, media_type="text/plain; version=0.0.4; charset=utf-8")

    return _with_head(router)


def _with_head(router: APIRouter) -> APIRouter:
    for route in [*router.routes]:
        assert isinstance(route, APIRoute)
        router.add_api_route(
            route.path, route.endpoint, methods=["HEAD"], response_model=route.response_model, include_in_schema=False
        )
    return router


def _add_identity(router: APIRouter, service: str, health: Health, page: Page | None, *, ai_enabled: bool | None) -> None:
    browsers: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {}}}} if page is not None else {}

    @router.get("/", response_model=Identity, response_model_exclude_none=True, responses=browsers)
    async def identity(request: Request, response: Response) -> Identity | Response:
        """Who answers, and whether all is well. Analytics answers its page to whoever asks for `text/html`."""
        if page is not None:
            response.headers["Vary"] = "Accept"
            if (shown := page(request)) is not None:
                return shown
        readiness = await health.readiness()
        status = "healthy" if readiness.ready else "degraded"
        return Identity(service=service, status=status, ai_enabled=ai_enabled, timestamp=iso_time(now_ms()))


def _report(status: str, readiness: Readiness, details: dict[str, Any]) -> HealthReport:
    return HealthReport(
        status=status,
        checks=dict(readiness.checks),
        reasons=dict(readiness.reasons),
        timestamp=iso_time(now_ms()),
        details=details,
    )
