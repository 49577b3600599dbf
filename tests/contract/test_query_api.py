"""``POST /query`` and the live dashboard of a real server, as the realtime family documents them."""

import contextlib
import datetime
import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support import plain
from tests.support.analytics import post, view
from tests.support.server import Server

_ERROR = {"success", "code", "message", "detail", "error", "request_id"}


def ask(server: Server, tenant: str, sql: str, **headers: str) -> httpx.Response:
    return plain.post(f"{server.url}/query", json={"customer_id": tenant, "sql": sql}, headers=headers, timeout=30)


@pytest.fixture(scope="module", autouse=True)
def events(server: Server) -> None:
    pages = ["/", "/", "/pricing", "/docs"]
    post(server, *(view("demo_tenant", f"v{number % 3}", pages[number % 4]) for number in range(40)))
    post(server, *(view("demo_tenant", f"v{number}", event_type="signup") for number in range(3)))
    post(server, view("neighbour", "spy", "/secret"))
    server.wait_until_stored()


def test_an_answer_has_the_documented_fields(server: Server) -> None:
    answer = ask(server, "demo_tenant", "SELECT count(*) as total FROM events_raw WHERE customer_id = 'demo_tenant'")
    body = answer.json()

    assert answer.status_code == 200
    assert body | {"execution_time_ms": 0} == {
        "success": True,
        "data": [{"total": 43}],
        "columns": ["total"],
        "row_count": 1,
        "truncated": False,
        "execution_time_ms": 0,
    }
    assert body["execution_time_ms"] > 0


_MINE = "FROM events_raw WHERE customer_id = 'demo_tenant'"


QUESTIONS: dict[str, list[dict[str, Any]]] = {
    f"""SELECT JSONExtractString(properties, 'page') AS page, count() AS views, uniq(visitor_id) AS visitors {_MINE}
        AND event_type = 'page_view' AND toDate(timestamp) = today() GROUP BY page ORDER BY views DESC, page LIMIT 10""": [
        {"page": "/", "views": 20, "visitors": 3},
        {"page": "/docs", "views": 10, "visitors": 3},
        {"page": "/pricing", "views": 10, "visitors": 3},
    ],
    f"SELECT event_type, count() AS count {_MINE} GROUP BY event_type ORDER BY count DESC": [
        {"event_type": "page_view", "count": 40},
        {"event_type": "signup", "count": 3},
    ],
    f"""SELECT visitor_id, countIf(properties LIKE '%pricing%') AS n {_MINE}
        AND visitor_id IN (SELECT visitor_id {_MINE} AND event_type = 'signup')
        GROUP BY visitor_id HAVING n > 2 ORDER BY visitor_id LIMIT 1""": [{"visitor_id": "v0", "n": 3}],
    f"SELECT toStartOfHour(now() - INTERVAL 1 DAY) > now() AS later, NULL AS nothing {_MINE} LIMIT 1": [
        {"later": 0, "nothing": None}
    ],
    f"SELECT toDateTime64('2026-02-16 12:00:00.5', 3, 'UTC') AS at, toDecimal64(1.5, 2) AS p, [1] AS list {_MINE} LIMIT 1;": [
        {"at": "2026-02-16T12:00:00.500Z", "p": 1.5, "list": [1]}
    ],
}


@pytest.mark.parametrize("sql", QUESTIONS)
def test_questions_are_answered(server: Server, sql: str) -> None:
    answer = ask(server, "demo_tenant", sql)
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"] == QUESTIONS[sql]


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELEC count()", 400, "invalid_sql"),
        ("", 400, "invalid_request"),
        ("SELECT count() FROM events_raw", 403, "missing_tenant_filter"),
        ("SELECT count() FROM events_raw WHERE customer_id = 'neighbour'", 403, "foreign_tenant"),
        (f"SELECT nothing {_MINE}", 400, "unknown_column"),
        (f"SELECT sleep(3) {_MINE}", 400, "sql_not_allowed"),
        ("SELECT * FROM system.tables WHERE customer_id = 'demo_tenant'", 400, "unknown_table"),
        (f"INSERT INTO events_raw SELECT * {_MINE}", 400, "sql_not_allowed"),
        (f"SELECT 1 {_MINE}; SELECT 2", 400, None),
        (f"SELECT count() {_MINE} AND toUInt8(visitor_id) = 1", 400, "invalid_sql"),
    ],
)
def test_what_is_refused_says_why_without_words_of_the_engine(server: Server, sql: str, status: int, code: str | None) -> None:
    answer = ask(server, "demo_tenant", sql)
    body = answer.json()

    assert answer.status_code == status, answer.text
    assert body.keys() == _ERROR
    assert code is None or body["code"] == code
    assert body["success"] is False
    assert not any(word in answer.text for word in ("DB::", "Exception", "chdb", "Traceback", "clickhouse", "spy", "/secret"))


def test_requests_that_are_no_questions_are_refused(server: Server) -> None:
    bodies: list[Any] = [{}, {"customer_id": "demo_tenant"}, {"customer_id": "../x", "sql": "SELECT 1"}, [], "text"]
    for body in bodies:
        answer = plain.post(f"{server.url}/query", json=body, timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), body


def test_a_body_that_is_not_labelled_as_json_is_told_how(server: Server) -> None:
    for headers in ({}, {"Content-Type": "text/plain"}):
        body = b'{"customer_id": "demo_tenant", "sql": "SELECT 1"}'
        answer = plain.post(f"{server.url}/query", content=body, headers=headers, timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
        assert "Content-Type: application/json" in answer.json()["message"]


def test_the_request_id_goes_in_and_out(server: Server) -> None:
    answer = ask(server, "demo_tenant", "SELEC", **{"X-Request-ID": "trace-7"})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "trace-7"
    made = [ask(server, "demo_tenant", "SELEC").json()["request_id"] for _ in range(2)]
    assert made[0] != made[1]


def test_only_origins_that_are_named_may_read_answers(server: Server) -> None:
    headers = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in httpx.options(f"{server.url}/query", headers=headers).headers
    tracking = httpx.options(f"{server.url}/track", headers=headers)
    assert tracking.headers["access-control-allow-origin"] == "https://app.example.com"


def test_a_name_that_the_server_does_not_have_is_not_answered(server: Server) -> None:
    answer = plain.get(f"{server.url}/health", headers={"Host": "rebound.example.com"})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_host")


def test_the_dashboard_has_every_minute_and_counts_what_was_posted(server: Server) -> None:
    body = plain.get(f"{server.url}/dashboard/realtime/demo_tenant", timeout=30).json()
    minutes = [datetime.datetime.fromisoformat(one["minute"]) for one in body["events_timeline"]]

    assert body.keys() == {"customer_id", "timestamp", "events_timeline", "top_events", "top_pages", "freshness"}
    assert len(minutes) == 60
    assert {one - other for one, other in itertools.pairwise(minutes)} == {datetime.timedelta(minutes=1)}
    assert sum(one["event_count"] for one in body["events_timeline"]) == 43
    assert [one["event_count"] for one in body["events_timeline"]].count(0) >= 57
    assert body["top_events"] == [{"event_type": "page_view", "count": 40}, {"event_type": "signup", "count": 3}]
    assert body["top_pages"][0] == {"page": "/", "views": 20, "unique_visitors": 3}
    assert body["freshness"]["seconds_since_last_event"] < 600


def test_a_tenant_without_events_sees_zeros(server: Server) -> None:
    body = plain.get(f"{server.url}/dashboard/realtime/nobody", timeout=30).json()
    assert [one["event_count"] for one in body["events_timeline"]] == [0] * 60
    assert body["top_events"] == body["top_pages"] == []
    assert body["freshness"] == {"last_event_at": None, "seconds_since_last_event": None}


def test_health_and_metrics_are_as_documented(server: Server) -> None:
    identity = plain.get(server.url).json()
    assert (identity["service"], identity["status"], identity["ai_enabled"]) == ("real-time-analytics-api", "healthy", False)
    assert datetime.datetime.fromisoformat(identity["timestamp"]).tzinfo is not None
    assert plain.get(f"{server.url}/live").json() == {"status": "alive"}
    ready = plain.get(f"{server.url}/ready").json()
    assert ready["status"] == "ready"
    assert set(ready["checks"].values()) == {"ok"}
    text = plain.get(f"{server.url}/metrics").text
    for name in ("events_received_total", "events_dropped_total", "ingestion_latency_seconds", "analytics_queries_total",
                 "ai_queries_total", "query_latency_seconds"):  # fmt: skip
        assert f"# TYPE {name.removesuffix('_total')}" in text, name
    assert 'events_received_total{customer_id="demo_tenant",event_type="signup"} 3.0' in text


def test_what_is_not_there_is_an_error_of_the_same_shape(server: Server) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("GET", "/query", 405), ("DELETE", "/track", 405)):
        answer = plain.request(method, f"{server.url}{path}")
        assert answer.status_code == status
        assert answer.json().keys() == _ERROR


def test_a_body_that_is_too_large_is_refused_before_it_is_read(server: Server) -> None:
    declared = plain.post(f"{server.url}/query", content=b" " * (3 * 2**20), timeout=30)
    assert (declared.status_code, declared.json()["code"]) == (413, "body_too_large")
    sent: list[int] = []

    def chunks() -> Iterator[bytes]:
        for number in range(10_000):
            sent.append(number)
            yield b" " * 65_536

    with contextlib.suppress(httpx.TransportError):  # the server hangs up in the middle
        assert plain.post(f"{server.url}/query", content=chunks(), timeout=30).status_code == 413
    assert len(sent) < 5_000
