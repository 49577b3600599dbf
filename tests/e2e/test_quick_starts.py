"""The quick starts of docs/start and requests of the guides, as they stand there, against a real server."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from millrace_client import Millrace
from tests.support import plain
from tests.support.code_blocks import blocks
from tests.support.guides import run
from tests.support.server import Server

pytestmark = pytest.mark.minutes


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With the shop of docs/start/sql.md in it."""
    made = Server(tmp_path_factory.mktemp("quick_starts") / "data")
    made.start()
    demo, _ = blocks("docs/start/sql.md", "bash")
    run(made, demo)
    made.wait_until_stored()
    yield made
    assert made.stop() == 0


def _answers(server: Server, block: str) -> list[Any]:
    """Each JSON text that the commands of a block answer."""
    decoder, found, rest = json.JSONDecoder(), [], run(server, block).strip()
    while rest:
        answer, end = decoder.raw_decode(rest)
        found.append(answer)
        rest = rest[end:].strip()
    return found


def _query(server: Server, sql: str, tenant: str = "demo_tenant") -> list[dict[str, Any]]:
    answer = plain.post(f"{server.url}/query", json={"customer_id": tenant, "sql": sql}, timeout=60)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


def test_the_statements_of_the_quick_start_of_sql_find_the_shop(server: Server) -> None:
    _, asked = blocks("docs/start/sql.md", "bash")
    (answer,) = _answers(server, asked)
    assert {"page_view", "purchase"} <= {row["event_type"] for row in answer["data"]}
    statements = blocks("docs/start/sql.md", "sql")
    assert len(statements) == 4
    pages, revenue, visits, hours = (_query(server, sql) for sql in statements)
    assert len(pages) == 10
    assert pages[0]["views"] >= pages[9]["views"] > 0
    assert sum(row["revenue"] for row in revenue) > 0
    assert all(row["country"] for row in revenue)
    assert sum(row["visits"] for row in visits) > 100
    assert len({row["hour"] for row in hours}) > 24


def test_the_questions_of_the_quick_start_are_understood_and_answered(server: Server) -> None:
    asked, typed = blocks("docs/start/ask.md", "bash")
    for answer in _answers(server, asked):
        assert (answer["status"], answer["success"]) == ("ok", True), answer
        assert answer["data"], answer["sql"]
        assert answer["explanation"]
    (answer,) = _answers(server, typed)
    assert len(answer["rows"]) >= 5


def test_what_the_quick_start_of_sdks_sends_is_stored_once(server: Server) -> None:
    _, others, any_language = blocks("docs/start/sdks.md", "bash")
    (snippet,) = blocks("docs/start/sdks.md", "python")
    tenant = "sdks_quick_start"
    for _ in range(2):
        for block in (others, any_language):
            run(server, block.replace("demo_tenant", tenant))
    source = snippet.replace("http://localhost:8080", server.url).replace("demo_tenant", tenant)
    subprocess.run([sys.executable, "-W", "error", "-c", source], timeout=120, check=True)
    server.wait_until_stored()
    rows = _query(server, f"SELECT event_type, count() AS n FROM events_raw WHERE customer_id = '{tenant}' GROUP BY 1", tenant)
    assert {row["event_type"]: row["n"] for row in rows} == {
        "Order Completed": 1,
        "page_view": 1,
        "invoice_paid": 2,
        "signup": 1,
    }


def test_the_quick_start_of_the_tracker_looks_where_events_arrive(server: Server) -> None:
    (block,) = blocks("docs/start/tracker.md", "bash")
    live, dashboard = block.strip().splitlines()
    assert json.loads(run(server, dashboard.replace("curl ", "curl -sS ")))["customer_id"] == "demo_tenant"
    with Millrace(server.url, customer_id="demo_tenant") as client:
        watching = subprocess.Popen(
            [*live.replace("http://localhost:8080", server.url).split(), "-sS", "--max-time", "60"],
            stdout=subprocess.PIPE,
            text=True,
        )
        with watching:
            assert watching.stdout is not None
            assert watching.stdout.readline().startswith("retry: ")
            client.track("page_view", visitor_id="somebody")
            assert client.flush(60)
            told = next(line for line in watching.stdout if line.startswith("data: "))
            watching.terminate()
    assert json.loads(told.removeprefix("data: "))[0]["event_type"] == "page_view"


def test_the_request_of_the_guide_to_plain_language_is_answered(server: Server) -> None:
    (block,) = blocks("docs/guides/plain-language.md", "bash")
    (answer,) = _answers(server, block)
    assert (answer["status"], answer["success"]) == ("ok", True)


def test_the_requests_of_the_guide_to_questions_are_answered(server: Server) -> None:
    for block in blocks("docs/guides/questions.md", "bash"):
        (answer,) = _answers(server, block)
        assert answer["success"] is True, answer
    questions = [json.loads(block) for block in blocks("docs/guides/questions.md", "json")]
    assert [question["kind"] for question in questions] == ["funnel", "sessions", "paths"]
    for question in questions:
        asked = {"customer_id": "demo_tenant", "question": question}
        answer = plain.post(f"{server.url}/api/v1/questions", json=asked, timeout=60)
        assert answer.status_code == 200, answer.text
        assert answer.json()["rows"], question


def test_the_bodies_of_the_guide_to_sql_are_taken(server: Server) -> None:
    asked, saved = (json.loads(block) for block in blocks("docs/guides/sql.md", "json"))
    answer = plain.post(f"{server.url}/query", json=asked, timeout=60)
    assert answer.status_code == 200, answer.text
    assert {row["event_type"] for row in answer.json()["data"]} == {"page_view", "purchase"}
    address = f"{server.url}/query/saved/demo_tenant/pages"
    kept = plain.put(address, json=saved, timeout=60)
    assert kept.status_code == 200, kept.text
    rows = plain.get(f"{address}/rows?n=10", timeout=60).json()["data"]
    assert len(rows) == 10
