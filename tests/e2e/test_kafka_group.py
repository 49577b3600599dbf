"""More consumers than partitions, on a real Kafka: one without a partition is ready, and takes over when it is needed."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from millrace_core.errors import Unavailable
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import migrate_log
from tests.support.kafka import opened_kafka, routed
from tests.support.kafka_broker import KafkaBroker, new_broker
from tests.support.pipeline import Life, life
from tests.support.warehouse import OpenWarehouse

pytestmark = pytest.mark.brokers


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    running = new_broker(tmp_path_factory.mktemp("kafka") / "broker")
    yield running
    running.stop()


async def _until_ready(alive: Life) -> None:
    async with asyncio.timeout(90):
        while True:
            try:
                return await alive.consumer.check()
            except Unavailable:
                pass
            await asyncio.sleep(0.05)


async def test_a_consumer_beyond_the_partitions_is_ready_and_takes_over(
    broker: KafkaBroker, warehouse: OpenWarehouse, tmp_path: Path
) -> None:
    settings = LogSettings(log_url=f"kafka://{broker.address}/spare", kafka_partitions=1, kafka_session_seconds=6)
    await migrate_log(settings)
    async with AsyncExitStack() as one, AsyncExitStack() as other:
        first = await one.enter_async_context(life(tmp_path, warehouse, log_settings=settings))
        await _until_ready(first)
        second = await other.enter_async_context(life(tmp_path, warehouse, log_settings=settings))
        with pytest.raises(Unavailable, match="yet"):
            await second.consumer.check()
        await _until_ready(second)
        await _until_ready(first)
        assert sorted(_partitions(each) for each in (first, second)) == [0, 1]
        (leaving, spare) = (one, second) if _partitions(first) else (other, first)
        await leaving.aclose()
        await spare.log.writer.append(routed(100))
        async with asyncio.timeout(90):
            while int(await warehouse.value("SELECT count() FROM events_raw")) != 100:
                await asyncio.sleep(0.1)
        await spare.consumer.check()


def _partitions(alive: Life) -> int:
    return len(alive.consumer.partitions)


async def test_a_static_member_has_its_partitions_again_after_a_restart_without_a_rebalance(broker: KafkaBroker) -> None:
    url = f"kafka://{broker.address}/static"
    common = {"log_url": url, "kafka_partitions": 4, "kafka_session_seconds": 30, "kafka_group": "static"}
    here, there = (LogSettings.model_validate({**common, "kafka_instance": name}) for name in ("here", "there"))
    await migrate_log(here)
    async with opened_kafka(here) as stays:
        await stays.until_granted(4)
        async with opened_kafka(there) as first:
            await first.until_granted(2)
            await stays.until_granted(2)
            had, revoked = set(first.granted), len(stays.revoked)
        async with opened_kafka(there) as second:
            await second.until_granted(2)
            assert set(second.granted) == had
        assert len(stays.revoked) == revoked
