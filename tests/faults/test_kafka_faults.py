"""Trouble between Kafka and the engine: everything acknowledged is stored once, whatever fails in between and whenever.

The consumer and the engine are the real ones; Kafka is the mock cluster, whose faults the tests decide. Each random test prints
its seed.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest

from millrace_core.errors import LogUnavailable
from millrace_core.time import now_ms
from millrace_eventlog.ports import Durable
from millrace_eventlog.records import Intent, LogRecord
from millrace_eventlog.settings import LogSettings
from tests.faults.test_consumer_faults import LossyWriter, assert_stored_once
from tests.support import figures
from tests.support.kafka import TOPIC, opened_kafka, routed, settings_of, with_topics
from tests.support.kafka_mock import OFFSET_COMMIT, PRODUCE, SYNC_GROUP, MockKafka, mock_kafka
from tests.support.pipeline import Life, life
from tests.support.warehouse import OpenWarehouse

pytestmark = [pytest.mark.faults, pytest.mark.brokers]

_INVALID_REQUEST = 42
_STEPS = ("consumer.before-intent", "consumer.after-intent", "consumer.after-insert", "consumer.after-commit")


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    with mock_kafka() as cluster:
        yield with_topics(cluster)


async def _append(settings: LogSettings, records: list[LogRecord]) -> None:
    async with opened_kafka(settings, joins=False) as log:
        for first in range(0, len(records), 100):
            await log.ports.writer.append(records[first : first + 100])


@pytest.mark.parametrize("step", _STEPS)
async def test_a_consumer_that_dies_at_a_step_is_completed_by_the_next(
    kafka: MockKafka, tmp_path: Path, warehouse: OpenWarehouse, step: str
) -> None:
    settings = settings_of(kafka)
    await _append(settings, routed(900))
    async with life(tmp_path, warehouse, log_settings=settings, dies_at=step) as alive:
        await asyncio.wait_for(alive.died.wait(), 30)
    async with life(tmp_path, warehouse, log_settings=settings) as alive:
        await _until_rows(warehouse, 900)
        if step in _STEPS[1:3]:
            await _until_counted(alive, "millrace_consumer_intents_replayed_total")
    await assert_stored_once(warehouse, 900)


async def test_consumers_that_come_die_and_cannot_commit_store_everything_once(
    kafka: MockKafka, tmp_path: Path, warehouse: OpenWarehouse
) -> None:
    chance = random.Random(figures.seed())
    settings = settings_of(kafka)
    sent = 0
    for _ in range(8):
        new = routed(chance.randint(1, 400))
        await _append(settings, new)
        sent += len(new)
        dies_at = chance.choice(("", *_STEPS))
        kafka.errors(OFFSET_COMMIT, *chance.choices((0, 7, 14, 15, 16, 22, 25, 27), k=3))
        plan = iter(chance.choices(("works", "down", "answer lost"), (6, 1, 2), k=20))
        writer = LossyWriter(warehouse, plan)
        async with life(tmp_path, warehouse, log_settings=settings, writer=writer, dies_at=dies_at):
            await asyncio.sleep(chance.uniform(0.2, 2.0))
    kafka.errors(OFFSET_COMMIT, *[0] * 30)
    async with life(tmp_path, warehouse, log_settings=settings):
        await _until_rows(warehouse, sent)
    await assert_stored_once(warehouse, sent)


async def test_a_broker_that_comes_and_goes_loses_and_doubles_nothing(
    kafka: MockKafka, tmp_path: Path, warehouse: OpenWarehouse
) -> None:
    settings = settings_of(kafka, kafka_stalled_seconds=1.0)
    records = routed(1_000)
    async with life(tmp_path, warehouse, log_settings=settings) as alive:
        for number, first in enumerate(range(0, 1_000, 50)):
            if number % 7 == 3:
                kafka.down()
                asyncio.get_running_loop().call_later(1.5, kafka.up)
            await _until_accepted(alive.log.writer.append, records[first : first + 50])
        await _until_rows(warehouse, 1_000)
    await assert_stored_once(warehouse, 1_000)


async def test_an_answer_that_was_lost_behind_an_append_doubles_nothing(
    kafka: MockKafka, tmp_path: Path, warehouse: OpenWarehouse
) -> None:
    """The client is told 503 and sends again, with the same ids."""
    settings = settings_of(kafka)
    records = routed(300)
    async with life(tmp_path, warehouse, log_settings=settings) as alive:
        for first in range(0, 300, 50):
            kafka.errors(PRODUCE, 45)
            await _until_accepted(alive.log.writer.append, records[first : first + 50])
            await _until_accepted(alive.log.writer.append, records[first : first + 50])
        await _until_rows(warehouse, 300)
        await alive.until_stored()
    await assert_stored_once(warehouse, 300)


async def _until_accepted(append: Callable[[Sequence[LogRecord]], Awaitable[Durable]], records: list[LogRecord]) -> None:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(LogUnavailable):
                await append(records)
                return
            await asyncio.sleep(0.05)


async def test_a_member_whose_coordination_failed_is_replaced(
    kafka: MockKafka, tmp_path: Path, warehouse: OpenWarehouse
) -> None:
    """aiokafka does not expect this answer, and never tries again."""
    settings = settings_of(kafka)
    kafka.errors(SYNC_GROUP, _INVALID_REQUEST)
    async with life(tmp_path, warehouse, log_settings=settings) as alive:
        await _until_counted(alive, "millrace_consumer_rejoined_total")
        await _append(settings, routed(100))
        await _until_rows(warehouse, 100)
        await alive.until_stored()
        assert alive.sample("kafka_consumergroup_lag_sum", consumergroup="millrace", topic=TOPIC) == 0
    await assert_stored_once(warehouse, 100)


async def test_a_member_that_fails_while_it_stores_doubles_nothing(
    kafka: MockKafka, tmp_path: Path, warehouse: OpenWarehouse
) -> None:
    settings = settings_of(kafka)
    async with life(tmp_path, warehouse, log_settings=settings) as alive:
        await _append(settings, routed(300))
        await _until_rows(warehouse, 1)
        # Another member comes, so everyone has to join again.
        async with opened_kafka(settings) as other:
            kafka.errors(SYNC_GROUP, *[_INVALID_REQUEST] * 2)
            async with asyncio.timeout(60):
                name = "millrace_consumer_rejoined_total"
                while not alive.sample(name) + other.sample(name):
                    await asyncio.sleep(0.05)
        await _append(settings, routed(300))
        await _until_rows(warehouse, 600)
        await alive.until_stored()
    await assert_stored_once(warehouse, 600)


async def _until_counted(alive: Life, name: str) -> None:
    async with asyncio.timeout(60):
        while alive.sample(name) < 1:
            await asyncio.sleep(0.05)


async def _until_rows(warehouse: OpenWarehouse, count: int) -> None:
    async with asyncio.timeout(90):
        while await warehouse.value("SELECT count() FROM events_raw") < count:
            await asyncio.sleep(0.05)


async def test_an_intent_that_survived_its_topic_hides_nothing_of_the_next_one(
    warehouse: OpenWarehouse, tmp_path: Path
) -> None:
    """The rows of the old topic stand at the very positions that the new one's get."""
    for topic in ("old", "new"):
        with mock_kafka() as cluster:
            log = settings_of(with_topics(cluster, 1))
            async with opened_kafka(log) as opened:
                await opened.ports.writer.append(routed(50))
                await opened.until_granted(1)
                if topic == "new":
                    await opened.ports.reader.intend(0, Intent(50, 12345, 50, now_ms()))
            async with life(tmp_path, warehouse, log_settings=log) as alive:
                await alive.until_stored()
    assert (await warehouse.counts()) == dict.fromkeys(await warehouse.counts(), 100)
