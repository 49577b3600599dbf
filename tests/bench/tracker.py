"""What the tracker adds to a page load in Chromium: its work on the main thread, and the time until the load event."""

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Route, sync_playwright

from tests.bench.processes import server
from tests.bench.table import Row
from tests.support.browser import BUILT, CHROMIUM, FLAGS

_LOADS = 40
_SITE = "http://localhost"
_LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"


def measure(folder: Path) -> Iterator[Row]:
    """Loads of the same page with and without the tracker, in turn; medians."""
    if not CHROMIUM.exists() or not (BUILT / "tracker.js").exists():
        yield Row("the tracker in a page load", "Chromium is missing, or the tracker is not built", "<= 1 ms", None)
        return
    with server(folder) as ours, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.route(f"{_SITE}/*", _answer_with(f'<script src="{ours.url}/tracker.js" data-customer-id="bench"></script>'))
        work, loads = _work(browser, page), _loads(page)
        browser.close()
    yield Row("the tracker's work on the main thread of a page load, by trace", f"{work:.2f} ms", "<= 1 ms", work <= 1.0)
    bare, tracked = loads
    yield Row(
        f"until the load event, median of {_LOADS} loads in turn, script from the cache",
        f"{tracked:.1f} against {bare:.1f} ms without it: {tracked - bare:+.1f} ms, {tracked / bare:.2f}x",
        "",
        None,
    )


def _answer_with(tag: str) -> Any:
    """Pages with the tag and without it, of equal size otherwise."""

    def answer(route: Route) -> None:
        used = tag if "tracked" in route.request.url else ""
        body = f"<!doctype html><title>Page</title>{used}<body>{'<p>Some text of a page.</p>' * 200}"
        route.fulfill(body=body, content_type="text/html")

    return answer


def _loads(page: Page) -> tuple[float, float]:
    seen: dict[str, list[float]] = {"bare": [], "tracked": []}
    for number in range(_LOADS):
        for name, times in seen.items():
            page.goto(f"{_SITE}/{name}?{number}", wait_until="load")
            page.wait_for_function(f"{_LOADED} > 0")
            times.append(page.evaluate(_LOADED))
    return statistics.median(seen["bare"]), statistics.median(seen["tracked"])


def _work(browser: Browser, page: Page) -> float:
    """Milliseconds of compiling and running tracker.js until the load event, median; timers that follow it included."""
    totals: list[float] = []
    for number in range(_LOADS):
        browser.start_tracing(page=page, categories=["devtools.timeline", "v8"])
        page.goto(f"{_SITE}/tracked?{number}", wait_until="load")
        page.wait_for_function("Object.keys(localStorage).length >= 2")  # the page view is stored: all of it has run
        events = json.loads(browser.stop_tracing())["traceEvents"]
        totals.append(sum(one.get("dur", 0) for one in events if _is_ours(one)) / 1000)
    return statistics.median(totals)


def _is_ours(event: dict[str, Any]) -> bool:
    """Whether it is outermost work of the tracker: compiling lies within evaluating, so it is not counted again."""
    data = event.get("args", {}).get("data", {})
    return event.get("name") in ("EvaluateScript", "FunctionCall") and "/tracker.js" in data.get("url", "")
