"""Live streams: 2,000 clients of one tenant in one process, from the POST of an event to its arrival at each of them.

The clients are a process of its own:

    python -m tests.bench.sse URL CLIENTS
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import uvloop

from tests.bench.processes import memory_mb, server
from tests.bench.table import Row

_CLIENTS = 2_000
_EVENTS = 60
_MARK = b'"event_type":"mark-'


class Listener(asyncio.Protocol):
    """One client: notes when each marked event arrives."""

    def __init__(self, url: str, arrivals: list[tuple[int, float]]) -> None:
        self._request = f"GET {urlsplit(url).path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n\r\n".encode()
        self._arrivals = arrivals
        self.opened = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        transport.write(self._request)  # type: ignore[attr-defined] # uvloop's transport is one that writes

    def data_received(self, data: bytes) -> None:
        """Look for marks."""
        now = time.time()
        if not self.opened.done():
            assert data.startswith(b"HTTP/1.1 200"), data
            self.opened.set_result(None)
        at = data.find(_MARK)
        while at >= 0:
            at += len(_MARK)
            self._arrivals.append((int(data[at : data.index(b'"', at)]), now))
            at = data.find(_MARK, at)


async def listen(url: str, clients: int) -> list[float]:
    """Open the streams, post marked events, wait for all of them everywhere; the delays in seconds."""
    arrivals: list[tuple[int, float]] = []
    listeners = []
    parts, loop = urlsplit(url), asyncio.get_running_loop()
    for _ in range(clients):
        _, listener = await loop.create_connection(
            lambda: Listener(f"{url}/events/stream/bench", arrivals), parts.hostname or "", parts.port or 80
        )
        listeners.append(listener)
    await asyncio.gather(*(listener.opened for listener in listeners))
    await asyncio.sleep(2)
    posted = []
    async with httpx.AsyncClient() as client:
        for number in range(_EVENTS):
            event = {"customer_id": "bench", "visitor_id": "v", "event_type": f"mark-{number}"}
            posted.append(time.time())
            (await client.post(f"{url}/track", json=event)).raise_for_status()
            await asyncio.sleep(0.5)
    async with asyncio.timeout(30):
        while len(arrivals) < clients * _EVENTS:
            await asyncio.sleep(0.1)
    return [at - posted[number] for number, at in arrivals]


def measure(folder: Path) -> Iterator[Row]:
    """The distribution over all clients and events."""
    with server(folder) as ours:
        before = memory_mb(ours.pid)
        command = [sys.executable, "-m", "tests.bench.sse", ours.url, str(_CLIENTS)]
        done = subprocess.run(command, check=True, capture_output=True, timeout=300)
        memory = memory_mb(ours.pid) - before
    delays: list[float] = json.loads(done.stdout)
    assert len(delays) == _CLIENTS * _EVENTS
    ordered = sorted(delays)
    p50, p99 = (ordered[int(len(ordered) * share)] * 1000 for share in (0.5, 0.99))
    yield Row(
        f"SSE, {_CLIENTS:,} clients, {_EVENTS} events: POST to client",
        f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {ordered[-1] * 1000:.0f} ms, {memory:.0f} MB more memory",
        "p99 <= 300 ms",
        p99 <= 300,
    )


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(listen(sys.argv[1], int(sys.argv[2])))))
