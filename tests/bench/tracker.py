"""What the tracker adds to a page load in Chromium: its work on the main thread, and the time until the load event."""

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.bench.processes import server
from tests.bench.table import Row
from tests.support.browser import BUILT, CHROMIUM, FLAGS, Site, serving

_LOADS = 20
_LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"


def measure(folder: Path) -> Iterator[Row]:
    """Loads of the same page with and without the tracker, in turn; medians."""
    if not CHROMIUM.exists() or not (BUILT / "tracker.js").exists():
        yield Row("the tracker in a page load", "Chromium is missing, or the tracker is not built", "<= 1 ms", None)
        return
    with server(folder) as ours, sync_playwright() as playwright, serving(_Pages(ours.url, "bench")) as site:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        loading, later = _work(browser, page, site.url)
        loads = _loads(page, site.url)
        browser.close()
    yield Row(
        "processor time that the tracker's script takes in a page load, by trace", f"{loading:.2f} ms", "<= 1 ms", loading <= 1
    )
    yield Row("behind it: the page view, what is stored and sent, in calls of their own", f"{later:.2f} ms", "", None)
    bare, tracked = loads
    yield Row(
        f"until the load event, median of {_LOADS} loads in turn, script from the cache",
        f"{tracked:.1f} against {bare:.1f} ms without it: {tracked - bare:+.1f} ms, {tracked / bare:.2f}x",
        "",
        None,
    )


class _Pages(Site):
    """A page with the tracker's tag and the same one without it."""

    def page(self, path: str) -> str:
        """Some text, and the tag at ``/tracked``."""
        tag = f'<script src="{self.api}/tracker.js" data-customer-id="{self.tenant}"></script>' if path == "/tracked" else ""
        return f"<!doctype html><title>Page</title>{tag}<body>{'<p>Some text of a page.</p>' * 200}"


def _loads(page: Page, url: str) -> tuple[float, float]:
    seen: dict[str, list[float]] = {"bare": [], "tracked": []}
    for number in range(_LOADS):
        for name, times in seen.items():
            page.goto(f"{url}/{name}?{number}", wait_until="load")
            page.wait_for_function(f"{_LOADED} > 0")
            times.append(page.evaluate(_LOADED))
    return statistics.median(seen["bare"]), statistics.median(seen["tracked"])


def _work(browser: Browser, page: Page, url: str) -> tuple[float, float]:
    """Milliseconds of the main thread's processor time, medians: evaluating tracker.js, compiling it included; and what it is
    called for until its page view is stored."""
    evaluating, calls = [], []
    for number in range(_LOADS):
        browser.start_tracing(page=page, categories=["devtools.timeline", "v8"])
        page.goto(f"{url}/tracked?{number}", wait_until="load")
        page.wait_for_function("Object.keys(localStorage).length >= 2")
        events = json.loads(browser.stop_tracing())["traceEvents"]
        evaluating.append(_spent(events, "EvaluateScript"))
        calls.append(_spent(events, "FunctionCall"))
    return statistics.median(evaluating), statistics.median(calls)


def _spent(events: list[dict[str, Any]], name: str) -> float:
    """Milliseconds of the tracker's events of this name, of the thread's own time: the clock's has that of others in it."""
    ours = [one for one in events if one.get("name") == name and "/tracker.js" in one["args"].get("data", {}).get("url", "")]
    return float(sum(one.get("tdur", one.get("dur", 0)) for one in ours)) / 1000
