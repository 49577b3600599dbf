"""DeadLetters on a Kafka topic of one partition: letters, and what was decided about them, in the order that it happened.

A letter's id is its offset and one. Dropping one appends a message that says so, so every process that reads the topic knows
the same, and nothing is rewritten.
"""

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from millrace_core.errors import LogUnavailable, NotFound
from millrace_eventlog.kafka.closing import stop_consumer
from millrace_eventlog.kafka.options import KafkaOptions
from millrace_eventlog.kafka.producer import Producer
from millrace_eventlog.kafka.wire import Headers, Message
from millrace_eventlog.records import DeadLetter

_DEADLINE_SECONDS: Final = 30.0
_DROPPED: Final = ("dlq.decision", b"dropped")


@dataclass(frozen=True, slots=True)
class _Known:
    """What is kept in memory of a letter."""

    origin: bytes
    tenant: str
    reason: str
    event_id: str


class KafkaDeadLetters:
    """DeadLetters.

    Args:
        options: those of the log; the topic's name is theirs with ``.dlq``.
        producer: one for that topic.
    """

    def __init__(self, options: KafkaOptions, producer: Producer) -> None:
        self._options = options
        self._place = TopicPartition(options.dead_letters, 0)
        self._producer = producer
        self._consumer: Any = None
        self._lock = asyncio.Lock()
        self._known: dict[int, _Known] = {}
        self._origins: set[bytes] = set()
        self._next = 0

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """See DeadLetters."""
        async with self._reading():
            fresh = [letter for letter in letters if _origin(letter) not in self._origins]
        await self._append([_message(letter) for letter in fresh])

    async def list(
        self,
        *,
        tenant: str | None = None,
        reason: str | None = None,
        event_ids: Collection[str] | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[DeadLetter]:
        """See DeadLetters."""
        async with self._reading():
            ids = [
                letter_id
                for letter_id, known in self._known.items()
                if letter_id > after
                and tenant in (None, known.tenant)
                and reason in (None, known.reason)
                and (event_ids is None or known.event_id in event_ids)
            ]
            return [await self._fetch(letter_id) for letter_id in ids[:limit]]

    async def get(self, letter_id: int) -> DeadLetter:
        """See DeadLetters."""
        async with self._reading():
            if letter_id not in self._known:
                raise NotFound(f"there is no dead letter {letter_id}")
            return await self._fetch(letter_id)

    async def drop(self, ids: Sequence[int]) -> int:
        """See DeadLetters."""
        async with self._reading():
            there = [letter_id for letter_id in dict.fromkeys(ids) if letter_id in self._known]
        await self._append([Message(b"%d" % letter_id, b"", [_DROPPED]) for letter_id in there])
        return len(there)

    async def count(self) -> int:
        """See DeadLetters."""
        async with self._reading():
            return len(self._known)

    async def close(self) -> None:
        """Disconnect. Idempotent."""
        await self._producer.close()
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await stop_consumer(consumer)

    async def _append(self, messages: Sequence[Message]) -> None:
        if messages:
            await self._producer.put(0, messages).done

    @contextlib.asynccontextmanager
    async def _reading(self) -> Any:
        """Up to date, with the topic to oneself."""
        try:
            async with self._lock, asyncio.timeout(_DEADLINE_SECONDS):
                await self._catch_up()
                yield
        except (KafkaError, OSError, TimeoutError) as error:
            raise LogUnavailable("The dead letters cannot be read now.") from error

    async def _catch_up(self) -> None:
        if self._consumer is None:
            self._consumer = await self._connect()
        first = (await self._consumer.beginning_offsets([self._place]))[self._place]
        end = (await self._consumer.end_offsets([self._place]))[self._place]
        for letter_id in [letter_id for letter_id in self._known if letter_id <= first]:
            self._forget(letter_id)
        self._next = max(self._next, first)
        if self._next < end:
            self._consumer.seek(self._place, self._next)
        while self._next < end:
            fetched = await self._consumer.getmany(self._place, timeout_ms=1_000)
            for message in fetched.get(self._place, []):
                self._learn(message)
                self._next = message.offset + 1

    def _learn(self, message: Any) -> None:
        said = dict(message.headers)
        if said.get("dlq.decision") == b"dropped":
            self._forget(int(message.key))
        elif "dlq.reason" in said and message.key not in self._origins:
            told = (said[f"dlq.{name}"].decode() for name in ("tenant", "reason", "event_id"))
            self._known[message.offset + 1] = _Known(message.key, *told)
            self._origins.add(message.key)

    def _forget(self, letter_id: int) -> None:
        self._known.pop(letter_id, None)  # its origin stays known: a replay of the batch must not bring it back

    async def _fetch(self, letter_id: int) -> DeadLetter:
        self._consumer.seek(self._place, letter_id - 1)
        while True:
            fetched = await self._consumer.getmany(self._place, timeout_ms=1_000, max_records=1)
            for message in fetched.get(self._place, []):
                return _letter(message)

    async def _connect(self) -> Any:
        consumer = AIOKafkaConsumer(
            **self._options.client,
            client_id="millrace-dead-letters",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        consumer.assign([self._place])
        return consumer


def options_of_dead_letters(options: KafkaOptions) -> KafkaOptions:
    """The options of the topic of dead letters."""
    return replace(options, topic=options.dead_letters)


def _origin(letter: DeadLetter) -> bytes:
    return b"%d/%d/%d" % (letter.partition, letter.offset, letter.index)


def _message(letter: DeadLetter) -> Message:
    headers: Headers = [
        ("dlq.tenant", letter.tenant.encode()),
        ("dlq.event_id", letter.event_id.encode()),
        ("dlq.reason", letter.reason.encode()),
        ("dlq.step", letter.step.encode()),
        ("dlq.error", letter.error.encode()),
        ("dlq.attempt", b"%d" % letter.attempt),
        ("dlq.at", b"%d" % letter.at),
    ]
    return Message(_origin(letter), letter.line, headers)


def _letter(message: Any) -> DeadLetter:
    said = {name: value.decode() for name, value in message.headers}
    partition, offset, index = map(int, message.key.split(b"/"))
    return DeadLetter(
        partition=partition,
        offset=offset,
        index=index,
        tenant=said["dlq.tenant"],
        event_id=said["dlq.event_id"],
        reason=said["dlq.reason"],
        step=said["dlq.step"],
        error=said["dlq.error"],
        line=message.value or b"",
        attempt=int(said["dlq.attempt"]),
        at=int(said["dlq.at"]),
        id=message.offset + 1,
    )
