"""The same part of another time, bots, and words that are one thing in one place and another elsewhere."""

from typing import Any

import pytest

from millrace_analytics.ai.ports import Reading, Unanswerable, Vocabulary
from tests.support.matcher import plan_of, read_by_matcher

_KNOWN = Vocabulary(
    {"page_view": 9, "signup": 5, "search": 3, "purchase": 2},
    values={"country": ("DE", "US"), "device": ("mobile", "desktop"), "page_path": ("/", "/search")},
    version="parts",
)


def read(text: str) -> Reading:
    return read_by_matcher(text, _KNOWN)


def question(text: str) -> dict[str, Any]:
    return plan_of(text, _KNOWN).question.model_dump(mode="json", exclude_none=True, exclude_defaults=True, by_alias=True)


def named(text: str) -> list[str]:
    return [one["name"] for one in question(text)["measures"]]


_WEEKS = ["from_2026_03_16_to_2026_03_18", "from_2026_03_09_to_2026_03_11"]
_DAYS = ["from_2026_03_18_to_2026_03_18", "from_2026_03_17_to_2026_03_17"]
_MONTHS = ["from_2026_03_01_to_2026_03_18", "from_2026_02_01_to_2026_02_18"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("revenue this week so far compared with the same days last week", _WEEKS),
        ("revenue by country this week vs the same period last week", _WEEKS),
        ("visitors this week vs last week, same days", _WEEKS),
        ("sales month to date vs same period last month", _MONTHS),
        ("orders this month to date compared to the same days last month", _MONTHS),
        ("revenue month to date vs last month to date", _MONTHS),
        (
            "signups today compared to the same time yesterday",
            ["from_2026_03_18_to_2026_03_18", "from_2026_03_17_to_2026_03_17"],
        ),
    ],
)
def test_the_same_days_are_as_many_of_the_time_before(text: str, wanted: list[str]) -> None:
    assert named(text) == wanted
    ends = [one["where"] for one in question("visitors this week vs last week, same days")["measures"]]
    assert [one["all"][1]["value"] for one in ends] == ["2026-03-18T12:00:00.000Z", "2026-03-11T12:00:00.000Z"]


@pytest.mark.parametrize(
    "text",
    [
        "revenue by day this week vs the same days last week",
        "orders by country this week compared to the same period",
        "revenue in the last 30 days vs the same days last month",
        "visitors who signed up last week and bought in the same days last month",
    ],
)
def test_a_part_that_is_none_is_not_guessed(text: str) -> None:
    assert isinstance(read(text), Unanswerable)


@pytest.mark.parametrize(
    "text", ["page views including bots yesterday", "page views with bots yesterday", "page views yesterday, bots included"]
)
def test_bots_count_where_it_is_said(text: str) -> None:
    asked = question(text)
    assert asked["bots"] == "include"
    assert "where" not in asked


@pytest.mark.parametrize(
    "text",
    [
        "page views from bots yesterday", "only bots page views yesterday", "how many page views were from crawlers yesterday",
        "bot page views yesterday", "how much traffic came from bots last week", "page views by bots",
    ],
)  # fmt: skip
def test_bots_alone_are_counted_where_it_is_said(text: str) -> None:
    asked = question(text)
    assert asked["bots"] == "include"
    assert asked["where"] == {"field": {"name": "is_bot"}, "value": True}


def test_bots_are_left_out_told_apart_or_a_share() -> None:
    for text in ("page views excluding bots", "page views without bots", "page views not from bots"):
        assert question(text) == question("page views")
    by = question("page views by is_bot")
    assert (by["bots"], by["by"]) == ("include", [{"name": "is_bot"}])
    (share,) = question("what share of page views came from bots")["measures"]
    assert share["parts"]["whole"] == {"measure": "count", "where": {"field": {"name": "event_type"}, "value": "page_view"}}
    assert question("bounce rate including bots")["bots"] == "include"
    for text in ("how many bots visited yesterday", "new visitors including bots last week", "funnel to purchase with bots"):
        assert isinstance(read(text), Unanswerable)


@pytest.mark.parametrize(
    "text", ["revenue per order by device", "revenue of each order by device", "revenue per single order by device"]
)
def test_an_order_is_one_behind_per(text: str) -> None:
    asked = question(text)
    assert [one["name"] for one in asked["measures"]] == ["per_purchases"]
    assert asked["by"] == [{"name": "device"}]
    assert question("revenue by device order by revenue")["measures"][0]["metric"] == "revenue"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("compare weekdays with weekends by revenue in february", ["weekdays", "weekends"]),
        ("revenue weekdays vs weekends", ["weekdays", "weekends"]),
        ("compare weekday and weekend orders", ["weekdays", "weekends"]),
        ("weekend vs weekday signups", ["weekends", "weekdays"]),
    ],
)
def test_weekdays_and_weekends_stand_beside_each_other(text: str, wanted: list[str]) -> None:
    assert named(text) == wanted
    assert question("orders per weekday on weekends")["by"] == [{"name": "day_of_week"}]


_BOUGHT = {"field": {"name": "event_type"}, "operator": "in", "value": ["purchase", "ticket_purchase", "order_completed"]}


@pytest.mark.parametrize(
    "text",
    [
        "new customers last week",
        "revenue from first time customers last week",
        "revenue from new customers last week",
        "orders by first time buyers last week",
    ],
)
def test_new_customers_are_those_who_bought_for_the_first_time(text: str) -> None:
    assert question(text)["where"]["did"] == _BOUGHT
    assert question("revenue from new visitors last week")["where"]["did"] != _BOUGHT


def test_customers_who_are_new_bought_for_the_first_time() -> None:
    did, never = question("customers who are new in february")["where"]["all"]
    assert (did["did"], never["did"], never["at_most"]) == (_BOUGHT, _BOUGHT, 0)
    for text in ("customers who joined in february", "revenue from new customers per week"):
        assert isinstance(read(text), Unanswerable)


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("users who visited more than 2 times last week", "user_id"),
        ("how many visitors visited more than 3 times last month", "visitor_id"),
        ("visitors who visited at least 4 times", "visitor_id"),
    ],
)
def test_how_often_somebody_visited_is_how_many_sessions(text: str, by: str) -> None:
    asked = question(text)
    assert [one["metric"] for one in asked["measures"]] == ["sessions"]
    assert asked["by"] == [{"name": by}]


def test_single_says_nothing_beside_a_rank_alone() -> None:
    assert isinstance(read("what percentage of sessions are single page"), Unanswerable)
    assert isinstance(read("share of single visitors"), Unanswerable)
    assert question("largest single order last month")["measures"][0]["measure"] == "max"
    assert question("most orders in a single day")["granularity"] == "day"


@pytest.mark.parametrize(
    ("text", "per"),
    [
        ("how much money did each customer spend on average last month", "per_customers"),
        ("how many orders did each customer place on average", "per_customers"),
        ("how much did each visitor spend on average", "per_unique_visitors"),
    ],
)
def test_what_each_of_them_does_on_average_is_one_number(text: str, per: str) -> None:
    asked = question(text)
    assert named(text) == [per]
    assert "by" not in asked


def test_an_event_comes_before_a_page_of_its_name() -> None:
    for text in ("what do people do after a search", "what do people do after searching"):
        assert question(text)["event"] == {"field": {"name": "event_type"}, "value": "search"}
    assert len(question("what do people do after viewing the search page")["event"]["all"]) == 2


@pytest.mark.parametrize(
    "text", ["largest single order last month and who made it", "largest order last month by whom", "highest order and by who"]
)
def test_who_it_was_is_not_passed_over(text: str) -> None:
    assert isinstance(read(text), Unanswerable)


def test_a_word_of_its_own_is_no_slip() -> None:
    reading = read("how many signups failed")
    assert isinstance(reading, Unanswerable)
    assert "failed" in reading.reason
