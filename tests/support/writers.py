"""Writers that remember what was acknowledged: half of the checker that every fault test uses (the other half: ``checker``).

Each event carries (run, writer, seq) and its own event id. Every 200 is written to a file and fsynced before the next
request, so that the record of what was promised survives whatever the test does. What is not answered with 200 is sent again
with the same ids, until it is. Some of what was acknowledged is sent once more, in other batches: a client that retries must
not count twice.
"""

import asyncio
import json
import os
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support import figures

_TYPES = ("page_view", "page_view", "button_click", "purchase", "signup")
_PAGES = ("/", "/pricing", "/docs", "/checkout")
_TENANTS = ("fault_a", "fault_b")
_MONTH_MS = 30 * 86_400_000


@dataclass(slots=True)
class Sent:
    """Everything that was sent, by event id, and which of it was acknowledged."""

    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    posts: int = 0
    retries: int = 0


class Writers:
    """Post batches to a server that may be killed and started again at any time, also on another port.

    Args:
        url: gives the server's current base URL.
        acked: the fsynced file of acknowledged ids.
        seed: printed by the test; the same seed sends the same events.
        now_ms: the time around which events lie: in four months, so that a batch spans partitions.
        passing: what a server may answer besides 200. A gateway has answers of its own.
    """

    def __init__(
        self, url: "CurrentUrl", acked: Path, seed: int, now_ms: int, passing: frozenset[int] = frozenset({503})
    ) -> None:
        self.sent = Sent()
        self._url = url
        self._acked = acked
        self._random = random.Random(seed)
        self._run = f"run-{seed}"
        self._now = now_ms
        self._passing = passing

    async def write(self, writers: int, batch_events: int, enough: asyncio.Event) -> None:
        """Every writer posts batches of one to ``batch_events`` events, about 20 a second, until there is enough; then each
        has all of its batches acknowledged."""
        async with httpx.AsyncClient(timeout=10.0) as client, asyncio.TaskGroup() as tasks:
            for writer in range(writers):
                tasks.create_task(self._writer(client, writer, batch_events, enough))

    async def _writer(self, client: httpx.AsyncClient, writer: int, batch_events: int, enough: asyncio.Event) -> None:
        seq = 0
        while not enough.is_set():
            await asyncio.sleep(self._random.random() / 10)
            count = self._random.randint(1, batch_events)
            events = [self._event(writer, seq + number) for number in range(count)]
            seq += count
            again = self._random.sample(sorted(self.sent.acknowledged), k=min(3, len(self.sent.acknowledged)))
            repeated = [self.sent.events[event_id] for event_id in again if self._random.random() < 0.5]
            await self._until_acknowledged(client, [*events, *repeated])

    def _event(self, writer: int, seq: int) -> dict[str, Any]:
        event_id = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        event = {
            "event_id": event_id,
            "customer_id": self._random.choice(_TENANTS),
            "visitor_id": f"visitor-{self._random.randrange(500)}",
            "event_type": self._random.choice(_TYPES),
            "timestamp": self._now - self._random.choice((0, 1, 2, 3)) * _MONTH_MS - self._random.randrange(7_200_000),
            "properties": {"run": self._run, "writer": writer, "seq": seq, "page": self._random.choice(_PAGES)},
        }
        self.sent.events[event_id] = event
        return event

    async def _until_acknowledged(self, client: httpx.AsyncClient, events: Sequence[dict[str, Any]]) -> None:
        body = json.dumps({"events": events}).encode()
        while True:
            self.sent.posts += 1
            try:
                answer = await client.post(f"{self._url.value}/track/batch", content=body)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code == 200:
                assert answer.json()["events_rejected"] == 0, answer.text
                self._remember([event["event_id"] for event in events])
                return
            assert answer is None or answer.status_code in self._passing, answer.text
            self.sent.retries += 1
            await asyncio.sleep(0.05)

    def _remember(self, event_ids: Sequence[str]) -> None:
        with self._acked.open("a") as file:
            file.write("".join(f"{event_id}\n" for event_id in event_ids))
            file.flush()
            os.fsync(file.fileno())
        self.sent.acknowledged.update(event_ids)
        figures.acknowledged()


@dataclass(slots=True)
class CurrentUrl:
    """Where the server listens now."""

    value: str
