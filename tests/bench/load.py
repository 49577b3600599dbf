"""A load generator: keep-alive connections that post prepared bodies, as a process of its own.

    python -m tests.bench.load URL BODIES --connections 16 --seconds 10 [--rate 200]

BODIES is a msgpack list of request bodies. Without a rate each connection posts again as soon as it has its answer; with one,
requests are started at that rate whatever the answers do (so that a slow server is not asked less often), as long as a
connection is free. Prints one JSON object.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
import uvloop


@dataclass(slots=True)
class Tally:
    """What was seen."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    accepted: int = 0
    events: int = 1
    """Of a body whose answer does not say how many were accepted."""

    def report(self, seconds: float, cpu: float) -> dict[str, Any]:
        """Requests and accepted events a second, latency percentiles in milliseconds, statuses."""
        ordered = sorted(self.latencies)

        def at(share: float) -> float:
            return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 2) if ordered else 0.0

        return {
            "seconds": round(seconds, 2),
            "requests": len(ordered),
            "requests_per_second": round(len(ordered) / seconds, 1),
            "accepted": self.accepted,
            "events_per_second": round(self.accepted / seconds, 1),
            "p50_ms": at(0.5),
            "p99_ms": at(0.99),
            "max_ms": at(1.0),
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "generator_cpu_seconds": round(cpu, 2),
        }


class Poster(asyncio.Protocol):
    """One connection: a request at a time."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._started = 0.0
        self._done: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one without inheriting from it

    async def post(self, request: bytes) -> None:
        """Send one request and wait for its answer."""
        assert self._transport is not None
        self._done = asyncio.get_running_loop().create_future()
        self._started = time.perf_counter()
        self._transport.write(request)
        await self._done

    def data_received(self, data: bytes) -> None:
        """Collect an answer."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.index(b"content-length:") + 15
        length = int(head[at : at + 12].split(b"\r", 1)[0])
        if len(self._buffer) < end + 4 + length:
            return
        body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
        self._tally.latencies.append(time.perf_counter() - self._started)
        status = int(head[9:12])
        self._tally.statuses[status] += 1
        if status == 200:
            self._tally.accepted += msgspec.json.decode(body).get("events_accepted", self._tally.events)
        assert self._done is not None
        self._done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request under way."""
        if self._done is not None and not self._done.done():
            self._done.set_exception(exc or ConnectionResetError("closed by the server"))

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


def requests_of(url: str, bodies: list[bytes], headers: Sequence[str] = ()) -> list[bytes]:
    """Whole HTTP/1.1 requests."""
    parts = urlsplit(url)
    more = "".join(f"{line}\r\n" for line in headers).encode()
    return [
        b"POST %b HTTP/1.1\r\nHost: %b\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n%b"
        % (parts.path.encode(), parts.netloc.encode(), more, len(body), body)
        for body in bodies
    ]


async def run(url: str, requests: list[bytes], connections: int, seconds: float, rate: float, events: int) -> dict[str, Any]:
    """Post for so many seconds; the report of the tally."""
    parts = urlsplit(url)
    tally = Tally(events=events)
    loop = asyncio.get_running_loop()
    posters = [
        (await loop.create_connection(lambda: Poster(tally), parts.hostname or "", parts.port or 80))[1]
        for _ in range(connections)
    ]
    started, cpu = time.perf_counter(), time.process_time()
    ends = started + seconds
    sent = 0

    async def drive(poster: Poster) -> None:
        nonlocal sent
        while time.perf_counter() < ends:
            number = sent
            sent += 1
            if rate and (wait := started + number / rate - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            await poster.post(requests[number % len(requests)])

    await asyncio.gather(*(drive(poster) for poster in posters))
    took = time.perf_counter() - started
    for poster in posters:
        poster.close()
    return tally.report(took, time.process_time() - cpu)


def main() -> None:
    """Parse the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("bodies", type=Path)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--header", action="append", default=[], help="as in 'name: value'")
    parser.add_argument("--events", type=int, default=1, help="of a body whose answer does not say")
    given = parser.parse_args()
    bodies: list[bytes] = msgspec.msgpack.decode(given.bodies.read_bytes(), type=list[bytes])
    requests = requests_of(given.url, bodies, given.header)
    report = uvloop.run(run(given.url, requests, given.connections, given.seconds, given.rate, given.events))
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
