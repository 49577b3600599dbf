"""Membership in the consumer group: what is granted, what is revoked, and who waits for whom meanwhile.

A rebalance is drained before it is answered: partitions that are taken away are announced, and the group goes on when their
consumer has released them or their time is up. From then on commits for them are refused here, and the broker refuses those
that slip through by their generation.
"""

import asyncio
import zlib
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import ConsumerStoppedError, KafkaError

from millrace_core import metrics as names
from millrace_core.time import now_ms
from millrace_eventlog.kafka.closing import stop_consumer
from millrace_eventlog.kafka.membership import others_have_all
from millrace_eventlog.kafka.options import KafkaOptions
from millrace_eventlog.kafka.positions import Position
from millrace_eventlog.records import Granted, Missing, Revoked
from millrace_eventlog.settings import LogSettings
from millrace_service.metrics import Metrics

REBALANCE_SECONDS: Final = 60.0
_MARGIN_SECONDS: Final = 5.0
LONGEST_PAUSE: Final = 2.0
"""Seconds, of what is tried again: so much later than Kafka we are back."""
_WATCH_SECONDS: Final = 1.0
_ASK_EVERY: Final = 5
"""Looks between two questions whether the others have every partition."""
_GIVE_UP_SECONDS: Final = 5.0
_UNASSIGNED: Final = "no partition is assigned yet"

_log = structlog.get_logger("millrace.log")


@dataclass(slots=True)
class Held:
    """A partition that this process has."""

    position: Position
    next: int
    """The offset that a read would bring next."""
    end: int
    """Behind everything that the log held when it was asked last: when the partition was granted, or by ``unread``."""
    missing: Missing | None = None
    """What is to be told before the first record."""
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    lost: bool = False
    read: deque[tuple[int, int, int]] = field(default_factory=deque)
    """(end, stored at, CRC-32 of the last record) of each run that was read and is not committed."""
    behind_since: int | None = None


class Group(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """This process in the group.

    Args:
        settings: group and instance, where this member is a static one.
    """

    def __init__(self, options: KafkaOptions, settings: LogSettings, metrics: Metrics) -> None:
        self._options = options
        self._group = settings.kafka_group
        self._metrics = metrics
        self._held: dict[int, Held] = {}
        self._lags: dict[int, int] = {}
        self._lag_sum = 0
        self._granting: dict[int, asyncio.Task[None]] = {}
        self._watching: asyncio.Task[None] | None = None
        self.failed = False
        """Whether this member can never join again, so that another one has to take its place."""
        self.trouble: str | None = None
        """Why it has failed."""
        self.unassigned: str | None = _UNASSIGNED
        """Why it has no partition; None where the others have them all."""
        self.changes: asyncio.Queue[Granted | Revoked | None] = asyncio.Queue()
        self.consumer: Any = AIOKafkaConsumer(
            **options.client,
            client_id="millrace-consumer",
            group_id=self._group,
            group_instance_id=settings.kafka_instance,
            enable_auto_commit=False,
            auto_offset_reset="none",  # a position that is gone is a gap to be told, not to be skipped
            rebalance_timeout_ms=round(REBALANCE_SECONDS * 1000),
            session_timeout_ms=round(settings.kafka_session_seconds * 1000),
            heartbeat_interval_ms=round(settings.kafka_session_seconds * 1000 / 3),
            max_poll_interval_ms=round(settings.kafka_max_poll_seconds * 1000),
            fetch_max_wait_ms=100,  # a partition that is not part of a waiting fetch waits as long
            fetch_max_bytes=32 * 2**20,
            max_partition_fetch_bytes=8 * 2**20,
            metadata_max_age_ms=60_000,
        )
        self._admin: Any = AIOKafkaAdminClient(**options.client, client_id="millrace-consumer-admin")

    async def start(self) -> None:
        """Connect and join.

        Raises:
            KafkaError: no broker answers, or it refuses us.
        """
        await self._admin.start()
        await self.consumer.start()
        self.consumer.subscribe([self._options.topic], listener=self)
        self._watching = asyncio.create_task(self._watch(), name="kafka-watch")

    async def close(self) -> None:
        """Leave (a static member keeps its place) and disconnect. Idempotent."""
        self.changes.put_nowait(None)
        for task in (*self._granting.values(), *([self._watching] if self._watching else [])):
            task.cancel()
        for held in self._held.values():
            held.leaving.set()
            held.released.set()
        await stop_consumer(self.consumer)
        await self._admin.close()

    async def until_released(self) -> None:
        """Return when the consumer has done with every partition, or its time is up."""
        waiting = [asyncio.create_task(held.released.wait()) for held in self._held.values()]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=2 * _GIVE_UP_SECONDS)
            for waiter in late:
                waiter.cancel()

    def report_lag(self, partition: int, records: int) -> None:
        """Under the names of kafka-exporter, which stock dashboards ask for."""
        self._lag_sum += records - self._lags.get(partition, 0)
        self._lags[partition] = records
        self._metrics.gauge(names.KAFKA_LAG, self._group, self._options.topic, str(partition)).set(records)
        self._metrics.gauge(names.KAFKA_LAG_SUM, self._group, self._options.topic).set(self._lag_sum)

    def of(self, partition: int) -> Held | None:
        """The partition, None where it is not this process's any more."""
        held = self._held.get(partition)
        return None if held is None or held.lost else held

    def place(self, partition: int) -> TopicPartition:
        """The partition in aiokafka's words."""
        return TopicPartition(self._options.topic, partition)

    def lose(self, partition: int) -> None:
        """The broker says that the partition is another's."""
        if (held := self._held.get(partition)) is not None and not held.lost:
            held.lost = True
            held.leaving.set()
            self._metrics.counter(names.CONSUMER_FENCED).inc()

    def release(self, partition: int) -> None:
        """The consumer has done with the partition."""
        if (held := self._held.get(partition)) is not None:
            held.leaving.set()
            held.released.set()

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """aiokafka's: return when the partitions may go to others."""
        for place in revoked:
            if (task := self._granting.pop(place.partition, None)) is not None:
                task.cancel()
        leaving = [(place.partition, held) for place in revoked if (held := self._held.get(place.partition)) is not None]
        if not leaving:
            return
        self._metrics.counter(names.CONSUMER_REBALANCES).inc()
        within = REBALANCE_SECONDS - _MARGIN_SECONDS
        for partition, held in leaving:
            held.leaving.set()
            self.changes.put_nowait(Revoked(partition, within - _MARGIN_SECONDS))
        waiting = [asyncio.create_task(held.released.wait()) for _, held in leaving]
        _, late = await asyncio.wait(waiting, timeout=within)
        for waiter in late:
            waiter.cancel()
        for partition, held in leaving:
            if not held.released.is_set():
                _log.warning("partition_not_released_in_time", partition=partition)
            held.lost = True
            self.report_lag(partition, 0)
            del self._held[partition]

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """aiokafka's: these partitions are ours. Their positions are fetched beside the group's own business."""
        self.unassigned = _UNASSIGNED
        for place in assigned:
            task = asyncio.create_task(self._grant(place), name=f"kafka-grant-{place.partition}")
            self._granting[place.partition] = task

    async def _grant(self, place: TopicPartition) -> None:
        pause = 0.2
        while True:
            try:
                granted, held = await self._take(place)
            except (KafkaError, OSError, TimeoutError) as error:
                _log.warning("partition_not_granted", partition=place.partition, cause=str(error), seconds=pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except ConsumerStoppedError:
                return  # this member leaves
            else:
                self._held[place.partition] = held
                self._granting.pop(place.partition, None)
                self.changes.put_nowait(granted)
                return

    async def _take(self, place: TopicPartition) -> tuple[Granted, Held]:
        """The partition with its position; what does not fit the topic any more is told."""
        committed = await self._admin.list_consumer_group_offsets(self._group, partitions=[place])
        first = (await self.consumer.beginning_offsets([place]))[place]
        end = (await self.consumer.end_offsets([place]))[place]
        found = committed.get(place)
        position = Position(first) if found is None or found.offset < 0 else Position.read(found.offset, found.metadata)
        missing = None
        if await self._is_another_log(place, position, first, end):
            _log.critical("log_recreated", partition=place.partition, position=position.offset, first=first, end=end)
            self._metrics.counter(names.CONSUMER_RECREATED).inc()
            position = Position(first)
        elif position.offset < first:
            missing = Missing(place.partition, position.offset, first)
        self.consumer.seek(place, max(position.offset, first))
        granted = Granted(place.partition, position.offset, position.intent, log_id=self._options.topic, unclean=False)
        return granted, Held(position, position.offset, end, missing)

    async def _is_another_log(self, place: TopicPartition, position: Position, first: int, end: int) -> bool:
        """Whether the topic was deleted and made again since the position was committed."""
        if position.offset > end or (position.intent is not None and position.intent.end > end):
            return True
        if position.before is None or position.offset - 1 < first:
            return False
        self.consumer.seek(place, position.offset - 1)
        fetched = await self.consumer.getmany(place, timeout_ms=5_000, max_records=1)
        messages = fetched.get(place)
        if not messages:
            raise TimeoutError("the record in front of the position does not come")
        return bool(messages[0].offset == position.offset - 1 and zlib.crc32(messages[0].value or b"") != position.before)

    async def _watch(self) -> None:
        """An answer that aiokafka does not expect ends its coordination for good, without a word: from then on this member is
        none. And a member that has fetched nothing for ``kafka_max_poll_seconds``, because it has no partitions or because the
        warehouse is away for longer, leaves the group and can never join again (aiokafka issue 1187): we tell that we live."""
        looks = 0
        while not self.failed:
            await asyncio.sleep(_WATCH_SECONDS)
            looks += 1
            try:
                self.consumer._coordinator.check_errors()  # noqa: SLF001 (aiokafka 0.14 tells it nowhere else)
                if looks % _ASK_EVERY == 0 and not self.consumer.assignment():
                    spare = await others_have_all(self._admin, self.consumer, self._group, self._options.topic)
                    self.unassigned = None if spare else _UNASSIGNED
            except KafkaError as error:
                self._fail(error)
            with self.consumer._subscription.fetch_context():  # noqa: SLF001 (a fetch would bring records that nobody wants yet)
                pass

    def _fail(self, error: KafkaError) -> None:
        _log.error("group_member_failed", cause=str(error))
        self._metrics.counter(names.CONSUMER_REJOINED).inc()
        self.failed = True
        self.trouble = f"the consumer group does not take this consumer ({type(error).__name__})"
        for partition, held in self._held.items():
            held.lost = True
            held.leaving.set()
            self.changes.put_nowait(Revoked(partition, _GIVE_UP_SECONDS))
        self.changes.put_nowait(None)


def stored_at_of(held: Held, end: int) -> int | None:
    """When the oldest record was stored that is not committed, as far as it is known."""
    if held.read:
        return held.read[0][1]
    if held.position.offset < end:
        held.behind_since = held.behind_since or now_ms()
        return held.behind_since
    held.behind_since = None
    return None
