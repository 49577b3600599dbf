"""The same browser packages against a server that is killed."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser

from tests.sdks.browsers import BROWSER_PACKAGES, BrowserPackage
from tests.sdks.stored import Restart, numbers, tenant_of
from tests.sdks.visit import browser, visiting
from tests.support.relay import relay
from tests.support.server import Server

__all__ = ["browser"]

pytestmark = [
    pytest.mark.sdks,
    pytest.mark.usefixtures("tried"),
    pytest.mark.parametrize("package", BROWSER_PACKAGES, ids=lambda package: package.title),
]

_WITHOUT_IDS = ("plausible", "umami")
"""Protocols that name no event: two equal ones are two."""


def test_lost_answer(
    package: BrowserPackage, mortal: Server, browser: Browser, record_property: Callable[[str, object], None]
) -> None:
    """The server is killed when an event is durable and the page has not heard: sent again, it counts once if it has an id.

    Chromium itself sends a request again whose connection was used before and ends without an answer, whatever the script does.
    """
    tenant = tenant_of(package.title, "lost")
    restart = Restart(mortal)
    with relay(mortal.url) as between, visiting(browser, package, between, tenant) as visit:
        visit.wait_until(lambda: bool(between.posts))  # the page view
        visit.order(0)
        visit.wait_until(lambda: visit.sent == [0])
        between.before_answer = restart
        visit.order(1)
        restart.wait()
        if package.has_queue:
            visit.wait_until(lambda: visit.sent == [0, 1])
    stored = numbers(mortal, tenant)
    if package.protocol in _WITHOUT_IDS:
        record_property("cell", "stored, and again if the browser sends it again")
        assert stored in ([0, 1], [0, 1, 1])
    else:
        assert stored == [0, 1]


def test_killed_after_answer(package: BrowserPackage, mortal: Server, browser: Browser) -> None:
    """The server is killed at once behind its answer, before anything is in the warehouse: what was answered is stored."""
    tenant = tenant_of(package.title, "killed")
    restart = Restart(mortal)
    with relay(mortal.url) as between, visiting(browser, package, between, tenant) as visit:
        visit.wait_until(lambda: bool(between.posts))  # the page view
        visit.order(0)
        visit.wait_until(lambda: visit.sent == [0])
        between.after_answer = restart
        visit.order(1)
        restart.wait()
    assert numbers(mortal, tenant) == [0, 1]
