"""The documentation as a site, in Chromium: its pages ask nobody but their own server for anything, and its search finds."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from docs.site import SITE
from playwright.sync_api import BrowserContext

pytestmark = pytest.mark.minutes


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base's)
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    if not (SITE / "index.html").exists():
        pytest.skip("the site is not built: make site")
    handler: Any = functools.partial(_Quiet, directory=str(SITE))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()
        thread.join()


def _paths() -> list[str]:
    pages = sorted(path.parent.relative_to(SITE) for path in SITE.rglob("index.html"))
    return ["/" if page == Path() else f"/{page}/" for page in pages]


def test_no_page_asks_anybody_else_for_anything_or_misses_a_file(address: str, context: BrowserContext) -> None:
    asked: list[str] = []
    failed: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    context.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    page = context.new_page()
    paths = _paths()
    assert len(paths) > 60
    for path in paths:
        page.goto(address + path)
        assert page.locator("h1").count() == 1, path
    assert {url for url in asked if not url.startswith((address, "data:", "blob:"))} == set()
    assert failed == []


def test_the_search_finds_a_page_by_a_word_of_it(address: str, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{address}/")
    page.keyboard.press("/")
    page.keyboard.type("MILLRACE_SPILL")
    page.get_by_role("link", name="Settings").first.wait_for(timeout=20_000)
