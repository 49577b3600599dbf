"""The demo shop: a few pages that sell what the catalogue has, and use the tracker as any site would.

Ingestion serves them, since the tracker and ``/track`` are there: same origin, no database. What they send is found under the
tenant ``demo_tenant``, beside what ``millrace demo`` made up.
"""

from collections.abc import Callable, Iterable
from html import escape
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from millrace_core.errors import NotFound
from millrace_standalone.demo.catalogue import BY_CATEGORY, CATEGORIES, CURRENCY, PRODUCTS, Product

ROOT: Final = "/demo"
CUSTOMER: Final = "demo_tenant"
_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
}
_BY_SKU: Final = {product.sku: product for product in PRODUCTS}
_SITE: Final = {"shop.js": "text/javascript", "shop.css": "text/css"}


def shop_router() -> APIRouter:
    """The pages, and the script and style of the shop."""
    router = APIRouter(prefix=ROOT, tags=["demo"], include_in_schema=False)

    @router.get("")
    async def home() -> HTMLResponse:
        return _page("Fresh coffee and tea", _home())

    @router.get("/categories/{name}")
    async def category(name: str) -> HTMLResponse:
        if name not in BY_CATEGORY:
            raise NotFound(f"The shop has no category {name}.")
        return _page(name.capitalize(), _products(BY_CATEGORY[name]))

    @router.get("/products/{sku}")
    async def product(sku: str) -> HTMLResponse:
        if sku not in _BY_SKU:
            raise NotFound(f"The shop does not sell {sku}.")
        return _page(_BY_SKU[sku].name, _product(_BY_SKU[sku]))

    for path, title, body in _PLAIN:
        router.add_api_route(path, _fixed(_page(title, body)), methods=["GET"], name=title)
    for name, media_type in _SITE.items():
        content = files("millrace_standalone.demo").joinpath("site", name).read_bytes()
        router.add_api_route(
            f"/{name}", _fixed(Response(content, headers=_HEADERS, media_type=media_type)), methods=["GET"], name=name
        )
    return router


def _fixed(answer: Response) -> Callable[[], Response]:
    return lambda: answer


def _page(title: str, body: str) -> HTMLResponse:
    links = "".join(f'<a href="{ROOT}/categories/{name}">{name.capitalize()}</a>' for name in CATEGORIES)
    return HTMLResponse(
        f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · Millrace Coffee</title>
<link rel="stylesheet" href="{ROOT}/shop.css">
<link rel="icon" href="data:,">
<script src="/tracker.js" defer></script>
<script src="{ROOT}/shop.js" data-customer="{CUSTOMER}" data-currency="{CURRENCY}" defer></script>
</head>
<body>
<header>
<a class="name" href="{ROOT}" data-track="logo_click">Millrace Coffee</a>
<nav>{links}<a href="{ROOT}/cart">Cart (<span id="cart-count">0</span>)</a></nav>
</header>
<main><h1>{escape(title)}</h1>
{body}
</main>
<aside>
<h2>What Millrace hears of this shop</h2>
<p id="hears">Nothing yet.</p>
<ol id="live"></ol>
<button id="opt" type="button">Do not track me</button>
</aside>
</body>
</html>
""",
        headers=_HEADERS,
    )


def _home() -> str:
    """All products; the buttons filter them in the page, which is a navigation of the history API."""
    buttons = "".join(f'<a class="filter" href="{ROOT}?category={name}">{name}</a>' for name in ("all", *CATEGORIES))
    return f'<p class="filters">{buttons}</p>{_products(PRODUCTS)}'


def _products(products: Iterable[Product]) -> str:
    cards = "".join(
        f'<li data-category="{one.category}"><a href="{ROOT}/products/{one.sku}">{escape(one.name)}</a>'
        f"<span>{_price(one)}</span>{_add_button(one)}</li>"
        for one in products
    )
    return f'<ul class="products">{cards}</ul>'


def _product(product: Product) -> str:
    return (
        f'<article id="product" {_data(product, "data-")}><p>{product.category.capitalize()} · {_price(product)}</p>'
        f"{_add_button(product)}</article>"
    )


def _add_button(product: Product) -> str:
    """A declared event: the tracker reads it off the button."""
    return (
        f'<button type="button" class="add" data-track="add_to_cart" {_data(product, "data-track-")} data-track-quantity="1"'
        f' data-label="{escape(product.name)}">Add to cart</button>'
    )


def _data(product: Product, prefix: str) -> str:
    said = {"sku": product.sku, "category": product.category, "price": f"{product.price:g}"}
    return " ".join(f'{prefix}{key}="{escape(value)}"' for key, value in said.items())


def _price(product: Product) -> str:
    return f"{product.price:.2f} {CURRENCY}"


_CART: Final = f"""<table id="cart"></table>
<p>Total: <b id="total">0.00</b> {CURRENCY}</p>
<p><a class="button" href="{ROOT}/checkout" data-track="button_click" data-track-button-id="checkout">To checkout</a></p>"""
_CHECKOUT: Final = f"""<p>You pay <b id="total">0.00</b> {CURRENCY}, with money that is not there.</p>
<form id="checkout">
<label>Your name in this shop <input name="account" required maxlength="60" autocomplete="off"></label>
<label>Payment <select name="payment"><option>card<option>paypal<option>invoice</select></label>
<button>Buy</button>
</form>"""
_THANKS: Final = f'<p>Your order <b id="order"></b> is on its way to nowhere. <a href="{ROOT}">On with it</a></p>'
_PLAIN: Final = (
    ("/cart", "Your cart", _CART),
    ("/checkout", "Checkout", _CHECKOUT),
    ("/thanks", "Thank you", _THANKS),
)
