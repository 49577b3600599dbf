"""Statements that the engine cannot interrupt, and a stop in the middle of a rebuild."""

import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.support import plain
from tests.support.analytics import post, view
from tests.support.commands import millrace, started
from tests.support.server import Server

ENDLESS = (
    "SELECT sum(match(concat(repeat(repeat('a', 1000000), 10), visitor_id), '(a?){1000}(a?){1000}b')) FROM events_raw "
    "WHERE customer_id = 't'"
)
"""One call on one row goes on for minutes. No limit of the engine ends it: they are asked between blocks."""

pytestmark = pytest.mark.faults


def _ask(server: Server, sql: str) -> httpx.Response:
    return plain.post(
        f"{server.url}/query", json={"customer_id": "t", "sql": sql}, headers={"Cache-Control": "no-cache"}, timeout=60
    )


@pytest.mark.minutes
def test_statements_that_cannot_be_interrupted_are_bounded_and_hold_nothing_else_up(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", {"MILLRACE_QUERY_SECONDS": "1", "MILLRACE_QUERY_WAIT_SECONDS": "0.1"})
    server.start()
    try:
        post(server, view("t"))  # one row is one block, between which the engine could end the statement
        server.wait_until_stored()
        codes = [_ask(server, ENDLESS).json()["code"] for _ in range(4)]
        assert codes[:2] == ["query_timeout"] * 2
        assert set(codes[2:]) == {"too_many_queries"}  # of this tenant two run, and they still do
        other = {"customer_id": "other", "sql": "SELECT count() AS n FROM events_raw WHERE customer_id = 'other'"}
        assert plain.post(f"{server.url}/query", json=other, headers={"Cache-Control": "no-cache"}, timeout=30).json()[
            "data"
        ] == [{"n": 0}]
        post(server, view("t"))
        server.wait_until_stored()
        began = time.monotonic()
    finally:
        code = server.stop()
    assert code == 0
    print(f"stopped in {time.monotonic() - began:.1f} s")  # noqa: T201


@pytest.mark.minutes
@pytest.mark.parametrize("pause", [0.4, 1.1])
def test_a_stop_in_the_middle_of_a_rebuild_leaves_no_hour_half_done(tmp_path: Path, pause: float) -> None:
    server = Server(tmp_path / "data")
    server.start()
    hours, now = 200, time.time()
    post(server, *(view("t", timestamp=int(now) - 3600 * number) for number in range(hours)))
    server.wait_until_stored()
    with started("rebuild", "--from", str(int(now) - 3600 * hours), "--data-dir", str(server.data_dir)) as rebuilding:
        reader = threading.Thread(target=rebuilding.communicate)
        reader.start()
        time.sleep(1.0 + pause)  # into the rebuild, whose start takes a second
        assert server.stop() == 0
        reader.join(30)
    server.start()
    try:
        sql = "SELECT sum(events) AS n FROM events_by_hour WHERE customer_id = 't'"
        assert _ask(server, sql).json()["data"] == [{"n": hours}]
        sql = "SELECT sum(views) AS n FROM pages_by_minute WHERE customer_id = 't'"
        assert _ask(server, sql).json()["data"] == [{"n": hours}]
        assert millrace("audit", "--data-dir", server.data_dir).code == 0
    finally:
        assert server.stop() == 0
