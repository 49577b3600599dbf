"""The log's ports on a Kafka, and what tests do with them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from millrace_eventlog.ports import LogPorts
from millrace_eventlog.records import Damaged, Entry, Granted, LogRecord, LogRun, Missing, ReadLimit, Revoked
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import open_log
from millrace_service.metrics import Metrics
from tests.support.kafka_mock import MockKafka
from tests.support.pipeline import record

TOPIC = "events"
PARTITIONS = 3
SOON = ReadLimit(records=100_000, bytes=2**30, wait_seconds=1.0)


def settings_of(kafka: MockKafka, **given: object) -> LogSettings:
    """The settings of a log on this cluster."""
    return LogSettings.model_validate({"log_url": f"kafka://{kafka.brokers}/{TOPIC}", "kafka_session_seconds": 2, **given})


def with_topics(kafka: MockKafka, partitions: int = PARTITIONS) -> MockKafka:
    """The cluster, with the topics that a log needs."""
    kafka.topic(TOPIC, partitions)
    kafka.topic(f"{TOPIC}.dlq", 1)
    return kafka


def routed(count: int, visitors: int = 50) -> list[LogRecord]:
    """So many records, of so many visitors."""
    return [msgspec.structs.replace(record(number), routing=f"v{number % visitors}") for number in range(count)]


@dataclass
class OpenKafkaLog:
    """A log that is open, and the partitions that this member of the group has."""

    ports: LogPorts
    metrics: Metrics
    granted: dict[int, Granted] = field(default_factory=dict)
    revoked: list[Revoked] = field(default_factory=list)
    releases: bool = True
    """Whether what is revoked is released at once."""

    async def until_granted(self, count: int = PARTITIONS) -> dict[int, Granted]:
        """What was granted, once it is so many partitions."""
        async with asyncio.timeout(30):
            while len(self.granted) != count:
                await asyncio.sleep(0.01)
        return dict(self.granted)

    async def entries(self, partition: int, start: int | None = None) -> list[Entry | Damaged | Missing]:
        """Everything from an offset, or from where the partition was granted."""
        at = self.granted[partition].start if start is None else start
        found: list[Entry | Damaged | Missing] = []
        while more := await self.ports.reader.read(partition, at, SOON):
            found += more
            at = more[-1].end
        return found

    async def records(self) -> dict[int, list[LogRecord]]:
        """The records of each granted partition."""
        return {
            partition: [one for run in await self.entries(partition) if isinstance(run, LogRun) for one in run.records]
            for partition in sorted(self.granted)
        }

    def sample(self, name: str) -> float:
        """The value of a metric."""
        return self.metrics.registry.get_sample_value(name) or 0.0


@asynccontextmanager
async def opened_kafka(settings: LogSettings, *, joins: bool = True) -> AsyncIterator[OpenKafkaLog]:
    """Open the log; a member of the group where it joins."""
    metrics = Metrics()
    async with open_log(settings, Path(), metrics) as ports:
        log = OpenKafkaLog(ports, metrics)
        following = asyncio.create_task(_follow(log)) if joins else None
        try:
            yield log
        finally:
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)


async def _follow(log: OpenKafkaLog) -> None:
    async for change in log.ports.reader.assignments():
        if isinstance(change, Granted):
            log.granted[change.partition] = change
        else:
            log.granted.pop(change.partition, None)
            log.revoked.append(change)
            if log.releases:
                await log.ports.reader.release(change.partition)


def ids(records: Sequence[LogRecord]) -> list[str]:
    """Their event ids."""
    return [one.event_id for one in records]
