"""A visit to a page that uses a browser package, in real Chromium; the page has another origin than the server."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, Playwright, Request

from tests.sdks.browsers import FOLDER, BrowserPackage, bundled
from tests.support.browser import CHROMIUM, FLAGS, Site, serving
from tests.support.relay import Exchange, Relay

AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"
"""Not the headless browser's own: the packages leave robots out."""
_SECONDS: Final = 60.0
_HOUR: Final = 3_600_000


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """A headless Chromium that does not say so."""
    flags = [*FLAGS, "--disable-blink-features=AutomationControlled"]
    made = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
    yield made
    made.close()


@dataclass
class Visit:
    """A page that has begun, and what its console said."""

    page: Page
    between: Relay
    complaints: list[str] = field(default_factory=list)
    under_way: set[Request] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Look at what the page says and asks for."""
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._asked)
        self.page.on("requestfinished", self._answered)
        self.page.on("requestfailed", self._answered)

    def _asked(self, request: Request) -> None:  # of the class: playwright takes no methods of sets
        self.under_way.add(request)

    def _answered(self, request: Request) -> None:
        self.under_way.discard(request)

    def identify(self) -> None:
        """Say who the visitor is."""
        self.page.evaluate("() => { sdk.identify() }")

    def order(self, number: int, note: str | None = None) -> None:
        """Send an event of a name of its own."""
        self.page.evaluate("([number, note]) => { sdk.order(number, note ?? undefined) }", [number, note])

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Let the page go on until something holds."""
        deadline = time.monotonic() + _SECONDS
        while not holds():
            assert time.monotonic() < deadline, [(one.method, one.path, one.status) for one in self.between.exchanges]
            self.page.wait_for_timeout(50)

    def let_hours_pass(self) -> None:
        """So long that whatever is to be tried again has been, by the page's clock.

        Never while an answer is awaited: its deadline would pass with the hour.
        """
        for _ in range(12):
            self.wait_until(lambda: not any(one.method == "POST" for one in self.under_way))
            self.page.clock.fast_forward(_HOUR // 4)
            self.page.wait_for_timeout(100)

    @property
    def orders(self) -> list[tuple[int, Exchange]]:
        """Each time that the page has sent one: its number and what became of it."""
        posts = list(self.between.posts)
        return [(number, post) for post in posts for each in post.events if (number := _number_of(each)) is not None]

    @property
    def sent(self) -> list[int]:
        """Numbers of the orders, as often as they were sent."""
        return sorted(number for number, _ in self.orders)


def _number_of(event: dict[str, Any]) -> int | None:
    told = event.get("properties") or event.get("p") or event.get("payload", {}).get("data") or {}
    if isinstance(told, str):
        told = json.loads(told)
    number = told.get("number")
    return None if number is None else int(number)


@contextmanager
def visiting(browser: Browser, package: BrowserPackage, between: Relay, key: str, *, clock: bool = False) -> Iterator[Visit]:
    """Open the page, come from a search, and begin.

    Args:
        clock: whether the page's clock can be moved.
    """
    script = bundled((FOLDER / package.script).read_text(encoding="utf-8"))
    button = "<button id=buy class='plausible-event-name--Bought' data-umami-event=Bought>Buy</button>"
    site = Site(between.url, key, body=button, script=package.head(between.url, key), files={"/page.js": script})
    with serving(site):
        context = browser.new_context(user_agent=AGENT, locale="de-AT")
        page = context.new_page()
        visit = Visit(page, between)
        if clock:
            page.clock.install()
        page.goto(f"{site.url}/pricing?utm_source=news", referer="https://www.google.com/")
        page.evaluate("([api, key]) => { sdk.begin(api, key) }", [between.url, key])
        try:
            yield visit
        finally:
            context.close()
