"""What the tracker could not send is sent later, once: pages that end, networks and servers that are away, full storage."""

import contextlib
import json

import pytest
from playwright.sync_api import BrowserContext, Error, Route

from tests.support.browser import Site, arrived, kept, opened, received
from tests.support.server import Server

pytestmark = pytest.mark.minutes

_LONG = 3_600_000


def _waiting(site: Site, names: dict[str, str]) -> list[str]:
    return [name for name in names if name.startswith(f"millrace.{site.tenant}.q.")]


def test_leaving_a_page_sends_what_waits(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"flushInterval": _LONG}
    page = opened(context, site, "/a")
    page.evaluate("analytics.track('click')")
    page.goto("about:blank")
    assert {row["event_type"] for row in arrived(server, site.tenant, 2, page)} == {"click", "page_view"}


def test_a_beacon_is_trusted_while_the_server_answers(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"flushInterval": 100}
    page = opened(context, site, "/a")
    arrived(server, site.tenant, 1, page)
    page.evaluate("for (let n = 0; n < 3; n++) analytics.track('click', {n})")
    page.goto(f"{site.url}/b")
    arrived(server, site.tenant, 5, page)
    page.wait_for_timeout(2_500)  # by now the second page would have taken over what the first one left
    assert received(server, site.tenant) == 5


def test_what_a_page_leaves_behind_while_the_server_is_away_is_sent_by_the_next_one(
    server: Server, site: Site, context: BrowserContext
) -> None:
    site.options = {"flushInterval": 100}
    page = opened(context, site, "/a")
    arrived(server, site.tenant, 1, page)
    server.stop()
    with page.expect_event("requestfailed"):
        page.evaluate("analytics.track('click')")
    page.evaluate("analytics.track('another')")
    site.script = ""  # a page without a tracker, so that the first one's is what the third one finds
    page.goto(f"{site.url}/b")
    assert len(_waiting(site, kept(page))) == 2
    server.start()
    site.script = None
    page.goto(f"{site.url}/c")
    arrived(server, site.tenant, 4, page)


def test_a_minute_offline_loses_and_doubles_nothing(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"autoTrackPageViews": False}
    page = context.new_page()
    page.clock.install()
    page.goto(site.url)
    context.set_offline(True)
    for second in range(60):
        page.evaluate("(second) => { analytics.track('click', {second}); analytics.track('move', {second}) }", second)
        page.clock.run_for(1_000)
    assert len(_waiting(site, kept(page))) == 120
    context.set_offline(False)
    rows = arrived(server, site.tenant, 120, page)
    assert sorted({row["properties"]["second"] for row in rows}) == list(range(60))
    page.wait_for_function("!Object.keys(localStorage).some((key) => key.includes('.q.'))")
    assert received(server, site.tenant) == 120


def test_a_killed_tab_leaves_its_events_to_the_next_page(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"flushInterval": _LONG, "autoTrackPageViews": False}
    page = opened(context, site)
    page.evaluate("for (let n = 0; n < 7; n++) analytics.track('click', {n})")
    other = opened(context, site)  # before the kill, so that another process than that of the site reads what is there
    with page.expect_event("crash"), contextlib.suppress(Error):  # which says that the page crashed
        page.goto("chrome://crash", timeout=10_000)
    other.close()
    site.options["flushInterval"] = 100
    again = opened(context, site)
    rows = arrived(server, site.tenant, 7, again)
    assert sorted(row["properties"]["n"] for row in rows) == list(range(7))


def test_two_tabs_send_each_event_once(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"flushInterval": 50, "autoTrackPageViews": False}
    tabs = [opened(context, site), opened(context, site)]
    context.set_offline(True)
    for number, tab in enumerate(tabs):
        tab.evaluate("(tab) => { for (let n = 0; n < 150; n++) analytics.track('click', {tab, n}) }", number)
    tabs[0].wait_for_timeout(2_100)  # now each tab may take the other's for left behind
    context.set_offline(False)
    rows = arrived(server, site.tenant, 300, tabs[0])
    assert len({json.dumps(row["properties"]) for row in rows}) == 300
    tabs[0].wait_for_function("!Object.keys(localStorage).some((key) => key.includes('.q.'))")
    assert received(server, site.tenant) == 300


def test_a_tab_leaves_what_another_one_waits_with_to_that_one(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"flushInterval": _LONG, "autoTrackPageViews": False}
    waits = opened(context, site)
    waits.wait_for_timeout(2_100)  # it has looked for what others left
    waits.evaluate("for (let n = 0; n < 5; n++) analytics.track('waits', {n})")
    other = opened(context, site)
    other.wait_for_timeout(2_100)  # now what the first tab waits with lies there for long enough to be a gone page's
    for _ in range(3):
        other.evaluate("(analytics.track('other'), analytics.flush())")
    assert {row["event_type"] for row in arrived(server, site.tenant, 3, other)} == {"other"}
    assert len(_waiting(site, kept(other))) == 5
    waits.evaluate("analytics.flush()")
    arrived(server, site.tenant, 8, other)
    assert received(server, site.tenant) == 8


def test_the_wait_that_a_server_asks_for_is_kept_by_all_tabs(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"flushInterval": 100, "autoTrackPageViews": False}
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        headers = {"Retry-After": "30", "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "retry-after"}
        route.fulfill(status=503, headers=headers, body="{}")

    context.route("**/track", refuse)
    page = context.new_page()
    page.clock.install()
    page.goto(site.url)
    page.evaluate("(analytics.track('click'), analytics.flush())")
    assert len(asked) == 1
    other = opened(context, site)
    other.evaluate("(analytics.track('other'), analytics.flush())")
    page.clock.run_for(25_000)  # all tabs have the same clock
    for tab in (page, other):
        tab.evaluate("analytics.flush()")
    assert len(asked) == 1
    context.unroute("**/track")
    page.clock.run_for(10_000)
    arrived(server, site.tenant, 2, page)


def test_a_server_that_fails_is_asked_less_and_less_often(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"flushInterval": 100, "autoTrackPageViews": False}
    asked: list[str] = []

    def fail(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    page = context.new_page()
    page.clock.install()
    context.route("**/track", fail)
    page.goto(site.url)
    page.evaluate("analytics.track('click')")
    counts = []
    for minutes in (1, 2, 4):
        for _ in range(minutes * 60):
            page.clock.run_for(1_000)
        counts.append(len(asked))
    first, second, third = counts
    assert 5 <= first <= 8
    assert second - first <= 3  # 32 s at least between two, and twice as long each time
    assert third - second <= 3
    context.unroute("**/track")


def test_full_storage_keeps_events_in_memory(server: Server, site: Site, context: BrowserContext) -> None:
    site.script = ""
    page = opened(context, site)
    page.evaluate("""() => {
        for (let size = 4 * 2 ** 20, n = 0; size > 0; )
            try { localStorage.setItem("filler" + n++, "x".repeat(size)) } catch { size = Math.floor(size / 2) }
    }""")
    site.script = None
    site.options = {"flushInterval": _LONG}
    page.goto(f"{site.url}/full")
    page.evaluate("for (let n = 0; n < 5; n++) analytics.track('click', {n})")
    assert _waiting(site, kept(page)) == []
    page.evaluate("analytics.flush()")
    rows = arrived(server, site.tenant, 6, page)
    assert len({row["session_id"] for row in rows}) == 1
    page.evaluate("analytics.track('last')")
    page.goto("about:blank")
    arrived(server, site.tenant, 7, page)


def test_the_queue_is_bounded_and_drops_the_oldest(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"autoTrackPageViews": False}
    page = opened(context, site)
    context.set_offline(True)
    page.evaluate("for (let n = 0; n < 1200; n++) analytics.track('click', {n})")
    assert len(_waiting(site, kept(page))) == 1000
    page.evaluate("for (let n = 0; n < 40; n++) analytics.track('large', {text: 'x'.repeat(50_000)})")
    assert sum(map(len, kept(page).values())) < 1_100_000
    assert len(_waiting(site, kept(page))) < 40
    context.set_offline(False)
    page.wait_for_function("!Object.keys(localStorage).some((key) => key.includes('.q.'))")
