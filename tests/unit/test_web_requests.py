"""Requests are counted by the whole path of their route, however deep the router is that it stands in."""

import httpx
import pytest
from fastapi import APIRouter

from millrace_service.metrics import Metrics
from millrace_web.app import create_app


def _nested() -> APIRouter:
    inner, outer = APIRouter(prefix="/things"), APIRouter(prefix="/admin/v1")

    @inner.get("/{name}")
    async def read(name: str) -> str:
        return name

    outer.include_router(inner)
    return outer


@pytest.mark.parametrize(
    ("asked", "route", "status"),
    [
        ("/admin/v1/things/1", "/admin/v1/things/{name}", "2xx"),
        ("/none", "unmatched", "4xx"),
    ],
)
async def test_a_request_is_counted_by_the_path_of_its_route(asked: str, route: str, status: str) -> None:
    metrics = Metrics()
    app = create_app("t", "1", metrics, [_nested()])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http:
        await http.get(asked)
    labels = {"handler": route, "method": "GET", "status": status}
    assert metrics.registry.get_sample_value("http_requests_total", labels) == 1


def test_an_application_serves_the_routes_that_its_routers_built() -> None:
    router = APIRouter(prefix="/things")

    @router.get("/{name}")
    async def read(name: str) -> str:
        return name

    assert router.routes[0] in create_app("t", "1", Metrics(), [router]).routes  # and no copy, which costs as much again
