"""``/tracker.js`` and ``/tracker.mjs``: compressed, revalidated, loadable by any page, and clear where they are not built."""

import gzip
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from millrace_ingestion.scripts import scripts_router
from millrace_service.metrics import Metrics
from millrace_web.app import create_app
from tests.support import plain
from tests.support.browser import skip_without_tracker
from tests.support.server import Server

_TEXT = b"window.tracker = 1;"


def _app(folder: Path) -> FastAPI:
    return create_app("Test", "1", Metrics(), [scripts_router(folder)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a build leaves behind."""
    for name in ("tracker.js", "tracker.mjs"):
        (tmp_path / name).write_bytes(_TEXT)
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(_TEXT))
        (tmp_path / f"{name}.br").write_bytes(brotli.compress(_TEXT))
    return tmp_path


async def _get(folder: Path, path: str = "/tracker.js", method: str = "GET", **headers: str) -> Response:
    async with AsyncClient(transport=ASGITransport(_app(folder)), base_url="http://localhost") as client:
        client.headers["Accept-Encoding"] = ""
        return await client.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("path", ["/tracker.js", "/tracker.mjs"])
@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip, deflate, br, zstd", "br"), ("gzip", "gzip"), ("", None), ("br;q=0, gzip;q=0.5", "gzip"), ("identity", None)],
)
async def test_the_smallest_form_that_the_client_takes_is_sent(
    folder: Path, path: str, accepted: str, coding: str | None
) -> None:
    answer = await _get(folder, path, Accept_Encoding=accepted)
    assert (answer.status_code, answer.headers.get("content-encoding"), answer.content) == (200, coding, _TEXT)
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "max-age=3600" in answer.headers["cache-control"]
    assert answer.headers["vary"] == "Accept-Encoding"


async def test_what_has_not_changed_is_not_sent_again(folder: Path) -> None:
    first = await _get(folder, Accept_Encoding="br")
    again = await _get(folder, Accept_Encoding="br", If_None_Match=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = await _get(folder, Accept_Encoding="gzip", If_None_Match=first.headers["etag"])
    assert other.status_code == 200  # another form is another representation


async def test_head_says_what_get_would_send(folder: Path) -> None:
    answer = await _get(folder, method="HEAD")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, str(len(_TEXT)), b"")


async def test_without_a_build_it_says_what_to_run(tmp_path: Path) -> None:
    answer = await _get(tmp_path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "tracker_not_built"
    assert "make tracker" in answer.json()["message"]


def test_a_real_server_hands_out_what_was_built(server: Server) -> None:
    skip_without_tracker()
    answer = plain.get(f"{server.url}/tracker.js", headers={"Accept-Encoding": "br"})
    assert answer.headers["content-encoding"] == "br"
    assert "AnalyticsTracker" in answer.text
    assert "export" in plain.get(f"{server.url}/tracker.mjs").text
