"""A herd of live streams: everybody comes at once, the server dies, everybody comes back, and some do not read.

300 clients here; ``make faults`` has 2,000 (MILLRACE_TEST_CLIENTS).
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support import figures
from tests.support.clients import many
from tests.support.herd import Herd, herd
from tests.support.kafka_mock import MockKafka, mock_kafka
from tests.support.server import Server

pytestmark = [pytest.mark.faults, pytest.mark.brokers]

_TENANT = "herd"


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    with mock_kafka() as cluster:
        cluster.topic("herd", 3)
        cluster.topic("herd.dlq", 1)
        yield cluster


@asynccontextmanager
async def _serving(folder: Path, **environment: str) -> AsyncIterator[Server]:
    server = Server(folder / "data", {"MILLRACE_LOG_LEVEL": "warning", **environment})
    await asyncio.to_thread(server.start)
    try:
        yield server
        assert await asyncio.to_thread(server.stop) == 0
    finally:
        if server.running:
            server.kill()


async def _post(server: Server, marks: range, **more: str) -> None:
    events = [{"customer_id": _TENANT, "visitor_id": f"v{mark}", "event_type": f"mark-{mark}", **more} for mark in marks]
    async with httpx.AsyncClient(timeout=60) as client:
        answer = await client.post(f"{server.url}/track/batch", json={"events": events})
    assert answer.status_code == 200, answer.text
    assert answer.json()["events_rejected"] == 0, answer.text


async def _sample(server: Server, name: str, **labels: str) -> float:
    async with httpx.AsyncClient(timeout=60) as client:
        text = (await client.get(f"{server.url}/metrics")).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())


async def _assert_one_follower(server: Server) -> None:
    """Whoever came, the log was followed once, for all of them."""
    follows = [await _sample(server, "millrace_sse_follows_total", what=what) for what in ("all", "one")]
    assert follows == [1.0, 0.0]


def _memory_mb(server: Server, field: str) -> float:
    for line in Path(f"/proc/{server.pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise AssertionError(field)


async def _follow_over_a_kill(herd: Herd, server: Server) -> None:
    """Everybody has come. Some events, a kill, more events while everybody is away, and more when they are back."""
    await herd.until_open()
    await _assert_one_follower(server)
    await _post(server, range(50))
    await herd.until_seen(range(50))
    await asyncio.to_thread(server.kill)
    since = asyncio.get_running_loop().time()
    await asyncio.to_thread(server.start)
    memory = _memory_mb(server, "VmRSS")
    await _post(server, range(50, 100))
    await herd.until_open()
    await _post(server, range(100, 150))
    await herd.until_seen(range(150))
    await _assert_one_follower(server)
    pauses = [client.pauses[-1] for client in herd.clients]
    assert min(pauses) >= 2
    assert max(pauses) - min(pauses) >= 5  # they are told to come back at different times
    more = _memory_mb(server, "VmHWM") - memory
    assert more < 64 + 0.1 * len(herd.clients)
    figures.note(
        f"all back {herd.spread(since):.1f} s after the first, at most {herd.fastest_second(since)} opened in a second; "
        f"{sum(client.refused for client in herd.clients)} times 503; {more:.0f} MB more memory"
    )


async def test_a_herd_comes_back_after_a_kill_spread_over_time_and_misses_nothing(kafka: MockKafka, tmp_path: Path) -> None:
    clients = many(300)
    settings = {
        "MILLRACE_LOG_URL": f"kafka://{kafka.brokers}/herd",
        "MILLRACE_STREAM_CONNECTS_A_SECOND": str(max(50, clients // 10)),
    }
    async with _serving(tmp_path, **settings) as server, asyncio.TaskGroup() as tasks:
        listening, running = herd(clients, server.port, _TENANT, tasks)
        try:
            await _follow_over_a_kill(listening, server)
        finally:
            for task in running:
                task.cancel()
    assert all(set(client.seen.values()) == {1} for client in listening.clients)
    events = sum(len(client.seen) for client in listening.clients)
    figures.outcome(acknowledged=150 * clients, stored=events, lost=150 * clients - events, doubled=0)
    figures.note("acknowledged and stored are arrivals at clients")


async def test_clients_who_come_faster_than_they_are_let_in_are_told_when_to_come_back(tmp_path: Path) -> None:
    settings = {"MILLRACE_STREAM_CONNECTS_A_SECOND": "5", "MILLRACE_STREAM_CONNECT_WAIT_SECONDS": "1"}
    async with _serving(tmp_path, **settings) as server, asyncio.TaskGroup() as tasks:
        listening, running = herd(40, server.port, _TENANT, tasks)
        try:
            await listening.until_open()
        finally:
            for task in running:
                task.cancel()
    refused = [client for client in listening.clients if client.refused]
    assert refused
    assert all(2 <= pause <= 10 for client in refused for pause in client.pauses)


async def test_clients_that_do_not_read_are_dropped_and_the_others_see_everything(tmp_path: Path) -> None:
    async with _serving(tmp_path, MILLRACE_STREAM_SEND_SECONDS="1") as server, asyncio.TaskGroup() as tasks:
        listening, running = herd(5, server.port, _TENANT, tasks)
        try:
            await listening.until_open()
            with contextlib.ExitStack() as stack:
                for _ in range(10):
                    stack.enter_context(contextlib.closing(_deaf(server)))
                await _until_connected(server, 15)
                sent = 0
                async with asyncio.timeout(120):
                    while await _sample(server, "millrace_sse_connections") > 5:
                        await _post(server, range(sent, sent + 200), event_name="n" * 200)
                        sent += 200
                        await listening.until_seen(range(sent))
            figures.injected("client that does not read", 10)
            figures.note(f"dropped by the time of {sent} events")
        finally:
            for task in running:
                task.cancel()
    assert all(len(client.opened) == 1 and client.seen == dict.fromkeys(range(sent), 1) for client in listening.clients)


def _deaf(server: Server) -> socket.socket:
    """A client that asks for the stream and never reads."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", server.port))
    client.sendall(b"GET /events/stream/%b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % _TENANT.encode())
    return client


async def _until_connected(server: Server, count: int) -> None:
    async with asyncio.timeout(30):
        while await _sample(server, "millrace_sse_connections") < count:
            await asyncio.sleep(0.05)
