"""Every alert fires: the platform with its fault, and a real Prometheus with the project's rules in seconds
(``tests.support.prometheus.quick``). To see one in your own: docs/runbooks/README.md."""

import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.support.claude import KEY, Failing, Said, fake_claude
from tests.support.commands import millrace
from tests.support.prometheus import TENANT, ask_for, send_clicks, watched
from tests.support.server import Server, free_port

pytestmark = [pytest.mark.faults, pytest.mark.minutes]

_SQL = f"SELECT count() FROM events_raw WHERE customer_id = '{TENANT}'"


def _in_the_engine(data_dir: Path, *statements: str) -> None:
    """Past the platform, while no server has the folder."""
    code = "import sys; from pathlib import Path; from tests.support.checker import connect; c = connect(sys.argv[1]); "
    code += "[c.query(each, 'TSV') for each in ['USE analytics', *sys.argv[2:]]]"
    engine = str(data_dir / "warehouse" / "engine")
    subprocess.run([sys.executable, "-c", code, engine, *statements], check=True, timeout=120)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path / "data")
    running.start()
    yield running
    if running.running:
        running.stop()


def test_events_that_do_not_come_any_more(server: Server, tmp_path: Path) -> None:
    with watched(tmp_path, server) as prometheus:
        received = "sum(rate(events_received_total[10s])) > 0"
        prometheus.wait_until(lambda: send_clicks(server) == 200 and bool(prometheus.ask(received)), "events are seen")
        prometheus.fires("NoEvents")


def test_a_server_that_is_killed_and_a_neighbour_that_is_away(server: Server, tmp_path: Path) -> None:
    with watched(tmp_path, server, others={"clickhouse": f"127.0.0.1:{free_port()}"}) as prometheus:
        prometheus.fires("TargetDown")
        server.kill()
        prometheus.fires("ServiceDown")


def test_bodies_that_arrive_slowly(server: Server, tmp_path: Path) -> None:
    body = b'{"customer_id":"shop","visitor_id":"v","event_type":"click"}'
    head = f"POST /track HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    def slowly() -> None:
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
            client.sendall(head + body[:10])
            time.sleep(1.5)  # the fault itself
            client.sendall(body[10:])
            assert client.recv(100).startswith(b"HTTP/1.1 200")

    with watched(tmp_path, server) as prometheus:
        slowly()
        prometheus.fires("IngestLatencyHigh", meanwhile=slowly)


def test_a_disk_that_is_too_full(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", {"MILLRACE_LOG_MIN_FREE_BYTES": str(2**60)})
    server.start(wait=False)
    try:
        with watched(tmp_path, server) as prometheus:
            alerts = ("RequestErrors", "ErrorBudgetBurnsFast", "ErrorBudgetBurnsSlowly")
            prometheus.fires(*alerts, meanwhile=lambda: send_clicks(server))
            assert send_clicks(server) == 503
    finally:
        server.stop()


def test_a_disk_that_fills(server: Server, tmp_path: Path) -> None:
    filling = tmp_path / "filling"
    with watched(tmp_path, server) as prometheus, filling.open("wb") as file:

        def fill() -> None:
            if (size := file.seek(0, os.SEEK_END)) < 4 * 2**30:
                os.posix_fallocate(file.fileno(), size, 128 * 2**20)

        try:
            prometheus.fires("DiskFillsIn4h", meanwhile=fill)
        finally:
            filling.unlink()


@contextlib.contextmanager
def _memory_group(limit: int) -> Iterator[Path]:
    """A control group of this test's own with so many bytes, of either version."""
    of_memory = Path("/sys/fs/cgroup/memory")
    group, name = (of_memory, "memory.limit_in_bytes") if of_memory.is_dir() else (of_memory.parent, "memory.max")
    group /= f"millrace-alerts-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        if not (group / name).exists():
            pytest.skip("control groups have no memory here")
        (group / name).write_text(str(limit))
        yield group
    finally:
        group.rmdir()


def test_a_limit_of_memory_that_is_near(server: Server, tmp_path: Path) -> None:
    with watched(tmp_path, server) as prometheus:
        taken = "process_resident_memory_bytes"
        prometheus.wait_until(lambda: bool(prometheus.ask(taken)), "its memory is seen")
        now = float(prometheus.ask(taken)[0]["value"][1])
        with _memory_group(round(now / 0.95)) as group:
            (group / "cgroup.procs").write_text(str(server.pid))
            try:
                prometheus.fires("MemoryNearLimit", meanwhile=lambda: send_clicks(server))
                assert send_clicks(server) == 200
            finally:
                server.stop()


def test_rows_that_somebody_else_writes(server: Server, tmp_path: Path) -> None:
    send_clicks(server)
    server.wait_until_stored()
    server.stop()
    hour = "toStartOfHour(now()) - 1800"
    _in_the_engine(
        server.data_dir,
        "INSERT INTO events_raw SELECT * REPLACE (_o + 1 AS _o) FROM events_raw",
        "INSERT INTO events_by_minute (customer_id, minute, event_type, is_bot, events, visitors) "
        f"SELECT 'shop', toStartOfMinute({hour}), 'click', false, 7, uniqState('v') SETTINGS insert_deduplicate = 0",
        "ALTER TABLE identity_links MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1, "
        "max_bytes_to_merge_at_min_space_in_pool = 1",  # nothing is merged any more
        "INSERT INTO identity_links (customer_id, visitor_id) SELECT 'shop', toString(number) FROM numbers(400) "
        "SETTINGS max_block_size = 1, min_insert_block_size_rows = 1, min_insert_block_size_bytes = 1, insert_deduplicate = 0",
    )
    server.start()
    with watched(tmp_path, server) as prometheus:
        assert millrace("audit", "--data-dir", server.data_dir).code == 1
        prometheus.fires("EventsStoredTwice", "RollupsDiffer", "TooManyParts")


def test_a_log_that_the_disk_changed(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    server.start(crash_at=("consumer.before-intent", 0))
    with watched(tmp_path, server) as prometheus:
        with contextlib.suppress(httpx.TransportError):
            send_clicks(server)
        server.wait(30)
        with closing(sqlite3.connect(server.data_dir / "log.db")) as log, log:
            log.execute("UPDATE log SET payload = zeroblob(length(payload))")
        server.start()
        prometheus.fires("LogDamaged", "DeadLetters")
    server.stop()


def test_redis_that_is_away(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", {"MILLRACE_CACHE_URL": f"redis://127.0.0.1:{free_port()}"})
    server.start()
    with watched(tmp_path, server) as prometheus:
        prometheus.fires("CacheDegraded", meanwhile=lambda: ask_for(server, "/query", sql=_SQL))
    server.stop()


@pytest.mark.parametrize(
    ("reply", "budget", "alert"),
    [(Failing(529, "overloaded_error"), "5", "ModelErrors"), (Said("no plan"), "0.000001", "ModelBudgetSpent")],
)
def test_a_model_that_fails_or_costs_too_much(reply: Failing | Said, budget: str, alert: str, tmp_path: Path) -> None:
    with fake_claude(reply) as fake:
        given = {"ANTHROPIC_API_KEY": KEY, "MILLRACE_ANTHROPIC_BASE_URL": fake.url, "MILLRACE_AI_RETRIES": "0"}
        server = Server(tmp_path / "data", {**given, "MILLRACE_AI_BUDGET_USD": budget})
        server.start()
        with watched(tmp_path, server) as prometheus:
            prometheus.fires(alert, meanwhile=lambda: ask_for(server, "/ai/query", query="How many clicks today?"))
        server.stop()
