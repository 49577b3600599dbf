"""The page's views of what is sent: the debugger, what arrived, the catalogue; and what an open server says of the rest."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support import plain
from tests.support.analytics import post, view
from tests.support.page import PHONE, Visit, visiting
from tests.support.server import Server

pytestmark = pytest.mark.minutes

_SHOP = "sent"


@pytest.fixture(scope="module")
def shop(server: Server) -> Server:
    """Four page views, two purchases and one of them again; one event that is refused."""
    bought = {"customer_id": _SHOP, "event_type": "purchase", "properties": {"amount": 5, "plan": "pro"}}
    post(server, *(view(_SHOP, f"v{n}") for n in range(4)))
    post(server, *({**bought, "visitor_id": f"v{n}", "event_id": f"order-{n}"} for n in range(2)))
    post(server, {**bought, "visitor_id": "v1", "event_id": "order-1"})
    refused = plain.post(f"{server.url}/track", json=view(_SHOP, timestamp="soon"), timeout=30)
    assert refused.json()["code"] == "invalid_timestamp"
    server.wait_until_stored()
    return server


@pytest.fixture
def visit(chromium: Browser, shop: Server) -> Iterator[Visit]:
    with visiting(chromium, shop.url, _SHOP, color_scheme="light") as made:
        yield made


def test_verdicts_are_watched_filtered_held_and_explained(visit: Visit, shop: Server) -> None:
    page = visit.open("debugger")
    expect(page.get_by_text("Watching: send something")).to_be_visible()
    post(shop, view(_SHOP, "v9", event_type="signup", event_id="first"))
    plain.post(f"{shop.url}/track", json=view(_SHOP, timestamp="later"), timeout=30)
    log = page.get_by_role("log", name="Verdicts")
    expect(log.get_by_text("signup")).to_be_visible()
    expect(log.get_by_text("× invalid_timestamp")).to_be_visible()
    page.get_by_role("radio", name="Not accepted").check()
    expect(log.get_by_text("signup")).to_have_count(0)
    log.get_by_text("× invalid_timestamp").click()
    expect(log.get_by_text("Write times like 2026-02-16T12:00:00Z")).to_be_visible()
    assert "kind=not" in page.url
    assert visit.findings() == []
    page.get_by_role("radio", name="All", exact=True).check()
    page.get_by_role("searchbox", name="Show only verdicts that match").fill("FIRST")
    page.get_by_role("button", name="Pause").click()
    post(shop, view(_SHOP, "v9", event_id="second"))
    page.get_by_role("button", name=re.compile(r"Go on \(1 new\)")).click()
    log.get_by_text("signup").click()
    log.get_by_role("link", name="first").click()
    expect(visit.card("Where is my event?").get_by_text("Stored: SQL and dashboards see it")).to_be_visible()


def test_an_event_is_tried_without_being_stored(visit: Visit) -> None:
    page = visit.open("debugger")
    card = visit.card("Try an event")
    text = card.get_by_role("textbox", name="An event in JSON")
    text.fill('{"visitor_id": "v1", "event_type": "tried", "event_id": "never"')
    expect(card.get_by_role("button", name="Try it")).to_be_disabled()
    text.fill('{"visitor_id": "v1", "event_type": "tried", "event_id": "never", "timestamp": "soon"}')
    card.get_by_role("button", name="Try it").click()
    expect(card.get_by_text("It would be refused, and answered 400")).to_be_visible()
    expect(card.get_by_text("invalid_timestamp")).to_be_visible()
    text.fill('{"visitor_id": "v1", "event_type": "tried", "event_id": "never"}')
    card.get_by_role("button", name="Try it").click()
    expect(card.get_by_text("It would be stored, and answered 200")).to_be_visible()
    expect(card.get_by_role("row", name=re.compile("^event_type tried"))).to_be_visible()
    assert visit.findings() == []
    visit.open("events", id="never")
    expect(page.get_by_text("Nobody met this id")).to_be_visible()


def test_what_arrived_is_told_by_minute_with_the_reasons_of_refusals(visit: Visit) -> None:
    page = visit.open("events")
    report = visit.card("What arrived")
    expect(report.get_by_role("row", name=re.compile("^invalid_timestamp Write times like"))).to_be_visible()
    expect(report.get_by_role("term").filter(has_text="Sent again")).to_be_visible()
    report.get_by_text("Minute by minute").click()
    minutes = report.get_by_role("table", name="What arrived, by minute, the latest first")
    expect(minutes.get_by_role("columnheader", name="invalid_timestamp")).to_be_visible()
    report.get_by_role("radio", name="Why refused").check()
    assert "show=reasons" in page.url
    page.reload()
    expect(report.get_by_role("radio", name="Why refused")).to_be_checked()
    report.get_by_role("combobox", name="Time").select_option("Last hour")
    expect(report.get_by_role("img", name=re.compile("^Events that arrived"))).to_be_visible()
    report.get_by_role("link", name="Watch what is refused").click()
    expect(page.get_by_role("radio", name="Not accepted")).to_be_checked()


def test_events_and_properties_are_described_in_their_place_and_that_is_taken_back(visit: Visit) -> None:
    page = visit.open("catalogue")
    page.get_by_role("navigation", name="Events").get_by_role("link", name=re.compile("^purchase")).click()
    assert "event=purchase" in page.url
    card = visit.card("purchase")
    card.get_by_role("button", name="Change the event purchase").click()
    card.get_by_label("What people call it").fill("Order")
    card.get_by_label("Other words for it, with commas between").fill("sale, deal")
    card.get_by_label("What it is").fill("Somebody has paid.")
    card.get_by_role("button", name="Save").click()
    expect(card.get_by_text("Somebody has paid.")).to_be_visible()
    expect(card.get_by_text("also called sale, deal")).to_be_visible()
    card.get_by_text("Saved: the schema and plain language know it.").wait_for()
    known = plain.get(f"{visit.url}/api/v1/descriptions/{_SHOP}", timeout=30).json()["descriptions"]
    assert [(one["kind"], one["name"], one["label"], one["synonyms"]) for one in known] == [
        ("event", "purchase", "Order", ["sale", "deal"])
    ]
    card.get_by_role("button", name="Undo").click()
    expect(card.get_by_text("Somebody has paid.")).to_have_count(0)
    assert plain.get(f"{visit.url}/api/v1/descriptions/{_SHOP}", timeout=30).json()["descriptions"] == []

    properties = page.get_by_role("list", name="Properties of purchase")
    expect(properties.get_by_role("list", name="Frequent values of plan")).to_have_text(re.compile("pro"))
    properties.get_by_role("button", name="Describe the property plan").click()
    properties.get_by_label("What it is").fill("What they pay for.")
    properties.get_by_role("button", name="Save").click()
    expect(properties.get_by_text("What they pay for.")).to_be_visible()
    assert visit.findings() == []
    page.reload()
    expect(properties.get_by_text("What they pay for.")).to_be_visible()
    page.get_by_role("searchbox", name="Find an event or a property").fill("plan")
    expect(page.get_by_role("navigation", name="Events").get_by_role("link")).to_have_count(1)


def test_a_tenant_without_events_is_told_what_to_do(visit: Visit) -> None:
    visit.tenant = "nobody-yet"
    page = visit.open("catalogue")
    expect(page.get_by_text("Nothing was sent yet")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Send a first event").click()
    expect(page.get_by_role("heading", name="Get started", exact=True)).to_be_visible()


def test_an_open_server_says_what_needs_somebody_to_be_signed_in(chromium: Browser, shop: Server) -> None:
    with visiting(chromium, shop.url, _SHOP, PHONE, color_scheme="dark") as visit:
        page = visit.open("letters")
        expect(page.get_by_text("Dead letters need somebody to be signed in")).to_be_visible()
        expect(page.get_by_role("region", name="the command")).to_contain_text(f"millrace dlq list --tenant {_SHOP}")
        for part, said in (
            ("tenant", "Limits, retention and privacy rules need"),
            ("keys", "Keys need"),
            ("people", "People need"),
            ("privacy", "Privacy requests need"),
            ("trail", "Lines of the trail need"),
        ):
            visit.open("settings", part=part)
            expect(page.get_by_text(re.compile(f"^{said} somebody to be signed in"))).to_be_visible()
            assert visit.findings() == []
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), part
