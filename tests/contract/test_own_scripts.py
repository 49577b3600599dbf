"""Scripts of the operator's own: served under the names of their files, with and without keys, or refused at the start."""

from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient

from millrace_core.errors import StartRefused
from millrace_ingestion.own_scripts import own_scripts
from millrace_ingestion.scripts import scripts_router
from millrace_service.metrics import Metrics
from millrace_web.app import create_app
from tests.support.access import platform

_TEXT = b"window.stats = 1;"


@pytest.mark.parametrize(("accepted", "coding"), [("gzip, br", "br"), ("gzip", "gzip"), ("", None)])
async def test_a_script_is_served_under_its_name(tmp_path: Path, accepted: str, coding: str | None) -> None:
    (tmp_path / "stats.js").write_bytes(_TEXT)
    (tmp_path / "README").write_text("left out")
    router = scripts_router(own=own_scripts(tmp_path))
    app = create_app("Test", "1", Metrics(), [router])
    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        answer = await client.get("/stats.js", headers={"Accept-Encoding": accepted})
        again = await client.get("/stats.js", headers={"Accept-Encoding": accepted, "If-None-Match": answer.headers["etag"]})
        other = await client.get("/README")
    assert (answer.status_code, answer.headers.get("content-encoding"), answer.content) == (200, coding, _TEXT)
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert (again.status_code, other.status_code) == (304, 404)


async def test_no_key_is_needed_to_load_one(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/stats.mjs").write_bytes(_TEXT)
    async with platform(tmp_path / "data", ingest_scripts_dir=tmp_path / "scripts") as opened:
        assert (await opened.http.get("/stats.mjs")).content == _TEXT
        assert (await opened.http.get("/other.mjs")).status_code == 401


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("tracker.js", _TEXT, "the tracker's own name"),
        ("two words.js", _TEXT, "a script's name is letters"),
        (".hidden.js", _TEXT, "a script's name is letters"),
        ("large.js", b" " * (2**20 + 1), "larger than"),
    ],
)
def test_what_cannot_be_served_stops_the_start(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StartRefused, match=told):
        own_scripts(tmp_path)


def test_too_many_scripts_stop_the_start(tmp_path: Path) -> None:
    for number in range(33):
        (tmp_path / f"s{number}.js").touch()
    with pytest.raises(StartRefused, match="32 are the most"):
        own_scripts(tmp_path)


def test_a_folder_that_is_not_there_stops_the_start_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match=r"MILLRACE_INGEST_SCRIPTS_DIR=.*none: No such file"):
        own_scripts(tmp_path / "none")
