"""LogTail on Kafka: consumers outside of any group."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from millrace_core.errors import LogUnavailable
from millrace_eventlog.kafka.closing import stop_consumer
from millrace_eventlog.kafka.options import KafkaOptions
from millrace_eventlog.kafka.runs import runs_of
from millrace_eventlog.records import LogRun, TailGap, TailItem, TailPosition

_POLL_MILLISECONDS: Final = 500
_POLL_RECORDS: Final = 5_000
_DEADLINE_SECONDS: Final = 10.0

_log = structlog.get_logger("millrace.log")


class KafkaLogTail:
    """LogTail. Each follower has a connection of its own: there is one for all clients of a process, and one for each that
    resumes, for as long as it catches up."""

    def __init__(self, options: KafkaOptions) -> None:
        self._options = options
        self._closed = asyncio.Event()
        self._asking: Any = None
        self._admin: Any = None
        self._lock = asyncio.Lock()

    async def end(self) -> TailPosition:
        """See LogTail."""
        try:
            async with self._lock, asyncio.timeout(_DEADLINE_SECONDS):
                if self._asking is None:
                    self._asking = await self._connect()
                ends = await self._asking.end_offsets(await self._places(self._asking))
        except (KafkaError, OSError, TimeoutError) as error:
            raise LogUnavailable("The log cannot be read now.") from error
        return TailPosition({place.partition: (end, -1) for place, end in ends.items()})

    async def committed(self) -> TailPosition:
        """See LogTail. Asks for the group's offsets without joining it; needs the right to describe the group."""
        places = [TopicPartition(self._options.topic, partition) for partition in (await self.end()).seen]
        try:
            async with self._lock, asyncio.timeout(_DEADLINE_SECONDS):
                if self._admin is None:
                    self._admin = await self._connect_admin()
                told = await self._admin.list_consumer_group_offsets(self._options.group, partitions=places)
        except (KafkaError, OSError, TimeoutError) as error:
            raise LogUnavailable("The log does not tell how far the consumer is.") from error
        return TailPosition({place.partition: (max(0, told[place].offset), -1) for place in places})

    async def follow(self, position: TailPosition | None) -> AsyncGenerator[TailItem | TailGap, None]:
        """See LogTail.

        Raises:
            LogUnavailable: follow again from the last position.
        """
        start = position or await self.end()
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                consumer = await self._connect()
        except (KafkaError, OSError, TimeoutError) as error:
            raise LogUnavailable("The log cannot be read now.") from error
        try:
            async with contextlib.aclosing(self._follow(consumer, start)) as items:
                async for item in items:
                    yield item
        except (KafkaError, OSError, TimeoutError) as error:
            raise LogUnavailable("The log cannot be read now.") from error
        finally:
            await stop_consumer(consumer)

    async def close(self) -> None:
        """End every follower. Idempotent."""
        self._closed.set()
        if self._asking is not None:
            asking, self._asking = self._asking, None
            await stop_consumer(asking)
        if self._admin is not None:
            admin, self._admin = self._admin, None
            await admin.close()

    async def _connect_admin(self) -> Any:
        admin = AIOKafkaAdminClient(**self._options.client, client_id="millrace-tail")
        try:
            await admin.start()
        except BaseException:
            await admin.close()
            raise
        return admin

    async def _follow(self, consumer: Any, position: TailPosition) -> AsyncGenerator[TailItem | TailGap, None]:
        places = await self._places(consumer)
        consumer.assign(places)
        firsts = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        for place in places:
            wanted = _behind(position, place.partition, ends[place])
            if wanted < firsts[place]:
                yield TailGap(place.partition, wanted, firsts[place] - 1)
            consumer.seek(place, max(wanted, firsts[place]))
        while not self._closed.is_set():
            try:
                fetched = await consumer.getmany(timeout_ms=_POLL_MILLISECONDS, max_records=_POLL_RECORDS)
            except OffsetOutOfRangeError as error:
                for gap in await self._passed(consumer, error):
                    yield gap
                continue
            for place, messages in fetched.items():
                for entry in runs_of(place.partition, messages):
                    if isinstance(entry, LogRun):
                        yield TailItem(place.partition, entry)

    async def _passed(self, consumer: Any, error: OffsetOutOfRangeError) -> list[TailGap]:
        """Retention has passed the follower in these partitions."""
        gaps = []
        for place, wanted in error.args[0].items():
            first = (await consumer.beginning_offsets([place]))[place]
            if first > wanted:
                gaps.append(TailGap(place.partition, wanted, first - 1))
            consumer.seek(place, first)
        return gaps

    async def _connect(self) -> Any:
        consumer = AIOKafkaConsumer(
            **self._options.client,
            client_id="millrace-tail",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            metadata_max_age_ms=60_000,
        )
        try:
            await consumer.start()
        except BaseException:
            await stop_consumer(consumer)
            raise
        return consumer

    async def _places(self, consumer: Any) -> list[TopicPartition]:
        partitions = await consumer._client._wait_on_metadata(self._options.topic)  # noqa: SLF001 (partitions_for_topic knows subscribed topics only)
        return [TopicPartition(self._options.topic, partition) for partition in sorted(partitions)]


def _behind(position: TailPosition, partition: int, end: int) -> int:
    """The offset that a follower wants next; the end for a partition that it does not know or that is not this log's."""
    offset, index = position.seen.get(partition, (end, -1))
    wanted = offset if index < 0 else offset + 1
    return min(wanted, end)
