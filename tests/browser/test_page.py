"""The page as a person walks through it, in real Chromium: nobody needs a test id, as nobody has one."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.support import plain
from tests.support.analytics import post, view
from tests.support.page import DESKTOP, Visit, visiting
from tests.support.server import Server

pytestmark = pytest.mark.minutes

_SHOP = "shop"
_DAY = "2026-01-{:02}T10:00:00Z"
_RANGE = "2026-01-05..2026-01-07"


@pytest.fixture(scope="module")
def shop(server: Server) -> Server:
    """Three days of a shop: who looks, who buys, and where from. Every number of these tests is counted from here."""
    events = []
    for visitor, day, country, bought in (
        ("ada", 5, "AT", 30.0),
        ("bob", 5, "AT", None),
        ("cem", 6, "DE", 12.5),
        ("ada", 6, "AT", None),
        ("dea", 7, "DE", None),
        ("cem", 7, "DE", 7.5),
    ):
        at = _DAY.format(day)
        events.append(view(_SHOP, visitor, "/", timestamp=at, event_id=f"{visitor}-{day}-view"))
        if bought is not None:
            said = {"event_type": "purchase", "properties": {"amount": bought, "country": country}}
            events.append({"customer_id": _SHOP, "visitor_id": visitor, "timestamp": at, **said})
    post(server, *events)
    server.wait_until_stored()
    return server


@pytest.fixture
def visit(chromium: Browser, shop: Server) -> Iterator[Visit]:
    with visiting(chromium, shop.url, _SHOP) as made:
        yield made


def test_a_first_event_is_sent_as_told_seen_arriving_and_then_followed_live(chromium: Browser, server: Server) -> None:
    with visiting(chromium, server.url, "fresh") as visit:
        page = visit.open("live")
        expect(visit.card("Events per minute").get_by_text("Nothing came in the last hour")).to_be_visible()
        page.get_by_role("link", name="Send a first event").click()
        page.get_by_role("radio", name="curl").check()
        told = page.get_by_role("region", name="the snippet for curl").inner_text()
        body = re.search(r"-d '(\{.*\})'", told, re.DOTALL)
        assert body is not None
        assert f"{server.url}/track" in told
        expect(page.get_by_text("Waiting for an event")).to_be_visible()
        assert plain.post(f"{server.url}/track", content=body[1], timeout=30).json()["success"] is True
        arrived = page.get_by_role("log", name="Verdicts")
        expect(arrived.get_by_text("accepted")).to_be_visible()
        refused = plain.post(f"{server.url}/track", json=view("fresh", timestamp="soon"), timeout=30)
        assert refused.status_code == 400
        expect(arrived.get_by_text("invalid_timestamp")).to_be_visible()
        page.get_by_role("link", name="Look at it live").click()
        expect(page.get_by_role("heading", name="Live", exact=True)).to_be_visible()
        expect(visit.card("Top events").get_by_text("page_view")).to_be_visible()
        expect(visit.card("Top pages").get_by_text("1 visitor", exact=True)).to_be_visible()

        page.get_by_text("Each event the moment it is accepted").wait_for()
        stream = page.get_by_role("log", name="Events")
        post(server, view("fresh", "v7", event_type="signup"), view("fresh", "v8"))
        expect(stream.get_by_text("signup")).to_be_visible()
        page.get_by_role("searchbox", name="Show only events that match").fill("SIGN v7")
        expect(stream.get_by_role("listitem")).to_have_count(1)
        page.get_by_role("button", name="Pause").click()
        post(server, view("fresh", "v7", event_type="signup"))
        page.get_by_role("button", name=re.compile(r"Go on \(1 new\)")).click()
        expect(stream.get_by_role("listitem")).to_have_count(2)
        assert "only=SIGN" in page.url


def test_a_question_in_plain_language_is_answered_told_how_it_was_read_and_has_a_link(visit: Visit) -> None:
    page = visit.open("ask")
    question = "purchases by country from 2026-01-05 to 2026-01-07"
    page.get_by_role("textbox", name="Your question").fill(question)
    page.keyboard.press("Enter")
    answer = visit.card(question)
    expect(answer.get_by_text("“DE” has the highest purchases: 2.")).to_be_visible()
    expect(answer.get_by_role("listitem").filter(has_text="AT1")).to_be_visible()
    expect(answer.get_by_role("list", name="How it was understood")).to_contain_text("country")
    expect(answer.get_by_text("read without a language model")).to_be_visible()
    answer.get_by_text("The statement that was asked").click()
    expect(answer.get_by_role("region", name="SQL")).to_contain_text("FROM events_raw")
    answer.get_by_role("button", name="Yes, this was right").click()
    expect(answer.get_by_text("It is read so from now on.")).to_be_visible()
    page.reload()
    expect(visit.card(question).get_by_text("read as somebody confirmed it before")).to_be_visible()
    page.get_by_role("textbox", name="Your question").fill("what is the meaning of life")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_role("heading", name="I cannot answer this")).to_be_visible()
    page.go_back()
    expect(visit.card(question)).to_be_visible()


def _emptied(page: Page) -> Locator:
    """The editor, with nothing in it."""
    editor = page.get_by_role("textbox", name="SQL")
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    return editor


def _choose_a_column(page: Page) -> None:
    editor = _emptied(page)
    page.keyboard.type("SELECT visit")
    page.get_by_role("option", name=re.compile("^visitor_id")).click()
    expect(editor).to_have_text("SELECT visitor_id")


def test_enter_is_a_new_line_unless_an_option_was_moved_to_and_tab_takes_the_first(visit: Visit) -> None:
    page = visit.open("sql")
    page.get_by_role("region", name="Tables and events").wait_for()
    editor = _emptied(page)
    lines = editor.locator(".cm-line")
    for text, offered in (("SELECT device", "device"), ("FROM events_raw", "events_raw")):
        page.keyboard.type(text)
        expect(page.get_by_role("option", name=re.compile(f"^{offered}")).first).to_be_visible()
        expect(page.get_by_role("option", selected=True)).to_have_count(0)
        page.keyboard.press("Enter")
    page.keyboard.type("WHERE event_type = 'purch")
    expect(page.get_by_role("option", name=re.compile("^purchase"))).to_be_visible()
    page.keyboard.type("ase'")
    page.keyboard.press("Control+Space")
    expect(page.get_by_role("option").first).to_be_visible()
    expect(page.get_by_role("option", name=re.compile("event type$"))).to_have_count(0)
    page.keyboard.press("Escape")
    expect(lines).to_have_text(["SELECT device", "FROM events_raw", "WHERE event_type = 'purchase'"])

    _emptied(page)
    page.keyboard.type("SELECT visit")
    expect(page.get_by_role("option", name=re.compile("^visitor_id"))).to_be_visible()
    page.keyboard.press("Tab")
    expect(editor).to_have_text("SELECT visitor_id")
    expect(editor).to_be_focused()
    page.keyboard.type(", sess")
    expect(page.get_by_role("option", name=re.compile("^session_id"))).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", selected=True)).to_have_count(1)
    page.keyboard.press("Enter")
    expect(editor).to_have_text("SELECT visitor_id, session_id")


def test_a_link_to_a_statement_has_its_values_and_waits_for_those_that_it_has_not(visit: Visit) -> None:
    sql = "SELECT count() AS n FROM events_raw WHERE customer_id = 'shop' AND visitor_id = {who:String} AND 1 < {more:UInt8}"
    page = visit.open("sql", sql=sql, values='{"who": "ada", "more": 2, "other": "x"}')
    expect(page.get_by_label("who")).to_have_value("ada")
    expect(page.get_by_text("there is no value for more")).to_have_count(1)
    expect(page.get_by_role("table", name="Result")).to_have_count(0)
    page.get_by_label("more").fill("3")
    page.get_by_role("textbox", name="SQL").press("Control+Enter")
    rows = page.get_by_role("table", name="Result").get_by_role("row")
    expect(rows.nth(1)).to_have_text("3")
    page.reload()
    expect(rows.nth(1)).to_have_text("3")
    expect(page.get_by_label("more")).to_have_value("3")
    expect(page.get_by_role("alert")).to_have_count(0)
    visit.open("sql", sql=sql, values="[1")
    expect(page.get_by_text("there is no value for more")).to_have_count(1)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_statement_is_run_with_the_keyboard_shown_and_kept_under_a_name(visit: Visit) -> None:
    sql = (
        "SELECT event_type, count() AS n FROM events_raw WHERE customer_id = 'shop' AND visitor_id != {without:String} "
        "GROUP BY 1 ORDER BY 1"
    )
    page = visit.open("sql")
    editor = _emptied(page)
    page.keyboard.insert_text(sql)
    page.get_by_label("without").fill("bob")
    editor.press("Control+Enter")
    rows = page.get_by_role("table", name="Result").get_by_role("row")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_have_text(re.compile("page_view.*5"))
    expect(rows.nth(2)).to_have_text(re.compile("purchase.*3"))
    with page.expect_download() as started:
        page.get_by_role("combobox", name="Download").select_option("CSV")
    assert started.value.path().read_text().splitlines() == ['"event_type","n"', '"page_view",5', '"purchase",3']

    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_label("Name").fill("without-one")
    page.get_by_label("Description").fill("Without one visitor")
    page.get_by_role("button", name="Save statement").click()
    page.get_by_role("radio", name="Saved").check()
    expect(page.get_by_role("button", name=re.compile("^without-one"))).to_be_visible()
    saved = plain.get(f"{visit.url}/query/saved/shop/without-one/rows", timeout=30)
    assert saved.json()["data"] == [{"event_type": "page_view", "n": 5}, {"event_type": "purchase", "n": 3}]
    page.get_by_role("button", name="Delete without-one").click()
    expect(page.get_by_text("without-one is deleted.")).to_be_visible()
    assert plain.get(f"{visit.url}/query/saved/shop/without-one", timeout=30).status_code == 404
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Delete without-one")).to_be_visible()
    assert plain.get(f"{visit.url}/query/saved/shop/without-one/rows", timeout=30).status_code == 200
    page.get_by_role("radio", name="History").check()
    expect(page.get_by_role("region", name="History").get_by_role("listitem").first).to_contain_text("2 rows")


def test_a_mistake_is_told_where_it_is_and_an_error_with_its_request(visit: Visit) -> None:
    page = visit.open("sql", sql="SELECT evnt_type FROM events_raw WHERE customer_id = 'shop'")
    expect(page.get_by_text(re.compile("^Line 1: .*evnt_type"))).to_be_visible()
    error = page.get_by_role("alert")
    expect(error).to_contain_text("unknown_column")
    expect(error).to_contain_text(re.compile(r"request [0-9a-f]{16}"))
    page.get_by_role("region", name="Tables and events").wait_for()  # from then on its columns are offered
    _choose_a_column(page)


def test_columns_are_offered_where_the_editor_is_loaded_behind_its_tables(visit: Visit) -> None:
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    visit.page.route("**/editor-*.js", hold)
    page = visit.open("sql")
    page.get_by_role("region", name="Tables and events").wait_for()
    [editor] = waiting
    editor.continue_()
    _choose_a_column(page)


def test_a_measure_is_broken_down_filtered_and_compared_and_its_link_shows_the_same(visit: Visit) -> None:
    page = visit.open("explore", range=_RANGE)
    page.get_by_label("Measure").select_option(label="Revenue")
    expect(page.get_by_text("50.00", exact=True)).to_be_visible()
    page.get_by_label("Broken down by").fill("country")
    page.get_by_label("Broken down by").press("Enter")
    whole = page.get_by_role("table", name="The whole time, by group").get_by_role("row")
    expect(whole.nth(1)).to_have_text(re.compile("AT.*30"))
    expect(whole.nth(2)).to_have_text(re.compile("DE.*20"))
    page.get_by_role("button", name="Add a condition").click()
    page.get_by_role("combobox", name="Field").fill("properties.amount")
    page.get_by_role("combobox", name="Comparison").select_option("is more than")
    page.get_by_role("combobox", name="Value").fill("10")
    page.get_by_role("combobox", name="Value").press("Enter")
    expect(whole.nth(2)).to_have_text(re.compile(r"DE.*12\.5"))
    page.reload()
    expect(page.get_by_role("heading", name="Revenue by country")).to_be_visible()
    expect(whole.nth(2)).to_have_text(re.compile(r"DE.*12\.5"))
    page.get_by_role("button", name="Remove condition 1").click()
    expect(whole.nth(2)).to_have_text(re.compile("DE.*20"))


def test_a_funnel_says_how_many_come_how_far_and_who_dropped_out(visit: Visit) -> None:
    page = visit.open("funnels", range=_RANGE)
    steps = visit.card("Steps")
    expect(steps.get_by_label("Step 1", exact=True)).to_have_value("page_view")
    expect(steps.get_by_label("Step 2", exact=True)).to_have_value("purchase")
    result = visit.card("50% come to the end")
    expect(result.get_by_text(re.compile("2 of 4 people"))).to_be_visible()
    result.get_by_role("button", name="2 drop out").click()
    dropped = visit.card("Who did page_view and not purchase")
    expect(dropped.get_by_role("listitem")).to_have_text(["bob", "dea"])
    dropped.get_by_role("link", name="bob").click()
    expect(visit.card("bob").get_by_text("1 event in 1 sitting, UTC")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Remove step 2").click()
    expect(page.get_by_text("A funnel has two steps at least")).to_be_visible()
    page.go_back()
    expect(visit.card("50% come to the end")).to_be_visible()


def test_paths_say_what_people_do_next_and_the_journey_of_one_is_followed(visit: Visit) -> None:
    page = visit.open("paths", range=_RANGE, e="page_view", within="604800")
    paths = visit.card("After page_view").get_by_role("listitem")
    expect(paths.filter(has_text="Nothing more")).to_contain_text("2")
    page.get_by_role("radio", name="before").check()
    expect(visit.card("Before page_view").get_by_role("listitem")).to_contain_text(["Nothing before"])
    visit.follow("Journeys")
    page.get_by_role("searchbox", name="User or visitor").fill("cem")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing of cem in this time")).to_be_visible()
    page.get_by_role("combobox", name="Time").select_option("From … to …")
    page.get_by_label("From", exact=True).fill("2026-01-05")
    page.get_by_label("From", exact=True).press("Enter")
    expect(visit.card("cem").get_by_text("4 events in 2 sittings, UTC")).to_be_visible()


def test_sessions_are_counted_and_broken_down(visit: Visit) -> None:
    page = visit.open("sessions", range=_RANGE)
    expect(page.get_by_text("Bounce rate").first).to_be_visible()
    expect(page.get_by_role("definition").first).to_have_text("6")
    page.get_by_label("Broken down by").fill("event_type")
    page.get_by_label("Broken down by").press("Enter")
    rows = page.get_by_role("table", name="Sessions by group").get_by_role("row")
    expect(rows.filter(has_text="page_view")).to_be_visible()


def test_retention_shows_each_cohort(chromium: Browser, shop: Server) -> None:
    with visiting(chromium, shop.url, "people") as visit:
        today = plain.get(f"{shop.url}/health", timeout=30).json()["timestamp"]
        post(shop, view("people", "ada", timestamp=today), view("people", "bob", timestamp=today))
        shop.wait_until_stored()
        page = visit.open("retention", unit="day")
        cohorts = page.get_by_role("table", name="Cohorts").get_by_role("row")
        expect(cohorts).to_have_count(2)
        expect(page.get_by_text("People by the day of their first event in this time, and how many came back")).to_be_visible()
        expect(cohorts.nth(1)).to_have_text(re.compile(r"2\s*100%"))
        page.get_by_label("People begin with").fill("signup")
        page.get_by_label("People begin with").press("Enter")
        expect(page.get_by_text("Nobody began in this time")).to_be_visible()


def test_an_event_is_found_by_its_id_and_what_is_unknown_is_said_so(visit: Visit, shop: Server) -> None:
    page = visit.open("events")
    page.get_by_role("searchbox", name="Id of the event").fill("ada-5-view")
    page.get_by_role("button", name="Find it").click()
    found = visit.card("Where is my event?")
    expect(found.get_by_text("Stored: SQL and dashboards see it")).to_be_visible()
    expect(found.get_by_text("5 Jan")).to_be_visible()
    page.get_by_role("searchbox", name="Id of the event").fill("nobody-sent-this")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nobody met this id")).to_be_visible()
    expect(visit.card("What arrived").get_by_role("term").filter(has_text="Received")).to_be_visible()


def test_times_are_those_of_the_tenant(chromium: Browser, shop: Server) -> None:
    token = json.loads((shop.data_dir / "server.json").read_text())["token"]
    settled = plain.put(
        f"{shop.url}/admin/v1/tenants/tokyo",
        json={"time_zone": "Asia/Tokyo"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    assert settled.status_code == 200, settled.text
    post(shop, view("tokyo", event_id="late", timestamp="2026-01-05T20:30:00Z"))
    with visiting(chromium, shop.url, "tokyo", DESKTOP, timezone_id="America/New_York") as visit:
        visit.open("events", id="late")
        expect(visit.card("Where is my event?").get_by_text("6 Jan, 05:30:00")).to_be_visible()
