"""The page as it is served: to browsers at ``/``, its files for ever, under a strict policy; clear where it is not built."""

import gzip
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from millrace_analytics.web.look import Look
from millrace_analytics.web.serving import Page
from millrace_service.health import Health
from millrace_service.metrics import Metrics
from millrace_web.app import create_app
from millrace_web.health import health_router

_BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
_HTML = b"<!doctype html><script type=module src=./assets/index-abc.js></script>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a build leaves behind."""
    for name, text in (("index.html", _HTML), ("index-abc.js", b"export {};"), ("font-abc.woff2", b"wOF2")):
        (tmp_path / name).write_bytes(text)
        if not name.endswith("woff2"):
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(text))
            (tmp_path / f"{name}.br").write_bytes(brotli.compress(text))
    return tmp_path


def _app(folder: Path) -> FastAPI:
    page = Page(folder)
    metrics = Metrics()
    identity = health_router("real-time-analytics-api", Health(), metrics, page=page.for_browser)
    return create_app("Test", "1", metrics, [identity, page.router()])


async def _get(folder: Path, path: str = "/", **headers: str) -> Response:
    async with AsyncClient(transport=ASGITransport(_app(folder)), base_url="http://localhost") as client:
        client.headers["Accept-Encoding"] = ""
        return await client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("accepted", [_BROWSER, "text/html", "TEXT/HTML;q=0.5, */*"])
async def test_browsers_are_shown_the_page_at_the_root(folder: Path, accepted: str) -> None:
    answer = await _get(folder, Accept=accepted, Accept_Encoding="br")
    assert (answer.status_code, answer.content) == (200, _HTML)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-encoding"] == "br"
    assert answer.headers["vary"] == "Accept, Accept-Encoding"
    assert answer.headers["cache-control"] == "no-cache"
    again = await _get(folder, Accept=accepted, Accept_Encoding="br", If_None_Match=answer.headers["etag"])
    assert again.status_code == 304


@pytest.mark.parametrize("accepted", ["*/*", "application/json", "", "text/plain", "text/html;q=0, */*"])
async def test_every_other_client_is_told_who_answers(folder: Path, accepted: str) -> None:
    answer = await _get(folder, Accept=accepted)
    assert answer.json()["service"] == "real-time-analytics-api"
    assert answer.headers["vary"] == "Accept"


async def test_the_policy_allows_no_inline_script_and_no_other_origin(folder: Path) -> None:
    answer = await _get(folder, Accept=_BROWSER)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "http" not in answer.headers["content-security-policy"]
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("name", "kind"), [("index-abc.js", "text/javascript"), ("font-abc.woff2", "font/woff2")])
async def test_files_are_kept_for_ever_as_their_names_change_with_them(folder: Path, name: str, kind: str) -> None:
    answer = await _get(folder, f"/assets/{name}", Accept_Encoding="gzip")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers.get("content-encoding") == ("gzip" if name.endswith("js") else None)


def test_forms_beside_the_page_take_its_stylesheets_and_its_icon_and_no_script(folder: Path) -> None:
    sheet = '<link rel="stylesheet" crossorigin href="./assets/index-abc.css">'
    icon = '<link rel="icon" type="image/svg+xml" href="./assets/icon-abc.svg" />'
    preloaded = '<link rel="modulepreload" href="./assets/more-abc.js">'
    (folder / "index.html").write_text(f'{icon}<script type="module" src="./assets/index-abc.js"></script>{preloaded}{sheet}')
    assert Page(folder).look == Look(icon + sheet, "./assets/icon-abc.svg")
    assert Page(folder / "nothing").look == Look()


@pytest.mark.parametrize("name", ["nothing.js", "index.html", "index-abc.js.br", "..%2f..%2fserving.py", ".", "%00"])
async def test_what_is_no_file_of_the_page_is_not_found(folder: Path, name: str) -> None:
    assert (await _get(folder, f"/assets/{name}")).status_code == 404


async def test_without_a_build_browsers_are_told_what_to_run_and_programs_are_answered(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nothing"):
        shown = await _get(folder, Accept=_BROWSER)
        assert shown.status_code == 404
        assert "make page" in shown.text
        assert (await _get(folder)).json()["status"] == "healthy"


async def test_a_service_without_a_page_answers_browsers_as_everyone() -> None:
    app = create_app("Test", "1", Metrics(), [health_router("ingestion", Health(), Metrics())])
    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        assert (await client.get("/", headers={"Accept": _BROWSER})).json()["service"] == "ingestion"


def test_where_keys_are_asked_for_the_page_is_still_loaded(folder: Path) -> None:
    assert set(Page(folder).public_paths) == {"/assets/index-abc.js", "/assets/font-abc.woff2"}
