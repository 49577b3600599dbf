"""Questions of the metric layer over HTTP: who may ask, what is refused, and numbers computed by hand."""

import json
import time
from typing import Any

import httpx
import pytest

from millrace_core.time import iso_time, now_ms
from tests.support import plain
from tests.support.analytics import post, view
from tests.support.server import Server

_DAY = 86_400_000
_NOON = now_ms() // _DAY * _DAY - _DAY // 2
"""Yesterday's."""
_YESTERDAY = {"start": iso_time(_NOON)[:10], "end": iso_time(_NOON)[:10]}
_JSON = {"Content-Type": "application/json"}
_COUNT = {"kind": "trend", "measures": [{"measure": "count"}], "range": _YESTERDAY}


@pytest.fixture(scope="module")
def shop(server: Server) -> Server:
    """Three people look, two put something into the cart, one buys twice; a bot looks, too; a neighbour buys."""
    at = iso_time(_NOON)
    events = [view("shop", f"v{number}", timestamp=at) for number in range(3)]
    events += [view("shop", f"v{number}", event_type="add_to_cart", timestamp=at) for number in range(2)]
    bought = [("v0", 10.5, "DE"), ("v0", 20, "AT")]
    events += [
        {**view("shop", who, event_type="purchase", timestamp=at), "properties": {"amount": amount, "country": country}}
        for who, amount, country in bought
    ]
    events.append(view("shop", "bot", timestamp=at, context={"userAgent": "Googlebot/2.1"}))
    events.append({**view("neighbour", event_type="purchase", timestamp=at), "properties": {"amount": 999}})
    post(server, *events)
    server.wait_until_stored()
    return server


def _ask(server: Server, body: Any, path: str = "/api/v1/questions", tenant: str = "shop") -> httpx.Response:
    if path.startswith("/api/v1/questions") and isinstance(body, dict):
        body = {"customer_id": tenant, **body}
    return plain.post(f"{server.url}{path}", json=body, headers={"X-Tenant-ID": tenant}, timeout=30)


def test_an_answer_says_what_it_rests_on(shop: Server) -> None:
    body = _ask(shop, {"question": {**_COUNT, "granularity": "day"}}).json()
    assert body["rows"] == [[_YESTERDAY["start"], 7]]
    assert body["series"] == [{"name": "events", "group": {}, "other": False, "values": [7], "errors": []}]
    assert (body["source"], body["sampled"], body["sample"], body["time_zone"]) == ("events_by_hour", False, None, "UTC")
    assert body["freshness"]["last_event_at"] == iso_time(_NOON)
    assert body["statements"][0]["values"]["tenant"] == "shop"


def test_an_answer_of_a_sample_says_so_and_how_far_off_it_may_be(shop: Server) -> None:
    people = {"kind": "trend", "measures": [{"measure": "unique"}], "range": _YESTERDAY, "sample": 0.25}
    body = _ask(shop, {"question": people}).json()
    assert (body["sampled"], body["sample"], body["source"]) == (True, 0.25, "events_raw")
    assert (body["rows"], body["errors"]) == ([[8]], [[pytest.approx(24**0.5)]])  # v1 and v2 stand for 8
    assert body["columns"][0]["approximate"]
    whole = _ask(shop, {"question": {**people, "sample": None}}).json()
    assert (whole["rows"], whole["errors"], whole["sampled"]) == ([[3]], [], False)


def test_the_same_question_is_asked_once_while_its_answer_serves_and_anew_where_the_client_says_so(shop: Server) -> None:
    body = {"customer_id": "shop", "question": {**_COUNT, "granularity": "hour"}}
    url = f"{shop.url}/api/v1/questions"
    first, again = plain.post(url, json=body, timeout=30), plain.post(url, json=body, timeout=30)
    assert (first.headers["x-cache"], again.headers["x-cache"]) == ("miss", "hit")
    assert "warehouse;dur=" in first.headers["server-timing"]
    assert "warehouse" not in again.headers["server-timing"]
    volatile = {"execution_time_ms", "freshness"}
    assert {key: value for key, value in first.json().items() if key not in volatile} == {
        key: value for key, value in again.json().items() if key not in volatile
    }
    fresh = plain.post(url, json=body, headers={"Cache-Control": "no-cache"}, timeout=30)
    assert (fresh.headers["x-cache"], fresh.json()["stale"]) == ("miss", False)


def test_answers_of_one_tenant_or_question_are_not_those_of_another(shop: Server) -> None:
    count = {**_COUNT, "granularity": "day"}
    for tenant, question, expected in [
        ("shop", count, 7), ("neighbour", count, 1), ("shop", {**count, "bots": "only"}, 1),
        ("shop", {**count, "where": {"field": "event_type", "value": "purchase"}}, 2),
    ]:  # fmt: skip
        for _ in range(2):
            body = _ask(shop, {"question": question}, tenant=tenant).json()
            assert body["rows"] == [[_YESTERDAY["start"], expected]]


def test_late_events_change_the_answer_of_a_day_that_is_over(shop: Server) -> None:
    post(shop, view("late", timestamp=iso_time(_NOON)))
    shop.wait_until_stored()
    assert _ask(shop, {"question": _COUNT}, tenant="late").json()["rows"] == [[1]]
    post(shop, view("late", "v2", timestamp=iso_time(_NOON)))
    shop.wait_until_stored()
    deadline = time.monotonic() + 20
    while _ask(shop, {"question": _COUNT}, tenant="late").json()["rows"] != [[2]]:
        assert time.monotonic() < deadline, "the answer from before is told"


def test_a_batch_answers_each_and_an_error_stays_with_its_question(shop: Server) -> None:
    wrong = {"kind": "trend", "measures": [{"measure": "metric", "metric": "luck"}]}
    answers = _ask(shop, {"questions": [_COUNT, wrong, _COUNT]}, "/api/v1/questions/batch").json()["answers"]
    assert [one["success"] for one in answers] == [True, False, True]
    assert answers[1]["code"] == "unknown_metric"
    assert answers[2]["rows"] == [[7]]


_DIGITS = int("9" * 400)
"""More than a float holds; JSON has numbers of any length."""


@pytest.mark.parametrize(
    "comparison",
    [
        {"operator": "gt", "value": _DIGITS},
        {"operator": "le", "value": -_DIGITS},
        {"operator": "between", "value": [1, _DIGITS]},
        {"operator": "in", "value": [_DIGITS, 1]},
        {"field": "hour_of_day", "value": _DIGITS},
        {"field": {"name": "properties.at", "type": "time"}, "value": _DIGITS},
    ],
    ids=lambda given: json.dumps(given)[:50],
)
def test_a_number_beyond_64_bits_is_refused_and_leaves_the_rest_of_a_batch_alone(
    shop: Server, comparison: dict[str, Any]
) -> None:
    question: dict[str, Any] = {**_COUNT, "where": {"field": "properties.amount", **comparison}}
    body = json.dumps({"customer_id": "shop", "questions": [_COUNT, question]})
    found = plain.post(f"{shop.url}/api/v1/questions/batch", content=body, headers=_JSON, timeout=30).json()["answers"]
    assert [one["success"] for one in found] == [True, False]
    assert (found[1]["code"], len(found[1]["message"]) < 200) == ("invalid_filter", True)


def test_a_number_beyond_64_bits_is_refused_by_every_route_that_takes_one(shop: Server) -> None:
    where = {"field": "properties.amount", "operator": "gt", "value": _DIGITS}
    formula = {"measure": "formula", "formula": "n * 1e400", "parts": {"n": {"measure": "count"}}}
    board = {"name": "x", "widgets": [{"id": "a", "config": {"metric": "events"}}], "filters": {"where": where}}
    for path, body, code in (
        ("questions", {"question": {**_COUNT, "where": where}}, "invalid_filter"),
        ("questions", {"question": {**_COUNT, "measures": [formula]}}, "invalid_request"),
        ("analytics/query", {"metric": "revenue", "filters": {"amount": _DIGITS}}, "invalid_filter"),
        ("dashboards", board, "invalid_filter"),
    ):
        answer = _ask(shop, body, f"/api/v1/{path}")
        assert (answer.status_code, answer.json()["code"]) == (400, code), (path, answer.text)


def test_a_stream_sends_the_answer_again_when_it_changes(shop: Server) -> None:
    body = {"customer_id": "watched", "question": {"kind": "trend", "measures": [{"measure": "count"}]}}
    with plain.stream("POST", f"{shop.url}/api/v1/questions/stream", json=body, timeout=30) as response:
        messages = (json.loads(line[5:]) for line in response.iter_lines() if line.startswith("data:"))
        assert next(messages)["rows"] == [[0]]
        post(shop, view("watched"))
        assert next(messages)["rows"] == [[1]]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"question": {}},
        {"question": {"kind": "trend"}},
        {"question": {**_COUNT, "sql": "SELECT 1"}},
        {"question": None},
    ],
    ids=str,
)
def test_what_is_no_question_is_refused(shop: Server, body: Any) -> None:
    answer = _ask(shop, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_the_catalogue_names_everything_that_a_question_may(shop: Server) -> None:
    found = plain.get(f"{shop.url}/api/v1/catalogue", timeout=30).json()
    questions = [{**_COUNT, "measures": [{"measure": "metric", "metric": one["name"]}]} for one in found["metrics"]]
    questions += [{**_COUNT, "where": {"segment": one["name"]}} for one in found["segments"]]
    questions += [{**_COUNT, "by": [one["name"]]} for one in found["dimensions"]]
    for first in range(0, len(questions), 20):
        asked = questions[first : first + 20]
        answers = _ask(shop, {"questions": asked}, "/api/v1/questions/batch").json()["answers"]
        assert [(question, one) for question, one in zip(asked, answers, strict=True) if not one["success"]] == []


def test_sessions_are_counted_whatever_clients_call_them(shop: Server) -> None:
    body = _ask(shop, {"question": {"kind": "sessions", "range": _YESTERDAY}}).json()
    names = [one["name"] for one in body["columns"]]
    assert dict(zip(names, body["rows"][0], strict=True)) == {
        "sessions": 3, "people": 3, "events_per_session": 2.33, "average_length": 0.0, "median_length": 0.0,
        "bounce_rate": 33.33, "engagement_rate": 33.33,
    }  # fmt: skip


def test_commerce_asks_for_a_metric_by_dimensions(shop: Server) -> None:
    body: dict[str, Any] = {"metric": "revenue", "dimensions": ["event_type", "date"], "filters": {"date_range": _YESTERDAY}}
    answer = _ask(shop, body, "/api/v1/analytics/query").json()
    assert answer["data"] == [{"date": _YESTERDAY["start"], "event_type": "purchase", "revenue": 30.5}]
    assert answer["metadata"]["total_rows"] == 1
    german = {**body, "dimensions": ["country"], "filters": {**body["filters"], "country": ["DE"]}, "aggregation": "max"}
    assert _ask(shop, german, "/api/v1/analytics/query").json()["data"] == [{"country": "DE", "revenue": 10.5}]
    own = {"metric": "amount", "aggregation": "avg", "filters": {"event_type": "purchase"}}
    assert _ask(shop, own, "/api/v1/analytics/query").json()["data"] == [{"amount": 15.25}]


@pytest.mark.parametrize("body", [b"[]", b"5", b'"query"', b"true", b"null", b'["query"]', b""])
def test_what_asks_for_neither_a_metric_nor_sql_is_told_in_the_familys_shape(shop: Server, body: bytes) -> None:
    headers = {"X-Tenant-ID": "shop", "Content-Type": "application/json"}
    answer = plain.post(f"{shop.url}/api/v1/analytics/query", content=body, headers=headers, timeout=30)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json"), answer.text
    assert answer.json()["code"] == "invalid_request"


def test_commerce_sums_up_the_last_week_against_the_one_before(shop: Server) -> None:
    found = plain.get(
        f"{shop.url}/api/v1/analytics/metrics", params={"period": "week"}, headers={"X-Tenant-ID": "shop"}, timeout=30
    ).json()
    assert found["metrics"]["revenue"] == {"current": 30.5, "previous": 0, "change_percent": None}
    assert {name: one["current"] for name, one in found["metrics"].items()} == {
        "revenue": 30.5, "tickets_sold": 0, "customers": 1, "events": 7,
    }  # fmt: skip


def test_product_follows_people_through_a_funnel_and_back(shop: Server) -> None:
    steps = [
        {"name": "look", "event": "page_view"},
        {"name": "cart", "event": "add_to_cart"},
        {"name": "buy", "event": "purchase"},
    ]
    funnel = _ask(shop, {"name": "shop", "steps": steps, "date_range": _YESTERDAY}, "/api/v1/analytics/funnels").json()[
        "funnel"
    ]
    assert (funnel["total_users"], funnel["completion_rate"]) == (3, 0.3333)
    assert [(step["users"], step["percentage"], step.get("drop_off")) for step in funnel["steps"]] == [
        (3, 100.0, None), (2, 66.67, 1), (1, 33.33, 1),
    ]  # fmt: skip
    cohorts = _ask(shop, {"group_by": "day", "date_range": _YESTERDAY}, "/api/v1/analytics/cohorts").json()
    assert cohorts == {"cohorts": [{"cohort_date": _YESTERDAY["start"], "users": 3, "retention": {"day_0": 1.0}}]}


def test_product_tells_what_happens_now(shop: Server) -> None:
    post(shop, view("now", "v1"), view("now", "v2"))
    asked = {"X-Tenant-ID": "now"}
    shop.wait_until_stored()
    found = plain.get(f"{shop.url}/api/v1/analytics/realtime", headers=asked, timeout=30).json()
    assert found["current"]["active_users"] == 2
    assert found["trends"] == {"users_change": None, "conversations_change": None, "satisfaction_change": None}
    assert found["alerts"] == []


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("query", {"metric": "luck"}, "unknown_metric"),
        ("query", {"metric": "conversion_rate", "aggregation": "max"}, "invalid_aggregation"),
        ("query", {"metric": "revenue", "dimensions": ["a", "b", "c", "d", "e", "f"]}, "invalid_request"),
        ("query", {"metric": "revenue", "filters": {"plan": ["p"] * 2000}}, "invalid_request"),
        ("query", {}, "invalid_request"),
        ("funnels", {"name": "x", "steps": []}, "invalid_request"),
        ("cohorts", {"date_range": {"start": "2026-02-02", "end": "2026-02-01"}}, "invalid_range"),
    ],
)
def test_errors_of_commerce_and_product_are_problem_details(shop: Server, path: str, body: Any, code: str) -> None:
    answer = _ask(shop, body, f"/api/v1/analytics/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    problem = answer.json()
    assert (problem["code"], problem["status"], problem["instance"]) == (code, 400, f"/api/v1/analytics/{path}")
    assert problem["type"] == f"urn:millrace:error:{code}"


def test_nobody_asks_without_saying_whose(shop: Server) -> None:
    answer = plain.post(f"{shop.url}/api/v1/questions", json={"question": _COUNT}, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (400, "missing_customer_id")


def test_days_are_those_of_the_tenants_time_zone_where_the_question_names_none(shop: Server) -> None:
    token = json.loads((shop.data_dir / "server.json").read_text())["token"]
    settled = plain.put(
        f"{shop.url}/admin/v1/tenants/zoned",
        json={"time_zone": "Asia/Tokyo"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    assert settled.status_code == 200, settled.text
    late = _NOON + 10 * 3_600_000  # in Tokyo the next day has begun
    post(shop, view("zoned", timestamp=iso_time(late)))
    shop.wait_until_stored()
    question = {"kind": "trend", "measures": [{"measure": "count"}], "granularity": "day"}
    tomorrow = iso_time(late + 9 * 3_600_000)[:10]
    assert _ask(shop, {"question": question}, tenant="zoned").json()["rows"] == [[tomorrow, 1]]
    utc = _ask(shop, {"question": {**question, "time_zone": "UTC"}}, tenant="zoned").json()
    assert utc["rows"] == [[iso_time(late)[:10], 1]]
