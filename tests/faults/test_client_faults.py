"""Clients that leave, repeat themselves or send far too much: nothing is stored by halves or twice, in bounded memory."""

import asyncio
import gzip
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped]
import httpx
import pytest
import zstandard

from millrace_core.ids import new_id
from millrace_core.time import now_ms
from tests.support import figures, plain
from tests.support.server import Server

_MB = 2**20

pytestmark = [pytest.mark.faults, pytest.mark.minutes]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("clients") / "data", {"MILLRACE_LOG_LEVEL": "warning"})
    made.start()
    yield made
    assert made.stop() == 0


def _count(server: Server, tenant: str) -> int:
    server.wait_until_stored()
    sql = f"SELECT count() AS n, uniqExact(event_id) AS ids FROM events_raw WHERE customer_id = '{tenant}'"
    (row,) = plain.post(
        f"{server.url}/query", json={"customer_id": tenant, "sql": sql}, headers={"Cache-Control": "no-cache"}, timeout=30
    ).json()["data"]
    assert row["n"] == row["ids"]
    return int(row["n"])


def _events(tenant: str, count: int, **more: Any) -> bytes:
    made = [{"customer_id": tenant, "visitor_id": f"v{number}", "event_type": "t", **more} for number in range(count)]
    return json.dumps({"events": made}).encode()


def _send(server: Server, body: bytes, sent: int) -> None:
    """Send this much of a request, then hang up without reading."""
    figures.injected("client that leaves")
    head = b"POST /track/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(head + body[:sent])


def test_a_client_that_leaves_in_the_middle_of_its_body_has_sent_nothing(server: Server) -> None:
    body = _events("left_early", 500)
    for share in (0, 1, len(body) // 2, len(body) - 1):
        _send(server, body, share)
    assert _count(server, "left_early") == 0


def test_a_client_that_leaves_before_its_answer_has_sent_everything_or_nothing(server: Server) -> None:
    body = _events("left_late", 500)
    for _ in range(10):
        _send(server, body, len(body))
    time.sleep(0.2)
    assert _count(server, "left_late") % 500 == 0


async def test_an_idempotency_key_that_is_sent_fifty_times_at_once_stores_one_copy(server: Server) -> None:
    body = _events("keyed", 20)
    async with httpx.AsyncClient(timeout=30) as client:
        answers = await asyncio.gather(
            *(client.post(f"{server.url}/track/batch", content=body, headers={"Idempotency-Key": "k-1"}) for _ in range(50))
        )
        other = await client.post(f"{server.url}/track/batch", content=body, headers={"Idempotency-Key": "k-2"})
    assert {(answer.status_code, answer.json()["events_accepted"]) for answer in answers} == {(200, 20)}
    assert other.status_code == 200
    assert await asyncio.to_thread(_count, server, "keyed") == 40


def test_an_event_that_is_sent_fifty_times_at_once_counts_once(server: Server) -> None:
    body = _events("repeated", 1, event_id=new_id(now_ms()))
    with ThreadPoolExecutor(8) as clients:
        list(
            clients.map(
                lambda _: plain.post(f"{server.url}/track/batch", content=body, timeout=30).raise_for_status(), range(50)
            )
        )
    assert _count(server, "repeated") == 1
    dashboard = plain.get(f"{server.url}/dashboard/realtime/repeated", timeout=30).json()
    assert sum(minute["event_count"] for minute in dashboard["events_timeline"]) == 1


def _memory_mb(server: Server, field: str) -> float:
    for line in Path(f"/proc/{server.pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise AssertionError(field)


_BOMB = b'{"events":[' + b" " * (1024 * _MB // 4)
HUGE: dict[str, tuple[int, dict[str, str]]] = {
    "a body of 5 MiB and a byte": (413, {}),
    "a gzip bomb of 256 MiB": (413, {"Content-Encoding": "gzip"}),
    "a zstd bomb of 256 MiB": (413, {"Content-Encoding": "zstd"}),
    "a brotli bomb of 256 MiB": (413, {"Content-Encoding": "br"}),
    "100,000 events": (413, {}),
    "half a million commas": (413, {}),
}


def _huge(name: str) -> bytes:
    match name:
        case "a body of 5 MiB and a byte":
            return b'{"events":[' + b" " * (5 * _MB + 1 - 11)
        case "a gzip bomb of 256 MiB":
            return gzip.compress(_BOMB)
        case "a zstd bomb of 256 MiB":
            return zstandard.ZstdCompressor().compress(_BOMB)
        case "a brotli bomb of 256 MiB":
            return bytes(brotli.compress(_BOMB, quality=5))
        case "100,000 events":
            return gzip.compress(_events("huge", 100_000))
        case _:
            return b'{"events":[' + b"1," * 2_500_000 + b"1]}"


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the system does not tell the most memory of a while")
@pytest.mark.parametrize("name", HUGE)
def test_what_is_far_too_large_is_refused_in_bounded_memory(server: Server, name: str) -> None:
    status, headers = HUGE[name]
    body = _huge(name)
    plain.post(f"{server.url}/track/batch", content=_events("small", 1000), timeout=30).raise_for_status()
    server.wait_until_stored()
    Path(f"/proc/{server.pid}/clear_refs").write_text("5")  # proc(5): the high-water mark begins anew
    before = _memory_mb(server, "VmRSS")
    for _ in range(3):
        figures.injected(name)
        answer = plain.post(f"{server.url}/track/batch", content=body, headers=headers, timeout=60)
        assert answer.status_code == status, answer.text
        assert answer.json()["code"] in ("body_too_large", "inflated_too_large", "too_many_events")
    assert _memory_mb(server, "VmHWM") - before < 64
    assert _count(server, "huge") == 0
