"""What an operator does from the command line, against a real server."""

import asyncio
import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millrace_core.time import now_ms
from millrace_eventlog.records import DeadLetter
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import open_log
from millrace_service.metrics import Metrics
from tests.support import plain
from tests.support.commands import Done, millrace, started
from tests.support.pipeline import record
from tests.support.server import Server

pytestmark = pytest.mark.minutes


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("server") / "data")
    made.start()
    yield made
    assert made.stop() == 0


def ask(server: Server, customer: str, columns: str) -> list[Any]:
    """The first row of a question about all of a tenant's events."""
    server.wait_until_stored()
    return ask_now(server, customer, columns)


def ask_now(server: Server, customer: str, columns: str) -> list[Any]:
    """The same about what is stored by now."""
    sql = f"SELECT {columns} FROM events_raw WHERE customer_id = '{customer}'"
    answer = plain.post(
        f"{server.url}/query", json={"customer_id": customer, "sql": sql}, headers={"Cache-Control": "no-cache"}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"][0].values())


def test_the_demo_fills_the_past_once(server: Server) -> None:
    command = ("demo", "--customer", "shop", "--days", "0.5", "--events-per-day", "4000", "--rate", "0", "--url", server.url)
    first = millrace(*command)
    assert first.code == 0, first.err
    events, kinds, span = ask(
        server, "shop", "count(), uniqExact(event_type), dateDiff('hour', min(timestamp), max(timestamp))"
    )
    assert events > 500
    assert kinds > 4
    assert span >= 8

    assert millrace(*command).code == 0
    again, unique = ask(server, "shop", "count(), uniqExact(event_id)")
    assert again == unique
    assert events <= again < 1.02 * events  # the past has grown by what the two took


def test_the_demo_goes_on_live_until_it_is_interrupted(server: Server) -> None:
    with started("demo", "--customer", "live_shop", "--days", "0", "--rate", "50", "--url", server.url) as process:
        try:
            deadline = time.monotonic() + 60
            while ask_now(server, "live_shop", "count()") == [0]:
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.2)
        finally:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode in (0, 130)


def _csv(folder: Path, rows: int) -> Path:
    file = folder / "visits.csv"
    lines = [
        f"2026-10-01T00:00:{second % 60:02}Z,visitor-{second},page_view,/page-{second % 9},{second}" for second in range(rows)
    ]
    lines[3] = "2026-10-01T00:00:03Z,,page_view,/,3"
    lines[5] = "no time,visitor-5,page_view,/,5"
    lines[7] = '2026-10-01T00:00:07Z,"visitor"-7,page_view,/,7'
    file.write_text("at,visitor_id,event_type,page,amount\n" + "\n".join(lines) + "\n")
    return file


def test_a_csv_is_imported_and_its_bad_rows_are_listed(server: Server, tmp_path: Path) -> None:
    file = _csv(tmp_path, 200)
    command = ("import", file, "--customer", "csv", "--map", "at=timestamp", "--url", server.url)
    done = millrace(*command)

    assert done.code == 1  # some rows were rejected
    rejected = [json.loads(line) for line in (tmp_path / "visits.csv.rejected.ndjson").read_text().splitlines()]
    assert [(row["line"], row["code"]) for row in rejected] == [
        (5, "missing_identity"),
        (7, "invalid_timestamp"),
        (9, "invalid_csv"),
    ]
    assert rejected[2]["row"] == '2026-10-01T00:00:07Z,"visitor"-7,page_view,/,7'
    assert rejected[1]["row"]["visitor_id"] == "visitor-5"
    assert str(tmp_path / "visits.csv.rejected.ndjson") in done.err
    assert ask(server, "csv", "count(), uniqExact(page_path), toString(min(timestamp))") == [197, 9, "2026-10-01 00:00:00.000"]

    again = millrace(*command)
    assert again.code == 1
    assert ask(server, "csv", "count()") == [197]


def test_an_import_that_is_killed_goes_on_from_where_it_was(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    with file.open("w") as out:
        for number in range(120_000):
            out.write(json.dumps({"visitor_id": f"v{number % 500}", "event_type": "click", "n": number}) + "\n")
    command = ("import", file, "--customer", "killed", "--url", server.url)
    state = tmp_path / "events.ndjson.import"
    with started(*command) as process:
        deadline = time.monotonic() + 60
        while not state.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
        process.communicate()
    assert process.returncode == -9, "it was done before it could be killed"
    resumed = millrace(*command)

    assert resumed.code == 0, resumed.err
    assert "Going on behind line" in resumed.err
    assert not state.exists()
    assert ask(server, "killed", "count(), uniqExact(event_id), uniqExact(JSONExtractInt(properties, 'n'))") == [120_000] * 3


def test_status_and_audit_tell_how_it_is(server: Server) -> None:
    event = {"customer_id": "status", "visitor_id": "v", "event_type": "page_view", "properties": {"page": "/"}}
    plain.post(f"{server.url}/track", json=event).raise_for_status()
    server.wait_until_stored()
    told = json.loads(millrace("status", "--json", "--data-dir", server.data_dir).out)
    assert told["lag"]["events"] == 0
    assert told["dead_letters"] == 0
    assert {one["table"] for one in told["tables"]} >= {"events_raw", "event_ids", "events_by_minute"}
    assert all(one["bytes"] > 0 for one in told["tables"] if one["rows"])

    shown = millrace("status", "--data-dir", server.data_dir)
    assert shown.code == 0
    assert re.search(r"dead letters\s+0", shown.out, re.IGNORECASE)

    audit = millrace("audit", "--data-dir", server.data_dir)
    assert audit.code == 0, audit.out + audit.err
    assert audit.out.startswith("0 rows stored twice, 0 rollup buckets that differ.")
    shown = millrace("status", "--data-dir", server.data_dir)
    assert "0 rows stored twice, 0 rollup buckets that differ, in the 2 hours before" in shown.out


def test_settings_of_a_tenant_are_set_step_by_step(server: Server) -> None:
    def tenant(*arguments: str) -> Done:
        return millrace("tenant", *arguments, "--data-dir", server.data_dir)

    assert tenant("list").out == "No tenant has settings of its own.\n"
    missing = tenant("show", "shop")
    assert (missing.code, missing.err) == (2, "millrace: shop has no record\n")
    assert tenant("set", "shop", "--tier", "enterprise", "--time-zone", "Europe/Berlin").code == 0
    assert tenant("set", "shop", "--retention-days", "30", "--events-a-minute", "500").code == 0
    assert re.search(r"shop +enterprise +500 events a minute +30 days +Europe/Berlin", tenant("show", "shop").out)
    assert tenant("set", "shop", "--events-a-minute", "0", "--retention-days", "0").code == 0
    assert re.search(r"shop +enterprise +100,000 events a minute +kept as all others", tenant("list").out)
    for wrong, told in (
        (("shop", "--time-zone", "Atlantis/Centre"), "Atlantis/Centre is no time zone"),
        (("shop", "--retention-days", "-1"), "retention_days"),
        (("no tenant",), "name"),
    ):
        refused = tenant("set", *wrong)
        assert refused.code == 2
        assert told in refused.err
    assert tenant("remove", "shop").code == 0
    assert tenant("remove", "shop").code == 2


def test_rebuilding_the_rollups_changes_no_number(server: Server) -> None:
    before = plain.get(f"{server.url}/dashboard/realtime/csv", timeout=30).json()
    done = millrace("rebuild", "--from", "2026-10-01", "--to", "2026-10-02", "--data-dir", server.data_dir)

    assert done.code == 0, done.err
    assert "hours rebuilt, from 2026-10-01 00:00 UTC" in done.out
    assert millrace("audit", "--data-dir", server.data_dir).code == 0
    assert plain.get(f"{server.url}/dashboard/realtime/csv", timeout=30).json().keys() == before.keys()


def _put_letters(data_dir: Path, count: int) -> list[str]:
    """Dead letters as the consumer leaves them: records that the engine refused for a reason that is gone by now."""

    async def put() -> list[str]:
        letters = []
        for number in range(count):
            one = record(number, tenant="letters")
            letters.append(
                DeadLetter(
                    0,
                    1_000_000,
                    number,
                    one.tenant,
                    one.event_id,
                    "refused_by_warehouse",
                    "insert",
                    "no",
                    one.line,
                    1,
                    now_ms(),
                )
            )
        async with open_log(LogSettings(), data_dir, Metrics()) as log:
            await log.dead_letters.put(letters)
        return [letter.event_id for letter in letters]

    return asyncio.run(put())


def test_dead_letters_are_looked_at_put_back_and_dropped(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    server.start()
    plain.post(
        f"{server.url}/track", json={"customer_id": "letters", "visitor_id": "v", "event_type": "first"}
    ).raise_for_status()
    server.wait_until_stored()
    assert server.stop() == 0
    ids = _put_letters(server.data_dir, 3)
    server.start()
    try:
        here = ("--data-dir", server.data_dir)
        listed = [json.loads(line) for line in millrace("dlq", "list", "--json", *here).out.splitlines()]
        assert [letter["event_id"] for letter in listed] == ids
        numbers = [str(letter["id"]) for letter in listed]

        shown = json.loads(millrace("dlq", "show", numbers[0], *here).out)
        assert shown["event_id"] == ids[0]

        assert "2 would be replayed." in millrace("dlq", "replay", *numbers[:2], "--dry-run", *here).out
        assert "2 replayed." in millrace("dlq", "replay", *numbers[:2], *here).out
        assert millrace("dlq", "decisions", *here).out.count("  replayed  ") == 2
        assert ask(server, "letters", "count(), countIf(event_type = 'page_view')") == [3, 2]

        unsaid = millrace("dlq", "drop", *here)
        assert unsaid.code != 0
        assert "--all" in unsaid.err
        assert "1 dropped." in millrace("dlq", "drop", "--all", *here).out
        assert "No dead letters." in millrace("dlq", "list", *here).out
    finally:
        assert server.stop() == 0


def test_a_taken_port_is_one_line_that_names_it(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = millrace("up", "--port", str(port), "--data-dir", tmp_path / "data")

    assert done.code == 2
    assert len(done.err.strip().splitlines()) == 1
    assert f"port {port}" in done.err
    assert "--port" in done.err


def test_a_second_start_on_the_same_folder_says_who_holds_it(server: Server) -> None:
    for port in (server.port, 0):
        done = millrace("up", "--port", str(port), "--data-dir", server.data_dir)
        assert done.code == 2
        assert str(server.pid) in done.err
        assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"MILLRACE_HOST": "0.0.0.0"}, "MILLRACE_AUTH"),
        ({"MILLRACE_CONSUMER_BATCH_ROWS": "many"}, "MILLRACE_CONSUMER_BATCH_ROWS"),
        ({"MILLRACE_LOG_LEVEL": "loud"}, "MILLRACE_LOG_LEVEL"),
        ({"MILLRACE_PORT": "70000"}, "MILLRACE_PORT"),
    ],
)
def test_what_cannot_be_meant_stops_the_start(tmp_path: Path, environment: dict[str, Any], said: str) -> None:
    done = millrace("up", "--data-dir", tmp_path / "data", **environment)

    assert done.code == 2
    assert said in done.err
    assert next(iter(environment.values())) in done.err
    assert "Traceback" not in done.err


def test_commands_without_a_server_say_so(tmp_path: Path) -> None:
    done = millrace("status", "--data-dir", tmp_path)

    assert done.code == 2
    assert "millrace up" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("command", [("status",), ("dlq", "list"), ("demo", "--days", "1")], ids=str)
@pytest.mark.parametrize(
    "given", [("--url", "http://[::1"), ("--url", "ftp://x"), ("--url", "http://127.0.0.1:1", "--key", "ü")]
)
def test_a_url_or_key_that_cannot_be_is_one_line(command: tuple[str, ...], given: tuple[str, ...]) -> None:
    done = millrace(*command, *given)
    assert done.code == 2
    assert len(done.err.strip().splitlines()) == 1


@pytest.mark.parametrize("days", ["nan", "inf", "-1"])
def test_days_that_are_no_number_are_refused(days: str) -> None:
    done = millrace("demo", "--days", days, "--url", "http://127.0.0.1:1")
    assert done.code == 2
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("content", "stored"),
    [
        (b"customer_id,visitor_id,event_type\rcr,v,e\r", 0),
        (bytes(range(256)) * 64, 0),
        (b'customer_id,visitor_id,event_type,note\nq,v1,e,"unclosed\nq,v2,e,b\n', 1),
    ],
    ids=["carriage returns", "no text", "an open quote"],
)
def test_a_file_that_is_no_csv_is_one_line_and_nothing_is_swallowed(
    server: Server, tmp_path: Path, content: bytes, stored: int
) -> None:
    file = tmp_path / "odd.csv"
    file.write_bytes(content)
    done = millrace("import", file, "--url", server.url)
    assert done.code != 0
    assert "Traceback" not in done.err
    server.wait_until_stored()
    assert ask(server, "q", "count()") == [stored]


def test_a_dead_letter_of_an_impossible_number_harms_nobody(server: Server) -> None:
    for command in ("show", "drop", "replay"):
        done = millrace("dlq", command, "99999999999999999999", "--data-dir", server.data_dir)
        assert done.code == 2
        assert "Traceback" not in done.err
    assert plain.get(f"{server.url}/ready").status_code == 200
