"""Statements under a name: saved, asked as endpoints with values, forgotten; and the history of what was asked."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support import plain
from tests.support.analytics import post, view
from tests.support.server import Server

_BY_PAGE = "SELECT page_path, count() AS n FROM events_raw WHERE page_path IN {pages:Array(String)} GROUP BY 1 ORDER BY 1"
_COUNT = "SELECT count() AS n FROM events_raw WHERE page_path = {page:String} AND visitor_id != {but:String}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("server") / "data")
    made.start()
    post(made, *(view("shop", f"v{number}", f"/p{number % 2}") for number in range(10)), view("other", "v1", "/p0"))
    made.wait_until_stored()
    yield made
    assert made.stop() == 0


def call(server: Server, method: str, path: str, tenant: str = "shop", **given: Any) -> httpx.Response:
    return plain.request(method, f"{server.url}/query/saved/{tenant}{path}", timeout=60, **given)


def save(server: Server, name: str, sql: str, tenant: str = "shop", **more: Any) -> httpx.Response:
    return call(server, "PUT", f"/{name}", tenant, json={"sql": sql, **more})


def history(server: Server, tenant: str = "shop", **parameters: Any) -> dict[str, Any]:
    answer = plain.get(f"{server.url}/query/history/{tenant}", params=parameters, timeout=60).raise_for_status()
    return dict(answer.json())


def test_a_saved_statement_is_an_endpoint_with_its_values_in_the_query_string(server: Server) -> None:
    made = save(server, "views", _COUNT, description="Views", defaults={"but": ""})
    assert made.status_code == 200, made.text
    assert made.json()["statement"]["parameters"] == {"page": "String", "but": "String"}

    asked = {"page": "/p0"}
    assert call(server, "GET", "/views/rows", params=asked).json()["data"] == [{"n": 5}]
    assert call(server, "GET", "/views/rows", params={**asked, "but": "v0"}).json()["data"] == [{"n": 4}]
    assert call(server, "POST", "/views/rows", json={"parameters": asked}).json()["data"] == [{"n": 5}]
    assert call(server, "GET", "/views/rows", params={"page": "x' OR 1 --"}).json()["data"] == [{"n": 0}]


def test_an_array_is_said_as_often_as_it_has_elements(server: Server) -> None:
    save(server, "pages", _BY_PAGE)
    both = [{"page_path": "/p0", "n": 5}, {"page_path": "/p1", "n": 5}]

    assert call(server, "GET", "/pages/rows", params={"pages": ["/p0", "/p1"]}).json()["data"] == both
    assert call(server, "GET", "/pages/rows", params={"pages": "/p1"}).json()["data"] == both[1:]
    assert call(server, "POST", "/pages/rows", json={"parameters": {"pages": ["/p0", "/p1"]}}).json()["data"] == both


def test_rows_are_a_file_where_one_is_wanted(server: Server) -> None:
    save(server, "file", _BY_PAGE, defaults={"pages": ["/p0", "/p1"]})
    for answer in (
        call(server, "GET", "/file/rows", params={"format": "csv"}),
        call(server, "POST", "/file/rows", json={"format": "csv"}),
    ):
        assert answer.headers["content-type"].startswith("text/csv")
        assert list(csv.reader(io.StringIO(answer.text))) == [["page_path", "n"], ["/p0", "5"], ["/p1", "5"]]


def test_a_saved_statement_is_its_tenants_and_reads_its_rows_alone(server: Server) -> None:
    for tenant in ("shop", "other"):
        save(server, "mine", "SELECT count() AS n FROM events_raw", tenant)

    assert call(server, "GET", "/mine/rows").json()["data"] == [{"n": 10}]
    assert call(server, "GET", "/mine/rows", "other").json()["data"] == [{"n": 1}]
    assert call(server, "GET", "/mine/rows", "third").status_code == 404
    assert call(server, "DELETE", "/mine", "other").status_code == 200
    assert call(server, "GET", "/mine/rows").json()["data"] == [{"n": 10}]


def test_saved_statements_are_listed_shown_replaced_and_forgotten(server: Server) -> None:
    save(server, "b", "SELECT 1 AS n", "lists", description="One")
    save(server, "a", "SELECT {n:UInt8} AS n", "lists", defaults={"n": 7})
    save(server, "b", "SELECT 2 AS n", "lists")

    listed = call(server, "GET", "", "lists").json()["statements"]
    assert [(one["name"], one["description"], one["saved_by"]) for one in listed] == [("a", "", "anyone"), ("b", "", "anyone")]
    shown = call(server, "GET", "/a", "lists").json()["statement"]
    assert (shown["sql"], shown["parameters"], shown["defaults"]) == ("SELECT {n:UInt8} AS n", {"n": "UInt8"}, {"n": 7})
    assert call(server, "GET", "/b/rows", "lists").json()["data"] == [{"n": 2}]
    assert call(server, "DELETE", "/b", "lists").status_code == 200
    for method, path in (("DELETE", "/b"), ("GET", "/b"), ("GET", "/b/rows"), ("POST", "/b/rows")):
        gone = call(server, method, path, "lists", json={} if method == "POST" else None)
        assert (gone.status_code, gone.json()["code"]) == (404, "not_found"), (method, path)


@pytest.mark.parametrize(
    ("sql", "defaults", "code"),
    [
        ("SELEC 1", {}, "invalid_sql"),
        ("SELECT 1; DROP TABLE events_raw", {}, "invalid_sql"),
        ("SELECT file('/etc/hostname')", {}, "sql_not_allowed"),
        ("SELECT * FROM system.tables WHERE name = {n:String}", {}, "unknown_table"),
        ("SELECT no_such FROM events_raw", {}, "unknown_column"),
        ("SELECT {n:UInt8}", {"m": 1}, "invalid_parameters"),
        ("SELECT * FROM {n:Identifier}", {}, "invalid_parameters"),
        ("SELECT {format:String}", {}, "invalid_parameters"),
        ("SELECT 1 AS \0", {}, "invalid_request"),
    ],
)
def test_what_could_not_be_asked_is_not_saved(server: Server, sql: str, defaults: dict[str, Any], code: str) -> None:
    refused = save(server, "wrong", sql, defaults=defaults)
    assert (refused.status_code, refused.json()["code"]) == (400, code), refused.text
    assert call(server, "GET", "/wrong").status_code == 404


@pytest.mark.parametrize("name", ["Views", "-a", "a" * 65, "a.b", "%20"])
def test_a_name_that_cannot_stand_in_a_path_is_refused(server: Server, name: str) -> None:
    assert save(server, name, "SELECT 1").json()["code"] == "invalid_request"


def test_values_that_do_not_fit_are_told(server: Server) -> None:
    save(server, "number", "SELECT {n:UInt8} AS n")
    unfit: list[dict[str, Any]] = [{}, {"n": "1", "m": "2"}, {"n": ["1", "2"]}]
    for given in unfit:
        wrong = call(server, "GET", "/number/rows", params=given)
        assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_parameters"), given
    assert call(server, "GET", "/number/rows", params={"n": "many"}).status_code == 400
    assert call(server, "GET", "/number/rows", params={"n": "3"}).json()["data"] == [{"n": 3}]


def test_the_history_says_what_was_asked_by_whom_and_what_came_of_it(server: Server) -> None:
    tenant = "historic"
    save(server, "one", "SELECT {n:UInt8} AS n", tenant)
    call(server, "GET", "/one/rows", tenant, params={"n": "3"})
    for sql in ("SELECT 1 AS n FROM events_raw WHERE customer_id = 'historic'", "SELECT nothing_like_it()", "SELECT '\0'"):
        plain.post(f"{server.url}/query", json={"customer_id": tenant, "sql": sql}, timeout=60)

    told = history(server, tenant)
    assert [(one["saved"], one["sql"], one["status"], one["row_count"]) for one in told["statements"]] == [
        (None, "SELECT '\ufffd'", "invalid_sql", 0),
        (None, "SELECT nothing_like_it()", "sql_not_allowed", 0),
        (None, "SELECT 1 AS n FROM events_raw WHERE customer_id = 'historic'", "success", 0),
        ("one", "SELECT {n:UInt8} AS n", "success", 1),
    ]
    assert {one["asked_by"] for one in told["statements"]} == {"anyone"}
    first = history(server, tenant, limit=3)
    rest = history(server, tenant, limit=3, before=first["next_before"])
    assert [one["id"] for one in first["statements"] + rest["statements"]] == [one["id"] for one in told["statements"]]
    assert rest["next_before"] is told["next_before"] is None
    assert history(server, "nobody")["statements"] == []


def test_what_was_saved_and_asked_outlives_a_restart(server: Server) -> None:
    tenant = "lasting"
    save(server, "kept", "SELECT 1 AS n", tenant)
    call(server, "GET", "/kept/rows", tenant)
    assert server.stop() == 0
    server.start()

    assert [one["saved"] for one in history(server, tenant)["statements"]] == ["kept"]
    assert call(server, "GET", "/kept/rows", tenant).json()["data"] == [{"n": 1}]
