"""One follower of the log for all clients of a process, fanned out by tenant."""

import asyncio
import random
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field

import structlog

from millrace_analytics.live.frames import Frame, Place, gap, is_behind, lagged, live_event, new_events, retry
from millrace_analytics.settings import AnalyticsSettings
from millrace_core import metrics as names
from millrace_core.errors import Unavailable
from millrace_eventlog.ports import LogTail
from millrace_eventlog.records import TailGap, TailItem, TailPosition
from millrace_service.metrics import Metrics

_RETRY_MILLISECONDS = (2_000, 10_000)  # random, so that clients of a restarted server do not come back all at once

_log = structlog.get_logger("millrace.live")


class Client:
    """One open stream."""

    def __init__(self, seen: TailPosition, room: int) -> None:
        self.seen = seen
        self.skipped = 0
        self._room = room
        self._waiting: deque[Frame | bytes] = deque()
        self._news = asyncio.Event()
        self.closed = False

    def offer(self, message: Frame | bytes) -> int:
        """Queue a message, or skip it when the client reads too slowly; the events that were skipped."""
        if len(self._waiting) >= self._room:
            skipped = len(message.events) if isinstance(message, Frame) else 0
            self.skipped += skipped
            return skipped
        self._waiting.append(message)
        self._news.set()
        return 0

    def close(self) -> None:
        """End the stream after what is queued."""
        self.closed = True
        self._news.set()

    async def messages(self) -> AsyncIterator[bytes]:
        """What to send, as it comes, until the stream is closed."""
        while True:
            while self._waiting:
                message = self._waiting.popleft()
                rest = message.behind(self.seen) if isinstance(message, Frame) else message
                if rest is not None:
                    yield rest.wire if isinstance(rest, Frame) else rest
            if self.skipped:
                skipped, self.skipped = self.skipped, 0
                yield lagged(skipped)
            if self.closed:
                return
            self._news.clear()
            await self._news.wait()


@dataclass(slots=True)
class _Channel:
    """A tenant's clients and what waits for the next message."""

    clients: set[Client] = field(default_factory=set)
    places: list[Place] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)
    beyond: int = 0
    flushed_at: float = 0.0
    flush: asyncio.TimerHandle | None = None


class Hub:
    """Fans the log's tail out. Follows it only while someone listens."""

    def __init__(self, tail: LogTail, settings: AnalyticsSettings, metrics: Metrics) -> None:
        self._tail = tail
        self._settings = settings
        self._connections = metrics.gauge(names.SSE_CONNECTIONS)
        self._lagged = metrics.counter(names.SSE_LAGGED)
        self._channels: dict[str, _Channel] = {}
        self._count = 0
        self._seen = TailPosition({})
        self._following: asyncio.Task[None] | None = None
        self._closing = False

    async def stream(self, tenant: str, resume: TailPosition | None) -> AsyncGenerator[bytes, None]:
        """The stream of one client: from behind ``resume``, or from when its first message comes. Encoded messages, each whole.

        Raises:
            Unavailable: too many streams are open, or the process is stopping.
            LogUnavailable: the log's end cannot be told.
        """
        client = await self._join(tenant)
        try:
            yield retry(_random_retry())
            if resume is not None:
                async for message in self._replay(tenant, resume, client.seen):
                    yield message
            async for message in client.messages():
                yield message
            yield retry(_random_retry())
        finally:
            self._leave(tenant, client)

    def _check_room(self, tenant: str) -> None:
        """Return when one more stream may be opened.

        Raises:
            Unavailable: it may not.
        """
        channel = self._channels.get(tenant)
        full = self._count >= self._settings.stream_clients
        if self._closing or full or (channel is not None and len(channel.clients) >= self._settings.stream_clients_per_tenant):
            raise Unavailable("Too many live streams are open.", code="too_many_streams", retry_after=random.randint(2, 10))  # noqa: S311

    def close(self) -> None:
        """End every stream; new ones are refused."""
        self._closing = True
        for channel in self._channels.values():
            for client in channel.clients:
                client.close()

    async def _join(self, tenant: str) -> Client:
        self._check_room(tenant)
        self._count += 1
        try:
            if self._following is None:
                self._seen = await self._tail.end()
            if self._following is None:
                self._following = asyncio.create_task(self._follow(), name="live-tail")
        except BaseException:
            self._count -= 1
            raise
        client = Client(TailPosition(dict(self._seen.seen)), self._settings.stream_queue_messages)
        self._channels.setdefault(tenant, _Channel()).clients.add(client)
        self._connections.set(self._count)
        return client

    def _leave(self, tenant: str, client: Client) -> None:
        self._count -= 1
        self._connections.set(self._count)
        channel = self._channels[tenant]
        channel.clients.discard(client)
        if not channel.clients:
            if channel.flush is not None:
                channel.flush.cancel()
            del self._channels[tenant]
        if not self._channels and self._following is not None:
            self._following.cancel()
            self._following = None

    async def _follow(self) -> None:
        try:
            async for item in self._tail.follow(self._seen):
                if isinstance(item, TailGap):
                    self._tell_gap(item)
                else:
                    self._take(item)
                await asyncio.sleep(0)
        except Unavailable as error:
            _log.warning("live_tail_lost", code=error.code, cause=str(error.__cause__ or error))
            self._end_streams()

    def _end_streams(self) -> None:
        """Clients come back by themselves, with the id of what they saw last."""
        self._following = None
        for channel in self._channels.values():
            for client in channel.clients:
                client.close()

    def _tell_gap(self, item: TailGap) -> None:
        for channel in self._channels.values():
            for client in channel.clients:
                client.offer(gap(item.partition, item.first, item.last))

    def _take(self, item: TailItem) -> None:
        touched = set()
        for number, record in enumerate(item.records):
            channel = self._channels.get(record.tenant)
            if channel is None:
                continue
            touched.add(record.tenant)
            if len(channel.events) >= self._settings.stream_message_events:
                channel.beyond += 1
                continue
            channel.places.append(item.place(number))
            channel.events.append(live_event(record.line))
        self._seen.seen[item.partition] = (item.end, -1)
        for tenant in touched:
            self._schedule(self._channels[tenant])

    def _schedule(self, channel: _Channel) -> None:
        if channel.flush is None:
            loop = asyncio.get_running_loop()
            at = channel.flushed_at + self._settings.stream_flush_seconds
            channel.flush = loop.call_at(max(loop.time(), at), self._flush, channel)

    def _flush(self, channel: _Channel) -> None:
        channel.flush = None
        channel.flushed_at = asyncio.get_running_loop().time()
        frame = new_events(channel.places, channel.events, self._seen)
        beyond, channel.beyond = channel.beyond, 0
        channel.places, channel.events = [], []
        skipped = 0
        for client in channel.clients:
            skipped += client.offer(frame) + beyond
            client.skipped += beyond
        if skipped:
            self._lagged.inc(skipped)

    async def _replay(self, tenant: str, resume: TailPosition, until: TailPosition) -> AsyncIterator[bytes]:
        """What the log holds of the tenant from behind ``resume`` up to where the hub stood when the client joined."""
        if not _is_before(resume, until):
            return
        seen = TailPosition(dict(resume.seen))
        async for item in self._tail.follow(resume):
            if isinstance(item, TailGap):
                yield gap(item.partition, item.first, item.last)
                seen.seen[item.partition] = (item.last + 1, -1)
            else:
                places = [item.place(number) for number in range(len(item.records))]
                kept = [
                    (place, live_event(record.line))
                    for place, record in zip(places, item.records, strict=True)
                    if record.tenant == tenant and not is_behind(place, until)
                ]
                for start in range(0, len(kept), self._settings.stream_message_events):
                    part = kept[start : start + self._settings.stream_message_events]
                    yield new_events([place for place, _ in part], [event for _, event in part], seen).wire
                seen.seen[item.partition] = (item.end, -1)
            if not _is_before(seen, until):
                return


def _is_before(position: TailPosition, other: TailPosition) -> bool:
    """Whether there may be something behind ``position`` up to ``other``."""
    return any(position.seen.get(partition, (-1, -1)) < place for partition, place in other.seen.items())


def _random_retry() -> int:
    return random.randint(*_RETRY_MILLISECONDS)  # noqa: S311 (spreads clients, keeps no secret)
