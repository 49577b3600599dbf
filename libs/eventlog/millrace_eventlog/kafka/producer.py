"""The idempotent producer, and whoever replaces it when it is poisoned (docs/adr/0006-kafka.md)."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from millrace_core import metrics as names
from millrace_core.errors import LogUnavailable
from millrace_eventlog.kafka.examination import KafkaRefuses, NotAnswering, examine
from millrace_eventlog.kafka.needs import Need
from millrace_eventlog.kafka.options import KafkaOptions
from millrace_eventlog.kafka.queues import Chunk, PartitionQueue
from millrace_eventlog.kafka.record_batch import RecordBatch
from millrace_eventlog.kafka.wire import BATCH_BYTES, Message
from millrace_service.metrics import Metrics

_REQUEST_SECONDS: Final = 30.0
_TOPIC_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 4.0
_LONGEST_PAUSE: Final = 2.0  # seconds: so much later than Kafka we are back
_LOOK_SECONDS: Final = 5.0

_log = structlog.get_logger("millrace.log")


class Producer:
    """Sends messages to partitions of one topic, durably and in order.

    A batch that fails has consumed sequence numbers that the broker never saw, after which aiokafka's producer is refused for
    good: so after any failure but of size a new one takes its place. What was on its way with the old one is unknown.
    """

    def __init__(self, options: KafkaOptions, stalled_after: float, metrics: Metrics) -> None:
        self._options = options
        self._stalled_after = stalled_after
        self._recreated = metrics.counter(names.PRODUCER_RECREATED)
        self._producer: AIOKafkaProducer | None = None
        self._queues: list[PartitionQueue] = []
        self._replacing: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._acknowledged_at = 0.0
        self._closed = False
        self.doubt: str | None = None
        """Why the next batch would not be acknowledged, as far as a look at Kafka tells; None where it would be."""

    @property
    def topic(self) -> str:
        """Where everything goes."""
        return self._options.topic

    @property
    def partitions(self) -> int:
        """How many the topic has."""
        return len(self._queues)

    @property
    def refuses(self) -> str | None:
        """Why nothing would be acknowledged now, None when it would be."""
        if self._closed:
            return "the log is closing"
        if self._producer is None:
            return self.doubt or "the connection to Kafka is being made anew"
        oldest = min((since for queue in self._queues if (since := queue.waits_since) is not None), default=None)
        if oldest is not None and time.monotonic() - oldest > self._stalled_after:
            return "Kafka does not acknowledge" + (f": {self.doubt}" if self.doubt is not None else "")
        return None

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaError: no broker answers, or it refuses us.
            LookupError: there is no such topic.
        """
        self._producer = await self._connect()
        self._queues = await self._make_queues(self._producer)
        self._looking = asyncio.create_task(self._look(), name="kafka-look")

    def start_later(self) -> None:
        """Connect as soon as a broker answers; until then everything is refused."""
        self._replacing = asyncio.create_task(self._replace(None, []), name="kafka-producer-start")
        self._looking = asyncio.create_task(self._look(), name="kafka-look")

    def put(self, partition: int, messages: Sequence[Message]) -> Chunk:
        """Queue messages for a partition; the chunk's ``done`` says how it ended.

        Raises:
            LogUnavailable: nothing was queued.
        """
        if (reason := self.refuses) is not None:
            raise LogUnavailable(f"Events cannot be accepted now: {reason}.")
        chunk = Chunk(messages)
        self._queues[partition].put(chunk)
        return chunk

    async def close(self) -> None:
        """Send what is queued, for some seconds, then disconnect. Idempotent."""
        self._closed = True
        for task in (self._replacing, self._looking):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await asyncio.gather(*(queue.close(_CLOSE_SECONDS) for queue in self._queues))
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await _stop(producer)

    async def _connect(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._options.client,
            client_id="millrace-ingestion",
            acks="all",
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES,
            max_request_size=4 * BATCH_BYTES,
            request_timeout_ms=round(_REQUEST_SECONDS * 1000),
            linger_ms=0,
            metadata_max_age_ms=60_000,
        )
        try:
            await producer.start()
        except BaseException:
            await _stop(producer)
            raise
        return producer

    async def _make_queues(self, producer: AIOKafkaProducer) -> list[PartitionQueue]:
        topic = self._options.topic
        try:
            async with asyncio.timeout(_TOPIC_SECONDS):
                partitions = await producer.partitions_for(topic)
        except (KafkaError, TimeoutError) as error:
            await _stop(producer)
            self._producer = None
            raise LookupError(topic) from error
        return [self._queue(producer, partition) for partition in sorted(partitions)]

    def _queue(self, producer: AIOKafkaProducer, partition: int) -> PartitionQueue:
        async def send(builder: Any) -> object:
            sent = await producer.send_batch(builder, self._options.topic, partition=partition)
            acknowledged = await sent
            self._acknowledged_at = time.monotonic()
            return acknowledged

        return PartitionQueue(RecordBatch, send, self._on_failure)

    def _on_failure(self, error: Exception) -> None:
        _log.warning("kafka_batch_failed", error=type(error).__name__, cause=str(error))
        if isinstance(error, MessageSizeTooLargeError) or self._closed or self._replacing is not None:
            return
        self._recreated.inc()
        old, self._producer = self._producer, None
        self._replacing = asyncio.create_task(self._replace(old, self._queues), name="kafka-producer-replace")

    async def _replace(self, old: AIOKafkaProducer | None, queues: Sequence[PartitionQueue]) -> None:
        await asyncio.gather(*(queue.close(_CLOSE_SECONDS) for queue in queues))
        if old is not None:
            await _stop(old)
        pause = 0.2
        while self._producer is None:
            try:
                await self._examine()
                producer = await self._connect()
                self._queues = await self._make_queues(producer)
                self._producer = producer
            except (KafkaRefuses, NotAnswering):
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            except (KafkaError, LookupError, OSError) as error:
                _log.warning("kafka_producer_not_replaced", error=type(error).__name__, cause=str(error), seconds=pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        self._replacing = None
        _log.info("kafka_producer_replaced")

    async def _look(self) -> None:
        """Ask Kafka itself while nothing is acknowledged, so that whoever asks whether we are ready is told, and why not."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._producer is None:
                continue  # whoever replaces it asks
            if time.monotonic() - self._acknowledged_at < _LOOK_SECONDS:
                self.doubt = None
                continue
            with contextlib.suppress(KafkaRefuses, NotAnswering):
                await self._examine()

    async def _examine(self) -> None:
        """Return when Kafka would take a batch; else the doubt says why not."""
        try:
            await examine(self._options, [Need(self._options.topic, ("write",))])
        except KafkaRefuses as error:
            self._tell(error.public, str(error))
            raise
        except NotAnswering as error:
            self._tell("Kafka does not answer", str(error))
            raise
        self.doubt = None

    def _tell(self, doubt: str, cause: str) -> None:
        if doubt != self.doubt:
            _log.warning("kafka_refuses", topic=self._options.topic, cause=cause)
        self.doubt = doubt


async def _stop(producer: AIOKafkaProducer) -> None:
    """Disconnect without waiting for what will never be acknowledged."""
    with contextlib.suppress(KafkaError, TimeoutError, OSError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await producer.stop()
            return
    # stop() hangs on batches that never end; its parts do not
    sender = producer._sender.sender_task  # noqa: SLF001 (aiokafka 0.14 has no way to give up)
    if sender is not None:
        sender.cancel()
        await asyncio.wait({sender}, timeout=1.0)
    with contextlib.suppress(KafkaError, OSError):
        await producer.client.close()
