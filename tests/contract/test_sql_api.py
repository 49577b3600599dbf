"""SQL over HTTP beside the documented question: values, files, a look without asking, what is kept, clients that hang up."""

import csv
import io
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support import plain
from tests.support.analytics import post, view
from tests.support.server import Server

_MINE = "FROM events_raw WHERE customer_id = ?"
_HEAVY = "SELECT sum(sipHash64(sipHash64(sipHash64(number, 1), 2), 3)) AS h FROM numbers(490000000)"


def ask(server: Server, sql: str, parameters: Any = None, path: str = "/query", **more: Any) -> httpx.Response:
    headers = more.pop("headers", {})
    body = {"customer_id": "shop", "sql": sql, "parameters": parameters, **more}
    return plain.post(f"{server.url}{path}", json=body, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Its statements may take longer than any test waits."""
    made = Server(tmp_path_factory.mktemp("server") / "data", {"MILLRACE_QUERY_SECONDS": "120"})
    made.start()
    yield made
    assert made.stop() == 0


@pytest.fixture(scope="module", autouse=True)
def events(server: Server) -> None:
    post(server, *(view("shop", f"v{number}", f"/p{number % 2}") for number in range(10)))
    server.wait_until_stored()


def test_values_are_bound_in_their_order_or_by_name(server: Server) -> None:
    listed = ask(server, f"SELECT count() AS n {_MINE} AND page_path IN ?", ["shop", ["/p0", "'; --"]])
    named = ask(
        server,
        "SELECT visitor_id FROM events_raw WHERE customer_id = {t:String} ORDER BY visitor_id LIMIT {n:UInt8}",
        {"t": "shop", "n": 2},
    )

    assert listed.json()["data"] == [{"n": 5}]
    assert named.json()["data"] == [{"visitor_id": "v0"}, {"visitor_id": "v1"}]


@pytest.mark.parametrize(
    ("sql", "parameters", "status", "code"),
    [
        ("SELECT ?, ?", [1], 400, "invalid_parameters"),
        ("SELECT {a:String}", {}, 400, "invalid_parameters"),
        ("SELECT ?", None, 400, "invalid_parameters"),
        ("SELEC ?", None, 400, "invalid_sql"),
        ("SELECT {a:Enum8('x' = 1)}", {"a": "y"}, 400, "invalid_parameters"),
        (f"SELECT 1 {_MINE}", ["neighbour"], 403, "foreign_tenant"),
        ("SELECT 1 FROM events_raw WHERE customer_id = {t:String}", {"t": "neighbour"}, 403, "foreign_tenant"),
        ("SELECT 1", "text", 400, "invalid_request"),
    ],
)
def test_values_that_do_not_fit_are_told(server: Server, sql: str, parameters: Any, status: int, code: str) -> None:
    answer = ask(server, sql, parameters)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_answer_says_where_it_is_from(server: Server) -> None:
    sql = f"SELECT count() AS n, 'kept' AS word {_MINE}"
    first, again = ask(server, sql, ["shop"]), ask(server, sql, ["shop"])
    anew = ask(server, sql, ["shop"], headers={"Cache-Control": "no-cache"})
    chance = [ask(server, "SELECT rand() AS n") for _ in range(2)]
    other = plain.post(f"{server.url}/query", json={"customer_id": "other", "sql": "SELECT 'kept' AS word"}, timeout=30)

    assert [each.headers["x-cache"] for each in (first, again, anew, other)] == ["miss", "hit", "miss", "miss"]
    assert [each.headers["x-cache"] for each in chance] == ["bypass", "bypass"]
    assert first.json()["data"] == again.json()["data"] == [{"n": 10, "word": "kept"}]
    assert again.headers["age"] == "0"
    assert re.fullmatch(
        r'gate;dur=[\d.]+, warehouse;dur=[\d.]+, cache;desc="miss", total;dur=[\d.]+', first.headers["server-timing"]
    )
    assert "warehouse" not in again.headers["server-timing"]


def test_an_error_is_not_kept_and_does_not_show_in_the_next(server: Server) -> None:
    wrong = f"SELECT visitor_id, toUInt32(visitor_id) {_MINE}"
    answers = [ask(server, sql, ["shop"]) for sql in (wrong, f"SELECT count() AS n {_MINE} AND 1", wrong)]

    assert [each.status_code for each in answers] == [400, 200, 400]
    assert answers[1].json()["data"] == [{"n": 10}]


def test_an_answer_with_too_many_rows_is_cut_and_says_so(server: Server) -> None:
    body = ask(server, "SELECT number FROM numbers(20000) ORDER BY number").json()
    assert (body["row_count"], len(body["data"]), body["truncated"]) == (10_000, 10_000, True)


@pytest.mark.parametrize("form", ["csv", "jsonl", "arrow", "parquet"])
def test_files_have_all_rows(server: Server, form: str) -> None:
    answer = ask(server, f"SELECT visitor_id, page_path, timestamp {_MINE} ORDER BY visitor_id", ["shop"], format=form)
    rows = {"csv": _csv, "jsonl": _lines, "arrow": _arrow, "parquet": _parquet}[form](answer.content)

    assert answer.status_code == 200
    assert re.search(form[:5], answer.headers["content-type"])
    assert [(row["visitor_id"], row["page_path"]) for row in rows] == [(f"v{n}", f"/p{n % 2}") for n in range(10)]


def _csv(content: bytes) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def _lines(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def _arrow(content: bytes) -> list[dict[str, Any]]:
    return list(pa.ipc.open_stream(content).read_all().to_pylist())


def _parquet(content: bytes) -> list[dict[str, Any]]:
    return list(pq.read_table(io.BytesIO(content)).to_pylist())


def test_what_is_wrong_with_a_file_is_an_error_as_usual(server: Server) -> None:
    for sql, code in (
        ("SELECT 1 FROM nowhere WHERE customer_id = ?", "unknown_table"),
        (f"SELECT toUInt32(visitor_id) {_MINE}", "invalid_sql"),
        ("SELECT number FROM numbers(2000000)", "result_too_large"),
    ):
        answer = ask(server, sql, ["shop"] if "?" in sql else None, format="parquet")
        assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("NULL AS nothing", "nothing (of the type Nothing, as it is always NULL)"),
        ("toIntervalDay(1)", "toIntervalDay(1) (of the type Interval)"),
    ],
)
def test_a_column_that_parquet_has_no_form_for_is_named(server: Server, column: str, told: str) -> None:
    answers = {form: ask(server, f"SELECT 1 AS n, {column}", format=form) for form in ("parquet", "arrow", "csv", "jsonl")}
    assert [answer.status_code for answer in answers.values()] == [400, 200, 200, 200]
    assert answers["parquet"].json()["message"] == (f"Parquet has no form for {told}: convert it, or ask for another format.")


@pytest.mark.parametrize(
    ("sql", "columns", "row"),
    [
        ("SELECT 1, 1", ["1", "1_2"], [1, 1]),
        ("SELECT 1 AS a, 2 AS a_2, a", ["a", "a_2", "a_3"], [1, 2, 1]),
    ],
)
def test_columns_of_the_same_name_are_told_apart(server: Server, sql: str, columns: list[str], row: list[int]) -> None:
    """A row is an object, in which a name has one value: whichever it were, the other would be gone."""
    found = ask(server, sql).json()
    assert found["data"] == [dict(zip(columns, row, strict=True))]
    look = ask(server, sql, None, "/query/check").json()
    assert [one["name"] for one in look["columns"]] == columns


def test_a_join_tells_columns_of_the_same_name_apart(server: Server) -> None:
    answer = ask(server, "SELECT a.*, b.* FROM numbers(1) AS a JOIN numbers(1) AS b ON a.number = b.number")
    assert answer.json()["columns"] == ["number", "b.number"]


def test_a_look_says_what_a_statement_would_do(server: Server) -> None:
    good = ask(
        server, "SELECT count() AS n, {a:UInt8} AS a FROM events_raw WHERE customer_id = 'shop'", {"a": 1}, "/query/check"
    )
    wrong = ask(server, "SELECT 1,\n nothing FROM events_raw WHERE customer_id = 'shop'", path="/query/check")
    unnamed = ask(server, "SELECT 1 FROM users", path="/query/check")

    assert good.json() == {
        "success": True,
        "valid": True,
        "errors": [],
        "tables": ["events_raw"],
        "columns": [{"name": "n", "type": "UInt64"}, {"name": "a", "type": "UInt8"}],
        "estimated_rows": 10,
        "parameters": {"a": "UInt8"},
    }
    assert wrong.json()["valid"] is False
    [mistake] = wrong.json()["errors"]
    assert (mistake["code"], mistake["position"], mistake["line"], mistake["column"]) == ("unknown_column", 12, 2, 2)
    assert unnamed.json()["errors"][0]["code"] == "missing_tenant_filter"


def test_a_statement_may_be_given_less_time(server: Server) -> None:
    answer = ask(server, _HEAVY, timeout_seconds=0.3)
    assert (answer.status_code, answer.json()["code"]) == (400, "query_timeout")


def test_a_client_that_hangs_up_ends_its_statement(server: Server) -> None:
    """Both turns of the tenant are taken by statements of minutes; once their clients are gone a third one is answered."""
    sockets: list[socket.socket] = []

    def all_are_taken() -> bool:
        sockets.append(_posted(server, f"SELECT {len(sockets)}, h FROM ({_HEAVY})"))  # some come while a question has the turn
        return ask(server, "SELECT 1", headers={"Cache-Control": "no-cache"}).status_code == 429

    _wait_for(all_are_taken)
    for each in sockets:
        each.close()
    _wait_for(lambda: ask(server, "SELECT 1", headers={"Cache-Control": "no-cache"}).status_code == 200)


def _posted(server: Server, sql: str) -> socket.socket:
    body = json.dumps({"customer_id": "shop", "sql": sql}).encode()
    url = urlsplit(server.url)
    connection = socket.create_connection((url.hostname or "", url.port or 0))
    head = (
        f"POST /query HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection


def _wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_many_who_ask_the_same_cost_one_statement(server: Server) -> None:
    """More than may run at once: they wait for one answer."""
    answers: list[httpx.Response] = []
    sql = "SELECT sum(sipHash64(number)) AS h FROM numbers(60000000)"
    threads = [threading.Thread(target=lambda: answers.append(ask(server, sql))) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)

    assert [each.status_code for each in answers] == [200] * 6
    assert len({each.json()["data"][0]["h"] for each in answers}) == 1
