"""Questions in plain language that the metric layer has kinds of its own for, and what the matcher abstains from."""

from typing import Any

import pytest

from millrace_analytics.ai.ports import Property, Unanswerable, Unclear, Vocabulary
from tests.support.matcher import plan_of, read_by_matcher

_KNOWN = Vocabulary(
    {"page_view": 9, "signup": 5, "click": 4, "add_to_cart": 3, "login": 2, "purchase": 2},
    {},
    (Property("plan", "text", ("free", "pro")), Property("sku", "text", ("SKU-1",)), Property("load_ms", "number")),
    {"country": ("DE", "US"), "device": ("mobile", "desktop"), "page_path": ("/", "/pricing", "/product/1")},
    "kinds",
)


def plan(text: str) -> dict[str, Any]:
    return plan_of(text, _KNOWN).model_dump(mode="json", exclude_none=True, exclude_defaults=False, by_alias=True)


def question(text: str) -> dict[str, Any]:
    return plan_of(text, _KNOWN).question.model_dump(mode="json", exclude_none=True, exclude_defaults=True, by_alias=True)


def test_sessions_are_those_of_the_metric_layer() -> None:
    asked = question("bounce rate of mobile visitors by country last week")
    assert (asked["kind"], asked["by"], asked["where"]["value"]) == ("sessions", {"name": "country"}, "mobile")
    assert plan("which landing pages have the lowest bounce rate?")["then"] == {
        "then": "of_sessions", "measure": "bounce_rate", "order": "lowest", "count": 10,
    }  # fmt: skip
    assert plan("median session length per day in the last 7 days")["then"]["measure"] == "median_length"
    assert question("avg session length on mobile vs desktop")["by"] == {"name": "device"}
    assert plan("engagement rate by country")["then"]["measure"] == "engagement_rate"


def test_one_day_of_retention_is_of_those_who_began_in_a_time_and_never_before() -> None:
    made = plan("day 7 retention of visitors first seen between March 1 and March 7")
    assert made["then"] == {"then": "returned", "period": 7, "until": "2026-03-07"}
    asked = made["question"]
    assert (asked["unit"], asked["range"]) == ("day", {"start": "2026-03-01", "end": "2026-03-15"})
    assert asked["where"]["all"][0]["at_most"] == 0
    assert plan("D1 retention of the week of 2 March")["then"]["period"] == 1
    assert plan("week 2 retention of people who signed up in February")["question"]["start"]["value"] == "signup"
    assert question("weekly retention by signup cohort")["start"]["value"] == "signup"


def test_who_began_in_a_week_is_looked_at_in_each_later_one() -> None:
    made = plan("of the visitors first seen in the week of 2 March, how many were active in each of the following weeks?")
    assert made["then"] == {"then": "returned", "until": "2026-03-08"}
    assert made["question"]["unit"] == "week"


def test_new_and_returning_people_are_told_by_what_they_did_before() -> None:
    new, returning = question("new vs returning visitors last week")["measures"]
    assert (new["name"], returning["name"]) == ("new", "returning")
    assert returning["where"]["not"] == new["where"]
    assert plan("returning visitors per week")["then"] == {"then": "arrivals", "who": "returning"}
    first = question("new customers last week")["where"]
    assert first["did"]["value"] == ["purchase", "ticket_purchase", "order_completed"]
    assert first["at_most"] == 0


def test_who_bought_again_bought_twice() -> None:
    (again,) = question("how many repeat customers did we have in March?")["measures"]
    assert again["where"]["all"][1]["at_least"] == 2
    (share,) = question("share of repeat customers")["measures"]
    assert share["unit"] == "%"


def test_what_comes_next_is_a_path() -> None:
    asked = question("What do people do after signing up?")
    assert (asked["kind"], asked["steps"], asked["event"]["value"]) == ("paths", 1, "signup")
    before = question("what do visitors do right before they purchase?")
    assert before["direction"] == "before"
    assert question("top 5 paths from the pricing page")["top"] == 5


def test_how_long_something_takes_is_a_funnel_with_times() -> None:
    made = plan("median time from signup to purchase")
    assert (made["question"]["times"], made["then"]["how"]) == (True, "median")
    turned = plan("average time to purchase after signup")["question"]["steps"]
    assert [one["name"] for one in turned] == ["signup", "purchase"]


def test_a_conversion_rate_between_two_steps_is_one_share() -> None:
    for text in (
        "conversion rate from signup to purchase",
        "cart to purchase conversion",
        "what share of carts turn into orders?",
    ):
        assert plan(text)["then"] == {"then": "last_step", "share": True}
    assert plan("how many users signed up and bought within 24 hours?")["question"]["window_seconds"] == 86_400


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("share of purchases by device", {"then": "shares"}),
        ("average daily active users", {"then": "mean"}),
        ("average revenue per day", {"then": "mean"}),
        ("days with more than 10 purchases", {"then": "kept", "operator": "gt", "number": 10.0, "counted": False}),
        (
            "on how many days were there more than 10 purchases?",
            {"then": "kept", "operator": "gt", "number": 10.0, "counted": True},
        ),
    ],
)
def test_what_follows_a_series_or_groups(text: str, then: dict[str, Any]) -> None:
    assert plan(text)["then"] == then


@pytest.mark.parametrize(
    ("text", "measures", "by"),
    [
        ("revenue per browser", ["revenue"], ["browser"]),
        ("orders by country", ["purchases"], ["country"]),
        ("What is the conversion rate of visitors from Germany?", ["conversion_rate"], []),
        ("clicks by users who are not logged in", ["clicks"], []),
        ("events by anonymous visitors", ["events"], []),
        ("purchases by non-mobile users", ["purchases"], []),
        ("visitors with revenue above 200", ["revenue"], ["visitor_id"]),
        ("pages with more than 500 views", ["page_views"], ["page_path"]),
        ("total order value by country", ["revenue"], ["country"]),
        ("most purchased sku", ["purchases"], ["properties.sku"]),
        ("revenue from orders worth more than 50", ["revenue"], []),
        ("all countries with their number of signups", ["signups"], ["country"]),
        ("how much revenue did visitors from Germany generate", ["revenue"], []),
        ("top 5 pages for mobile visitors", ["page_views"], ["page_path"]),
        ("which pages were visited by people from Germany", ["page_views"], ["page_path"]),
        ("products that sold at least 50 times", ["purchases"], ["properties.sku"]),
    ],
)
def test_groups_are_what_is_asked_by_and_nothing_else(text: str, measures: list[str], by: list[str]) -> None:
    asked = question(text)
    assert [one.get("metric") for one in asked["measures"]] == measures
    assert [one["name"] for one in asked.get("by", [])] == by


def test_a_rank_before_an_order_is_of_what_it_was_worth() -> None:
    for text, how in (("largest order in March by country", "max"), ("lowest order value by country", "min")):
        (measure,) = question(text)["measures"]
        assert (measure["measure"], measure["field"]["name"]) == (how, "order_value")
    found = question("minimum, maximum and average order value")["measures"]
    assert [one["measure"] for one in found] == ["min", "max", "avg"]


def test_values_are_counted_where_they_are_to_be_different() -> None:
    for text, field in {
        "how many different pages were viewed": "page_path",
        "number of different browsers": "browser",
        "distinct skus sold": "properties.sku",
        "how many countries do our visitors come from": "country",
    }.items():
        (measure,) = question(text)["measures"]
        assert (measure["measure"], measure["of"]["name"]) == ("unique", field)


def test_whose_events_they_are_is_a_filter() -> None:
    assert question("revenue from signed-in users")["where"] == {"segment": "signed_in"}
    assert question("events by anonymous visitors")["where"] == {"segment": "anonymous"}


def test_a_ratio_is_of_the_one_for_each_of_the_other() -> None:
    (measure,) = question("what's the ratio of signups to visitors")["measures"]
    assert measure["parts"]["each"] == {"measure": "unique", "of": "visitor"}


def test_people_who_did_something_are_counted_once_in_each_group() -> None:
    for text in ("how many visitors clicked per day", "how many visitors clicked by country"):
        (measure,) = question(text)["measures"]
        assert (measure["measure"], measure["of"]) == ("unique", "visitor")


def test_the_time_before_and_afterwards_are_of_the_same_thing() -> None:
    once, not_again = question("who purchased last week but not the week before?")["where"]["all"]
    assert (not_again["did"], not_again["at_most"]) == (once["did"], 0)
    assert not_again["range"]["end"].startswith("2026-03-09")
    _, later = question("users who purchased in the first week of March but not afterwards")["where"]["all"]
    assert later["range"]["start"] == "2026-03-08"


@pytest.mark.parametrize(
    "text",
    [
        "unique clicks",
        "slowest page",
        "longest session",
        "where do our buyers live?",
        "how many people were active every week in March",
        "how many visitors viewed at least 3 different pages",
        "on average, how many people register per day in the last 4 weeks?",
        "users who signed up and bought within 24 hours",
        "time to first purchase",
        "how many products did we sell?",
        "top page per country",
        "average revenue by weekday",
        "signups on each Monday in March",
        "which country had the biggest increase in purchases last week?",
        "when did we have the most page views?",
        "why did revenue drop?",
        "forecast revenue for April",
    ],
)
def test_what_has_no_one_reading_is_not_guessed(text: str) -> None:
    assert isinstance(read_by_matcher(text, _KNOWN), (Unanswerable, Unclear))
