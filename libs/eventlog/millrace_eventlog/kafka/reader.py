"""LogReader on Kafka: partitions of a consumer group."""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import structlog
from aiokafka.errors import CommitFailedError, ConsumerStoppedError, IllegalStateError, KafkaError, OffsetOutOfRangeError

from millrace_core.errors import LogUnavailable, PartitionLost
from millrace_eventlog.kafka.group import LONGEST_PAUSE, Group, Held, stored_at_of
from millrace_eventlog.kafka.positions import Position
from millrace_eventlog.kafka.runs import runs_of
from millrace_eventlog.records import Damaged, Entry, Granted, Intent, Lag, LogRun, Missing, ReadLimit, Revoked

_COMMIT_SECONDS: Final = 15.0
_NEXT_FETCH_SECONDS: Final = 0.2
_FIRST_RECORDS: Final = 1_000
"""Taken of a fetch at once while it is not known how large records are."""

_log = structlog.get_logger("millrace.log")


class KafkaLogReader:
    """LogReader.

    Args:
        join: makes the member of the group, which joins when assignments are first asked for.
    """

    def __init__(self, join: Callable[[], Group]) -> None:
        self._join = join
        self._joined: Group | None = None
        self._over: dict[int, list[Any]] = {}
        self._line_bytes = 0.0
        self._trouble: str | None = None
        """Why the group cannot be joined, from a failure until something is granted."""

    async def assignments(self) -> AsyncIterator[Granted | Revoked]:
        """See LogReader. Joins the group, trying until Kafka lets it, and again where the member has failed."""
        if self._joined is None:
            self._joined = await self._join_in_time()
        while True:
            group = self._group
            while (change := await group.changes.get()) is not None:
                self._trouble = None if isinstance(change, Granted) else self._trouble
                yield change
            self._trouble = group.trouble
            if not group.failed or self._joined is not group:
                return
            await group.until_released()
            await group.close()
            if self._joined is group:
                self._joined = await self._join_in_time()

    async def read(self, partition: int, start: int, limit: ReadLimit) -> Sequence[Entry | Damaged | Missing]:
        """See LogReader. Nothing comes any more of a partition that is being revoked."""
        held = self._of(partition)
        if held.leaving.is_set():
            await asyncio.sleep(0)
            return []
        if held.missing is not None and start == held.missing.offset:
            missing, held.missing = held.missing, None
            held.next = missing.end
            return [missing]
        if start != held.next:
            self._group.consumer.seek(self._group.place(partition), start)
            self._over.pop(partition, None)
            held.next = start
        try:
            messages = await self._fetch(partition, held, limit)
        except OffsetOutOfRangeError:
            return await self._gap(partition, start)
        except (KafkaError, IllegalStateError, ConsumerStoppedError) as error:
            self._of(partition)
            raise LogUnavailable("The log cannot be read now.") from error
        found = runs_of(partition, messages)
        for entry in found:
            held.next = entry.end
            if isinstance(entry, LogRun):
                held.read.append((entry.end, entry.stored_at, zlib.crc32(entry.records[-1].line)))
        return found

    async def end(self, partition: int) -> int:
        """See LogReader."""
        self._of(partition)
        place = self._group.place(partition)
        try:
            return int((await self._group.consumer.end_offsets([place]))[place])
        except (KafkaError, OSError) as error:
            raise LogUnavailable("The log cannot be read now.") from error

    async def intend(self, partition: int, intent: Intent) -> None:
        """See LogReader. The intent is the metadata of a commit of the same offset."""
        held = self._of(partition)
        await self._commit(partition, replace(held.position, intent=intent))

    async def commit(self, partition: int, upto: int) -> None:
        """See LogReader."""
        held = self._of(partition)
        upto = max(upto, held.position.offset)
        before = next((crc for end, _, crc in held.read if end == upto), None)
        await self._commit(partition, Position(upto, before))
        while held.read and held.read[0][0] <= upto:
            held.read.popleft()

    async def release(self, partition: int) -> None:
        """See LogReader."""
        self._over.pop(partition, None)
        self._group.release(partition)

    async def lag(self, partition: int) -> Lag:
        """See LogReader. The bytes are an estimate: records times the mean size of those read."""
        held = self._of(partition)
        fetched = self._group.consumer.highwater(self._group.place(partition))
        end = max(held.next, held.end, fetched if fetched is not None else 0)
        records = end - held.position.offset
        self._group.report_lag(partition, records)
        return Lag(records, round(records * self._line_bytes), stored_at_of(held, end))

    async def unread(self, partition: int) -> int:
        """See LogReader. aiokafka's own position counts: it is moved by what no read brings (marks of transactions), too."""
        held = self._of(partition)
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):
                held.end = await self.end(partition)
                passed = int(await self._group.consumer.position(self._group.place(partition)))
        except (KafkaError, IllegalStateError, TimeoutError) as error:
            raise LogUnavailable("The log cannot be read now.") from error
        return max(0, held.end - max(passed, held.next))

    def unassigned(self) -> str | None:
        """See LogReader."""
        if self._trouble is not None or self._joined is None:
            return self._trouble or "the consumer group is not joined yet"
        return self._joined.unassigned

    async def close(self) -> None:
        """Leave the group. Idempotent."""
        if self._joined is not None:
            group, self._joined = self._joined, None
            await group.close()

    async def _join_in_time(self) -> Group:
        """A member of the group, trying for as long as that takes."""
        pause = 0.2
        while True:
            group = self._join()
            try:
                await group.start()
            except (KafkaError, OSError, TimeoutError) as error:
                _log.warning("group_not_joined", error=type(error).__name__, cause=str(error), seconds=pause)
                self._trouble = "Kafka does not answer"
                await group.close()
            else:
                return group
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    @property
    def _group(self) -> Group:
        if self._joined is None:
            raise LogUnavailable("The log is closed.")
        return self._joined

    def _of(self, partition: int) -> Held:
        held = self._group.of(partition)
        if held is None:
            raise PartitionLost("The partition is another consumer's by now.")
        return held

    async def _fetch(self, partition: int, held: Held, limit: ReadLimit) -> Sequence[Any]:
        """Messages up to the limit, of one fetch after the other while more are known to be there: a fetch may bring as little
        as one record batch, and each batch of the consumer costs an insert. What came beyond the limit is kept for the next."""
        messages = self._over.pop(partition, None) or await self._fetch_once(
            partition, held, self._about(limit.records, limit.bytes), limit.wait_seconds
        )
        taken, size = _within(limit, messages)
        while taken == len(messages) and taken < limit.records and size < limit.bytes and self._is_behind(partition, messages):
            try:
                about = self._about(limit.records - taken, limit.bytes - size)
                more = await self._fetch_once(partition, held, about, _NEXT_FETCH_SECONDS)
            except (KafkaError, IllegalStateError):
                break  # what came is given first; the next read tells
            if not more:
                break
            messages = [*messages, *more]
            taken, size = _within(limit, messages)
        if taken < len(messages):
            self._over[partition] = messages[taken:]
            messages = messages[:taken]
        if messages:
            mean = size / len(messages)
            self._line_bytes = mean if not self._line_bytes else 0.9 * self._line_bytes + 0.1 * mean
        return messages

    def _about(self, records: int, size: int) -> int:
        """How many records to take: as many as are about so many bytes. All that a fetch brought would be in memory at once."""
        return max(1, min(records, 1 + int(size / self._line_bytes) if self._line_bytes else _FIRST_RECORDS))

    async def _fetch_once(self, partition: int, held: Held, records: int, seconds: float) -> list[Any]:
        place = self._group.place(partition)
        wait = self._group.consumer.getmany(place, timeout_ms=round(seconds * 1000), max_records=records)
        return list((await _unless(held.leaving, wait, {})).get(place, []))

    def _is_behind(self, partition: int, messages: Sequence[Any]) -> bool:
        highwater = self._group.consumer.highwater(self._group.place(partition))
        return bool(messages) and highwater is not None and messages[-1].offset + 1 < highwater

    async def _gap(self, partition: int, start: int) -> Sequence[Missing]:
        """Retention has passed the consumer while it ran."""
        place = self._group.place(partition)
        try:
            first = (await self._group.consumer.beginning_offsets([place]))[place]
        except KafkaError as error:
            raise LogUnavailable("The log cannot be read now.") from error
        if first <= start:
            raise LogUnavailable("The log ends before the consumer's position.")
        self._group.consumer.seek(place, first)
        self._of(partition).next = first
        return [Missing(partition, start, first)]

    async def _commit(self, partition: int, position: Position) -> None:
        held = self._of(partition)
        place = self._group.place(partition)
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):
                await self._group.consumer.commit({place: (position.offset, position.metadata)})
        except (CommitFailedError, IllegalStateError) as error:
            self._group.lose(partition)
            raise PartitionLost("The partition is another consumer's by now.") from error
        except (KafkaError, TimeoutError, OSError) as error:
            raise LogUnavailable("The position cannot be written now.") from error
        held.position = position


def _within(limit: ReadLimit, messages: Sequence[Any]) -> tuple[int, int]:
    """How many of the messages the limit allows, the first in any case, and their bytes."""
    size = 0
    for taken, message in enumerate(messages):
        length = len(message.value or b"")
        if taken and (size + length > limit.bytes or taken >= limit.records):
            return taken, size
        size += length
    return len(messages), size


async def _unless(event: asyncio.Event, work: Awaitable[Any], instead: Any) -> Any:
    """The result of the work, or something else as soon as the event is set."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        return instead
    finally:
        for task in (working, leaving):
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
