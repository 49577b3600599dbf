"""Many clients of live streams that do what a browser does: go on behind the last id, after the pause that the server names."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.support import figures

_EVENT = re.compile(rb'"event_type":"mark-(\d+)"')
_ID = re.compile(rb"^id: (.+)$", re.MULTILINE)
_RETRY = re.compile(rb"^retry: (\d+)$", re.MULTILINE)
_RETRY_AFTER = re.compile(rb"^retry-after: (\d+)\r$", re.MULTILINE | re.IGNORECASE)


@dataclass
class Client:
    """One of them."""

    seen: Counter[int] = field(default_factory=Counter)
    """How often each marked event came."""
    pauses: list[float] = field(default_factory=list)
    """Seconds that the server asked for."""
    opened: list[float] = field(default_factory=list)
    """When a stream was open, on the loop's clock."""
    refused: int = 0
    last_id: bytes = b""
    is_open: bool = False

    async def listen(self, port: int, tenant: str) -> None:
        """Follow the stream for good."""
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(self.pauses[-1] if self.pauses else 1.0)
                continue
            try:
                await self._follow(reader, writer, tenant)
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                self.is_open = False
                writer.transport.abort()
            await asyncio.sleep(self.pauses[-1])

    async def _follow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tenant: str) -> None:
        last = b"Last-Event-ID: %b\r\n" % self.last_id if self.last_id else b""
        writer.write(b"GET /events/stream/%b HTTP/1.1\r\nHost: 127.0.0.1\r\n%b\r\n" % (tenant.encode(), last))
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            after = _RETRY_AFTER.search(head)
            assert head.startswith(b"HTTP/1.1 503 "), head
            assert after is not None, head
            self.refused += 1
            self.pauses.append(float(after[1]))
            return
        while True:
            message = await reader.readuntil(b"\n\n")
            for pause in _RETRY.findall(message):
                if not self.is_open:
                    self.is_open = True
                    self.opened.append(asyncio.get_running_loop().time())
                self.pauses.append(int(pause) / 1000)
            self.seen.update(int(mark) for mark in _EVENT.findall(message))
            for found in _ID.findall(message):
                self.last_id = found
            assert b"event: lagged" not in message
            assert b"event: gap" not in message


@dataclass
class Herd:
    """All of them, listening."""

    clients: Sequence[Client]

    async def until_open(self, seconds: float = 120.0) -> None:
        """Return when every stream is open."""
        async with asyncio.timeout(seconds):
            while not all(client.is_open for client in self.clients):
                await asyncio.sleep(0.05)

    async def until_seen(self, marks: Sequence[int], seconds: float = 120.0) -> None:
        """Return when everybody has seen these events."""
        wanted = set(marks)
        async with asyncio.timeout(seconds):
            while not all(wanted <= client.seen.keys() for client in self.clients):
                await asyncio.sleep(0.05)

    def fastest_second(self, since: float) -> int:
        """Most streams that were open within a second, since then, as the clients saw it."""
        times = sorted(at for client in self.clients for at in client.opened if at >= since)
        most = first = 0
        for number, at in enumerate(times):
            while times[first] < at - 1.0:
                first += 1
            most = max(most, number - first + 1)
        return most

    def spread(self, since: float) -> float:
        """Seconds between the first and the last stream that was opened since then."""
        times = [at for client in self.clients for at in client.opened if at >= since]
        return max(times) - min(times)


def herd(count: int, port: int, tenant: str, tasks: asyncio.TaskGroup) -> tuple[Herd, Sequence["asyncio.Task[None]"]]:
    """So many clients at once."""
    figures.injected("live stream at once", count)
    clients = [Client() for _ in range(count)]
    return Herd(clients), [tasks.create_task(client.listen(port, tenant)) for client in clients]
