"""The routes by which monitors and balancers ask how a process is."""

import httpx
import pytest

from millrace_service.health import Health
from millrace_service.metrics import Metrics
from millrace_web.app import create_app
from millrace_web.health import health_router


@pytest.mark.parametrize("is_stopping", [False, True])
@pytest.mark.parametrize("path", ["/", "/health", "/live", "/ready", "/metrics"])
async def test_head_answers_as_get_does_without_a_body(path: str, is_stopping: bool) -> None:
    metrics, health = Metrics(), Health(stopping=is_stopping)
    app = create_app("t", "1", metrics, [health_router("t", health, metrics)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http:
        asked, read = await http.head(path), await http.get(path)
    assert asked.status_code == read.status_code == (503 if is_stopping and path in ("/health", "/ready") else 200)
    assert asked.headers["content-type"] == read.headers["content-type"]
    assert (asked.content, bool(read.content)) == (b"", True)
