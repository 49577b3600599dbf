"""What ingestion costs an event and a request, without a socket and without a disk.

python -m tests.bench.ingest_cost
"""

import asyncio
import itertools
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import uvloop

from millrace_core import ids
from millrace_core import time as times
from millrace_eventlog.ports import Durable
from millrace_eventlog.records import LogRecord
from millrace_ingestion.acceptance import Acceptance, TimeWindow
from millrace_ingestion.app import App
from millrace_ingestion.enrich.agents import Agents
from millrace_ingestion.privacy.filtering import Filtering
from millrace_ingestion.protocols.native import decode_batch
from millrace_ingestion.protocols.reading import Limits
from millrace_ingestion.senders import Senders
from millrace_ingestion.settings import IngestionSettings
from millrace_ingestion.verdicts import Verdicts
from millrace_ingestion.wiring import build
from millrace_records.cache.memory import memory_ports
from millrace_service.health import Health
from millrace_service.metrics import Metrics
from tests.bench.bodies import event

_BATCH = 100
_DAY_MS = 86_400_000


class NullLog:
    """A log that takes everything at once and keeps nothing: what is left is ingestion's own cost."""

    async def append(self, records: Sequence[LogRecord]) -> Durable:
        """Take the records."""
        return "log"

    async def ping(self) -> None:
        """Always ready."""

    async def close(self) -> None:
        """Nothing to close."""


def microseconds(call: Callable[[], object], count: int = 1, rounds: int = 5) -> float:
    """The best of some rounds of 0.2 s, for one of ``count`` things that a call does."""
    best = float("inf")
    for _ in range(rounds):
        calls, began = 0, time.perf_counter()
        while (took := time.perf_counter() - began) < 0.2:
            for _ in range(10):
                call()
            calls += 10
        best = min(best, took / calls)
    return best / count * 1e6


def say(what: str, cost: float) -> None:
    """Print one line of the table."""
    sys.stdout.write(f"{what:56s} {cost:8.2f} µs\n")


def core() -> None:
    """Ids and times."""
    now = times.now_ms()
    say("new id", microseconds(lambda: ids.new_id(now)))
    say("id derived from a client's id", microseconds(lambda: ids.derived_id("bench", "client_event_id", "node-next-16682")))
    say("time from ISO 8601", microseconds(lambda: times.parse_time("2026-02-16T12:00:00.000Z")))
    say("time for the warehouse", microseconds(lambda: times.warehouse_time(now)))


def batches(name: str, events: list[dict[str, Any]]) -> None:
    """Decoding, and everything between body and records."""
    body = json.dumps({"events": events}).encode()
    agents, limits, now = Agents(), Limits(10_000, 256 * 1024), times.now_ms()
    senders = Senders(IngestionSettings(), agents)
    acceptance = Acceptance(TimeWindow(_DAY_MS, 1826 * _DAY_MS), agents, Filtering("anonymous"))

    def accept() -> Verdicts:
        verdicts = Verdicts()
        sender = senders.sender({"client": ("127.0.0.1", 1), "headers": []}, {}, now, "native")
        acceptance.judge(decode_batch(body, limits), sender, slice(0, len(events)), verdicts)
        return verdicts

    assert len(accept().records) == len(events)
    say(
        f"{name}, {len(body) // len(events)} bytes an event: decode",
        microseconds(lambda: decode_batch(body, limits), len(events)),
    )
    say(f"{name}: decode, judge, enrich, encode", microseconds(accept, len(events)))


def requester(app: App, path: str, *bodies: bytes, key: str = "", encoding: str = "") -> Callable[[], Awaitable[None]]:
    """A call that sends one request to the application, each time the next of these bodies, with a key and a content coding
    where there is one."""
    more = [(b"authorization", f"Bearer {key}".encode())] if key else []
    if encoding:
        more.append((b"content-encoding", encoding.encode()))
    turns = itertools.cycle([(_scope(path, body, more), body) for body in bodies])

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200

    async def request() -> None:
        scope, body = next(turns)

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        await app(scope, receive, send)

    return request


def _scope(path: str, body: bytes, more: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    headers = [(b"host", b"127.0.0.1"), (b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "client": ("127.0.0.1", 1),
        "headers": headers + more,
    }


async def requests(name: str, path: str, body: bytes, events: int) -> None:
    """Whole requests through the application."""
    service = build(IngestionSettings(), NullLog(), memory_ports(2**20), Metrics(), Health())
    request = requester(service.app, path, body)
    best = float("inf")
    for _ in range(5):
        count, began = 0, time.perf_counter()
        while (took := time.perf_counter() - began) < 0.2:
            await request()
            count += 1
        best = min(best, took / count)
    say(f"{name}: a request", best * 1e6)
    if events > 1:
        say(f"{name}: an event", best * 1e6 / events)


async def main() -> None:
    """Print the table."""
    core()
    chance = random.Random(1)
    plain = [event(chance) for _ in range(_BATCH)]
    now = times.now_ms()
    timed = [{**one, "event_id": ids.new_id(now), "timestamp": times.iso_time(now - at)} for at, one in enumerate(plain)]
    await asyncio.to_thread(batches, "events as the load generator sends them", plain)
    await asyncio.to_thread(batches, "the same with id and time", timed)
    await requests("single", "/track", json.dumps(plain[0]).encode(), 1)
    await requests("batch of 100", "/track/batch", json.dumps({"events": plain}).encode(), _BATCH)


if __name__ == "__main__":
    uvloop.run(main())
