"""Browser SDKs of others, unmodified, in real Chromium against a real server of another origin."""

import json
import random
import string
from collections.abc import Callable
from itertools import pairwise

import pytest
from playwright.sync_api import Browser

from tests.sdks.browsers import BROWSER_PACKAGES, BrowserPackage
from tests.sdks.stored import exceed_limit, numbers, rows, tenant_of
from tests.sdks.visit import browser, visiting
from tests.support.relay import Relay, relay
from tests.support.server import Server

__all__ = ["browser"]

pytestmark = [
    pytest.mark.sdks,
    pytest.mark.usefixtures("tried"),
    pytest.mark.parametrize("package", BROWSER_PACKAGES, ids=lambda package: package.title),
]
_OF_THE_VISIT = {
    "page_path": "/pricing",
    "referrer": "https://www.google.com/",
    "referrer_domain": "google.com",
    "channel": "campaign",
    "utm_source": "news",
    "language": "de-AT",
    "browser": "Chrome",
    "os": "Linux",
    "device": "desktop",
    "is_bot": 0,
    "ip": "127.0.0.0",
    "country": "",
}
"""What is stored with every event of the visit."""


def test_happy_path(package: BrowserPackage, server: Server, between: Relay, browser: Browser) -> None:
    tenant = tenant_of(package.title, "happy")
    expected = {"page_view", "Order Completed", *([package.click] if package.click else [])}
    expected |= {"identify"} if package.identifies else set()
    with visiting(browser, package, between, tenant) as visit:
        visit.wait_until(lambda: "page_view" in {row["event_type"] for row in rows(server, tenant)})
        if package.identifies:
            visit.identify()
        visit.order(7)
        visit.page.click("#buy")
        visit.wait_until(lambda: expected <= {row["event_type"] for row in rows(server, tenant)})
        address = visit.page.url
        assert visit.complaints == []
    assert {one.status for one in between.exchanges if one.method != "OPTIONS"} <= {200, 202}
    found = [row for row in rows(server, tenant) if row["event_type"] in expected]
    assert sorted(row["event_type"] for row in found) == sorted(expected)  # each of them once
    for row in found:
        assert {name: row[name] for name in _OF_THE_VISIT} == _OF_THE_VISIT
        assert row["page_url"].removeprefix("https://localhost") == address.removeprefix(package.shortens(address))
        assert (row["protocol"], row["event_id"] != "") == (package.protocol, True)
        assert -1000 < row["skew_ms"] < 60_000
    assert len({row["visitor_id"] for row in found} - {""}) == 1
    assert ("" not in {row["session_id"] for row in found}) == package.has_sessions
    by_type = {row["event_type"]: row for row in found}
    told = {name: json.loads(row["properties"]) for name, row in by_type.items()}
    assert (told["Order Completed"]["number"], told["Order Completed"]["revenue"]) == (7, 12.5)
    assert by_type["page_view"]["user_id"] == ""
    if package.identifies:
        assert told["identify"].get("$set", told["identify"])["plan"] == "pro"
        users = {by_type[name]["user_id"] for name in ("identify", "Order Completed")}
        assert users == ({"u1"} if package.protocol != "umami" else {""})


def test_gzip(package: BrowserPackage, server: Server, between: Relay, browser: Browser) -> None:
    if not package.compresses:
        pytest.skip("does not compress")
    tenant = tenant_of(package.title, "gzip")
    with visiting(browser, package, between, tenant) as visit:
        visit.order(1)
        visit.wait_until(lambda: numbers(server, tenant) == [1])
    assert {one.body[:2] for number, one in visit.orders} == {b"\x1f\x8b"}


def test_wrong_key(package: BrowserPackage, strict: Server, browser: Browser) -> None:
    with relay(strict.url) as between, visiting(browser, package, between, "mrw_" + "x" * 32, clock=True) as visit:
        for number in range(3):
            visit.order(number)
        visit.wait_until(lambda: len(visit.sent) >= 3)
        visit.let_hours_pass()
        assert visit.sent == [0, 1, 2]
        assert {one.status for _, one in visit.orders} == {401}


def test_overload(
    package: BrowserPackage,
    server: Server,
    between: Relay,
    browser: Browser,
    record_property: Callable[[str, object], None],
) -> None:
    tenant = tenant_of(package.title, "overload")
    exceed_limit(server, tenant, 6 if package.has_queue else 60)
    with visiting(browser, package, between, tenant) as visit:
        visit.order(1)
        if not package.has_queue:
            record_property("cell", "refused, not sent again")
            visit.wait_until(lambda: visit.sent == [1])
            assert {one.status for _, one in visit.orders} == {429}
            return
        visit.wait_until(lambda: numbers(server, tenant) == [1])
    attempts = [one for _, one in visit.orders]
    refused = [one for one in attempts if one.status != 200]
    assert {one.status for one in refused} == {503 if package.protocol == "posthog" else 429}
    assert all(1 <= one.retry_after <= 300 for one in refused)
    if package.waits:
        for one, following in pairwise(attempts):
            assert following.asked_at - one.answered_at >= one.retry_after


def test_too_large(
    package: BrowserPackage,
    server: Server,
    between: Relay,
    browser: Browser,
    record_property: Callable[[str, object], None],
) -> None:
    """More bytes than a request may have: sent for ever by none, and what comes behind is stored."""
    tenant = tenant_of(package.title, "large")
    record_property("cell", "dropped, not sent again")
    noise = "".join(random.Random(5).choices(string.ascii_letters + string.digits, k=40_000))  # 30 kB in gzip
    with visiting(browser, package, between, tenant, clock=True) as visit:
        visit.order(1, noise)
        visit.wait_until(lambda: 1 in visit.sent)
        visit.let_hours_pass()
        visit.order(2)
        visit.wait_until(lambda: numbers(server, tenant) == [2])
        assert visit.sent.count(1) == 1
        assert {one.status for number, one in visit.orders if number == 1} == {413}


def test_offline(package: BrowserPackage, server: Server, between: Relay, browser: Browser) -> None:
    if not package.has_queue:
        pytest.skip("has no queue")
    tenant = tenant_of(package.title, "offline")
    with visiting(browser, package, between, tenant) as visit:
        visit.order(0)
        visit.wait_until(lambda: numbers(server, tenant) == [0])
        visit.page.context.set_offline(True)
        for number in (1, 2, 3):
            visit.order(number)
        visit.page.wait_for_timeout(500)
        assert visit.sent == [0]
        visit.page.context.set_offline(False)
        visit.wait_until(lambda: numbers(server, tenant) == [0, 1, 2, 3])
