"""The page where credentials are required: signing in, what a role may see, the first key and its first event."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support import plain
from tests.support.access import bearer
from tests.support.commands import millrace
from tests.support.page import PHONE, Visit, visiting
from tests.support.server import Server

pytestmark = pytest.mark.minutes

_EMAIL, _PASSWORD = "ada@example.com", "correct horse battery"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("access") / "data", {"MILLRACE_AUTH": "required", "MILLRACE_LOGIN_MINUTES": "0.1"})
    made.start()
    yield made
    assert made.stop() == 0


def _run(server: Server, *arguments: str | Path) -> str:
    done = millrace(*arguments, "--data-dir", server.data_dir)
    assert done.code == 0, done.err
    return done.out.strip()


def _first_owner_link(server: Server) -> str:
    deadline = time.monotonic() + 30
    while (found := re.search(r"http://\S+/setup\?purpose=first_owner&token=\w+", server.log.read_text())) is None:
        assert time.monotonic() < deadline, server.tail()
        time.sleep(0.05)
    return found[0]


def _sign_in(page: Page, email: str, password: str = _PASSWORD) -> None:
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


@pytest.fixture
def visit(chromium: Browser, server: Server) -> Iterator[Visit]:
    with visiting(chromium, server.url, "shop") as made:
        yield made


def _expect_the_pages_look(visit: Visit) -> None:
    """Of a form without script: the page's font, colours, light and dark, and nothing that axe finds."""
    page, button = visit.page, visit.page.get_by_role("button", name="Become the owner")
    assert page.evaluate("document.fonts.ready.then(() => document.fonts.check('14px \"Inter Variable\"'))")
    for scheme, accent, below in (("light", "15, 118, 110", "246, 247, 245"), ("dark", "69, 196, 180", "15, 18, 17")):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        expect(button).to_have_css("background-color", f"rgb({accent})")
        expect(page.locator("body")).to_have_css("background-color", f"rgb({below})")
        assert visit.findings() == []
    page.emulate_media(color_scheme="light")


def test_the_first_owner_signs_in_makes_a_key_and_sees_its_first_event(visit: Visit, server: Server) -> None:
    page = visit.page
    page.goto(_first_owner_link(server))
    _expect_the_pages_look(visit)
    page.get_by_label("Email").fill(_EMAIL)
    page.get_by_label("Password").fill(_PASSWORD)
    page.get_by_role("button", name="Become the owner").click()
    expect(page.get_by_role("heading", name="Your password is set")).to_be_visible()
    page.get_by_role("link", name="Sign in").click()
    expect(page.get_by_role("heading", name="Sign in to Millrace")).to_be_visible()
    assert visit.findings() == []
    _sign_in(page, _EMAIL, "not the password")
    expect(page.get_by_role("alert")).to_contain_text("The email or the password is wrong.")
    _sign_in(page, _EMAIL)
    expect(page.get_by_role("heading", name="Get started", exact=True)).to_be_visible()
    expect(page.get_by_text(_EMAIL)).to_be_visible()
    assert page.evaluate("document.cookie") == ""
    assert visit.findings() == []

    page.get_by_label("Name", exact=True).fill("shop")
    page.get_by_label("Time zone: whose days are its days").fill("Europe/Vienna")
    page.get_by_role("button", name="Create the tenant").click()
    page.get_by_role("button", name="Make a key for shop").click()
    page.get_by_text("It is shown now and never again").wait_for()
    snippet = page.get_by_role("region", name="the snippet for Web page").inner_text()
    key = re.search(r'data-api-key="(mrw_\w{32})"', snippet)
    assert key is not None
    page.get_by_text("Waiting for an event").wait_for()
    event = {"visitor_id": "v1", "event_type": "signup"}
    assert plain.post(f"{server.url}/track", json=event, headers=bearer(key[1]), timeout=30).status_code == 200
    expect(page.get_by_role("log", name="Verdicts").get_by_text("signup")).to_be_visible()


def test_a_session_goes_on_when_its_token_is_over_and_ends_by_signing_out(visit: Visit) -> None:
    page = visit.open("live")
    _sign_in(page, _EMAIL)
    expect(page.get_by_role("heading", name="Live", exact=True)).to_be_visible()
    with page.expect_response("**/auth/v1/session/refresh", timeout=60_000) as refreshed:
        pass  # tokens are good for six seconds here, and the view asks every two
    assert refreshed.value.status == 200
    expect(page.get_by_role("heading", name="Live", exact=True)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in to Millrace")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in to Millrace")).to_be_visible()


def test_a_viewer_looks_and_is_told_what_is_not_for_them(chromium: Browser, server: Server) -> None:
    link = _run(server, "user", "add", "vic@example.com", "shop", "--role", "viewer").split()[-1]
    token = link.rpartition("token=")[2]
    assert plain.post(f"{server.url}/setup", data={"token": token, "password": _PASSWORD}, timeout=60).status_code == 200
    with visiting(chromium, server.url, "shop", PHONE) as visit:
        page = visit.page
        page.goto(f"{server.url}/")
        _sign_in(page, "vic@example.com")
        expect(page.get_by_role("heading", name="Live", exact=True)).to_be_visible()
        visit.follow("SQL")
        expect(page.get_by_text("SQL is not for you here")).to_be_visible()
        visit.follow("Explore")
        expect(page.get_by_role("heading", name="Unique visitors")).to_be_visible()
        visit.tenant = "theirs"
        visit.open("live")
        expect(page.get_by_role("alert")).to_contain_text("foreign_tenant")
        page.get_by_role("link", name="Show what is mine").click()
        expect(page.get_by_role("heading", name="Live", exact=True)).to_be_visible()


def test_a_viewer_sees_a_dashboard_without_changing_it_and_a_guest_by_its_link_without_signing_in(
    chromium: Browser, server: Server
) -> None:
    key = _run(server, "key", "create", "shop", "--secret", "--scope", "query").split()[-1]
    called: dict[str, Any] = {"headers": bearer(key), "timeout": 30}
    widget = {"type": "metric", "title": "Signups", "config": {"metric": "events", "period": "day"}}
    made = plain.post(f"{server.url}/api/v1/dashboards", json={"name": "Ours", "widgets": [widget]}, **called).json()
    link = plain.post(f"{server.url}/api/v1/dashboards/{made['id']}/links", json={}, **called).json()
    with visiting(chromium, server.url, "shop") as visit:
        page = visit.open("dashboards", id=made["id"])
        _sign_in(page, "vic@example.com")
        expect(page.get_by_role("heading", name="Ours", level=1)).to_be_visible()
        expect(visit.card("Signups").get_by_text("1", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Edit", exact=True)).to_have_count(0)
        expect(page.get_by_role("button", name="Share")).to_have_count(0)
    with visiting(chromium, server.url, "shop", PHONE) as guest:
        guest.page.goto(f"{server.url}/{link['place']}")
        expect(guest.card("Signups").get_by_text("1", exact=True)).to_be_visible()
        guest.page.goto("about:blank")
        guest.page.goto(f"{server.url}/#/dashboards?id={made['id']}")
        expect(guest.page.get_by_role("heading", name="Sign in to Millrace")).to_be_visible()
