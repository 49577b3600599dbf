"""The page for owners, where credentials are required: keys, people, the tenant's settings, privacy requests, the trail."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support import plain
from tests.support.access import bearer
from tests.support.owners import PASSWORD, Owned, owned_server
from tests.support.page import DESKTOP, PHONE, Visit, visiting

pytestmark = pytest.mark.minutes

_PARTS = ("tenant", "keys", "people", "privacy", "trail")


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owned]:
    with owned_server(tmp_path_factory.mktemp("settings") / "data") as made:
        made.person("ada@example.com", "owner")
        made.person("vic@example.com", "viewer")
        made.person("root@example.com", "owner", tenant="*")
        yield made


@pytest.fixture
def visit(chromium: Browser, owned: Owned) -> Iterator[Visit]:
    with visiting(chromium, owned.url, "shop", color_scheme="light") as made:
        owned.sign_in(made, "ada@example.com")
        yield made


def _shown_once(page: Page) -> str:
    """The secret of the key that was just made."""
    return page.get_by_role("status").filter(has_text=re.compile("^mr[ws]_")).inner_text().strip()


def _track(owned: Owned, key: str, **headers: str) -> int:
    event = {"visitor_id": "v1", "event_type": "click"}
    return plain.post(f"{owned.url}/track", json=event, headers={**bearer(key), **headers}, timeout=30).status_code


def test_a_key_is_made_shown_once_rotated_and_revoked(visit: Visit, owned: Owned) -> None:
    page = visit.open("settings", part="keys")
    page.get_by_text("No key works here yet").wait_for()
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name", exact=True).fill("web")
    page.get_by_label("Only from these pages").fill("shop.example.com")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("alert")).to_contain_text("invalid_request")
    page.get_by_label("Only from these pages").fill("https://shop.example.com")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("heading", name="web is made")).to_be_visible()
    assert visit.findings() == []
    first = _shown_once(page)
    assert [_track(owned, first, Origin=f"https://{host}.example.com") for host in ("shop", "other")] == [200, 403]
    page.get_by_role("button", name="I have it").click()
    page.reload()
    keys = page.get_by_role("list", name="Keys")
    expect(keys.get_by_text("only from https://shop.example.com")).to_be_visible()
    expect(page.get_by_text(first)).to_have_count(0)

    keys.get_by_role("button", name="Rotate web").click()
    dialog = page.get_by_role("dialog", name="Rotate web")
    dialog.get_by_label("The old one ends").select_option("in an hour")
    dialog.get_by_role("button", name="Make the new key").click()
    page.get_by_role("heading", name="web is made").wait_for()
    second = _shown_once(page)
    assert second != first
    expect(keys.get_by_role("listitem").filter(has_text="replaced, works until")).to_have_count(1)
    keys.get_by_role("listitem").filter(has_text="replaced").get_by_role("button", name="Revoke web").click()
    expect(page.get_by_role("dialog", name="Revoke web").get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    keys.get_by_role("listitem").filter(has_text="replaced").get_by_role("button", name="Revoke web").click()
    page.get_by_role("dialog", name="Revoke web").get_by_role("button", name="Revoke").click()
    page.get_by_label("Show 1 that has ended").check()
    expect(keys.get_by_text(re.compile("^revoked"))).to_be_visible()
    origin = {"Origin": "https://shop.example.com"}
    assert [_track(owned, key, **origin) for key in (first, second)] == [401, 200]


def test_somebody_is_let_in_given_another_role_and_taken_out_with_a_way_back(visit: Visit, owned: Owned) -> None:
    page = visit.open("settings", part="people")
    page.get_by_role("textbox", name="Email").fill("bob@example.com")
    page.get_by_role("button", name="Invite").click()
    page.get_by_role("heading", name="A link for bob@example.com").wait_for()
    link = page.get_by_role("status").filter(has_text="/setup?").inner_text().strip()
    assert plain.get(link, timeout=30).status_code == 200
    page.get_by_role("button", name="I have it").click()
    people = page.get_by_role("list", name="People")
    bob = people.get_by_role("listitem").filter(has_text="bob@example.com")
    bob.get_by_label("Role of bob@example.com").select_option("analyst")
    owned.wait_for_role("bob@example.com", "analyst")
    bob.get_by_role("button", name="Remove bob@example.com").click()
    page.get_by_text("bob@example.com has no role here any more.").wait_for()
    owned.wait_for_role("bob@example.com", None)
    assert visit.findings() == []
    page.get_by_role("button", name="Undo").click()
    owned.wait_for_role("bob@example.com", "analyst")
    expect(bob.get_by_label("Role of bob@example.com")).to_have_value("analyst")
    page.get_by_role("textbox", name="Email").fill("bob@example.com")
    page.get_by_role("combobox", name="Role", exact=True).select_option("owner")
    page.get_by_role("button", name="Invite").click()
    page.get_by_text("bob@example.com had an account here already").wait_for()
    owned.wait_for_role("bob@example.com", "owner")
    me = people.get_by_role("listitem").filter(has_text="ada@example.com")
    expect(me.get_by_text("another owner changes your role")).to_be_visible()


def test_the_zone_and_privacy_rules_are_the_owners_and_limits_are_not(visit: Visit, owned: Owned) -> None:
    page = visit.open("settings")
    zone = visit.card("Time zone")
    zone.get_by_label("Zone").fill("Mars/Base")
    zone.get_by_label("Zone").press("Tab")
    expect(zone.get_by_text("No zone has this name")).to_be_visible()
    zone.get_by_label("Zone").fill("Asia/Tokyo")
    zone.get_by_role("button", name="Save").click()
    expect(visit.card("shop").get_by_text("Asia/Tokyo: days, hours")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(visit.card("shop").get_by_text("UTC: days, hours")).to_be_visible()
    rules = visit.card("Privacy rules")
    rules.get_by_label("Never stored").fill("colour")
    rules.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("colour")
    rules.get_by_label("Never stored").fill("properties.email\nip")
    rules.get_by_label("Events of browsers that ask not to be followed are").select_option("not kept at all")
    rules.get_by_role("button", name="Save").click()
    page.get_by_text("Saved. It holds for what is received").wait_for()
    settled = owned.admin("GET", "/tenants/shop")
    assert (settled["denied"], settled["signals"], settled["time_zone"]) == (["ip", "properties.email"], "drop", "UTC")
    expect(visit.card("Limits and retention").get_by_role("button", name="Save")).to_have_count(0)
    expect(visit.card("Limits and retention").get_by_text("Settled by an administrator of all tenants")).to_be_visible()


def test_an_administrator_of_all_tenants_settles_limits_and_retention(chromium: Browser, owned: Owned) -> None:
    with visiting(chromium, owned.url, "blog") as visit:
        owned.sign_in(visit, "root@example.com")
        page = visit.open("settings")
        limits = visit.card("Limits and retention")
        limits.get_by_label("Events a minute").fill("500")
        limits.get_by_label("Events are kept so many days").fill("365")
        limits.get_by_label("Kept for another time, by type").fill("purchase")
        expect(limits.get_by_text("Each line is a type of event and a number of days")).to_be_visible()
        limits.get_by_label("Kept for another time, by type").fill("purchase 730")
        limits.get_by_role("button", name="Save").click()
        page.get_by_text("Saved. It holds for what is received").wait_for()
        settled = owned.admin("GET", "/tenants/blog")
        assert (settled["limit"], settled["retention_days"], settled["event_days"]) == (500, 365, {"purchase": 730})


def test_a_person_is_exported_and_erased_and_nothing_is_left(visit: Visit, owned: Owned) -> None:
    key = owned.admin("POST", "/keys", json={"tenant": "shop", "kind": "secret", "scopes": ["ingest"]})["key"]
    for number in range(3):
        event = {"visitor_id": "eves-phone", "user_id": "eve", "event_type": "click", "event_id": f"eve-{number}"}
        assert plain.post(f"{owned.url}/track", json=event, headers=bearer(key), timeout=30).status_code == 200
    owned.server.wait_until_stored()
    page = visit.open("settings", part="privacy")
    page.get_by_text("Nobody was erased yet.").wait_for()
    page.get_by_label("User id").fill("nobody")
    page.get_by_role("button", name="See what there is").click()
    page.get_by_text("Nothing is stored of nobody").wait_for()
    page.get_by_label("User id").fill("eve")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Erase…").wait_for()
    with page.expect_download() as started:
        page.get_by_role("button", name="Export").click()
    rows = [json.loads(line) for line in started.value.path().read_text().splitlines()]
    assert sorted(row["row"]["client_event_id"] for row in rows if row["table"] == "events_raw") == ["eve-0", "eve-1", "eve-2"]
    page.get_by_role("button", name="Erase…").click()
    dialog = page.get_by_role("dialog", name="Erase eve")
    action = dialog.get_by_role("button", name=re.compile("^Erase"))
    expect(action).to_be_disabled()
    assert visit.findings() == []
    dialog.get_by_label("Type eve to go on").fill("eve")
    action.click()
    expect(page.get_by_text(re.compile(r"^Erased \d rows; asked again, nothing is left$"))).to_be_visible()
    expect(page.get_by_role("table", name="Erasures, the newest first").get_by_role("row")).to_have_count(2)
    assert "eve" not in page.url


def test_the_trail_says_who_did_what_and_is_searched_and_paged(visit: Visit, owned: Owned) -> None:
    for number in range(60):
        owned.admin("PATCH", "/tenants/shop", json={"event_days": {"a": number + 1}})
    made = owned.admin("POST", "/keys", json={"tenant": "shop", "kind": "write", "name": "of the trail"})
    page = visit.open("settings", part="trail")
    lines = page.get_by_role("list", name="Changes").get_by_role("listitem")
    expect(lines.first).to_contain_text("key created")
    expect(lines.first).to_contain_text("of the trail")
    expect(lines).to_have_count(50)
    page.get_by_role("button", name="Older").click()
    expect(lines.first).to_contain_text("tenant changed")
    assert "after=" in page.url
    page.go_back()
    expect(lines.first).to_contain_text("key created")
    page.get_by_role("combobox", name="What was done").fill("key_created")
    page.get_by_role("combobox", name="Who, or to what").fill(made["id"])
    page.get_by_role("combobox", name="Who, or to what").press("Enter")
    expect(lines).to_have_count(1)
    lines.get_by_text(re.compile("· server$")).click()
    expect(lines.get_by_text("mrw_")).not_to_have_count(0)
    page.get_by_role("combobox", name="Who, or to what").fill("nothing of this name")
    page.get_by_role("combobox", name="Who, or to what").press("Enter")
    expect(page.get_by_text("No line fits")).to_be_visible()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_part_has_a_serious_finding_and_each_fits_its_width(chromium: Browser, owned: Owned, size: tuple[int, int]) -> None:
    with visiting(chromium, owned.url, "shop", size, color_scheme="light") as visit:
        owned.sign_in(visit, "ada@example.com")
        for part in _PARTS:
            page = visit.open("settings", part=part, new="1")
            page.get_by_role("heading", level=2).first.wait_for()
            expect(page.get_by_text("Loading", exact=True)).to_have_count(0)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                expect(page.locator("html")).to_have_attribute("data-theme", scheme)
                assert visit.findings() == [], (part, scheme)
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), part


def test_a_viewer_is_offered_nothing_and_told_why(chromium: Browser, owned: Owned) -> None:
    with visiting(chromium, owned.url, "shop", PHONE) as visit:
        owned.sign_in(visit, "vic@example.com", PASSWORD)
        page = visit.open("settings", part="keys")
        expect(page.get_by_text("Keys are for owners")).to_be_visible()
        expect(page.get_by_role("button", name="New key")).to_have_count(0)
        visit.follow("Dead letters")
        expect(page.get_by_text("Dead letters are for owners")).to_be_visible()
        visit.follow("Catalogue")
        expect(page.get_by_text("Catalogue is not for you here")).to_be_visible()
