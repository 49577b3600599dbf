"""What is written below charts in real Chromium: canvases tell no text, so what is drawn on them is noted as it is drawn."""

import itertools
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.analytics import dashboards, post, view
from tests.support.page import DESKTOP, PHONE, Visit, visiting
from tests.support.server import Server

pytestmark = pytest.mark.minutes

_SHOP = "axes"
_NOTING: Final = """
const of = CanvasRenderingContext2D.prototype;
const [write, clear] = [of.fillText, of.clearRect];
of.clearRect = function (...given) { this.canvas.written = []; return clear.apply(this, given); };
of.fillText = function (text, x, y, ...more) {
  if (this.textAlign === "center") {
    const [wide, at] = [this.measureText(text).width, this.getTransform().transformPoint(new DOMPoint(x, y))];
    (this.canvas.written ??= []).push({ text, left: at.x - wide / 2, right: at.x + wide / 2 });
  }
  return write.call(this, text, x, y, ...more);
};
"""
_WRITTEN: Final = "[...document.querySelectorAll('canvas')].map((one) => ({ width: one.width, written: one.written ?? [] }))"


@pytest.fixture(scope="module")
def shop(server: Server) -> Server:
    """A view of now."""
    post(server, view(_SHOP))
    server.wait_until_stored()
    return server


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def visit(chromium: Browser, shop: Server, request: pytest.FixtureRequest) -> Iterator[Visit]:
    with visiting(chromium, shop.url, _SHOP, request.param) as made:
        made.page.add_init_script(_NOTING)
        yield made


def _below(page: Page) -> list[list[str]]:
    """Of each chart what is written below it: whole, and none over another."""
    charts: list[dict[str, Any]] = page.evaluate(_WRITTEN)
    for one in charts:
        labels = sorted((label for label in one["written"] if label["text"]), key=lambda label: label["left"])
        assert labels, "nothing is written"
        assert labels[0]["left"] >= 0, labels[0]
        assert labels[-1]["right"] <= one["width"], labels[-1]
        for before, after in itertools.pairwise(labels):
            assert before["right"] + 8 <= after["left"], (before, after)
    return [[label["text"] for label in one["written"] if label["text"]] for one in charts]


def test_hours_of_a_week_do_not_run_into_each_other(visit: Visit) -> None:
    page = visit.open("explore", range="7d", per="hour", m="count")
    expect(page.get_by_role("table", name="By hour")).to_be_visible()
    [hours] = _below(page)
    assert all(text.endswith(", 00:00") for text in hours), "days begin where something is written"


def test_hours_of_a_day_are_whole_on_a_dashboard(visit: Visit, shop: Server) -> None:
    config = {"metric": "events", "granularity": "day"}
    widgets = [{"type": "chart", "title": kind, "config": {**config, "chart_type": kind}} for kind in ("line", "bar")]
    given = {"name": "Hours", "widgets": widgets, "filters": {"range": {"start": "2026-01-26", "end": "2026-01-26"}}}
    made = dashboards(shop, _SHOP, "POST", json=given)
    page = visit.open("dashboards", id=made["id"])
    expect(page.get_by_role("img", name="over time")).to_have_count(2)
    for hours in _below(page):
        assert hours[0] == "26 Jan, 00:00"
        assert len(hours) > 1


def test_one_hour_alone_says_which(visit: Visit, shop: Server) -> None:
    hour = {"last": 1, "unit": "hour", "align": "complete"}
    question = {"kind": "trend", "measures": [{"measure": "count"}], "range": hour, "granularity": "hour"}
    widgets = [
        {"type": "chart", "title": kind, "config": {"question": question, "chart_type": kind}} for kind in ("line", "bar")
    ]
    made = dashboards(shop, _SHOP, "POST", json={"name": "Hour", "widgets": widgets})
    page = visit.open("dashboards", id=made["id"])
    expect(page.get_by_role("img", name="over time")).to_have_count(2)
    assert [len(hours) for hours in _below(page)] == [1, 1]
