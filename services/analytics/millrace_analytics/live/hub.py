"""One follower of the log for all clients of a process, fanned out by tenant."""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Final

import structlog

from millrace_analytics.live.frames import Frame, Place, gap, is_behind, lagged, live_event, new_events, retry
from millrace_analytics.live.recent import Recent
from millrace_analytics.live.turns import Turns
from millrace_analytics.settings import AnalyticsSettings
from millrace_core import metrics as names
from millrace_core.errors import Unavailable
from millrace_eventlog.ports import LogTail
from millrace_eventlog.records import TailGap, TailItem, TailPosition
from millrace_records.cache.ports import Messages
from millrace_records.ports import ERASURES_CHANGED
from millrace_service.metrics import Metrics

_WARM_OFFSETS: Final = 5_000
"""How far behind the log's end following begins at most, in each partition, where the first client comes back from there: the
others of a herd come from about the same place."""
_WARM_MARGIN: Final = 100
"""How far before that place, as some have seen less than the first who comes."""
_WARM_SECONDS: Final = 3.0
_PIECE_MESSAGES: Final = 100
"""A client that is fed from the log gives way to others after so many messages."""

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
        self._recent = Recent(settings.stream_recent_bytes, self._seen)
        self._turns = Turns(settings.stream_connects_a_second, settings.stream_connect_wait_seconds)
        self._replays = asyncio.Semaphore(settings.stream_replays)
        self._beginning = asyncio.Lock()
        self._follows = {what: metrics.counter(names.SSE_FOLLOWS, what) for what in ("all", "one")}
        self._following: asyncio.Task[None] | None = None
        self._closing = False

    async def stream(self, tenant: str, resume: TailPosition | None) -> AsyncGenerator[bytes, None]:
        """The stream of one client: from behind ``resume``, or from when its first message comes. Encoded messages, each whole.

        Raises:
            Unavailable: too many streams are open, or the process is stopping.
            LogUnavailable: the log's end cannot be told.
        """
        client, missed = await self._join(tenant, resume)
        try:
            yield self._retry()
            async for message in missed:
                yield message
            async for message in client.messages():
                yield message
            yield self._retry()
        finally:
            await missed.aclose()
            self._leave(tenant, client)

    def _check_room(self, tenant: str) -> None:
        """Return when this stream, which is counted already, may be opened.

        Raises:
            Unavailable: it may not.
        """
        channel = self._channels.get(tenant)
        full = self._count > self._settings.stream_clients
        if self._closing or full or (channel is not None and len(channel.clients) >= self._settings.stream_clients_per_tenant):
            raise Unavailable("Too many live streams are open.", code="too_many_streams")

    def close(self) -> None:
        """End every stream; new ones are refused."""
        self._closing = True
        self._turns.close()
        for channel in self._channels.values():
            for client in channel.clients:
                client.close()

    async def forget_erased(self, messages: Messages) -> None:
        """Let go of what is kept for clients that come back whenever somebody was erased; for ever."""
        async for _ in messages.follow(ERASURES_CHANGED):
            self._recent = Recent(self._settings.stream_recent_bytes, self._seen)

    async def _join(self, tenant: str, resume: TailPosition | None) -> tuple[Client, AsyncGenerator[bytes, None]]:
        """A client, and what it is to be told before the news."""
        self._count += 1
        try:
            self._check_room(tenant)
            await self._turns.take()
            self._check_room(tenant)
            async with self._beginning:
                if self._following is None:
                    await self._begin(resume)
        except Unavailable as error:
            self._count -= 1
            error.retry_after = max(error.retry_after, round(self._random_retry()))
            raise
        except BaseException:
            self._count -= 1
            raise
        until = TailPosition(dict(self._seen.seen))
        client = Client(until, self._settings.stream_queue_messages)
        self._channels.setdefault(tenant, _Channel()).clients.add(client)
        self._connections.set(self._count)
        wanted = _within(resume, until)
        if self._recent.covers(wanted):
            return client, self._from_memory(tenant, self._recent.behind(wanted), wanted, until)
        return client, self._from_log(tenant, wanted, until)

    async def _begin(self, resume: TailPosition | None) -> None:
        """Follow the log from its end on. Where the first client comes back from a little before, that is read first and kept:
        the others of a herd come from about the same place."""
        end = await self._tail.end()
        self._seen = _shortly_before(resume, end)
        self._recent = Recent(self._settings.stream_recent_bytes, self._seen)
        items = self._tail.follow(TailPosition(dict(self._seen.seen)))
        try:
            async with asyncio.timeout(_WARM_SECONDS):
                while _is_before(self._seen, end):
                    self._keep(await anext(items))
        except (TimeoutError, StopAsyncIteration):  # what is there cannot be read, or not so fast
            self._seen = end
            self._recent = Recent(self._settings.stream_recent_bytes, end)
            items = self._tail.follow(TailPosition(dict(end.seen)))
        self._follows["all"].inc()
        self._following = asyncio.create_task(self._follow(items), name="live-tail")

    def _keep(self, item: TailItem | TailGap) -> None:
        """Of what is followed, for clients that come later."""
        if isinstance(item, TailGap):
            self._recent.skip(item)
            self._seen.seen[item.partition] = (item.last + 1, -1)
        else:
            self._recent.add(item)
            self._seen.seen[item.partition] = (item.end, -1)

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

    async def _follow(self, items: AsyncGenerator[TailItem | TailGap, None]) -> None:
        try:
            async with contextlib.aclosing(items):
                async for item in items:
                    self._keep(item)
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

    async def _from_memory(
        self, tenant: str, items: list[TailItem], wanted: TailPosition, until: TailPosition
    ) -> AsyncGenerator[bytes, None]:
        """The tenant's events in these items from behind ``wanted`` up to where the hub stood when the client joined."""
        seen = TailPosition(dict(wanted.seen))
        for item in items:
            for message in self._messages(tenant, item, seen, until):
                yield message

    async def _from_log(self, tenant: str, wanted: TailPosition, until: TailPosition) -> AsyncGenerator[bytes, None]:
        """Likewise, from the log. The next one has its turn while this client takes what was read."""
        seen = TailPosition(dict(wanted.seen))
        while _is_before(seen, until):
            async with self._replays:
                messages = await self._piece(tenant, seen, until)
            for message in messages:
                yield message

    async def _piece(self, tenant: str, seen: TailPosition, until: TailPosition) -> list[bytes]:
        """The next messages of a client that is fed from the log; moves ``seen``."""
        self._follows["one"].inc()
        messages: list[bytes] = []
        async with contextlib.aclosing(self._tail.follow(TailPosition(dict(seen.seen)))) as items:
            async for item in items:
                if isinstance(item, TailGap):
                    messages.append(gap(item.partition, item.first, item.last))
                    seen.seen[item.partition] = (item.last + 1, -1)
                else:
                    messages += self._messages(tenant, item, seen, until)
                if len(messages) >= _PIECE_MESSAGES or not _is_before(seen, until):
                    break
        return messages

    def _messages(self, tenant: str, item: TailItem, seen: TailPosition, until: TailPosition) -> Iterator[bytes]:
        """What a client that stands at ``seen`` is told of an item; moves ``seen`` behind it."""
        kept = [
            (place, live_event(record.line))
            for number, record in enumerate(item.records)
            if record.tenant == tenant and is_behind(place := item.place(number), seen) and not is_behind(place, until)
        ]
        for start in range(0, len(kept), self._settings.stream_message_events):
            part = kept[start : start + self._settings.stream_message_events]
            yield new_events([place for place, _ in part], [event for _, event in part], seen).wire
        seen.seen[item.partition] = (item.end, -1)

    def _retry(self) -> bytes:
        return retry(round(self._random_retry() * 1000))

    def _random_retry(self) -> float:
        """Seconds."""
        settings = self._settings
        return random.uniform(settings.stream_retry_min_seconds, settings.stream_retry_max_seconds)  # noqa: S311 (spreads, keeps no secret)


def _within(resume: TailPosition | None, now: TailPosition) -> TailPosition:
    """Where a client goes on: now, where it names no place in a partition, or one that is not there yet."""
    seen = resume.seen if resume is not None else {}
    return TailPosition({partition: min(seen.get(partition, place), place) for partition, place in now.seen.items()})


def _shortly_before(resume: TailPosition | None, end: TailPosition) -> TailPosition:
    """Where to begin so that clients which come back with the first one find what they missed."""
    if resume is None:
        return TailPosition(dict(end.seen))
    wanted = _within(resume, end).seen
    return TailPosition(
        {
            partition: (max(0, wanted[partition][0] - _WARM_MARGIN, offset - _WARM_OFFSETS), -1)
            for partition, (offset, _) in end.seen.items()
        }
    )


def _is_before(position: TailPosition, other: TailPosition) -> bool:
    """Whether there may be something behind ``position`` up to ``other``."""
    return any(position.seen.get(partition, (-1, -1)) < place for partition, place in other.seen.items())
