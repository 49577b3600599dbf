"""The shop at /demo, browsed as a customer would: what is clicked is in the live stream within moments, and then stored."""

import re

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.support.browser import arrived, stored
from tests.support.commands import millrace
from tests.support.server import Server

pytestmark = pytest.mark.minutes

_TENANT = "demo_tenant"


def test_a_purchase_is_seen_live_and_stored(server: Server, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{server.url}/demo")
    live = page.locator("#live li")
    expect(live.filter(has_text="page_view")).to_have_count(1)
    page.get_by_role("link", name="tea", exact=True).click()
    expect(page.get_by_role("link", name="Sencha Uji")).to_be_visible()
    expect(page.get_by_role("link", name="House Espresso 1kg")).to_be_hidden()
    expect(live.filter(has_text="page_view")).to_have_count(2)
    page.get_by_role("link", name="Sencha Uji").click()
    page.get_by_role("button", name="Add to cart").click()
    expect(live.filter(has_text="add_to_cart")).to_have_count(1)
    expect(page.locator("#cart-count")).to_have_text("1")
    page.get_by_role("link", name=re.compile("Cart")).click()
    expect(page.locator("#total")).to_have_text("16.50")
    page.get_by_role("link", name="To checkout").click()
    page.get_by_label("Your name in this shop").fill("mira")
    page.get_by_label("Payment").select_option("paypal")
    page.get_by_role("button", name="Buy").click()
    expect(page).to_have_title(re.compile("Thank you"))
    expect(page.locator("#order")).to_have_text(re.compile("^o_"))  # the page's script writes it, after the title
    order = page.locator("#order").inner_text()

    rows = arrived(server, _TENANT, 12, page)
    by_type = {row["event_type"]: row for row in rows}
    assert by_type["add_to_cart"]["properties"] == {"sku": "sencha-uji", "category": "tea", "price": 16.5, "quantity": 1}
    assert by_type["purchase"]["properties"]["order_id"] == order
    assert by_type["purchase"]["properties"]["amount"] == 16.5
    assert by_type["purchase"]["user_id"] == "mira"
    assert [row["page_path"] for row in rows if row["event_type"] == "page_view"] == [
        "/demo",
        "/demo",
        "/demo/products/sencha-uji",
        "/demo/cart",
        "/demo/checkout",
        "/demo/thanks",
    ]
    assert len({(row["visitor_id"], row["session_id"]) for row in rows}) == 1


def test_who_bought_is_found_by_id_and_erased_by_command(server: Server, context: BrowserContext) -> None:
    before = len(stored(server, _TENANT))
    page = context.new_page()
    page.goto(f"{server.url}/demo/products/sencha-uji")
    page.get_by_role("button", name="Add to cart").click()
    page.goto(f"{server.url}/demo/checkout")
    page.get_by_label("Your name in this shop").fill("noor")
    page.get_by_role("button", name="Buy").click()
    expect(page).to_have_title(re.compile("Thank you"))
    theirs = [row for row in arrived(server, _TENANT, before + 8, page) if row["user_id"] == "noor"]
    purchase = next(row for row in theirs if row["event_type"] == "purchase")

    asked = f"{server.url}/events/{purchase['event_id']}?customer_id={_TENANT}"
    found = context.request.get(asked).json()
    assert (found["status"], found["event_type"], found["protocol"]) == ("stored", "purchase", purchase["protocol"])

    page.close()  # what a page tells later is kept
    erased = millrace("privacy", "erase", _TENANT, "--user", "noor", "--yes", "--data-dir", server.data_dir)
    assert erased.code == 0, erased.err
    assert len(stored(server, _TENANT)) == before
    assert context.request.get(asked).json().get("status") != "stored"  # that a copy of it came is still known


def test_who_does_not_want_to_be_tracked_still_shops(server: Server, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{server.url}/demo/products/tea-bowl")
    page.get_by_role("button", name="Do not track me").click()
    server.wait_until_stored()
    before = len(stored(server, _TENANT))
    page.get_by_role("button", name="Add to cart").click()
    page.goto(f"{server.url}/demo/cart")
    expect(page.locator("#total")).to_have_text("18.50")
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#cart-count")).to_have_text("0")
    server.wait_until_stored()
    assert len(stored(server, _TENANT)) == before


@pytest.mark.parametrize("path", ["/demo/products/nothing", "/demo/categories/nothing", "/demo/nothing"])
def test_what_the_shop_does_not_have_is_not_found(server: Server, context: BrowserContext, path: str) -> None:
    assert context.request.get(f"{server.url}{path}").status == 404
