"""The tracker in real Chromium, on a site of another origin: what it sends is what the warehouse has."""

import json

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.support.browser import Site, arrived, kept, opened, received
from tests.support.server import Server

pytestmark = pytest.mark.minutes


def test_a_page_view_has_page_title_visitor_session_and_browser(server: Server, site: Site, context: BrowserContext) -> None:
    opened(context, site, "/pricing?utm_source=letter&utm_medium=email").evaluate("analytics.flush()")
    page = context.pages[0]
    (view,) = arrived(server, site.tenant, 1, page)
    assert view["event_type"] == "page_view"
    assert view["properties"] == {"page": "/pricing", "title": "Page /pricing"}
    assert (view["page_path"], view["utm_source"], view["browser"]) == ("/pricing", "letter", "HeadlessChrome")
    assert view["page_url"] == f"{site.url}/pricing?utm_source=letter&utm_medium=email"
    assert view["visitor_id"]
    assert view["session_id"]
    assert view["event_id"][14] == "7"
    assert abs(view["skew_ms"]) < 60_000


def test_every_method_stores_its_event(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"autoTrackPageViews": False}
    page = opened(context, site)
    page.evaluate("""() => {
        analytics.page({page: "/made-up", title: "Made up", plan: "pro"});
        analytics.track("button_click", "CTA Click", {button_id: "signup_cta"});
        analytics.track("search", {query: "grinder"});
        analytics.formSubmit("contact_form", {fields: ["name", "email"]});
        analytics.identify("user_123", {plan: "pro"});
        analytics.track("after");
        return analytics.flush();
    }""")
    rows = {row["event_type"]: row for row in arrived(server, site.tenant, 6, page)}
    assert rows["page_view"]["properties"] == {"page": "/made-up", "title": "Made up", "plan": "pro"}
    assert (rows["button_click"]["event_name"], rows["button_click"]["properties"]) == (
        "CTA Click",
        {"button_id": "signup_cta"},
    )
    assert (rows["search"]["event_name"], rows["search"]["properties"]) == ("search", {"query": "grinder"})
    assert rows["form_submit"]["properties"] == {"form": "contact_form", "fields": ["name", "email"]}
    assert (rows["identify"]["user_id"], rows["identify"]["properties"]) == ("user_123", {"plan": "pro"})
    assert (rows["search"]["user_id"], rows["after"]["user_id"]) == ("", "user_123")
    assert len({row["visitor_id"] for row in rows.values()}) == 1


def test_navigations_of_a_single_page_app_are_page_views(server: Server, site: Site, context: BrowserContext) -> None:
    page = opened(context, site, "/a")
    page.evaluate("""async () => {
        const settle = () => new Promise((done) => setTimeout(done, 150));
        await settle();
        history.pushState(null, "", "/b"); document.title = "B"; await settle();
        history.replaceState({some: "state"}, "", "/b"); await settle();
        history.pushState(null, "", "/login"); history.replaceState(null, "", "/login?next=b"); await settle();
        location.hash = "anchor"; await settle();
        location.hash = "#/route"; await settle();
        history.back(); await settle();
        await analytics.flush();
    }""")
    rows = arrived(server, site.tenant, 5, page)
    seen = [row["page_url"].removeprefix(site.url) for row in rows]
    assert seen == ["/a", "/b", "/login?next=b", "/login?next=b#/route", "/login?next=b#anchor"]
    assert [row["referrer"].removeprefix(site.url) for row in rows] == ["", *seen[:-1]]
    assert rows[1]["properties"]["title"] == "B"


def test_a_batch_leaves_on_size_before_its_time(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"batchSize": 5, "flushInterval": 3_600_000, "autoTrackPageViews": False}
    page = opened(context, site)
    with page.expect_response("**/track/batch") as answered:
        page.evaluate("for (let n = 0; n < 5; n++) analytics.track('click', {n})")
    assert answered.value.json()["events_accepted"] == 5
    assert "content-type" not in answered.value.request.headers or answered.value.request.headers["content-type"].startswith(
        "text/plain"
    )
    assert sorted(row["properties"]["n"] for row in arrived(server, site.tenant, 5, page)) == [0, 1, 2, 3, 4]


def test_what_waits_leaves_on_age(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"flushInterval": 100}
    page = opened(context, site)
    arrived(server, site.tenant, 1, page)


def test_declared_elements_are_tracked(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"autoTrackPageViews": False}
    site.body = """
        <button data-track="button_click" data-track-name="CTA Click" data-track-button-id="signup" data-track-price="12.5"
                data-track-code="007"><b>Sign up</b></button>
        <form data-track="form_submit" data-track-form="newsletter" onsubmit="return false">
            <input name="mail"><button id="send">Send</button>
        </form>
        <div id="host"></div>
        <script>host.attachShadow({mode: "open"}).innerHTML = "<i data-track=inside>x</i>"</script>"""
    page = opened(context, site)
    page.click("b")
    page.click("input")
    page.click("#send")
    page.click("i")
    page.evaluate("analytics.flush()")
    rows = arrived(server, site.tenant, 3, page)
    assert [(row["event_type"], row["event_name"], row["properties"]) for row in rows] == [
        ("button_click", "CTA Click", {"button_id": "signup", "price": 12.5, "code": "007"}),
        ("form_submit", "form_submit", {"form": "newsletter"}),
        ("inside", "inside", {}),
    ]


def test_a_session_ends_after_thirty_minutes_without_an_event(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"autoTrackPageViews": False, "flushInterval": 3_600_000}
    page = context.new_page()
    page.clock.install()
    page.goto(site.url)
    page.evaluate("analytics.track('first')")
    page.clock.fast_forward("29:00")
    page.evaluate("analytics.track('second')")
    page.clock.fast_forward("31:00")
    page.evaluate("(analytics.track('third'), analytics.flush())")
    first, second, third = arrived(server, site.tenant, 3, page)
    assert first["session_id"] == second["session_id"] != third["session_id"]
    assert first["visitor_id"] == third["visitor_id"]


def test_tabs_and_later_pages_share_visitor_user_and_session(server: Server, site: Site, context: BrowserContext) -> None:
    first = opened(context, site, "/1")
    first.evaluate("(analytics.identify('u1'), analytics.flush())")
    second = opened(context, site, "/2")
    second.evaluate("(analytics.track('here'), analytics.flush())")
    first.goto(f"{site.url}/3")
    first.evaluate("(analytics.track('there'), analytics.flush())")
    rows = arrived(server, site.tenant, 6, first)
    assert len({(row["visitor_id"], row["session_id"]) for row in rows}) == 1
    assert {row["user_id"] for row in rows if row["event_type"] in ("here", "there")} == {"u1"}


def test_reset_begins_a_new_visitor(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"autoTrackPageViews": False}
    page = opened(context, site)
    page.evaluate("""() => {
        analytics.identify("u1"); analytics.reset(); analytics.track("anonymous"); return analytics.flush();
    }""")
    before, after = sorted(arrived(server, site.tenant, 2, page), key=lambda row: row["event_type"], reverse=True)
    assert (before["user_id"], after["user_id"]) == ("u1", "")
    assert before["visitor_id"] != after["visitor_id"]
    assert before["session_id"] != after["session_id"]


def test_a_rejected_event_is_not_sent_again_and_the_others_are_stored(
    server: Server, site: Site, context: BrowserContext
) -> None:
    site.options = {"autoTrackPageViews": False}
    page = opened(context, site)
    with page.expect_response("**/track/batch") as answered:
        page.evaluate("(analytics.track('good'), analytics.track(''), analytics.flush())")
    assert answered.value.json()["events_rejected"] == 1
    with page.expect_response("**/track") as answered:
        page.evaluate("(analytics.track('x'.repeat(300)), analytics.flush())")
    assert answered.value.status == 400
    page.wait_for_function("!Object.keys(localStorage).some((key) => key.includes('.q.'))")
    arrived(server, site.tenant, 1, page)


def test_nothing_is_thrown_whatever_it_is_given(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"debug": True}
    page = opened(context, site)
    page.evaluate("""async () => {
        const circle = {}; circle.self = circle;
        for (const bad of [circle, 10n, null, undefined, NaN, Symbol("s"), () => 1, {get x() { throw new Error("no") }}])
            for (const name of ["page", "track", "formSubmit", "identify", "consent"])
                for (const given of [[bad], ["t", bad], ["t", "n", bad]]) analytics[name](...given);
        for (const bad of [undefined, null, {}, {apiUrl: null}, {customerId: 7, apiUrl: {}}])
            new AnalyticsTracker(bad).track("x");
        analytics.consent(true);
        await analytics.flush();
    }""")
    page.evaluate("(analytics.track('fine'), analytics.flush())")
    expect(page).to_have_title("Page /")


def test_a_key_goes_in_the_body_where_a_beacon_can_carry_it(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"apiKey": "wk_public", "autoTrackPageViews": False}
    page = opened(context, site)
    for count, path in ((1, "**/track"), (2, "**/track/batch")):
        with page.expect_request(path) as asked:
            page.evaluate(f"for (let n = 0; n < {count}; n++) analytics.track('click'); analytics.flush()")
        assert json.loads(asked.value.post_data or "")["write_key"] == "wk_public"
    arrived(server, site.tenant, 3, page)


@pytest.mark.parametrize("kind", ["module", "tag"])
def test_it_begins_as_a_module_and_by_its_tag_alone(server: Server, site: Site, context: BrowserContext, kind: str) -> None:
    site.script = {
        "module": f"""<script type="module">
            import AnalyticsTracker from "{server.url}/tracker.mjs";
            window.analytics = new AnalyticsTracker({{apiUrl: "{server.url}/", customerId: "{site.tenant}"}});
        </script>""",
        "tag": f"""<script src="{server.url}/tracker.js" defer
            data-customer-id="{site.tenant}" data-flush-interval="50"></script>""",
    }[kind]
    page = opened(context, site)
    page.evaluate("analytics.flush()")
    arrived(server, site.tenant, 1, page)
    assert f"millrace.{site.tenant}.visit" in kept(page)
    assert received(server, site.tenant) == 1
