"""Writers of a long run: a steady rate, of events that are told by their numbers.

Millions of events fit into no set of ids. So an event's id is its writer and its number there, all else of it follows from
these, and what was sent is known by how many each writer sent and by the sum of the checksums of what they said.
"""

import asyncio
import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support import figures
from tests.support.checker import Totals

TENANTS = ("soak_a", "soak_b", "soak_c")
_TYPES = ("page_view", "page_view", "button_click", "purchase", "signup")
_PAGES = ("/", "/pricing", "/docs", "/checkout")
_MONTH_MS = 30 * 86_400_000


@dataclass(slots=True)
class Written:
    """What one writer has had acknowledged: its events from 0 on."""

    events: int = 0
    checksums: int = 0


class SteadyWriters:
    """Post batches at a rate; what is not acknowledged is sent again until it is, and the writer's next batches wait.

    Args:
        acked: the fsynced file of acknowledged batches.
        now_ms: the time of the first event; one in a hundred lies a month before.
    """

    def __init__(self, url: str, acked: Path, seed: int, now_ms: int) -> None:
        self.written: list[Written] = []
        self.posts = 0
        self.retries = 0
        self.repeated = 0
        self._url = url
        self._acked = acked
        self._run = seed % 2**32
        self._now = now_ms

    async def write(self, writers: int, batch_events: int, events_a_second: float, enough: asyncio.Event) -> None:
        """Write until there is enough; then each writer has its last batch acknowledged."""
        self.written = [Written() for _ in range(writers)]
        every = writers * batch_events / events_a_second
        async with httpx.AsyncClient(timeout=15.0) as client, asyncio.TaskGroup() as tasks:
            for writer in range(writers):
                tasks.create_task(self._writer(client, writer, batch_events, every, enough))

    async def _writer(self, client: httpx.AsyncClient, writer: int, count: int, every: float, enough: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + every * writer / len(self.written)
        done = self.written[writer]
        while not enough.is_set():
            await asyncio.sleep(max(0.0, due - loop.time()))
            due = max(due + every, loop.time() - 10 * every)  # what an outage held up is made up for, up to ten batches
            events = [self._event(writer, done.events + number) for number in range(count)]
            await self._until_acknowledged(client, events)
            self._remember(writer, events)
            if done.events // count % 20 == 7:  # a client that did not hear the answer
                self.repeated += count
                await self._until_acknowledged(client, events)

    def _event(self, writer: int, number: int) -> dict[str, Any]:
        mixed = zlib.crc32(number.to_bytes(8, "big") + writer.to_bytes(2, "big"))
        return {
            "event_id": f"{self._run:08x}-{writer:04x}-4000-8000-{number:012x}",
            "customer_id": TENANTS[mixed % len(TENANTS)],
            "visitor_id": f"visitor-{mixed % 5_000}",
            "event_type": _TYPES[mixed // 7 % len(_TYPES)],
            "timestamp": self._now + number * 10 - (_MONTH_MS if mixed % 100 == 0 else 0),
            "properties": {"page": _PAGES[mixed // 3 % len(_PAGES)], "number": number},
        }

    async def _until_acknowledged(self, client: httpx.AsyncClient, events: Sequence[dict[str, Any]]) -> None:
        body = json.dumps({"events": events}).encode()
        while True:
            self.posts += 1
            try:
                answer = await client.post(f"{self._url}/track/batch", content=body)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code == 200:
                assert answer.json()["events_rejected"] == 0, answer.text
                figures.acknowledged()
                return
            assert answer is None or answer.status_code == 503, answer.text
            self.retries += 1
            await asyncio.sleep(0.1)

    def _remember(self, writer: int, events: Sequence[dict[str, Any]]) -> None:
        done = self.written[writer]
        with self._acked.open("a") as file:
            file.write(f"{writer} {done.events} {len(events)}\n")
            file.flush()
            os.fsync(file.fileno())
        done.events += len(events)
        done.checksums += sum(zlib.crc32(_said(event)) for event in events)


def _said(event: dict[str, Any]) -> bytes:
    """What the checker recomputes from a stored row."""
    parts = (event["event_id"], event["customer_id"], event["event_type"], event["timestamp"], event["properties"]["page"])
    return "|".join(map(str, parts)).encode()


def assert_all_there(written: Sequence[Written], totals: Totals) -> None:
    """Each writer's events are stored from first to last, each once, saying what was sent; every rollup says the same."""
    sent = sum(one.events for one in written)
    lost = sum(one.events - totals.writers.get(number, (0, 0, 0))[0] for number, one in enumerate(written))
    figures.outcome(acknowledged=sent, stored=totals.unique_ids, lost=lost, doubled=totals.rows - totals.unique_ids)
    assert totals.rows == totals.unique_ids == totals.unique_positions == totals.recent_ids == sent
    for number, one in enumerate(written):
        assert totals.writers[number] == (one.events, one.events - 1, one.checksums), number
    assert set(totals.rollup_differences.values()) == {0}, totals.rollup_differences
