"""A running server with some events, and a client of its live streams."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.support import plain
from tests.support.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """``millrace up`` for the tests of a file; heartbeats come fast."""
    made = Server(tmp_path_factory.mktemp("server") / "data", {"MILLRACE_STREAM_HEARTBEAT_SECONDS": "0.3"})
    made.start()
    yield made
    assert made.stop() == 0


def post(server: Server, *events: dict[str, Any]) -> None:
    """Post events, each of which has to be accepted."""
    answer = plain.post(f"{server.url}/track/batch", json={"events": events}, timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.json()["events_rejected"] == 0, answer.text


def view(tenant: str, visitor: str = "v1", page: str = "/", **more: Any) -> dict[str, Any]:
    """A page view."""
    return {"customer_id": tenant, "visitor_id": visitor, "event_type": "page_view", "properties": {"page": page}, **more}


def dashboards(server: Server, tenant: str, method: str, path: str = "", **given: Any) -> dict[str, Any]:
    """What the dashboards' API answers, which has to be good."""
    url = f"{server.url}/api/v1/dashboards{path}"
    answer = plain.request(method, url, headers={"X-Tenant-ID": tenant}, timeout=30, **given)
    assert answer.is_success, answer.text
    return dict(answer.json())


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a stream; a comment has the name ``comment``."""

    name: str
    data: str
    id: str = ""

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events that it carries."""
        return list(json.loads(self.data))


@dataclass
class Stream:
    """One client of a live stream."""

    response: httpx.Response
    _lines: AsyncIterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self._lines = self.response.aiter_lines()

    async def next(self, name: str = "new_events", seconds: float = 10.0) -> Message:
        """The next message of this name."""
        async with asyncio.timeout(seconds):
            while True:
                message = await self._message()
                if message.name == name:
                    return message

    async def types(self, count: int) -> list[str]:
        """Types of the next so many events, over any number of messages."""
        found: list[str] = []
        while len(found) < count:
            found += [event["event_type"] for event in (await self.next()).events]
        return found

    async def _message(self) -> Message:
        parts: dict[str, str] = {}
        async for line in self._lines:
            if not line:
                break
            name, _, value = line.partition(":")
            parts[name or "comment"] = value.removeprefix(" ")
        name = parts.get("event", "comment" if "comment" in parts else "other")
        return Message(name, parts.get("data", parts.get("comment", "")), parts.get("id", ""))


@asynccontextmanager
async def streaming(server: Server, tenant: str, last_event_id: str | None = None) -> AsyncIterator[Stream]:
    """Open a live stream."""
    headers = {"Last-Event-ID": last_event_id} if last_event_id is not None else {}
    async with (
        httpx.AsyncClient(timeout=30) as client,
        client.stream("GET", f"{server.url}/events/stream/{tenant}", headers=headers) as response,
    ):
        assert response.status_code == 200, await response.aread()
        yield Stream(response)
