"""A time and a filter of a whole dashboard in real Chromium: looked at, linked to, kept, and what guests may choose."""

import datetime
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.analytics import dashboards, post, view
from tests.support.page import PHONE, Visit, visiting
from tests.support.server import Server

pytestmark = pytest.mark.minutes

_SHOP = "filtered"
_COUNT: dict[str, Any] = {"kind": "trend", "measures": [{"measure": "count"}]}
_WEEK = {"last": 7, "unit": "day", "align": "to_date"}


@pytest.fixture(scope="module")
def shop(server: Server) -> Server:
    """Of now one event on plan pro and two on free, of 20 days ago four on pro and eight on free."""
    old = {"timestamp": (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=20)).isoformat()}
    for times, plan, more in ((1, "pro", {}), (2, "free", {}), (4, "pro", old), (8, "free", old)):
        post(server, *([{**view(_SHOP), "properties": {"plan": plan}, **more}] * times))
    server.wait_until_stored()
    return server


@pytest.fixture
def visit(chromium: Browser, shop: Server) -> Iterator[Visit]:
    with visiting(chromium, shop.url, _SHOP) as made:
        yield made


def _made(server: Server, name: str, **more: Any) -> str:
    opens = "explore?m=count&range=7d"
    widgets = [
        {"type": "metric", "title": "Week", "config": {"question": {**_COUNT, "range": _WEEK}, "opens": opens}},
        {"type": "metric", "title": "Ever", "config": {"sql": "SELECT count() AS n FROM events_raw"}},
    ]
    return str(dashboards(server, _SHOP, "POST", json={"name": name, "widgets": widgets, **more})["id"])


def _shows(visit: Visit, title: str, number: int) -> None:
    expect(visit.card(title).locator(".widget-figure")).to_have_text(re.compile(rf"^{number}(?!\d)"))


def _days(back: int) -> re.Pattern[str]:
    """From so many days ago to today."""
    today = datetime.datetime.now(datetime.UTC)
    first = today - datetime.timedelta(days=back)
    return re.compile(rf"{first.day}.*–.*{today.day} {today:%b}")


def _filter_by_plan(page: Page, plan: str) -> None:
    page.get_by_role("button", name="Add a condition").click()
    page.get_by_role("combobox", name="Field").fill("properties.plan")
    page.get_by_role("combobox", name="Field").press("Tab")
    page.get_by_role("combobox", name="Value").fill(plan)
    page.get_by_role("combobox", name="Value").press("Tab")


def test_a_time_and_a_filter_hold_for_all_widgets_in_the_link_alone_until_they_are_kept(visit: Visit, shop: Server) -> None:
    dashboard = _made(shop, "Looked at")
    page = visit.open("dashboards", id=dashboard)
    _shows(visit, "Week", 3)
    range_ = page.get_by_role("combobox", name="Time")
    expect(range_).to_have_value("own")
    range_.select_option("Last 30 days")
    _shows(visit, "Week", 15)
    _shows(visit, "Ever", 15)
    expect(visit.card("Ever")).to_contain_text("its own time")
    expect(visit.card("Week")).not_to_contain_text("its own time")
    _filter_by_plan(page, "pro")
    _shows(visit, "Week", 5)
    assert "range=30d" in page.url
    assert dashboards(shop, _SHOP, "GET", f"/{dashboard}")["filters"] == {}, "nobody else sees it"

    page.reload()
    _shows(visit, "Week", 5)
    page.get_by_role("link", name="Look at Week more closely").click()
    expect(page.get_by_role("heading", name="Explore", level=1)).to_be_visible()
    assert "range=30d" in page.url
    expect(page.get_by_role("combobox", name="Value")).to_have_value("pro")
    page.go_back()

    page.get_by_role("button", name="Keep it so").click()
    expect(page.get_by_role("button", name="Keep it so")).to_have_count(0)
    assert "range=" not in page.url
    expect(range_).to_have_value("30d")
    _shows(visit, "Week", 5)
    page.get_by_role("button", name="Edit", exact=True).click()
    expect(page.get_by_text("Everything is saved")).to_be_visible()
    kept = dashboards(shop, _SHOP, "GET", f"/{dashboard}")["filters"]
    assert (kept["range"]["last"], kept["where"]["value"]) == (30, "pro")


def test_what_is_kept_can_be_looked_past_and_come_back_to(visit: Visit, shop: Server) -> None:
    where = {"field": "properties.plan", "value": "pro"}
    dashboard = _made(shop, "Kept", filters={"range": {"last": 61, "unit": "day"}, "where": where})
    page = visit.open("dashboards", id=dashboard)
    _shows(visit, "Week", 5)
    expect(page.get_by_role("combobox", name="Time").locator("option:checked")).to_have_text("Last 61 days")
    page.get_by_role("combobox", name="Time").select_option("Each its own time")
    _shows(visit, "Week", 1)
    page.get_by_role("button", name="Remove condition 1").click()
    _shows(visit, "Week", 3)
    page.get_by_role("button", name="Back to what is kept").click()
    _shows(visit, "Week", 5)
    expect(page.get_by_role("combobox", name="Value")).to_have_value("pro")
    other = {"any": [where, {"field": "properties.plan", "value": "team"}]}
    dashboards(shop, _SHOP, "PUT", f"/{dashboard}", json={"filters": {"where": other}})
    visit.open("dashboards", id=dashboard)
    _shows(visit, "Week", 1)
    expect(page.get_by_text("A filter holds that was made over the API")).to_be_visible()
    page.get_by_role("button", name="Look without it").click()
    _shows(visit, "Week", 3)


def test_widgets_and_those_with_a_link_are_told_which_time_it_is_and_by_what_it_is_drawn(
    chromium: Browser, visit: Visit, shop: Server
) -> None:
    charts = [
        {"type": "chart", "title": "By day", "config": {"question": {**_COUNT, "range": _WEEK, "granularity": "day"}}},
        {"type": "chart", "title": "All", "config": {"question": _COUNT}},
        {"type": "metric", "title": "Rows", "config": {"sql": "SELECT count() AS n FROM events_raw"}},
    ]
    dashboard = _made(shop, "Told", widgets=charts)
    visit.open("dashboards", id=dashboard)
    expect(visit.card("By day")).to_contain_text(_days(6))
    expect(visit.card("All")).to_contain_text("all time")
    filters = {"range": {"last": 1, "unit": "day", "align": "complete"}}
    dashboards(shop, _SHOP, "PUT", f"/{dashboard}", json={"filters": filters})
    link = dashboards(shop, _SHOP, "POST", f"/{dashboard}/links", json={})
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    with visiting(chromium, shop.url, "nobody", PHONE) as guest:
        page = guest.page
        page.goto(f"{shop.url}/{link['place']}")
        expect(page.get_by_text("Yesterday", exact=True)).to_be_visible()
        expect(page.get_by_text(re.compile(rf"^{yesterday.day} {yesterday:%b}"))).to_be_visible()
        expect(guest.card("By day")).to_contain_text("by hour")
        expect(guest.card("By day")).not_to_contain_text("its own time")
        expect(guest.card("All")).to_contain_text("its own time: all time")
        expect(guest.card("Rows")).to_contain_text("its own time")
        expect(guest.card("Rows")).not_to_contain_text("without the filter")
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert guest.findings() == []


def test_whoever_has_a_link_chooses_among_times_only_where_that_is_allowed(
    chromium: Browser, visit: Visit, shop: Server
) -> None:
    where = {"field": "properties.plan", "value": "pro"}
    dashboard = _made(shop, "For others", filters={"where": where})
    page = visit.open("dashboards", id=dashboard, share="1")
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_role("region", name="the link").inner_text()
    with visiting(chromium, shop.url, "nobody", PHONE) as guest:
        guest.page.goto(f"{link}&range=30d&where={{}}")
        _shows(guest, "Week", 1)
        expect(guest.card("Week")).to_contain_text(_days(6))
        expect(guest.card("Ever")).to_contain_text("without the filter")
        expect(guest.page.get_by_role("combobox", name="Time")).to_have_count(0)
        expect(guest.page.get_by_text("properties.plan")).to_have_count(0)
        page.get_by_role("checkbox", name="Whoever has a link may look at other times").check()
        expect(page.get_by_role("checkbox")).to_be_checked()
        deadline = time.monotonic() + 30
        while not dashboards(shop, _SHOP, "GET", f"/{dashboard}")["guest_ranges"]:
            assert time.monotonic() < deadline, "it is not kept"
            time.sleep(0.05)
        guest.page.goto("about:blank")
        guest.page.goto(link)
        _shows(guest, "Week", 1)
        guest.page.get_by_role("combobox", name="Time").select_option("Last 30 days")
        _shows(guest, "Week", 5)
        expect(guest.card("Ever")).to_contain_text("its own time")
        assert "range=30d" in guest.page.url
        assert guest.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert guest.findings() == []
    assert visit.findings() == []
