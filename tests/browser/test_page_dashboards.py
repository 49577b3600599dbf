"""Dashboards as a person makes, arranges, shares and moves them, in real Chromium."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.analytics import dashboards, post, view
from tests.support.page import DESKTOP, PHONE, Visit, visiting
from tests.support.server import Server

pytestmark = pytest.mark.minutes

_SHOP = "shop"
_COUNT: dict[str, Any] = {"kind": "trend", "measures": [{"measure": "count", "name": "n"}]}


@pytest.fixture(scope="module")
def shop(server: Server) -> Server:
    """Ten views of four people and two purchases, now."""
    bought = {"event_type": "purchase", "properties": {"amount": 12.5, "country": "AT"}}
    post(server, *(view(_SHOP, f"v{n % 4}", f"/{n % 3}") for n in range(10)))
    post(server, *({"customer_id": _SHOP, "visitor_id": f"v{n}", **bought} for n in range(2)))
    server.wait_until_stored()
    return server


@pytest.fixture
def visit(chromium: Browser, shop: Server) -> Iterator[Visit]:
    with visiting(chromium, shop.url, _SHOP) as made:
        yield made


def _widget(title: str, x: int, y: int, width: int = 4, height: int = 2) -> dict[str, Any]:
    place = {"x": x, "y": y, "width": width, "height": height}
    return {"id": title.lower(), "type": "metric", "title": title, "config": {"question": _COUNT}, "position": place}


def _made(server: Server, name: str, *widgets: dict[str, Any], tenant: str = _SHOP) -> str:
    return str(dashboards(server, tenant, "POST", json={"name": name, "widgets": widgets})["id"])


def _places(server: Server, dashboard: str) -> dict[str, tuple[int, int, int, int]]:
    """Column, row, width and height of each widget, as they are kept."""
    widgets = dashboards(server, _SHOP, "GET", f"/{dashboard}")["widgets"]
    return {one["title"]: tuple(one["position"][name] for name in ("x", "y", "width", "height")) for one in widgets}


def _saved(page: Page) -> None:
    expect(page.get_by_text("Everything is saved")).to_be_visible()


def _drag(page: Page, handle: Locator, across: float, down: float) -> None:
    box = handle.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + across / 2, y + down / 2)
    page.mouse.move(x + across, y + down)
    page.mouse.up()


def test_a_first_dashboard_is_an_overview_with_values_of_now(chromium: Browser, shop: Server) -> None:
    with visiting(chromium, shop.url, "beginner") as visit:
        post(shop, *(view("beginner", f"v{n % 2}", f"/{n}") for n in range(3)))
        shop.wait_until_stored()
        page = visit.open("live")
        visit.follow("Dashboards")
        expect(page.get_by_text("No dashboard yet")).to_be_visible()
        page.get_by_role("button", name="Begin with an overview").click()
        page.get_by_role("button", name="Done").click()
        expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
        expect(visit.card("People")).to_contain_text("2")
        expect(visit.card("Page views")).to_contain_text("3")
        expect(visit.card("Pages").get_by_role("listitem")).to_have_count(3)
        expect(visit.card("People by day").get_by_role("img")).to_be_visible()
        post(shop, view("beginner", "v9", "/new"))
        shop.wait_until_stored()
        page.get_by_role("button", name="Refresh now").click()
        expect(visit.card("Page views")).to_contain_text("4")
        page.get_by_role("combobox", name="Refreshed").select_option("Every 10 s")
        post(shop, view("beginner", "v9", "/newer"))
        expect(visit.card("Page views")).to_contain_text("5")
        assert "refresh=10" in page.url


@pytest.mark.parametrize(
    ("view_name", "params", "title", "inside"),
    [
        ("explore", {"m": "metric:revenue", "range": "24h"}, "Takings", "img"),
        ("funnels", {"s": '[["page_view"],["purchase"]]'}, "Way to buy", "list"),
        ("retention", {"unit": "day"}, "Loyal", "table"),
        ("paths", {"e": "page_view"}, "After a view", "list"),
        ("sessions", {"m": "bounce_rate", "range": "24h"}, "Bounces", "img"),
        (
            "sql",
            {"sql": f"SELECT event_type, count() AS n FROM events_raw WHERE customer_id = '{_SHOP}' GROUP BY 1"},
            "Kinds",
            "list",
        ),
        ("ask", {"q": "page views by page today"}, "Asked", "list"),
    ],
)
def test_an_answer_is_saved_to_a_dashboard_and_looked_at_more_closely_from_there(
    visit: Visit, shop: Server, view_name: str, params: dict[str, str], title: str, inside: Any
) -> None:
    dashboard = _made(shop, f"From {view_name}")
    page = visit.open(view_name, **params)
    page.get_by_role("button", name="Save to dashboard").click()
    form = page.get_by_role("form", name="Save to dashboard")
    form.get_by_label("Dashboard").select_option(f"From {view_name}")
    form.get_by_label("Title").fill(title)
    form.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name=f"From {view_name}").click()
    expect(page.get_by_role("heading", name=f"From {view_name}", level=1)).to_be_visible()
    expect(visit.card(title).get_by_role(inside).first).to_be_visible()
    kept = dashboards(shop, _SHOP, "GET", f"/{dashboard}")["widgets"][0]
    assert kept["config"]["opens"].startswith(view_name)
    page.get_by_role("link", name=f"Look at {title} more closely").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(view_name, re.IGNORECASE))
    for name, value in params.items():
        assert page.evaluate(f"new URLSearchParams(location.hash.split('?')[1]).get('{name}')") == value


def test_widgets_are_arranged_with_the_mouse_and_with_the_keyboard_and_stay_so(visit: Visit, shop: Server) -> None:
    dashboard = _made(shop, "Arranged", _widget("One", 0, 0), _widget("Two", 4, 0), _widget("Three", 8, 0))
    page = visit.open("dashboards", id=dashboard)
    expect(visit.card("One")).to_contain_text("12")
    page.get_by_role("button", name="Edit", exact=True).click()
    cell = visit.card("One").bounding_box()
    assert cell is not None
    _drag(page, page.get_by_role("button", name="Move One", exact=True), cell["width"] + 14, 0)
    _saved(page)
    assert _places(shop, dashboard) == {"One": (4, 0, 4, 2), "Two": (4, 2, 4, 2), "Three": (8, 0, 4, 2)}
    _drag(page, page.get_by_role("button", name="Change the size of Three"), 0, 2 * 78)
    _saved(page)
    assert _places(shop, dashboard)["Three"] == (8, 0, 4, 4)

    page.get_by_role("button", name="Move Two", exact=True).focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text("Two: column 4, row 3, 4 wide, 2 high")).to_be_attached()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowLeft", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    expect(page.get_by_role("button", name="Move Two", exact=True)).to_be_focused()
    _saved(page)
    assert _places(shop, dashboard)["Two"] == (0, 0, 3, 2)
    page.get_by_role("button", name="Done").click()
    page.reload()
    expect(visit.card("Two")).to_be_visible()
    one, two = visit.card("One").bounding_box(), visit.card("Two").bounding_box()
    assert one is not None
    assert two is not None
    assert two["x"] < one["x"]


def test_the_arrow_keys_move_a_widget_past_those_above_and_below_it(visit: Visit, shop: Server) -> None:
    widgets = _widget("Wide", 0, 0, 8), _widget("Low", 0, 2), _widget("High", 4, 2, height=4), _widget("Last", 0, 4)
    dashboard = _made(shop, "In lines", *widgets)
    page = visit.open("dashboards", id=dashboard, edit="1")
    page.get_by_role("button", name="Move Low", exact=True).press("ArrowDown")
    _saved(page)
    begun = {"Wide": (0, 0, 8, 2), "Low": (0, 4, 4, 2), "High": (4, 2, 4, 4), "Last": (0, 2, 4, 2)}
    assert _places(shop, dashboard) == begun
    wide = page.get_by_role("button", name="Move Wide", exact=True)
    wide.press("ArrowDown")
    expect(page.get_by_text("Wide: column 1, row 5, 8 wide, 2 high")).to_be_attached()
    expect(wide).to_be_focused()
    _saved(page)
    assert _places(shop, dashboard) == {"Wide": (0, 4, 8, 2), "Low": (0, 2, 4, 2), "High": (4, 0, 4, 4), "Last": (0, 0, 4, 2)}
    wide.press("ArrowDown")
    expect(page.get_by_text("Wide: column 1, row 5, 8 wide, 2 high")).to_be_attached()
    for _ in range(2):
        wide.press("ArrowUp")
    _saved(page)
    assert _places(shop, dashboard)["Wide"] == (0, 0, 8, 2)
    wide.press("ArrowRight")
    _saved(page)
    assert _places(shop, dashboard)["Wide"] == (1, 0, 8, 2)


def test_a_widget_is_added_renamed_drawn_otherwise_removed_and_brought_back(visit: Visit, shop: Server) -> None:
    dashboard = _made(shop, "Edited")
    visit.page.route("**/api/v1/catalogue", lambda route: route.abort())
    page = visit.open("dashboards", id=dashboard, edit="1")
    page.get_by_role("button", name="Add it").click()
    expect(visit.card("People")).to_be_visible()
    page.get_by_role("button", name="Remove People").click()
    _saved(page)
    visit.page.unroute("**/api/v1/catalogue")
    page.reload()
    expect(page.get_by_text("Nothing is on it yet")).to_be_visible()
    form = page.get_by_role("form", name="Add a widget")
    form.get_by_role("combobox", name=re.compile("^Add")).select_option("A metric by groups")
    form.get_by_role("combobox", name=re.compile("^Metric")).select_option("Page views")
    form.get_by_role("combobox", name=re.compile("^By")).fill("page_path")
    form.get_by_role("button", name="Add it").click()
    card = visit.card("Page views by page")
    expect(card.get_by_role("listitem")).to_have_count(3)
    page.get_by_role("textbox", name="Title of Page views by page").fill("Pages")
    page.keyboard.press("Enter")
    visit.card("Pages").get_by_role("button", name="Options of Pages").click()
    visit.card("Pages").get_by_label("Shown as").select_option("Table")
    visit.card("Pages").get_by_role("button", name="Done").click()
    expect(visit.card("Pages").get_by_role("row")).to_have_count(4)
    form.get_by_role("combobox", name=re.compile("^Add")).select_option("Words")
    form.get_by_role("textbox", name=re.compile("^Words")).fill("<b>Read</b> me")
    form.get_by_role("button", name="Add it").click()
    expect(page.get_by_text("<b>Read</b> me").last).to_be_visible()
    page.get_by_role("button", name="Remove Pages").click()
    expect(visit.card("Pages")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(visit.card("Pages").get_by_role("row")).to_have_count(4)
    page.get_by_role("textbox", name="Name of the dashboard").fill("Renamed")
    page.keyboard.press("Enter")
    _saved(page)
    kept = dashboards(shop, _SHOP, "GET", f"/{dashboard}")
    assert (kept["name"], sorted(one["title"] for one in kept["widgets"])) == ("Renamed", ["", "Pages"])


def test_what_somebody_else_changed_meanwhile_is_told_and_not_overwritten_unasked(visit: Visit, shop: Server) -> None:
    dashboard = _made(shop, "Contended", _widget("One", 0, 0))
    page = visit.open("dashboards", id=dashboard, edit="1")
    name = page.get_by_role("textbox", name="Name of the dashboard")
    expect(name).to_have_value("Contended")
    dashboards(shop, _SHOP, "PUT", f"/{dashboard}", json={"description": "Theirs", "name": "Theirs"})
    name.fill("Mine")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("has changed this dashboard meanwhile")
    assert dashboards(shop, _SHOP, "GET", f"/{dashboard}")["name"] == "Theirs"
    page.get_by_role("button", name="Keep mine").click()
    _saved(page)
    expect(page.get_by_role("alert")).to_have_count(0)
    kept = dashboards(shop, _SHOP, "GET", f"/{dashboard}")
    assert (kept["name"], kept["description"]) == ("Mine", "Theirs")
    dashboards(shop, _SHOP, "PUT", f"/{dashboard}", json={"name": "Theirs again"})
    name.fill("Mine again")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Show what is there now").click()
    expect(name).to_have_value("Theirs again")


def test_a_dashboard_goes_out_as_a_file_is_deleted_brought_back_and_comes_in_again(
    visit: Visit, shop: Server, tmp_path: Path
) -> None:
    dashboard = _made(shop, "Travelling", _widget("One", 2, 0))
    page = visit.open("dashboards", id=dashboard, edit="1")
    with page.expect_download() as started:
        page.get_by_role("button", name="Export").click()
    file = tmp_path / started.value.suggested_filename
    started.value.save_as(file)
    assert file.name == "travelling.json"
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("Travelling is deleted")).to_be_visible()
    expect(page.get_by_role("link", name="Travelling")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name="Travelling")).to_be_visible()
    document = json.loads(file.read_text())
    file.write_text(json.dumps({**document, "name": "Arrived"}))
    page.get_by_label("A dashboard as a JSON file").set_input_files(file)
    expect(page.get_by_role("heading", name="Arrived", level=1)).to_be_visible()
    expect(visit.card("One")).to_contain_text("12")
    visit.open("dashboards")
    file.write_text(json.dumps({**document, "widgets": [{"config": {"metric": "fame"}}]}))
    page.get_by_label("A dashboard as a JSON file").set_input_files(file)
    expect(page.get_by_role("alert")).to_contain_text("widgets.0.config: there is no metric fame")


def test_a_link_shows_the_dashboard_to_who_has_it_until_it_is_ended(chromium: Browser, visit: Visit, shop: Server) -> None:
    dashboard = _made(shop, "For the board", _widget("One", 0, 0))
    page = visit.open("dashboards", id=dashboard)
    page.get_by_role("button", name="Share").click()
    page.get_by_role("textbox", name="Whom the link is for").fill("The board")
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_role("region", name="the link").inner_text()
    assert link.startswith(f"{shop.url}/#/shared?link=mrl_")
    with visiting(chromium, shop.url, "nobody") as guest:
        guest.page.goto(link)
        expect(guest.page.get_by_role("heading", name="For the board")).to_be_visible()
        expect(guest.card("One")).to_contain_text("12")
        expect(guest.page.get_by_role("navigation")).to_have_count(0)
        assert guest.findings() == []
        page.get_by_role("button", name="End the link for The board").click()
        expect(page.get_by_role("list", name="Links")).to_have_count(0)
        guest.page.reload()
        expect(guest.page.get_by_role("alert")).to_contain_text("This link leads nowhere")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_dashboard_has_no_serious_finding_and_fits_its_width(chromium: Browser, shop: Server, size: tuple[int, int]) -> None:
    funnel = {
        "kind": "funnel",
        "steps": [{"where": {"field": "event_type", "value": name}} for name in ("page_view", "purchase")],
    }
    wide = {"width": 6, "height": 4, "y": 2}
    widgets = (
        _widget("One", 0, 0), _widget("Two", 4, 0, 8),
        {"title": "Funnel", "config": {"question": funnel}, "position": {"x": 0, **wide}},
        {"title": "Days", "config": {"metric": "people", "granularity": "day"}, "position": {"x": 6, **wide}},
        {"title": "Kinds", "type": "table", "config": {"sql": "SELECT event_type, count() AS n FROM events_raw GROUP BY 1"}},
    )  # fmt: skip
    dashboard = _made(shop, "Whole", *widgets)
    with visiting(chromium, shop.url, _SHOP, size, color_scheme="light") as visit:
        page = visit.open("dashboards", id=dashboard, share="1")
        expect(visit.card("Kinds").get_by_role("row")).to_have_count(3)
        expect(visit.card("Funnel").get_by_role("listitem")).to_have_count(2)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            expect(page.locator("html")).to_have_attribute("data-theme", scheme)
            assert visit.findings() == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        one, two = visit.card("One").bounding_box(), visit.card("Two").bounding_box()
        assert one is not None
        assert two is not None
        assert (one["x"] == two["x"]) == (size == PHONE), "on a phone they are one below the other"
        page.get_by_role("button", name="Edit", exact=True).click()
        expect(page.get_by_role("button", name="Remove One")).to_be_visible()
        assert visit.findings() == []
        assert page.get_by_role("button", name="Move One", exact=True).count() == (0 if size == PHONE else 1)
        page.get_by_role("button", name="Done").click()
        page.get_by_role("button", name="Full screen").click()
        expect(page.get_by_role("button", name="Leave full screen")).to_be_visible()
        expect(page.get_by_role("button", name="Edit", exact=True)).to_have_count(0)
