"""LogWriter on Kafka."""

import asyncio
import time
from collections.abc import Sequence

from millrace_core import metrics as names
from millrace_core.errors import LogUnavailable, RecordTooLarge
from millrace_eventlog.kafka.producer import Producer
from millrace_eventlog.kafka.queues import Chunk
from millrace_eventlog.kafka.wire import LARGEST_LINE, Message, Packer, partition_of
from millrace_eventlog.ports import Durable
from millrace_eventlog.records import LogRecord
from millrace_service.metrics import Metrics


class HotKeys:
    """Which keys come so often that one partition should not have them all.

    Args:
        rate: messages of one key a second above which the others are spread; 0 spreads none.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._second = 0
        self._counts: dict[bytes, int] = {}

    def is_hot(self, key: bytes) -> bool:
        """Count a message of this key; whether it is above the rate."""
        if not self._rate:
            return False
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._counts = second, {}
        count = self._counts[key] = self._counts.get(key, 0) + 1
        return count > self._rate


class KafkaLogWriter:
    """LogWriter. One message an event; a call's messages go to the partitions of their keys and are awaited together."""

    def __init__(self, producer: Producer, pending_bytes: int, hot_keys: HotKeys, metrics: Metrics) -> None:
        self._producer = producer
        self._pending_limit = pending_bytes
        self._pending = 0
        self._hot = hot_keys
        self._packer = Packer()
        self._append_seconds = metrics.histogram(names.LOG_APPEND)

    async def append(self, records: Sequence[LogRecord]) -> Durable:
        """See LogWriter."""
        self._refuse(self._producer.refuses)
        if not records:
            return "log"
        if max([len(record.line) for record in records]) > LARGEST_LINE:
            raise RecordTooLarge("The event is larger than the log can store.")
        started = time.perf_counter()
        size = sum([len(record.line) for record in records])
        self._pending += size
        try:
            await _acknowledged(
                [self._producer.put(partition, messages) for partition, messages in self._by_partition(records).items()]
            )
        finally:
            self._pending -= size
        self._append_seconds.observe(time.perf_counter() - started)
        return "log"

    async def ping(self) -> None:
        """See LogWriter."""
        self._refuse(self._producer.refuses or self._producer.doubt)

    def _refuse(self, reason: str | None) -> None:
        if reason is not None:
            raise LogUnavailable(f"Events cannot be accepted now: {reason}.")
        if self._pending > self._pending_limit:
            raise LogUnavailable("Events cannot be accepted now: too much waits to be written to the log.")

    async def close(self) -> None:
        """See LogWriter."""
        await self._producer.close()

    def _by_partition(self, records: Sequence[LogRecord]) -> dict[int, list[Message]]:
        partitions = self._producer.partitions
        found: dict[int, list[Message]] = {}
        for record in records:
            message = self._packer.message(record)
            key = message.key
            if self._hot.is_hot(key):
                key = record.event_id.encode()
            found.setdefault(partition_of(key, partitions), []).append(message)
        return found


async def _acknowledged(chunks: Sequence[Chunk]) -> None:
    """Return when all are stored. Nobody waits for them when this is given up."""
    try:
        if len(chunks) == 1:  # of a single event: a gathering future costs 5 µs
            return await chunks[0].done
        for outcome in await asyncio.gather(*(chunk.done for chunk in chunks), return_exceptions=True):
            if outcome is not None:
                raise outcome
    finally:
        for chunk in chunks:
            chunk.done.cancel()
