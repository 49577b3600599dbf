"""Nothing is stored or sent against the visitor's will, and the tracker works where nothing can be stored."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Playwright

from tests.support.browser import CHROMIUM, FLAGS, Site, arrived, kept, opened
from tests.support.server import Server

pytestmark = pytest.mark.minutes

_SIGNALS = {
    "gpc": "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})",
    "dnt": "Object.defineProperty(Navigator.prototype, 'doNotTrack', {get: () => '1'})",
}
_EVERYTHING = """async () => {
    analytics.page(); analytics.track("a"); analytics.formSubmit("f"); analytics.identify("u"); analytics.consent(true);
    analytics.optIn(); analytics.reset(); analytics.track("b"); await analytics.flush();
}"""


@pytest.mark.parametrize("signal", ["gpc", "dnt"])
def test_a_signal_of_the_browser_stops_it_before_anything_is_stored(
    server: Server, site: Site, context: BrowserContext, signal: str
) -> None:
    site.options = {"flushInterval": 10}
    context.add_init_script(_SIGNALS[signal])
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = opened(context, site)
    page.evaluate(_EVERYTHING)
    page.goto(f"{site.url}/next")
    page.evaluate(_EVERYTHING)
    assert kept(page) == {}
    assert context.cookies() == []
    assert {url for url in asked if not url.startswith(site.url)} == {f"{server.url}/tracker.js"}
    arrived(server, site.tenant, 0)


def test_opting_out_forgets_everything_and_lasts(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"flushInterval": 3_600_000}
    page = opened(context, site)
    page.evaluate("(analytics.track('waits'), analytics.optOut(), analytics.track('after'), analytics.flush())")
    assert kept(page) == {f"millrace.{site.tenant}.out": "1"}
    page.goto(f"{site.url}/next")
    other = opened(context, site)
    page.evaluate("(analytics.track('later'), analytics.flush())")
    other.evaluate("(analytics.consent(false), analytics.consent(true), analytics.track('other'), analytics.flush())")
    assert kept(page) == {f"millrace.{site.tenant}.out": "1"}
    page.evaluate("(analytics.optIn(), analytics.track('again'), analytics.flush())")
    (row,) = arrived(server, site.tenant, 1, page)
    assert row["event_type"] == "again"


def test_opting_out_in_one_tab_stops_the_others(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"flushInterval": 3_600_000, "autoTrackPageViews": False}
    first, second = opened(context, site), opened(context, site)
    second.evaluate("analytics.track('waits')")
    first.wait_for_function("Object.keys(localStorage).some((key) => key.includes('.q.'))")  # of another process
    first.evaluate("analytics.optOut()")
    second.wait_for_function("localStorage.length === 1")
    second.evaluate("(analytics.track('late'), analytics.flush())")
    second.goto("about:blank")
    first.goto("about:blank")
    arrived(server, site.tenant, 0)


def test_without_consent_nothing_is_stored_and_with_it_what_was_held_is_sent(
    server: Server, site: Site, context: BrowserContext
) -> None:
    site.options = {"consent": False, "flushInterval": 50}
    page = opened(context, site)
    page.evaluate("(analytics.track('before'), analytics.flush())")
    page.wait_for_timeout(200)
    assert kept(page) == {}
    arrived(server, site.tenant, 0)
    page.evaluate("analytics.consent(true)")
    rows = arrived(server, site.tenant, 2, page)
    assert len({row["session_id"] for row in rows}) == 1
    page.evaluate("(analytics.consent(false), analytics.track('refused'), analytics.flush())")
    assert kept(page) == {}
    page.goto("about:blank")
    arrived(server, site.tenant, 2)


def test_cookieless_stores_nothing_and_sends(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"cookieless": True, "flushInterval": 3_600_000}
    page = opened(context, site)
    page.evaluate("(analytics.identify('u1'), analytics.track('click'), analytics.flush())")
    page.evaluate("analytics.track('leaving')")
    assert kept(page) == {}
    page.goto(f"{site.url}/next")
    assert kept(page) == {}
    page.goto("about:blank")  # so that the second page is viewed, however soon that is
    rows = arrived(server, site.tenant, 5, page)
    assert [row["event_type"] for row in rows].count("page_view") == 2
    assert len({row["visitor_id"] for row in rows}) == 2
    assert context.cookies() == []


@pytest.fixture
def blocking(playwright: Playwright, tmp_path: Path) -> Iterator[BrowserContext]:
    """A Chromium whose user lets no site store anything."""
    folder = tmp_path / "profile"
    (folder / "Default").mkdir(parents=True)
    block = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (folder / "Default" / "Preferences").write_text(json.dumps(block))
    made = playwright.chromium.launch_persistent_context(folder, executable_path=CHROMIUM, args=FLAGS)
    thrown: list[str] = []
    made.on("weberror", lambda error: thrown.append(str(error.error)))
    yield made
    made.close()
    assert thrown == []


def test_blocked_storage_loses_nothing_on_a_page_that_stays(server: Server, site: Site, blocking: BrowserContext) -> None:
    site.options = {"flushInterval": 100}
    page = opened(blocking, site)
    assert page.evaluate("() => { try { return !localStorage } catch (error) { return error.name } }") == "SecurityError"
    page.evaluate("(analytics.identify('u1'), analytics.track('click'))")
    rows = arrived(server, site.tenant, 3, page)
    assert len({row["visitor_id"] for row in rows}) == 1
    page.evaluate("analytics.track('leaving')")
    page.goto("about:blank")
    arrived(server, site.tenant, 4, page)


def test_an_insecure_page_without_locks_sends_as_well(server: Server, site: Site, context: BrowserContext) -> None:
    context.add_init_script("Object.defineProperty(Navigator.prototype, 'locks', {get: () => undefined})")
    site.options = {"flushInterval": 50}
    page = opened(context, site)
    page.evaluate("for (let n = 0; n < 25; n++) analytics.track('click', {n})")
    arrived(server, site.tenant, 26, page)
