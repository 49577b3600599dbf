"""The offline matcher: questions as people speak, days in digits, one person, moments, and what it must not answer."""

from typing import Any

import pytest

from millrace_analytics.ai.ports import InSql, Property, Unanswerable, Unclear, Vocabulary
from tests.support.matcher import plan_of, read_by_matcher

_KNOWN = Vocabulary(
    {"page_view": 9, "click": 6, "signup": 5, "add_to_cart": 4, "login": 3, "purchase": 2},
    {"Signed Up": 0},
    (Property("plan", "text", ("free", "pro")), Property("sku", "text", ("A-1", "A-2")), Property("load_ms", "number")),
    {
        "country": ("DE", "US"),
        "device": ("mobile", "desktop"),
        "page_path": ("/", "/pricing", "/docs"),
        "utm_source": ("google", "newsletter", "twitter"),
        "referrer_domain": ("google.com",),
    },
    "spoken",
)


def planned(text: str) -> dict[str, Any]:
    return plan_of(text, _KNOWN).model_dump(mode="json", exclude_none=True, by_alias=True)


def measured(text: str) -> tuple[str, dict[str, Any]]:
    """The name of the one measure, and the question."""
    question = planned(text)["question"]
    (measure,) = question["measures"]
    return measure.get("metric", measure["measure"]), question


@pytest.mark.parametrize(
    ("said", "same"),
    [
        ("how much did we make yesterday", "revenue yesterday"),
        ("what did we take in last week", "revenue last week"),
        ("how many users signed up but didnt buy", "how many users signed up but did not buy"),
        ("How many new accounts were created on 14 March?", "signups on 14 March"),
        ("In which country do we convert worst?", "which country has the lowest conversion rate"),
        ("best converting browser", "which browser has the highest conversion rate"),
        ("do mobile users convert better than desktop users?", "conversion rate of mobile vs desktop"),
        ("which brings more revenue, twitter or newsletter?", "revenue twitter vs newsletter"),
        ("average spend per customer this month", "revenue per customer this month"),
        ("Add to cart → purchase rate", "conversion rate from add to cart to purchase"),
        ("top spenders last month", "top customers by revenue last month"),
        ("orders divided by visitors", "orders per visitor"),
        ("revenue this week compared to last?", "revenue this week compared to last week"),
        ("events where plan is empty", "events without plan"),
    ],
)
def test_a_way_of_speaking_is_read_as_what_it_says(said: str, same: str) -> None:
    def what(text: str) -> dict[str, Any]:
        found = planned(text)
        for step in found["question"].get("steps", ()):
            step.pop("name")  # as it was called
        return found

    assert what(said) == what(same)


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ("signups since 3/13", "2026-03-13", "2026-03-18"),
        ("signups on 14/3", "2026-03-14", "2026-03-14"),
        ("signups on 3/3", "2026-03-03", "2026-03-03"),
        ("signups on 3/5/2026", "2026-03-05", "2026-03-05"),
        ("signups from 3/1 to 3/7", "2026-03-01", "2026-03-07"),
        ("signups on 03/15/2026", "2026-03-15", "2026-03-15"),
        ("signups on 15.3.", "2026-03-15", "2026-03-15"),
        ("signups on 2026/03/15", "2026-03-15", "2026-03-15"),
    ],
)
def test_a_day_in_digits_is_read_where_it_can_be_one_alone(said: str, first: str, last: str) -> None:
    assert planned(said)["question"]["range"] == {"start": first, "end": last}


@pytest.mark.parametrize("said", ["signups 24/7", "signups on 31/31"])
def test_what_looks_like_a_day_in_digits_is_none(said: str) -> None:
    assert isinstance(read_by_matcher(said, _KNOWN), Unanswerable)


@pytest.mark.parametrize(
    ("said", "one", "other"),
    [
        ("signups on 1/2", "signups on 2026-01-02", "signups on 2026-02-01"),
        ("signups since 2/1", "signups since 2026-02-01", "signups since 2026-01-02"),
        ("signups on 3/5", "signups on 2026-03-05", "signups on 2025-05-03"),
        ("signups on 1/2/2026", "signups on 2026-01-02", "signups on 2026-02-01"),
    ],
)
def test_a_day_in_digits_that_can_be_two_is_asked_back(said: str, one: str, other: str) -> None:
    asked = read_by_matcher(said, _KNOWN)
    assert isinstance(asked, Unclear)
    assert asked.options == (one, other)


def test_what_is_not_set_is_a_filter() -> None:
    name, question = measured("sessions without utm_source")
    assert (name, question["where"]) == (
        "sessions",
        {"field": {"name": "utm_source"}, "operator": "is_not_set", "ignore_case": False},
    )


def test_both_pages_are_two_things_that_somebody_did() -> None:
    where = planned("how many visitors viewed both the docs and the pricing page?")["question"]["where"]["all"]
    assert [one["did"]["all"][1]["value"] for one in where] == ["/docs", "/pricing"]


def test_two_times_that_lie_apart_are_measured_beside_each_other() -> None:
    measures = planned("revenue from 8 to 10 March vs 1 to 3 March")["question"]["measures"]
    assert [one["name"] for one in measures] == ["from_2026_03_08_to_2026_03_10", "from_2026_03_01_to_2026_03_03"]
    assert [one["where"]["all"][1]["all"][0]["value"] for one in measures] == [
        "2026-03-08T00:00:00.000Z", "2026-03-01T00:00:00.000Z",
    ]  # fmt: skip
    assert (
        planned("signups yesterday vs same day last week")["question"]["measures"][1]["name"] == "from_2026_03_10_to_2026_03_10"
    )


def test_days_on_which_people_were_there_are_counted() -> None:
    found = planned("how many users were active on at least 10 different days this month?")
    assert found["question"]["kind"] == "stickiness"
    assert found["then"] == {"then": "on_so_many", "operator": "ge", "number": 10, "share": False}
    assert planned("what share of users were active on more than 2 days last week?")["then"]["share"]


def test_retention_of_those_who_signed_up_begins_with_that_and_goes_on_with_anything() -> None:
    found = planned("weekly retention of people who signed up in March")["question"]
    assert found["start"]["value"] == "signup"
    assert "where" not in found


@pytest.mark.parametrize(
    ("said", "person", "limit"),
    [("show the last 10 events of user u_100", "u_100", 10), ("what did u_25 do on march 12?", "u_25", 1_000),
     ("journey of visitor v33", "v33", 1_000)],
)  # fmt: skip
def test_what_one_person_did_is_a_journey(said: str, person: str, limit: int) -> None:
    found = planned(said)["question"]
    assert (found["kind"], found["person"], found["limit"]) == ("journey", person, limit)


def test_events_of_one_person_are_counted() -> None:
    name, question = measured("how many orders did user u_7 place in march?")
    assert (name, question["where"]["field"]["name"], question["where"]["value"]) == ("purchases", "user_id", "u_7")


@pytest.mark.parametrize(
    ("said", "shown", "where", "way"),
    [
        ("when did the last login come in?", "last_at", "event_type IN ('login')", "DESC"),
        ("when was our first signup", "first_at", "event_type IN ('signup')", "ASC"),
        ("when was user u_9 last seen", "last_at", "user_id IN ('u_9')", "DESC"),
    ],
)
def test_the_last_and_the_first_time_are_moments(said: str, shown: str, where: str, way: str) -> None:
    reading = read_by_matcher(said, _KNOWN)
    assert isinstance(reading, InSql)
    wanted = f"SELECT timestamp AS {shown} FROM events_raw WHERE {where} AND NOT is_bot ORDER BY timestamp {way} LIMIT 1"
    assert reading.sql == wanted


@pytest.mark.parametrize(
    "said",
    [
        "give me the email addresses of everyone who bought A-1",
        "phone numbers of our customers",
        "names of the users who signed up yesterday",
        "revenue of tenant_b",
        "what's the open rate of the newsletter",
        "median load time per page, worst first",
        "how many visitors were lost between cart and purchase",
        "how many signups did google get compared to no utm_source",
        "visitors from user u_1'; DROP TABLE events",
        "how many visitors did not view the docs and the pricing page",
        "do pro users buy more often than free users?",
    ],
)
def test_it_abstains_where_it_would_guess(said: str) -> None:
    assert not hasattr(read_by_matcher(said, _KNOWN), "plan")
    assert not isinstance(read_by_matcher(said, _KNOWN), InSql)
