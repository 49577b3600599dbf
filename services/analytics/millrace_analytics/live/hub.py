"""One follower of the log for all clients of a process, fanned out by tenant."""

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from typing import Final

import structlog

from millrace_analytics.live.clients import Client
from millrace_analytics.live.found_out import FoundOut
from millrace_analytics.live.frames import Frame, Place, gap, is_behind, late_message, message, retry
from millrace_analytics.live.places import is_before, shortly_before, within
from millrace_analytics.live.recent import Recent
from millrace_analytics.live.turns import Turns
from millrace_analytics.live.views import EVENTS, VERDICTS, View
from millrace_analytics.settings import AnalyticsSettings
from millrace_core import metrics as names
from millrace_core.errors import MillraceError, Unavailable
from millrace_eventlog.ports import LogTail
from millrace_eventlog.records import TailGap, TailItem, TailPosition
from millrace_records.cache.ports import Messages
from millrace_records.ports import ERASURES_CHANGED
from millrace_service.metrics import Metrics

_WARM_SECONDS: Final = 3.0
_ASK_SECONDS: Final = 1.0
_PIECE_MESSAGES: Final = 100
"""A client that is fed from the log gives way to others after so many messages."""

_log = structlog.get_logger("millrace.live")


@dataclass(slots=True)
class _Channel:
    """A tenant's clients of one view, and what waits for their next message."""

    view: View
    told: TailPosition
    """Up to where the consumer's outcomes were told."""
    clients: set[Client] = field(default_factory=set)
    places: list[Place] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)
    beyond: int = 0
    flushed_at: float = 0.0
    flush: asyncio.TimerHandle | None = None


class Hub:
    """Fans the log's tail out. Follows it only while someone listens.

    Args:
        found_out: what the consumer finds out of events; None tells verdicts without it.
    """

    def __init__(self, tail: LogTail, settings: AnalyticsSettings, metrics: Metrics, found_out: FoundOut | None = None) -> None:
        self._tail = tail
        self._found_out = found_out
        self._asking: asyncio.Task[None] | None = None
        self._settings = settings
        self._connections = metrics.gauge(names.SSE_CONNECTIONS)
        self._lagged = metrics.counter(names.SSE_LAGGED)
        self._channels: dict[str, dict[str, _Channel]] = {}
        """By tenant and view."""
        self._count = 0
        self._seen = TailPosition({})
        self._recent = Recent(settings.stream_recent_bytes, self._seen)
        self._turns = Turns(settings.stream_connects_a_second, settings.stream_connect_wait_seconds)
        self._replays = asyncio.Semaphore(settings.stream_replays)
        self._beginning = asyncio.Lock()
        self._follows = {what: metrics.counter(names.SSE_FOLLOWS, what) for what in ("all", "one")}
        self._following: asyncio.Task[None] | None = None
        self._closing = False

    async def stream(self, tenant: str, resume: TailPosition | None, view: View = EVENTS) -> AsyncGenerator[bytes, None]:
        """The stream of one client: from behind ``resume``, or from when its first message comes. Encoded messages, each whole.

        Raises:
            Unavailable: too many streams are open, or the process is stopping.
            LogUnavailable: the log's end cannot be told.
        """
        client, missed = await self._join(tenant, resume, view)
        try:
            yield self._retry()
            async for one in missed:
                yield one
            async for one in client.messages():
                yield one
            yield self._retry()
        finally:
            await missed.aclose()
            self._leave(tenant, client, view)

    def _check_room(self, tenant: str) -> None:
        """Return when this stream, which is counted already, may be opened.

        Raises:
            Unavailable: it may not.
        """
        of_tenant = sum(len(channel.clients) for channel in self._channels.get(tenant, {}).values())
        full = self._count > self._settings.stream_clients or of_tenant >= self._settings.stream_clients_per_tenant
        if self._closing or full:
            raise Unavailable("Too many live streams are open.", code="too_many_streams")

    def close(self) -> None:
        """End every stream; new ones are refused."""
        self._closing = True
        self._turns.close()
        for client in self._clients():
            client.close()

    async def forget_erased(self, messages: Messages) -> None:
        """Let go of what is kept for clients that come back whenever somebody was erased; for ever."""
        async for _ in messages.follow(ERASURES_CHANGED):
            self._recent = Recent(self._settings.stream_recent_bytes, self._seen)

    def _clients(self) -> Iterator[Client]:
        return (client for views in self._channels.values() for channel in views.values() for client in channel.clients)

    async def _join(self, tenant: str, resume: TailPosition | None, view: View) -> tuple[Client, AsyncGenerator[bytes, None]]:
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
        views = self._channels.setdefault(tenant, {})
        views.setdefault(view.name, _Channel(view, TailPosition(dict(until.seen)))).clients.add(client)
        if view is VERDICTS and self._asking is None and self._found_out is not None:
            self._asking = asyncio.create_task(self._ask(self._found_out), name="live-found-out")
        self._connections.set(self._count)
        wanted = within(resume, until)
        if self._recent.covers(wanted):
            return client, self._from_memory(tenant, view, self._recent.behind(wanted), wanted, until)
        return client, self._from_log(tenant, view, wanted, until)

    async def _begin(self, resume: TailPosition | None) -> None:
        """Follow the log from its end on. Where the first client comes back from a little before, that is read first and kept:
        the others of a herd come from about the same place."""
        end = await self._tail.end()
        self._seen = shortly_before(resume, end)
        self._recent = Recent(self._settings.stream_recent_bytes, self._seen)
        items = self._tail.follow(TailPosition(dict(self._seen.seen)))
        try:
            async with asyncio.timeout(_WARM_SECONDS):
                while is_before(self._seen, end):
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

    def _leave(self, tenant: str, client: Client, view: View) -> None:
        self._count -= 1
        self._connections.set(self._count)
        channel = self._channels[tenant][view.name]
        channel.clients.discard(client)
        if not channel.clients:
            if channel.flush is not None:
                channel.flush.cancel()
            del self._channels[tenant][view.name]
        if not self._channels[tenant]:
            del self._channels[tenant]
        if not self._channels and self._following is not None:
            self._following.cancel()
            self._following = None
        if self._asking is not None and not any(VERDICTS.name in views for views in self._channels.values()):
            self._asking.cancel()
            self._asking = None

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
        for client in self._clients():
            client.close()

    def _tell_gap(self, item: TailGap) -> None:
        for client in self._clients():
            client.offer(gap(item.partition, item.first, item.last))

    def _take(self, item: TailItem) -> None:
        touched: dict[int, _Channel] = {}
        for number, record in enumerate(item.records):
            views = self._channels.get(record.tenant)
            if views is None:
                continue
            for channel in views.values():
                said = channel.view.tell(record)
                if said is None:
                    continue
                touched[id(channel)] = channel
                if len(channel.events) >= self._settings.stream_message_events:
                    channel.beyond += 1
                    continue
                channel.places.append(item.place(number))
                channel.events.append(said)
        for channel in touched.values():
            self._schedule(channel)

    def _schedule(self, channel: _Channel) -> None:
        if channel.flush is None:
            loop = asyncio.get_running_loop()
            at = channel.flushed_at + self._settings.stream_flush_seconds
            channel.flush = loop.call_at(max(loop.time(), at), self._flush, channel)

    def _flush(self, channel: _Channel) -> None:
        channel.flush = None
        channel.flushed_at = asyncio.get_running_loop().time()
        frame = message(channel.view.name, channel.places, channel.events, self._seen)
        beyond, channel.beyond = channel.beyond, 0
        channel.places, channel.events = [], []
        self._offer(channel, frame, beyond)

    def _offer(self, channel: _Channel, frame: Frame, beyond: int = 0) -> None:
        """Give a message to every client, and tell them of so many events that are not in it."""
        skipped = 0
        for client in channel.clients:
            skipped += client.offer(frame) + beyond
            client.skipped += beyond
        if skipped:
            self._lagged.inc(skipped)

    async def _ask(self, found_out: FoundOut) -> None:
        """What the consumer has found out, once a second for each tenant whose verdicts someone follows."""
        while True:
            await asyncio.sleep(_ASK_SECONDS)
            for tenant in [tenant for tenant, views in self._channels.items() if VERDICTS.name in views]:
                channel = self._channels.get(tenant, {}).get(VERDICTS.name)
                if channel is None:
                    continue
                try:
                    places, events = await found_out.since(tenant, channel.told, self._settings.stream_message_events)
                except MillraceError as error:
                    _log.warning("live_outcomes_not_read", code=error.code)
                    continue
                if places and channel.clients:
                    if channel.flush is not None:  # what was followed before goes first: the id says how far the stream is
                        channel.flush.cancel()
                        self._flush(channel)
                    self._offer(channel, late_message(VERDICTS.name, places, events, self._seen))

    async def _from_memory(
        self, tenant: str, view: View, items: list[TailItem], wanted: TailPosition, until: TailPosition
    ) -> AsyncGenerator[bytes, None]:
        """The tenant's events in these items from behind ``wanted`` up to where the hub stood when the client joined."""
        seen = TailPosition(dict(wanted.seen))
        for item in items:
            for one in self._messages(tenant, view, item, seen, until):
                yield one

    async def _from_log(
        self, tenant: str, view: View, wanted: TailPosition, until: TailPosition
    ) -> AsyncGenerator[bytes, None]:
        """Likewise, from the log. The next one has its turn while this client takes what was read."""
        seen = TailPosition(dict(wanted.seen))
        while is_before(seen, until):
            async with self._replays:
                messages = await self._piece(tenant, view, seen, until)
            for one in messages:
                yield one

    async def _piece(self, tenant: str, view: View, seen: TailPosition, until: TailPosition) -> list[bytes]:
        """The next messages of a client that is fed from the log; moves ``seen``."""
        self._follows["one"].inc()
        messages: list[bytes] = []
        async with contextlib.aclosing(self._tail.follow(TailPosition(dict(seen.seen)))) as items:
            async for item in items:
                if isinstance(item, TailGap):
                    messages.append(gap(item.partition, item.first, item.last))
                    seen.seen[item.partition] = (item.last + 1, -1)
                else:
                    messages += self._messages(tenant, view, item, seen, until)
                if len(messages) >= _PIECE_MESSAGES or not is_before(seen, until):
                    break
        return messages

    def _messages(self, tenant: str, view: View, item: TailItem, seen: TailPosition, until: TailPosition) -> Iterator[bytes]:
        """What a client that stands at ``seen`` is told of an item; moves ``seen`` behind it."""
        kept = [
            (place, said)
            for number, record in enumerate(item.records)
            if record.tenant == tenant and is_behind(place := item.place(number), seen) and not is_behind(place, until)
            if (said := view.tell(record)) is not None
        ]
        for start in range(0, len(kept), self._settings.stream_message_events):
            part = kept[start : start + self._settings.stream_message_events]
            yield message(view.name, [place for place, _ in part], [event for _, event in part], seen).wire
        seen.seen[item.partition] = (item.end, -1)

    def _retry(self) -> bytes:
        return retry(round(self._random_retry() * 1000))

    def _random_retry(self) -> float:
        """Seconds."""
        settings = self._settings
        return random.uniform(settings.stream_retry_min_seconds, settings.stream_retry_max_seconds)  # noqa: S311 (spreads, keeps no secret)
