"""The offline matcher: what is left out, divided, ranked and dated in the words that people use for it."""

from typing import Any

import pytest

from millrace_analytics.ai.describing import explained
from millrace_analytics.ai.plans import Largest
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
        "country": ("DE", "US", "FR"),
        "device": ("mobile", "desktop", "tablet"),
        "page_path": ("/", "/pricing"),
        "utm_source": ("google", "newsletter"),
        "referrer_domain": ("google.com",),
    },
    "wording",
)


def read(text: str) -> Reading:
    return read_by_matcher(text, _KNOWN)


def planned(text: str) -> dict[str, Any]:
    return plan_of(text, _KNOWN).model_dump(mode="json", exclude_defaults=True, by_alias=True)


def question(text: str) -> dict[str, Any]:
    return dict(planned(text)["question"])


def _not(field: str, value: Any) -> dict[str, Any]:
    return {"not": {"field": {"name": field}, "value": value}}


def test_everything_of_a_list_is_left_out() -> None:
    where = question("revenue excluding France and Germany")["where"]
    assert where == {"all": [_not("country", "FR"), _not("country", "DE")]}
    where = question("signups without mobile, tablet or desktop")["where"]
    assert where == {"all": [_not("device", one) for one in ("mobile", "tablet", "desktop")]}
    mixed = question("signups not on mobile and from Germany")["where"]
    assert {"field": {"name": "country"}, "value": "DE"} in mixed["all"]


def test_events_of_a_type_are_left_out_of_all_events() -> None:
    (measure,), where = (question("events yesterday excluding page views and signups")[one] for one in ("measures", "where"))
    assert measure["metric"] == "events"
    assert where == {"all": [_not("event_type", "page_view"), _not("event_type", "signup")]}
    assert isinstance(read("revenue excluding clicks"), (Unanswerable, Unclear))


def test_a_value_is_of_the_field_that_is_grouped_by() -> None:
    asked = question("add to carts for each utm_source except google")
    assert asked["where"]["all"][0] == _not("utm_source", "google")


@pytest.mark.parametrize(
    ("text", "each"),
    [
        ("how many orders does a buyer place on average", "person"),
        ("On average, how many clicks does a visitor make?", "visitor"),
        ("how many sessions does a user have on average", "person"),
        ("average clicks per session", "session"),
        ("how much is spent per order on average", None),
    ],
)
def test_an_average_of_somebody_divides(text: str, each: str | None) -> None:
    (measure,) = question(text)["measures"]
    assert measure["formula"] == "amount / each"
    assert measure["parts"]["each"].get("of", None if each is None else "person") == each


def test_a_number_of_some_events_is_aggregated() -> None:
    (measure,) = question("median load_ms of page views on mobile")["measures"]
    assert (measure["measure"], measure["field"]["name"]) == ("quantile", "properties.load_ms")
    assert measure["where"]["value"] == "page_view"
    assert isinstance(read("sum of amount of purchases"), Unanswerable)  # and not how many there are


def test_paid_orders_are_orders() -> None:
    (measure,) = question("what share of orders is paid in USD?")["measures"]
    assert measure["formula"] == "100 * part / whole"
    assert "USD" in str(measure["parts"]["part"])


@pytest.mark.parametrize(
    ("text", "field"), [("top 2 users by page views", "user_id"), ("top 5 sessions by events", "session_id")]
)
def test_who_is_ranked_has_a_name(text: str, field: str) -> None:
    asked = question(text)
    assert asked["by"] == [{"name": field}]
    assert f"{{'field': {{'name': '{field}'}}, 'operator': 'is_set'}}" in str(asked["where"])


@pytest.mark.parametrize(("text", "unit"), [("DAU in March", "day"), ("WAU on mobile", "week"), ("mau", "month")])
def test_active_people_have_a_short_name(text: str, unit: str) -> None:
    asked = question(text)
    assert (asked["measures"][0]["metric"], asked["granularity"]) == ("people", unit)
    assert isinstance(read("dau/mau"), Unanswerable)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("orders on the weekend of 7-8 March", "2026-03-07", "2026-03-08"),
        ("orders between 5 and 9 March", "2026-03-05", "2026-03-09"),
        ("orders last weekend", "2026-03-14", "2026-03-15"),
    ],
)
def test_days_share_a_month_and_make_a_weekend(text: str, start: str, end: str) -> None:
    assert question(text)["range"] == {"start": start, "end": end}


def test_an_hour_of_more_than_a_day_is_one_of_the_day() -> None:
    asked = question("which hour has the most signups?")
    assert (asked["by"][0]["name"], asked["top"]) == ("hour_of_day", 1)
    assert question("which hour of yesterday had the most signups?")["granularity"] == "hour"
    assert question("what country has the most signups?")["top"] == 1


def test_the_steps_of_a_funnel_have_a_window() -> None:
    asked = question("how many visitors clicked and then purchased within 1 day?")
    assert asked["window_seconds"] == 86_400
    reading = read("conversion from signup to purchase within 2 hours")
    assert isinstance(reading, Planned)
    assert "within 2 hours" in explained(reading.plan)
    assert isinstance(read("purchases within 3 days"), Unanswerable)


def test_new_signups_are_signups_and_develop_over_time() -> None:
    assert question("new signups each day from mar 8 to mar 14")["measures"][0]["metric"] == "signups"
    assert question("How did the AOV develop week by week?")["granularity"] == "week"


def test_a_slip_in_a_long_word_that_says_nothing_is_passed_over() -> None:
    assert question("How many people bought someting yesterday?")["range"]["unit"] == "day"
    assert isinstance(read("revenue bxing"), Unanswerable)


def _did(where: dict[str, Any]) -> list[dict[str, Any]]:
    """What somebody has to have done, one behind the other."""
    if "all" in where:
        return [done for one in where["all"] for done in _did(one)]
    return [where] if "did" in where else []


def test_who_was_first_seen_in_a_week_and_came_back() -> None:
    asked = question("how many of the visitors first seen in the week of March 2 were still active in the week of March 9?")
    seen, never, back = _did(asked["where"])
    assert seen["range"] == {"start": "2026-03-02", "end": "2026-03-08"}
    assert (never["at_most"], never["range"]["end"]) == (0, "2026-03-02T00:00:00.000")
    assert back["range"] == {"start": "2026-03-09", "end": "2026-03-15"}


def test_a_share_is_of_those_whom_the_question_describes() -> None:
    (measure,) = question("What share of the people who signed up between March 2 and March 8 came back in the week after?")[
        "measures"
    ]
    assert [one["range"]["start"] for one in _did(measure["parts"]["part"]["where"])] == ["2026-03-02", "2026-03-09"]
    assert [one["range"]["start"] for one in _did(measure["parts"]["whole"]["where"])] == ["2026-03-02"]
    (measure,) = question("what share of visitors signed up and bought something")["measures"]
    assert "where" not in measure["parts"]["whole"]


@pytest.mark.parametrize(
    "text",
    [
        "how many people came back",
        "which users came back after signing up",
        "what share of the people who signed up between March 2 and March 4 came back in the week after?",
        "how many visitors first seen bought something",
        "how many new visitors did we get",
        "average session length in minutes last week",
        "longest session duration",
    ],
)
def test_who_came_back_when_is_not_guessed(text: str) -> None:
    assert isinstance(read(text), (Unanswerable, Unclear))


def test_new_people_are_those_who_were_never_there_before() -> None:
    asked = question("new visitors last week by country")
    (never,) = _did(asked["where"])
    assert never["range"]["end"] == "2026-03-09T00:00:00.000"
    assert asked["by"] == [{"name": "country"}]
    weekly = question("how many new users did we get each week")
    assert (weekly["kind"], weekly["unit"]) == ("lifecycle", "week")


def test_the_length_of_sessions_is_the_metric_layer_s() -> None:
    asked = question("avg session duration in seconds by device in March")
    assert (asked["kind"], asked["by"]["name"]) == ("sessions", "device")
    assert question("time on site per week on mobile")["granularity"] == "week"


def test_a_first_purchase_is_one_without_another_before() -> None:
    bought, never = _did(question("how many visitors made their first purchase last week")["where"])
    assert bought["did"] == never["did"]
    assert (never["at_most"], never["range"]["end"]) == (0, "2026-03-09T00:00:00.000")
    assert isinstance(read("visitors with their second order in March"), Unanswerable)
    assert isinstance(read("the 3rd best country by revenue"), Unanswerable)


def test_the_maximum_of_a_sum_is_that_of_a_day() -> None:
    reading = read("max daily revenue in march")
    assert isinstance(reading, Planned)
    assert reading.plan.then == Largest(count=1)
    assert isinstance(read("max revenue by country"), Unanswerable)
    (measure,) = question("max order value by country")["measures"]
    assert "purchase" in str(measure["where"])


def test_average_purchases_of_a_day_are_a_number() -> None:
    (measure,) = question("average purchases per day last week")["measures"]
    assert (measure["formula"], measure["parts"]["amount"]["measure"]) == ("amount / 7", "count")


def test_what_is_not_paid_in_euros_is_not_in_euros() -> None:
    asked = question("orders not paid in EUR")
    assert asked["where"] == _not("properties.currency", "EUR")


def test_the_last_week_of_a_month_is_its_last_seven_days() -> None:
    assert question("signups in the last week of February")["range"] == {"start": "2026-02-22", "end": "2026-02-28"}


def test_averages_of_a_month_and_groups_beside_each_other() -> None:
    (measure,) = question("average basket size by month")["measures"]
    assert (measure["measure"], measure["field"]["name"]) == ("avg", "order_value")
    groups = question("how many anonymous visitors vs signed in")["measures"]
    assert [one["where"]["segment"] for one in groups] == ["anonymous", "signed_in"]
