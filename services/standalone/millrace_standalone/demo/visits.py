"""One visit to the shop, from the page where it begins to the purchase that few come to."""

import random
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from millrace_standalone.demo.catalogue import (
    ACCOUNT,
    BY_CATEGORY,
    CART,
    CATEGORIES,
    CHECKOUT,
    CURRENCY,
    HOME,
    PAYMENT,
    POPULARITY,
    PRICING,
    PRODUCTS,
    READING,
    SEARCH,
    SEARCHES,
    SITE,
    THANKS,
    Page,
    Product,
    category_page,
    product_page,
)
from millrace_standalone.demo.visitors import Person, Source, landing_url

EVENTS_PER_VISIT: Final = 4.54
"""On average over many visits, bots included; tests/unit/test_demo.py holds it."""
LONGEST_VISIT_MINUTES: Final = 60
"""No visit lasts longer: who has to know everything that happens at a time looks so far back."""

_encode = msgspec.json.Encoder().encode


class Happening(NamedTuple):
    """An event: its time in milliseconds since the epoch, its id (which settles the order of equal times), its JSON text."""

    at: int
    event_id: str
    text: bytes


class Writer:
    """Writes the events of one visit, each a while after the one before.

    Args:
        at: begin of the visit in milliseconds since the epoch.
        common: fields that all its events have.
        properties: likewise, beside their own.
    """

    def __init__(self, chance: random.Random, at: int, common: dict[str, Any], properties: dict[str, Any]) -> None:
        self.events: list[Happening] = []
        self.common = common
        self._properties = properties
        self._chance = chance
        self._at = at
        self._last = at + LONGEST_VISIT_MINUTES * 60_000 - 1
        self._referrer = ""
        self._url = ""

    def pause(self, seconds: float) -> None:
        """Let about so many seconds pass: most pauses are shorter, a few much longer."""
        passed = self._chance.lognormvariate(-0.32, 0.8) * seconds
        self._at = min(self._at + int(min(passed, 900) * 1000), self._last)

    def land(self, page: Page, url: str, referrer: str) -> None:
        """View the first page, coming from elsewhere."""
        self._url = referrer
        self._view(page, url)

    def view(self, page: Page, seconds: float = 20.0) -> None:
        """View a page, coming from the one before."""
        self.pause(seconds)
        self._view(page, SITE + page.path)

    def act(self, event_type: str, properties: dict[str, Any], seconds: float = 12.0) -> None:
        """Do something on the page."""
        self.pause(seconds)
        self._write(event_type, properties)

    def _view(self, page: Page, url: str) -> None:
        self._referrer, self._url = self._url, url
        self._write("page_view", {"page": page.path, "title": page.title})

    def _write(self, event_type: str, properties: dict[str, Any]) -> None:
        event_id = _uuid7(self._at, self._chance)
        event = {
            "event_id": event_id,
            "event_type": event_type,
            "timestamp": self._at,
            **self.common,
            "properties": {**properties, **self._properties},
            "page_url": self._url,
            "referrer": self._referrer,
        }
        self.events.append(Happening(self._at, event_id, _encode(event)))
        self._at += 1


def visit(chance: random.Random, customer: str, at: int, who: Person, *, is_first: bool) -> list[Happening]:
    """A person's visit; the first one ever is when those with an account sign up."""
    common = {
        "customer_id": customer,
        "visitor_id": who.visitor_id,
        "session_id": f"s_{chance.getrandbits(48):012x}",
        "context": {"userAgent": who.device.agent, "locale": who.locale},
    }
    writer = Writer(chance, at, common, {"country": who.country})
    source = who.source if is_first or chance.random() < 0.3 else _RETURNS[chance.random() < 0.3]
    favourite = CATEGORIES[who.favourite]
    first = _landing(chance, favourite)
    writer.land(first, landing_url(first.path, source), source.referrer)
    appetite = who.eagerness * source.appetite * (1.0 if is_first else 1.5)
    if chance.random() > min(0.55 * appetite**0.4, 0.9):
        return writer.events
    if who.user_id and not is_first and chance.random() < 0.6:
        _log_in(writer, who)
    _look_around(writer, chance, favourite)
    _shop(writer, chance, who, favourite, appetite, is_first=is_first)
    return writer.events


def crawl(chance: random.Random, customer: str, at: int, visitor_id: str, agent: str) -> list[Happening]:
    """A bot's visit: many pages in little time, nothing bought."""
    writer = Writer(chance, at, {"customer_id": customer, "visitor_id": visitor_id, "context": {"userAgent": agent}}, {})
    pages = [HOME, *READING, *map(category_page, CATEGORIES), *map(product_page, PRODUCTS)]
    for page in chance.sample(pages, chance.randint(2, 12)):
        writer.pause(2.0)
        writer.land(page, SITE + page.path, "")
    return writer.events


def _landing(chance: random.Random, favourite: str) -> Page:
    which = chance.random()
    if which < 0.42:
        return HOME
    if which < 0.66:
        return product_page(_product(chance, favourite))
    return category_page(favourite) if which < 0.84 else chance.choice(READING)


def _product(chance: random.Random, category: str) -> Product:
    if chance.random() < 0.7:
        return chance.choice(BY_CATEGORY[category])
    return chance.choices(PRODUCTS, POPULARITY)[0]


def _log_in(writer: Writer, who: Person) -> None:
    writer.view(ACCOUNT, 8.0)
    writer.common["user_id"] = who.user_id
    writer.act("login", {"method": "password"}, 15.0)


def _sign_up(writer: Writer, who: Person) -> None:
    writer.act("signup", {"method": "email"}, 40.0)
    writer.common["user_id"] = who.user_id
    writer.act("identify", {"language": who.locale[:2], "plan": "free"}, 1.0)


def _look_around(writer: Writer, chance: random.Random, favourite: str) -> None:
    if chance.random() < 0.22:
        writer.view(SEARCH, 10.0)
        writer.act("search", {"query": chance.choice(SEARCHES), "results": chance.randrange(0, 19)}, 6.0)
    if chance.random() < 0.5:
        writer.view(category_page(favourite))
    if chance.random() < 0.12:
        writer.view(chance.choice(READING), 30.0)
    while chance.random() < 0.1:
        writer.view(PRICING, 25.0)
    if chance.random() < 0.05:
        writer.act("button_click", {"button_id": "newsletter", "position": "footer"})
        writer.act("form_submit", {"form": "newsletter"})


def _shop(writer: Writer, chance: random.Random, who: Person, favourite: str, appetite: float, *, is_first: bool) -> None:
    cart: list[tuple[Product, int]] = []
    for _ in range(1 + min(int(chance.expovariate(0.9)), 8)):
        product = _product(chance, favourite)
        writer.view(product_page(product), 25.0)
        writer.act("product_view", _priced(product), 1.0)
        if chance.random() < 0.075 * appetite:
            quantity = chance.choices((1, 2, 3, 4), (74, 18, 5, 3))[0]
            cart.append((product, quantity))
            writer.act("add_to_cart", {**_priced(product), "quantity": quantity}, 18.0)
    if who.user_id and is_first and (cart or chance.random() < 0.3):
        _sign_up(writer, who)
    if cart:
        _pay(writer, chance, cart, appetite)


def _pay(writer: Writer, chance: random.Random, cart: list[tuple[Product, int]], appetite: float) -> None:
    amount = round(sum(product.price * quantity for product, quantity in cart), 2)
    total: dict[str, Any] = {"amount": amount, "currency": CURRENCY, "items": len(cart)}
    writer.view(CART)
    if chance.random() > min(0.46 * appetite**0.3, 0.85):
        writer.act("cart_abandon", total, 120.0)
        return
    writer.view(CHECKOUT, 15.0)
    writer.act("checkout", total, 45.0)
    if chance.random() > min(0.57 * appetite**0.3, 0.9):
        writer.act("cart_abandon", total, 180.0)
        return
    writer.view(PAYMENT, 30.0)
    coupon = {"coupon": "WELCOME10"} if chance.random() < 0.15 else {}
    amount = round(amount * 0.9, 2) if coupon else amount
    order = {
        "order_id": f"o_{chance.getrandbits(40):010x}",
        "amount": amount,
        "currency": CURRENCY,
        "quantity": sum(quantity for _, quantity in cart),
        "payment": chance.choices(("card", "paypal", "invoice", "apple_pay"), (44, 31, 15, 10))[0],
        "category": cart[0][0].category,
        **coupon,
    }
    writer.act("purchase", order, 60.0)
    writer.view(THANKS, 2.0)


def _priced(product: Product) -> dict[str, Any]:
    return {"sku": product.sku, "category": product.category, "price": product.price}


_RETURNS: Final[tuple[Source, Source]] = (
    Source("", "", 0, 1.15),
    Source("", "utm_source=newsletter&utm_medium=email&utm_campaign=weekly-roast", 0, 1.45),
)
"""How people come back who know the shop: by its address, or by its letter."""


def _uuid7(at: int, chance: random.Random) -> str:
    """A UUIDv7 (RFC 9562, 5.7) of this millisecond with the seeded bits of the visit."""
    bits = chance.getrandbits(74)
    return _UUID7(at >> 16, at & 0xFFFF, bits >> 62, 0x8000 | (bits >> 48 & 0x3FFF), bits & 0xFFFF_FFFF_FFFF)


_UUID7: Final[Callable[..., str]] = "{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}".format
