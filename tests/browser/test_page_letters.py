"""Dead letters on the page: looked at, corrected and put back, replayed and dropped by an owner."""

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from millrace_core.time import now_ms
from millrace_eventlog.records import DeadLetter
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import open_log
from millrace_service.metrics import Metrics
from tests.support.owners import Owned, owned_server
from tests.support.page import PHONE, Visit, visiting
from tests.support.pipeline import record

pytestmark = pytest.mark.minutes

_REFUSED = 5


def _letter(number: int) -> DeadLetter:
    """One that the warehouse refused for its time; it has numbers that a browser's JSON would change."""
    good = record(number, tenant="shop")
    line = json.dumps({**json.loads(good.line), "timestamp": "soon", "properties": {"price": "PRICE", "id": 2**63 - 25}})
    told = line.replace('"PRICE"', "1.50").encode()
    return DeadLetter(
        0, 1000 + number, 0, "shop", good.event_id, "refused_by_warehouse", "insert", "no time", told, 1, now_ms()
    )


async def _set_aside(data_dir: Path) -> None:
    async with open_log(LogSettings(), data_dir, Metrics()) as log:
        await log.dead_letters.put([_letter(number) for number in range(_REFUSED)])


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owned]:
    data_dir = tmp_path_factory.mktemp("letters") / "data"
    data_dir.mkdir()
    with ThreadPoolExecutor(1) as apart:  # Playwright has the loop of this thread
        apart.submit(asyncio.run, _set_aside(data_dir)).result(60)
    with owned_server(data_dir) as made:
        made.person("ada@example.com", "owner")
        yield made


@pytest.fixture
def visit(chromium: Browser, owned: Owned) -> Iterator[Visit]:
    with visiting(chromium, owned.url, "shop", color_scheme="light") as made:
        owned.sign_in(made, "ada@example.com")
        yield made


def test_a_letter_is_corrected_as_it_was_written_and_its_event_is_found_stored(visit: Visit) -> None:
    page = visit.open("letters")
    letters = page.get_by_role("list", name="Dead letters").get_by_role("listitem")
    expect(letters).to_have_count(_REFUSED)
    assert visit.findings() == []
    letters.first.get_by_role("link").click()
    record_text = page.get_by_role("textbox", name="The record")
    text = record_text.input_value()
    assert '"price": 1.50' in text
    assert f'"id": {2**63 - 25}' in text
    record_text.fill(text.replace('"soon"', '"soon'))
    expect(page.get_by_role("button", name="Put back as corrected")).to_be_disabled()
    record_text.fill(text.replace('"soon"', '"later"'))
    page.get_by_role("button", name="Put back as corrected").click()
    expect(page.get_by_role("alert")).to_contain_text("invalid_line")
    record_text.fill(text.replace('"soon"', '"2026-02-16 12:00:00.000"'))
    assert visit.findings() == []
    page.get_by_role("button", name="Put back as corrected").click()
    expect(page.get_by_text("It is in the log again, as it was corrected")).to_be_visible()
    page.get_by_role("link", name="See where it is").click()
    found = visit.card("Where is my event?")
    expect(found.get_by_text("Stored: SQL and dashboards see it")).to_be_visible()
    expect(found.get_by_text("16 Feb, 12:00:00")).to_be_visible()


def test_letters_are_dropped_when_that_is_confirmed_and_the_decision_is_told(visit: Visit) -> None:
    page = visit.open("letters", reason="refused_by_warehouse")
    letters = page.get_by_role("list", name="Dead letters").get_by_role("listitem")
    expect(letters).not_to_have_count(0)
    number = letters.first.get_by_role("link").inner_text()
    page.get_by_role("checkbox", name=number).check()
    page.get_by_role("button", name="Drop 1…").click()
    dialog = page.get_by_role("dialog", name=re.compile("^Drop letter"))
    with page.expect_download() as started:
        dialog.get_by_role("button", name="Keep it as a file first").click()
    assert json.loads(started.value.path().read_text())["reason"] == "refused_by_warehouse"
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name=number, exact=True)).to_be_visible()
    page.get_by_role("button", name="Drop 1…").click()
    dialog.get_by_role("button", name="Drop for good").click()
    expect(page.get_by_text("1 are dropped.")).to_be_visible()
    expect(page.get_by_role("link", name=number, exact=True)).to_have_count(0)
    expect(page.get_by_role("table", name="Decisions").get_by_role("row").nth(1)).to_contain_text("dropped")


def test_letters_that_are_replayed_and_refused_again_are_there_again(visit: Visit) -> None:
    page = visit.open("letters")
    letters = page.get_by_role("list", name="Dead letters").get_by_role("listitem")
    expect(letters).not_to_have_count(0)
    before = letters.first.get_by_role("link").inner_text()
    page.get_by_role("checkbox", name=before).check()
    page.get_by_role("button", name="Replay 1").click()
    expect(page.get_by_text("1 are in the log again")).to_be_visible()
    expect(page.get_by_role("link", name=before, exact=True)).to_have_count(0)
    visit.open("letters", reason="damaged_in_log")
    expect(page.get_by_text("None of this kind")).to_be_visible()
    visit.open("letters", id=before.split()[-1])
    expect(page.get_by_text("is not there any more")).to_be_visible()


def test_on_a_phone_in_the_dark_letters_fit_and_have_no_serious_finding(chromium: Browser, owned: Owned) -> None:
    with visiting(chromium, owned.url, "shop", PHONE, color_scheme="dark") as visit:
        owned.sign_in(visit, "ada@example.com")
        page = visit.open("letters")
        page.get_by_role("list", name="Dead letters").wait_for()
        assert _is_well(visit)
        page.get_by_role("list", name="Dead letters").get_by_role("link").first.click()
        page.get_by_role("textbox", name="The record").wait_for()
        assert _is_well(visit)


def _is_well(visit: Visit) -> bool:
    fits = visit.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    return visit.findings() == [] and bool(fits)
