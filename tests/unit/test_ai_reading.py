"""The offline matcher: ratios, limits, running totals, superlatives, order, and words that it may not guess at."""

from typing import Any

import pytest

from millrace_analytics.ai.ports import Planned, Property, Reading, Unanswerable, Unclear, Vocabulary
from tests.support.matcher import plan_of, read_by_matcher

_KNOWN = Vocabulary(
    {"page_view": 9, "click": 6, "signup": 5, "add_to_cart": 4, "purchase": 2},
    {},
    (
        Property("plan", "text", ("free", "pro")),
        Property("sku", "text", ("A-1", "A-2")),
        Property("currency", "text", ("USD", "EUR")),
        Property("load_ms", "number"),
    ),
    {
        "country": ("DE", "US"),
        "device": ("mobile", "desktop"),
        "page_path": ("/", "/pricing", "/product/1", "/product/2"),
        "utm_source": ("google", "newsletter", "twitter"),
        "utm_campaign": ("spring",),
        "referrer_domain": ("google.com", "news.ycombinator.com", "t.co"),
    },
    "reading",
)


def read(text: str) -> Reading:
    return read_by_matcher(text, _KNOWN)


def planned(text: str) -> dict[str, Any]:
    return plan_of(text, _KNOWN).model_dump(mode="json", exclude_none=True, by_alias=True)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("visits between March 1 and March 10, 2026", {"start": "2026-03-01", "end": "2026-03-10"}),
        ("visits Mar 1-14", {"start": "2026-03-01", "end": "2026-03-14"}),
        ("visits on 7 March 2026", {"start": "2026-03-07", "end": "2026-03-07"}),
        ("could you please tell me the visits since March 10, thanks!", {"start": "2026-03-10", "end": "2026-03-18"}),
        ("I'd like to see visits in the last thirty days", {"last": 30, "unit": "day", "align": "rolling"}),
    ],
)
def test_written_dates_and_number_words_are_read(text: str, wanted: dict[str, Any]) -> None:
    assert planned(text)["question"]["range"] == wanted


@pytest.mark.parametrize(
    "text",
    [
        "revenue last 7 days vs the 7 days before",
        "revenue in the last 7 days and in the seven days prior to that",
        "revenue in the last 7 days against the preceding 7 days",
    ],
)
def test_so_many_days_before_are_the_period_before(text: str) -> None:
    question = planned(text)["question"]
    assert (question["range"]["last"], question["compare"]) == (7, "previous_period")


def test_times_of_one_length_behind_each_other_are_compared() -> None:
    question = planned("compare orders in Mar 1-7 with Mar 8-14")["question"]
    assert question["range"] == {"start": "2026-03-08", "end": "2026-03-14"}
    assert question["compare"] == "previous_period"


@pytest.mark.parametrize(
    ("text", "by", "top", "measure"),
    [
        ("whats our best selling sku (number of purchases)", "properties.sku", 1, "purchases"),
        ("the ten visitors who spent the most", "visitor_id", 10, "revenue"),
        ("page with the fewest clicks", "page_path", 1, "clicks"),
        ("top 3 SKUs by EUR revenue, leave out the dollar orders", "properties.sku", 3, "revenue"),
    ],
)
def test_superlatives_list_what_they_are_said_of(text: str, by: str, top: int, measure: str) -> None:
    question = planned(text)["question"]
    assert ([one["name"] for one in question["by"]], question["top"]) == ([by], top)
    assert [one["metric"] for one in question["measures"]] == [measure]


def test_the_biggest_order_is_the_largest_amount() -> None:
    measure = planned("biggest single order last week?")["question"]["measures"][0]
    assert (measure["measure"], measure["field"]["name"]) == ("max", "order_value")


@pytest.mark.parametrize(
    ("text", "formula", "by"),
    [
        ("how many add-to-carts are there for every purchase", "amount / each", []),
        ("clicks per signup by country", "amount / each", ["country"]),
        ("average revenue per day in the last 7 days", "amount / 7", []),
    ],
)
def test_ratios_divide(text: str, formula: str, by: list[str]) -> None:
    question = planned(text)["question"]
    assert question["measures"][0]["formula"] == formula
    assert [one["name"] for one in question["by"]] == by
    assert question.get("granularity") is None


def test_a_limit_of_what_is_counted_keeps_groups() -> None:
    plan = planned("countries that have had more than 115 signups so far")
    assert plan["then"] == {"then": "kept", "operator": "gt", "number": 115.0, "counted": False}
    assert plan["question"]["by"][0]["name"] == "country"


def test_running_totals_are_of_what_adds_up() -> None:
    plan = planned("running total of revenue day by day since March 10")
    assert (plan["then"]["then"], plan["question"]["granularity"]) == ("running_total", "day")
    assert isinstance(read("running total of visitors"), Unanswerable)


@pytest.mark.parametrize(
    ("text", "steps", "share"),
    [
        ("how many ppl signed up and then bought something afterwards?", ["signup", "purchase"], False),
        ("how many people bought after they signed up", ["signup", "purchase"], False),
        ("what % of visitors who put something in the cart purchased later on?", ["add_to_cart", "purchase"], True),
    ],
)
def test_order_makes_a_funnel_whose_end_is_asked(text: str, steps: list[str], share: bool) -> None:
    plan = planned(text)
    assert plan["then"] == {"then": "last_step", "share": share}
    shown = [str(one["where"]["value"]) for one in plan["question"]["steps"]]
    assert all(step in one for step, one in zip(steps, shown, strict=True))


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("visitors with utm_source twitter", "utm_source"),
        ("page views of the spring campaign", "utm_campaign"),
        ("visitors from news.ycombinator.com", "referrer_domain"),
        ("purchases in dollars", "properties.currency"),
    ],
)
def test_values_are_of_their_field(text: str, field: str) -> None:
    assert f"'name': '{field}'" in str(planned(text)["question"]["where"])


@pytest.mark.parametrize(
    "text",
    [
        "revenue by shelf",
        "average conversion rate per day",
        "revenue in the last 7 days vs the 14 days before",
        "share of those who bought after they signed up",
        "number of amounts",
    ],
)
def test_what_could_be_something_else_is_not_guessed(text: str) -> None:
    assert isinstance(read(text), (Unanswerable, Unclear))


@pytest.mark.parametrize("text", ["purchases by mobile users", "signups among mobile users"])
def test_whose_events_they_are_groups_by_nothing(text: str) -> None:
    assert planned(text)["question"]["by"] == []


def test_a_name_that_stands_in_two_fields_is_asked_back() -> None:
    reading = read("how many events do we get from google")
    assert isinstance(reading, Unclear)
    assert len(reading.options) > 1


def test_a_slip_of_the_pen_is_read_as_the_word() -> None:
    reading = read("how many uniqe visitors yesterday")
    assert isinstance(reading, Planned)
    assert any("uniqe" in one for one in reading.assumptions)
