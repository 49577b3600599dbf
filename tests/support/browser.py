"""Real Chromium, a site of its own origin that uses the tracker, and what of it arrives in the warehouse."""

import html
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, cast

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from tests.support import plain
from tests.support.server import Server

CHROMIUM: Final = Path("/usr/bin/chromium")
BUILT: Final = Path(__file__).parents[2] / "services/ingestion/millrace_ingestion/static"
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_ARRIVES_SECONDS: Final = 30.0


def skip_without_tracker() -> None:
    """Skip the test where the tracker is not built."""
    if not (BUILT / "tracker.js").exists():
        pytest.skip("the tracker is not built: make tracker")


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Playwright, where Chromium and the tracker are. It ends with the file: its event loop would be in the way of others."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed (Debian: chromium)")
    skip_without_tracker()
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """A headless Chromium."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield browser
    browser.close()


@dataclass
class Site:
    """A small site on ``localhost``. Each path is a page with the same body, which begins a tracker with the options."""

    api: str
    """Where Millrace is: another origin."""
    tenant: str
    options: dict[str, Any] = field(default_factory=dict)
    """Of the tracker, beside ``apiUrl`` and ``customerId``."""
    body: str = ""
    script: str | None = None
    """What stands in the page's head instead of the usual script tags."""
    files: dict[str, str] = field(default_factory=dict)
    """Scripts of the site's own, by path."""
    url: str = ""

    def page(self, path: str) -> str:
        """The HTML of a page."""
        given = json.dumps({"apiUrl": self.api, "customerId": self.tenant, **self.options})
        usual = f"<script src='{self.api}/tracker.js'></script><script>var analytics = new AnalyticsTracker({given})</script>"
        head = f"<title>Page {html.escape(path)}</title>{usual}" if self.script is None else self.script
        return f"<!doctype html><html><head>{head}</head><body>{self.body}</body></html>"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Any page, or a script."""
        path, site = self.path.partition("?")[0], cast("_SiteServer", self.server).site
        script = site.files.get(path)
        text = (site.page(path) if script is None else script).encode()
        self.send_response(200)
        self.send_header("Content-Type", f"text/{'html' if script is None else 'javascript'}; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base's)
        """Say nothing."""


class _SiteServer(ThreadingHTTPServer):
    daemon_threads = True
    site: Site


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serve it, and set its URL."""
    with _SiteServer(("127.0.0.1", 0), _Handler) as listening:
        listening.site = site
        site.url = f"http://localhost:{listening.server_address[1]}"
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield site
        finally:
            listening.shutdown()
            thread.join()


@pytest.fixture
def site(server: Server, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A site whose tenant is named after the test."""
    name = request.node.name.removeprefix("test_")[:60].replace("[", ".").replace("]", "")
    with serving(Site(server.url, name)) as made:
        yield made


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A profile of its own; nothing may throw into its pages."""
    made = chromium.new_context()
    thrown: list[str] = []
    made.on("weberror", lambda error: thrown.append(str(error.error)))
    yield made
    made.close()
    assert thrown == []


def opened(context: BrowserContext, site: Site, path: str = "/") -> Page:
    """A new tab on a page of the site."""
    page = context.new_page()
    page.goto(site.url + path)
    return page


def stored(server: Server, tenant: str) -> list[dict[str, Any]]:
    """The tenant's events in the order of time, ``properties`` decoded."""
    sql = f"SELECT * FROM events_raw WHERE customer_id = '{tenant}' ORDER BY timestamp, event_id"
    answer = plain.post(
        f"{server.url}/query", json={"customer_id": tenant, "sql": sql}, headers={"Cache-Control": "no-cache"}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    return [{**row, "properties": json.loads(row["properties"])} for row in answer.json()["data"]]


def arrived(server: Server, tenant: str, count: int, page: Page | None = None) -> list[dict[str, Any]]:
    """Wait until so many events of the tenant are stored; exactly so many, each once.

    Args:
        page: a page whose browser goes on meanwhile; without it nobody speaks to the browser while we wait.
    """
    deadline = time.monotonic() + _ARRIVES_SECONDS
    rows: list[dict[str, Any]] = []
    while time.monotonic() < deadline and len(rows) < count:
        if page is not None:
            page.wait_for_timeout(50)
        else:
            time.sleep(0.05)
        rows = stored(server, tenant)
    server.wait_until_stored()
    rows = stored(server, tenant)
    assert len(rows) == count, [row["event_type"] for row in rows]
    assert len({row["event_id"] for row in rows}) == count
    return rows


def received(server: Server, tenant: str) -> int:
    """How many events of the tenant were accepted, those that came again included."""
    lines = plain.get(f"{server.url}/metrics", timeout=30).text.splitlines()
    mine = [line for line in lines if line.startswith("events_received_total{") and f'customer_id="{tenant}"' in line]
    return sum(int(float(line.rpartition(" ")[2])) for line in mine)


def kept(page: Page) -> dict[str, str]:
    """What the site has stored in the browser."""
    return cast("dict[str, str]", page.evaluate("() => ({...localStorage})"))
