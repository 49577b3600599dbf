"""The page in real Chromium: a visit that notes requests to other origins and what the console says, and axe's findings."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect

_ROOT: Final = Path(__file__).parents[2]
BUILT: Final = _ROOT / "services/analytics/millrace_analytics/web/static"
_AXE: Final = _ROOT / "page/node_modules/axe-core/axe.min.js"
_PATIENCE_MS: Final = 30_000
DESKTOP: Final = (1360, 860)
PHONE: Final = (390, 844)

VIEWS: Final = (
    "live",
    "dashboards",
    "ask",
    "explore",
    "funnels",
    "retention",
    "paths",
    "sessions",
    "journeys",
    "sql",
    "events",
    "debugger",
    "catalogue",
    "letters",
    "settings",
    "start",
)


def skip_without_page() -> None:
    """Skip the test where the page is not built."""
    if not (BUILT / "index.html").exists():
        pytest.skip("the page is not built: make page")


@dataclass
class Visit:
    """One tab on the page, of a tenant."""

    page: Page
    url: str
    tenant: str
    elsewhere: list[str] = field(default_factory=list)
    """Requests to other origins."""
    complaints: list[str] = field(default_factory=list)
    """Of the console: what the policy refused, and what broke. That an answer was an error is shown on the page."""

    def open(self, view: str, **params: str) -> Page:
        """Go to a view, as a link to it does."""
        query = "&".join(f"{name}={quote(value)}" for name, value in {"tenant": self.tenant, **params}.items())
        self.page.goto("about:blank")  # a link to another part of the same page would not load it anew
        self.page.goto(f"{self.url}/#/{view}?{query}")
        return self.page

    def follow(self, name: str) -> Page:
        """Click a link of the navigation; on a phone it is behind the menu."""
        menu, views = self.page.get_by_role("button", name="Menu"), self.page.get_by_role("navigation", name="Views")
        expect(menu.or_(views).first).to_be_visible()
        if menu.is_visible():
            menu.click()
        views.get_by_role("link", name=name, exact=True).click()
        return self.page

    def card(self, title: str) -> Locator:
        """A part of the page by its heading."""
        return self.page.get_by_role("region", name=title, exact=True)

    def findings(self) -> list[str]:
        """What axe calls serious or critical, with where it is."""
        self.page.evaluate(_AXE.read_text())
        found: dict[str, Any] = self.page.evaluate("axe.run({resultTypes: ['violations']})")
        return [
            f"{one['id']}: {one['help']}: {json.dumps([node['target'] for node in one['nodes']][:3])}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
        ]

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.complaints.append(message.text)

    def _note_request(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.url).netloc and request.url.startswith("http"):
            self.elsewhere.append(request.url)


@contextmanager
def visiting(chromium: Browser, url: str, tenant: str, size: tuple[int, int] = DESKTOP, **options: Any) -> Iterator[Visit]:
    """A visit in a profile of its own. Nothing may break in it, and nothing may be asked of another origin."""
    skip_without_page()
    expect.set_options(timeout=_PATIENCE_MS)
    context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, **options)
    context.set_default_timeout(_PATIENCE_MS)
    thrown: list[str] = []
    context.on("weberror", lambda error: thrown.append(str(error.error)))
    page = context.new_page()
    visit = Visit(page, url, tenant)
    page.on("console", visit._note)
    page.on("request", visit._note_request)
    try:
        yield visit
    finally:
        context.close()
    assert (thrown, visit.complaints, visit.elsewhere) == ([], [], [])
