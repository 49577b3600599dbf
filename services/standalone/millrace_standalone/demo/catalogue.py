"""What the shop sells, and its pages."""

from typing import Final, NamedTuple

SITE: Final = "https://shop.example.com"
CURRENCY: Final = "EUR"


class Product(NamedTuple):
    """Something to buy."""

    sku: str
    name: str
    category: str
    price: float

    @property
    def path(self) -> str:
        """Its page."""
        return f"/products/{self.sku}"


class Page(NamedTuple):
    """A page that is no product's."""

    path: str
    title: str


def _products(category: str, *names_and_prices: tuple[str, float]) -> tuple[Product, ...]:
    return tuple(
        Product(name.lower().replace(" ", "-").replace("'", ""), name, category, price) for name, price in names_and_prices
    )


PRODUCTS: Final = (
    *_products(
        "coffee",
        ("House Espresso 1kg", 24.9), ("Ethiopia Guji 250g", 13.5), ("Colombia Huila 250g", 12.5),
        ("Decaf Swiss Water 250g", 12.9),
        ("Filter Blend 500g", 15.9), ("Espresso Tasting Set", 29.0), ("Cold Brew Bags", 11.5),
    ),
    *_products(
        "tea",
        ("Darjeeling First Flush", 14.9), ("Sencha Uji", 16.5), ("Earl Grey Classic", 8.9), ("Rooibos Vanilla", 7.9),
        ("Matcha Ceremonial 30g", 27.0), ("Mountain Herbs", 6.9),
    ),
    *_products(
        "brewing",
        ("Pour Over Kit", 39.0), ("French Press 1l", 34.5), ("Hand Grinder", 79.0), ("Gooseneck Kettle", 89.0),
        ("Paper Filters 100", 5.9), ("Digital Scale", 49.0), ("Moka Pot 6", 36.0), ("Cold Brew Jug", 28.0),
    ),
    *_products(
        "machines",
        ("Espresso Machine Uno", 449.0), ("Espresso Machine Duo", 899.0), ("Electric Grinder", 219.0), ("Milk Frother", 69.0),
        ("Drip Machine", 159.0),
    ),
    *_products(
        "cups",
        ("Stoneware Cup", 14.0), ("Double Wall Glass", 12.0), ("Travel Mug", 24.0), ("Espresso Cup Set", 32.0),
        ("Tea Bowl", 18.5),
    ),
)  # fmt: skip
CATEGORIES: Final = ("coffee", "tea", "brewing", "machines", "cups")
BY_CATEGORY: Final = {name: tuple(one for one in PRODUCTS if one.category == name) for name in CATEGORIES}
POPULARITY: Final = tuple(1 / (1 + rank * 7 % len(PRODUCTS)) ** 0.7 for rank in range(len(PRODUCTS)))

HOME: Final = Page("/", "Fresh coffee and tea")
CART: Final = Page("/cart", "Your cart")
CHECKOUT: Final = Page("/checkout", "Checkout")
PAYMENT: Final = Page("/checkout/payment", "Payment")
THANKS: Final = Page("/checkout/thanks", "Thank you")
SEARCH: Final = Page("/search", "Search")
ACCOUNT: Final = Page("/account", "Your account")
PRICING: Final = Page("/club/pricing", "Club pricing")
READING: Final = (
    Page("/guides/pour-over", "How to brew a pour over"),
    Page("/guides/grind-size", "Which grind for which brew"),
    Page("/guides/matcha", "Matcha without lumps"),
    Page("/guides/espresso-at-home", "Espresso at home"),
    Page("/about", "Who we are"),
    Page("/help/shipping", "Shipping and returns"),
    PRICING,
)
SEARCHES: Final = ("espresso", "decaf", "grinder", "matcha", "filter", "gift", "kettle", "french press", "milk frother", "cups")


def category_page(name: str) -> Page:
    """The list of a category."""
    return Page(f"/categories/{name}", name.capitalize())


def product_page(product: Product) -> Page:
    """The page of a product."""
    return Page(product.path, product.name)
