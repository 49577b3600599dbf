"""Which events have what the offline matcher is asked: of what a value is one, and where there is no answer."""

from typing import Any

import pytest

from millrace_analytics.ai.ports import Property, Reading, Unanswerable, Unclear, Vocabulary
from tests.support.matcher import plan_of, read_by_matcher

_TYPES = ("page_view", "product_view", "add_to_cart", "search", "purchase")
_LANDING = frozenset(_TYPES) - {"page_view"}
_KNOWN = Vocabulary(
    dict.fromkeys(_TYPES, 9),
    properties=(
        Property("category", "text", ("coffee", "tea", "cups", "machines"), ("add_to_cart", "product_view", "purchase")),
        Property("sku", "text", ("mug-1",), ("add_to_cart", "product_view")),
        Property("query", "text", ("cups",), ("search",)),
        Property("payment", "text", ("card",), ("purchase",)),
        Property("method", "text", ("email",), ("search",)),
    ),
    values={
        "page_path": (
            "/",
            "/categories/coffee",
            "/categories/tea",
            "/categories/cups",
            "/categories/machines",
            "/products/mug-1",
        ),
        "channel": ("direct", "paid search", "organic search"),
        "utm_source": ("google",),
        "country": ("DE",),
    },
    version="carrying",
    lacking={
        "page_path": frozenset(),
        "channel": _LANDING,
        "utm_source": _LANDING,
        "properties.category": frozenset({"page_view", "search"}),
        "properties.sku": frozenset({"page_view", "search", "purchase"}),
        "properties.query": frozenset(_TYPES) - {"search"},
        "properties.payment": frozenset(_TYPES) - {"purchase"},
        "properties.method": frozenset(_TYPES) - {"search"},
    },
)


def read(text: str) -> Reading:
    return read_by_matcher(text, _KNOWN)


def question(text: str) -> dict[str, Any]:
    return plan_of(text, _KNOWN).question.model_dump(mode="json", exclude_none=True, exclude_defaults=True, by_alias=True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("product views of tea last week", "tea"),
        ("sum of quantity for coffee purchases in february", "coffee"),
        ("revenue of coffee in february", "coffee"),
        ("product views in the coffee category last week", "coffee"),
        ("add to carts for cups", "cups"),
        ("orders of machines by day", "machines"),
        ("how many items of tea were sold", "tea"),
        ("average order value of machines", "machines"),
    ],
)
def test_a_value_is_of_the_property_that_the_events_have(text: str, value: str) -> None:
    assert question(text)["where"] == {"field": {"name": "properties.category"}, "value": value}


def test_what_people_did_has_its_own_properties() -> None:
    did = question("how many customers bought machines last month")["where"]["did"]
    assert did["all"][1] == {"field": {"name": "properties.category"}, "value": "machines"}
    asked = question("revenue of coffee vs tea last week")
    assert [one["name"] for one in asked["by"]] == ["properties.category"]


@pytest.mark.parametrize(
    "text", ["views of the page /categories/tea", "page views of tea", "views of the tea page", "page views of the tea page"]
)
def test_views_of_a_page_are_of_the_page(text: str) -> None:
    assert question(text)["where"] == {"field": {"name": "page_path"}, "value": "/categories/tea"}


def test_a_step_of_a_funnel_is_no_page_that_may_be_a_property() -> None:
    assert isinstance(read("funnel from product view to purchase for tea"), Unanswerable)
    assert len(question("funnel from the tea page to purchase")["steps"]) == 2


def test_what_may_be_a_page_or_a_property_is_asked_back() -> None:
    several = read("sessions of tea")
    assert isinstance(several, Unclear)
    assert several.options == ("sessions of tea (by page)", "sessions of tea (by category)")
    viewed = read("views of tea last week")
    assert isinstance(viewed, Unclear)
    assert viewed.options == ("page views of tea last week", "product views of tea last week")
    for option in viewed.options:
        assert question(option)["where"]["value"] in ("/categories/tea", "tea")
    for text in ("visitors who viewed tea last week", "how many visitors viewed coffee products last week"):
        assert isinstance(read(text), Unanswerable)


@pytest.mark.parametrize(
    ("text", "lacking"),
    [
        ("conversion rate by channel last week", "the channel of purchase events"),
        ("revenue from paid search last week", "the channel of purchase events"),
        ("revenue from organic traffic", "the channel of purchase events"),
        ("purchases from organic search", "the channel of purchase events"),
        ("orders not from paid search", "the channel of purchase events"),
        ("revenue per visitor by channel", "the channel of purchase events"),
        ("how many customers bought from google", "the utm_source of purchase events"),
        ("top 5 products by revenue", "the sku of purchase events"),
        ("best selling products last month", "the sku of purchase events"),
        ("views per product last week", "the sku of page_view events"),
        ("searches by category", "the category of search events"),
    ],
)
def test_what_no_such_event_has_is_said_and_not_answered(text: str, lacking: str) -> None:
    reading = read(text)
    assert isinstance(reading, Unanswerable)
    assert lacking in reading.reason
    assert "none of the newest has one" in reading.reason


def test_with_a_property_is_where_it_is_set() -> None:
    where = {"field": {"name": "properties.payment", "type": "text"}, "operator": "is_set"}
    for text in ("number of orders with a payment", "orders with payments", "how many orders used a payment"):
        asked = question(text)
        assert (asked["where"], asked.get("by")) == (where, None)
    assert isinstance(read("page views with a payment"), Unanswerable)


def test_what_events_have_is_answered() -> None:
    for text in ("page views by channel", "visitors from paid search", "sessions by channel", "orders without utm_source"):
        question(text)
    assert question("product views by product")["by"][0]["name"] == "properties.sku"
    assert question("top 5 products by add to carts")["by"][0]["name"] == "properties.sku"


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("least popular product category by purchases last month", "properties.category"),
        ("orders by payment method", "properties.payment"),
        ("revenue by product category", "properties.category"),
    ],
)
def test_two_words_may_be_one_property(text: str, by: str) -> None:
    assert [one["name"] for one in question(text)["by"]] == [by]
