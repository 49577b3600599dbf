"""Times in the offline matcher's questions: hours, days of the week, and days by how far they lie from today."""

from typing import Any

import pytest

from millrace_analytics.ai.ports import Property, Unanswerable, Vocabulary
from tests.support.matcher import plan_of, read_by_matcher

_KNOWN = Vocabulary(
    {"page_view": 9, "signup": 5, "click": 4, "purchase": 2},
    {},
    (Property("load_ms", "number"),),
    {"country": ("DE", "US", "IN"), "device": ("mobile", "desktop")},
    "times",
)


def question(text: str) -> dict[str, Any]:
    return plan_of(text, _KNOWN).question.model_dump(mode="json", exclude_none=True, exclude_defaults=True, by_alias=True)


@pytest.mark.parametrize(
    ("text", "field", "operator", "value"),
    [
        ("clicks on Mondays", "day_of_week", "eq", 1),
        ("clicks on a Friday", "day_of_week", "eq", 5),
        ("clicks on weekdays", "day_of_week", "between", [1, 5]),
        ("weekend clicks per week", "day_of_week", "between", [6, 7]),
        ("clicks from Monday to Friday", "day_of_week", "between", [1, 5]),
        ("clicks between 9 am and 5 pm", "hour_of_day", "between", [9, 16]),
        ("clicks between 2 and 5pm", "hour_of_day", "between", [14, 16]),
        ("clicks between 9 and 17", "hour_of_day", "between", [9, 16]),
        ("clicks from 9:00 to 12:00", "hour_of_day", "between", [9, 11]),
        ("clicks before noon", "hour_of_day", "between", [0, 11]),
        ("clicks after 18:00", "hour_of_day", "between", [18, 23]),
        ("clicks at 3 pm", "hour_of_day", "eq", 15),
    ],
)
def test_hours_and_days_of_the_week_come_again(text: str, field: str, operator: str, value: object) -> None:
    where = question(text)["where"]
    assert (where["field"]["name"], where.get("operator", "eq"), where["value"]) == (field, operator, value)


def test_hours_over_midnight_are_the_evening_and_the_morning() -> None:
    where = question("clicks between 22:00 and 6:00")["where"]
    assert [one["value"] for one in where["any"]] == [[22, 23], [0, 5]]


@pytest.mark.parametrize(
    "text", ["purchases between 9 and 17", "clicks from Monday to Wednesday", "clicks on the weekend", "clicks at 9:30 am"]
)
def test_what_could_be_another_time_is_not_guessed(text: str) -> None:
    assert isinstance(read_by_matcher(text, _KNOWN), Unanswerable)


def test_a_number_between_two_others_is_what_an_order_is_worth() -> None:
    where = question("purchases between 20 and 40")["where"]
    assert [(one["operator"], one["value"]) for one in where["all"]] == [("ge", 20), ("le", 40)]


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("clicks on Monday", "2026-03-16", "2026-03-16"),
        ("clicks last Wednesday", "2026-03-11", "2026-03-11"),
        ("clicks on Monday of last week", "2026-03-09", "2026-03-09"),
        ("clicks since Monday", "2026-03-16", "2026-03-18"),
        ("clicks on Sunday, March 15", "2026-03-15", "2026-03-15"),
        ("clicks 3 days ago", "2026-03-15", "2026-03-15"),
        ("clicks two weeks ago", "2026-03-02", "2026-03-08"),
        ("clicks the week before last", "2026-03-02", "2026-03-08"),
        ("clicks the day before yesterday", "2026-03-16", "2026-03-16"),
        ("clicks on the 10th", "2026-03-10", "2026-03-10"),
        ("clicks on the 25th", "2026-02-25", "2026-02-25"),
        ("clicks from the 10th to the 12th", "2026-03-10", "2026-03-12"),
        ("clicks on February 3rd and 4th", "2026-02-03", "2026-02-04"),
        ("clicks in the third week of February", "2026-02-15", "2026-02-21"),
        ("clicks in the first quarter", "2026-01-01", "2026-03-18"),
        ("clicks in calendar week 10", "2026-03-02", "2026-03-08"),
        ("clicks since the beginning of the month", "2026-03-01", "2026-03-18"),
        ("clicks in the month of February", "2026-02-01", "2026-02-28"),
        ("clicks from yesterday", None, None),
    ],
)
def test_days_are_found_from_today(text: str, start: str | None, end: str | None) -> None:
    found = question(text)["range"]
    assert found == ({"start": start, "end": end} if start else {"last": 1, "unit": "day", "align": "complete"})


def test_a_fortnight_has_fourteen_days_and_letters_are_units() -> None:
    assert question("clicks over the last fortnight")["range"] == {"last": 14, "unit": "day"}
    assert question("clicks last 24h")["range"] == {"last": 24, "unit": "hour"}


def test_weekends_and_weekdays_are_two_measures() -> None:
    weekends, weekdays = question("clicks on weekends vs weekdays")["measures"]
    assert (weekends["name"], weekdays["name"]) == ("weekends", "weekdays")
    assert weekends["where"]["all"][1]["value"] == [6, 7]


def test_a_length_of_time_is_a_limit_of_the_property_that_is_one() -> None:
    assert question("page views slower than 2 seconds")["where"]["value"] == 2000
    assert question("page views that took longer than 500 ms to load")["where"]["value"] == 500


def test_capital_letters_name_a_country_and_others_are_words() -> None:
    assert question("clicks where country = IN")["where"]["value"] == "IN"
    assert "where" not in question("clicks in March")
