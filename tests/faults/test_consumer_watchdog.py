"""A partition that stands still without a word ends the consumer, so that it is started again; known trouble does not."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace_consumer.settings import ConsumerSettings
from millrace_consumer.watchdog import ConsumerStuck
from millrace_core.errors import LogUnavailable
from millrace_eventlog.records import LogRecord
from millrace_eventlog.settings import LogSettings
from tests.support.kafka import routed, settings_of, with_topics
from tests.support.kafka_mock import FETCH, MockKafka, mock_kafka
from tests.support.pipeline import Life, life
from tests.support.warehouse import OpenWarehouse

pytestmark = [pytest.mark.faults, pytest.mark.brokers]

_WATCHED = ConsumerSettings(consumer_flush_seconds=0.02, consumer_backoff_seconds=0.2, consumer_stuck_seconds=2.0)
# aiokafka takes some seconds to read on when Kafka is back.
_PATIENT = ConsumerSettings(consumer_flush_seconds=0.02, consumer_backoff_seconds=0.2, consumer_stuck_seconds=12.0)
_NOT_LEADER = 6


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    with mock_kafka() as cluster:
        yield with_topics(cluster, 1)


@pytest.fixture
def log(kafka: MockKafka) -> LogSettings:
    return settings_of(kafka)


async def test_a_partition_that_brings_nothing_although_the_log_has_more_ends_the_consumer(
    kafka: MockKafka, log: LogSettings, warehouse: OpenWarehouse, tmp_path: Path
) -> None:
    with pytest.raises(ExceptionGroup) as ended:  # noqa: PT012 (the consumer's end comes out where its life ends)
        async with life(tmp_path, warehouse, log_settings=log, settings=_WATCHED) as alive:
            await alive.log.writer.append(routed(50))
            await alive.until_stored()
            kafka.errors(FETCH, *[_NOT_LEADER] * 300)  # which aiokafka waits out, however often it comes
            await alive.log.writer.append(routed(50))
            await asyncio.wait_for(alive.ended.wait(), 60)
            assert (await alive.consumer.lag()).records == 50
    assert ended.group_contains(ConsumerStuck, match="Partition 0 stands still")

    async with life(tmp_path, warehouse, log_settings=log) as alive:
        await alive.until_stored()
    assert (await warehouse.counts())["events_raw"] == 100


async def test_a_kafka_that_is_away_for_longer_ends_nothing(
    kafka: MockKafka, log: LogSettings, warehouse: OpenWarehouse, tmp_path: Path
) -> None:
    async with life(tmp_path, warehouse, log_settings=log, settings=_PATIENT) as alive:
        await alive.log.writer.append(routed(50))
        await alive.until_stored()
        more = routed(50)
        kafka.down()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(alive.ended.wait(), 1.5 * _PATIENT.consumer_stuck_seconds)
        kafka.up()
        async with asyncio.timeout(90):
            while not await _appended(alive, more):
                await asyncio.sleep(0.1)
            while (await warehouse.counts())["events_raw"] != 100:
                assert not alive.ended.is_set()
                await asyncio.sleep(0.1)


async def _appended(alive: Life, records: list[LogRecord]) -> bool:
    try:
        await alive.log.writer.append(records)
    except LogUnavailable:
        return False
    return True
