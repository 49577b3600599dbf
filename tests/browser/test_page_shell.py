"""The frame of every view: what axe finds at two widths, the keyboard, colours, a path prefix, a server that is gone."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support.analytics import post, view
from tests.support.page import DESKTOP, PHONE, VIEWS, Visit, visiting
from tests.support.prefix import prefixed
from tests.support.server import Server

pytestmark = pytest.mark.minutes

_SHOP = "shop"


@pytest.fixture(scope="module")
def shop(server: Server) -> Server:
    """A little of everything, now."""
    bought = [{"event_type": "purchase", "properties": {"amount": 5, "country": one}} for one in ("AT", "DE", "AT", "AT", "AT")]
    post(server, *(view(_SHOP, f"v{n}", f"/{n % 3}", language="de-AT") for n in range(20)))
    post(server, *({"customer_id": _SHOP, "visitor_id": f"v{n}", **one} for n, one in enumerate(bought)))
    server.wait_until_stored()
    return server


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def visit(chromium: Browser, shop: Server, request: pytest.FixtureRequest) -> Iterator[Visit]:
    with visiting(chromium, shop.url, _SHOP, request.param, color_scheme="light") as made:
        yield made


_SHOWN = {
    "live": "As it comes in",
    "dashboards": "Dashboards",
    "ask": "Rows",
    "explore": "By day",
    "funnels": "25% come to the end",
    "retention": "Cohorts",
    "paths": "After page_view",
    "sessions": "By channel",
    "journeys": "v1",
    "sql": "Result",
    "events": "What arrived",
    "debugger": "As it is sent",
    "catalogue": "Properties",
    "letters": "Dead letters",
    "settings": "Settings",
    "start": "1. Send an event",
}
_WITH = {
    "ask": {"q": "page views by page today"},
    "sql": {"sql": f"SELECT event_type, count() AS n FROM events_raw WHERE customer_id = '{_SHOP}' GROUP BY 1"},
    "retention": {"unit": "day"},
    "journeys": {"who": "v1"},
    "catalogue": {"event": "purchase"},
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_has_no_serious_finding_fits_its_width_and_asks_nobody_else(visit: Visit, name: str) -> None:
    page = visit.open(name, **_WITH.get(name, {}))
    expect(page.get_by_role("heading", name=_SHOWN[name], exact=True)).to_be_visible()
    assert visit.findings() == []
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert visit.findings() == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


_NAMES = (
    "Dashboards",
    "Ask",
    "Explore",
    "Funnels",
    "Retention",
    "Paths",
    "Sessions",
    "Journeys",
    "SQL",
    "Events",
    "Debugger",
    "Catalogue",
    "Dead letters",
    "Settings",
    "Get started",
)


def test_every_view_is_a_click_away_and_has_its_title_and_address(visit: Visit) -> None:
    page = visit.open("live")
    for name in (*_NAMES, "Live"):
        visit.follow(name)
        expect(page.get_by_role("heading", name=name, exact=True, level=1)).to_be_visible()
        expect(page).to_have_title(f"{name} · Millrace")
        assert f"tenant={_SHOP}" in page.url
    page.go_back()
    expect(page.get_by_role("heading", name="Get started", level=1)).to_be_visible()


@pytest.mark.parametrize(
    "address", ["%", "live%zz", "constructor", "__proto__", "toString", "nothing", "live/more", "%F0%9F%90%88"]
)
def test_an_address_that_names_no_view_says_so_and_leads_back(chromium: Browser, shop: Server, address: str) -> None:
    with visiting(chromium, shop.url, _SHOP) as visit:
        page = visit.open(address)
        expect(page.get_by_role("heading", name="No such view", exact=True, level=1)).to_be_visible()
        expect(page).to_have_title("No such view · Millrace")
        page.get_by_role("link", name="Go to Live").click()
        expect(page.get_by_role("heading", name="Live", exact=True, level=1)).to_be_visible()
        assert f"tenant={_SHOP}" in page.url


@pytest.mark.parametrize(
    ("view", "params", "shown"),
    [
        ("settings", {"part": "constructor"}, "Settings"),
        ("explore", {"f": "[[1,2,3]]", "range": "toString", "m": "count"}, "Explore"),
        ("funnels", {"s": '[["page_view",[1,2,3]],5]'}, "Funnels"),
        ("retention", {"unit": "constructor", "span": "x"}, "Cohorts"),
    ],
)
def test_a_part_of_an_address_that_means_nothing_leaves_the_view_standing(
    chromium: Browser, shop: Server, view: str, params: dict[str, str], shown: str
) -> None:
    with visiting(chromium, shop.url, _SHOP) as visit:
        page = visit.open(view, **params)
        expect(page.get_by_role("heading", name=shown, exact=True)).to_be_visible()


def test_the_page_is_walked_with_the_keyboard_alone(chromium: Browser, shop: Server) -> None:
    with visiting(chromium, shop.url, _SHOP) as visit:
        page = visit.open("live")
        expect(page.get_by_role("heading", name="Live", exact=True)).to_be_visible()
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("main")).to_be_focused()
        sql = page.get_by_role("link", name="SQL", exact=True)
        page.get_by_role("textbox", name="Tenant").or_(page.get_by_role("combobox", name="Tenant")).focus()
        for _ in range(12):
            page.keyboard.press("Tab")
            if sql.evaluate("link => link === document.activeElement"):
                break
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="SQL", level=1)).to_be_visible()
        editor = page.get_by_role("textbox", name="SQL")
        editor.focus()
        page.keyboard.press("Escape")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Save", exact=True)).to_be_focused()  # nobody is caught in the editor


def test_escape_closes_the_menu_of_a_phone(chromium: Browser, shop: Server) -> None:
    with visiting(chromium, shop.url, _SHOP, PHONE) as visit:
        page = visit.open("live")
        menu, views = page.get_by_role("button", name="Menu"), page.get_by_role("navigation", name="Views")
        menu.click()
        views.get_by_role("link", name="SQL").focus()
        page.keyboard.press("Escape")
        expect(views).to_be_hidden()
        expect(menu).to_be_focused()
        expect(menu).to_have_attribute("aria-expanded", "false")


def test_an_example_of_a_question_is_answered_by_its_groups(chromium: Browser, shop: Server) -> None:
    question = "Average order value by country this month"
    with visiting(chromium, shop.url, _SHOP) as visit:
        page = visit.open("ask")
        page.get_by_role("link", name=question).or_(page.get_by_role("button", name=question)).click()
        expect(visit.card(question).get_by_role("listitem").filter(has_text="AT5")).to_be_visible()


def test_colours_are_chosen_and_remembered(chromium: Browser, shop: Server) -> None:
    with visiting(chromium, shop.url, _SHOP, color_scheme="light") as visit:
        page = visit.open("live")
        expect(page.locator("html")).to_have_attribute("data-theme", "light")
        page.get_by_role("button", name="System colours").click()
        page.get_by_role("button", name="Light").click()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.reload()
        expect(page.get_by_role("button", name="Dark")).to_be_visible()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_tenant_is_chosen_by_name(chromium: Browser, shop: Server) -> None:
    with visiting(chromium, shop.url, _SHOP) as visit:
        page = visit.open("live")
        expect(visit.card("Top events").get_by_text("purchase")).to_be_visible()
        name = page.get_by_role("combobox", name="Tenant")
        name.fill("nobody")
        name.press("Enter")
        expect(visit.card("Events per minute").get_by_text("Nothing came in the last hour")).to_be_visible()
        assert "tenant=nobody" in page.url


def test_it_works_under_a_path_prefix(chromium: Browser, shop: Server) -> None:
    with prefixed(shop.url, "/stats") as url, visiting(chromium, url, _SHOP) as visit:
        page = visit.page
        page.goto(f"{url}/")
        expect(page.get_by_role("heading", name="Live", exact=True)).to_be_visible()
        visit.open("live")
        page.get_by_text("Each event the moment it is accepted").wait_for()  # the stream begins with what comes from then on
        post(shop, view(_SHOP, "through-the-proxy", event_type="prefixed"))
        expect(page.get_by_role("log", name="Events").get_by_text("prefixed")).to_be_visible()
        visit.follow("Get started")
        page.get_by_role("radio", name="curl").check()
        expect(page.get_by_role("region", name="the snippet for curl")).to_contain_text(f"{url}/track")
        visit.follow("SQL")
        page.get_by_role("textbox", name="SQL").press("Control+Enter")
        expect(page.get_by_role("table", name="Result")).to_be_visible()


def test_a_server_that_is_gone_is_said_so_and_tried_again(chromium: Browser, shop: Server) -> None:
    with visiting(chromium, shop.url, _SHOP) as visit:
        page = visit.open("explore")
        expect(page.get_by_role("heading", name="By day")).to_be_visible()
        page.context.set_offline(True)
        page.get_by_label("Measure").select_option(label="Revenue")
        error = page.get_by_role("alert")
        expect(error).to_contain_text("The server does not answer")
        page.context.set_offline(False)
        error.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("heading", name=re.compile("^Revenue"))).to_be_visible()
        expect(page.get_by_role("table", name="By day")).to_be_visible()
