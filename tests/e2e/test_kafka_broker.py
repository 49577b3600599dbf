"""A real Kafka under the platform: topics are made on purpose, and kills of either side lose and double nothing."""

import asyncio
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace_core.errors import PartitionLost
from millrace_core.time import now_ms
from millrace_eventlog.records import Intent, ReadLimit
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import migrate_log
from tests.support import figures, plain
from tests.support.checker import assert_exact, stored_in
from tests.support.commands import millrace
from tests.support.kafka import opened_kafka, routed
from tests.support.kafka_broker import KafkaBroker, new_broker
from tests.support.server import Server
from tests.support.writers import CurrentUrl, Writers

pytestmark = pytest.mark.brokers


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    running = new_broker(tmp_path_factory.mktemp("kafka") / "broker")
    yield running
    running.stop()


def test_topics_are_made_by_migrate_and_by_nothing_else(broker: KafkaBroker, tmp_path: Path) -> None:
    url = {"MILLRACE_LOG_URL": f"kafka://{broker.address}/made"}
    refused = millrace("up", "--port", "0", "--data-dir", tmp_path / "data", seconds=60, **url)
    assert refused.code == 2
    assert refused.err.strip().endswith("the topic made is not there: run `millrace migrate` first")

    first, second = millrace("migrate", seconds=60, **url), millrace("migrate", seconds=60, **url)
    assert (first.code, first.out) == (0, "made the topic made\nmade the topic made.dlq\n")
    assert (second.code, second.out) == (0, "nothing to do\n")

    too_many = millrace("migrate", MILLRACE_LOG_URL=f"kafka://{broker.address}/other", MILLRACE_KAFKA_REPLICATION="3")
    assert too_many.code == 2
    assert "Kafka refuses the topic other" in too_many.err


async def test_a_partition_goes_to_another_member_when_it_is_released_and_not_before(broker: KafkaBroker) -> None:
    url = f"kafka://{broker.address}/moved"
    settings = LogSettings(log_url=url, kafka_partitions=3, kafka_session_seconds=6)
    await migrate_log(settings)
    async with opened_kafka(settings) as first:
        await first.ports.writer.append(routed(300))
        await first.until_granted()
        first.releases = False
        async with opened_kafka(settings) as second:
            async with asyncio.timeout(30):
                while len(first.revoked) < 3:
                    await asyncio.sleep(0.01)
            assert await first.ports.reader.read(0, 0, ReadLimit(1, 1, 5.0)) == []  # nothing new is begun
            intent = Intent(1, 1, 1, 1_770_000_000_000)
            for partition in range(3):
                await first.ports.reader.intend(partition, intent)  # what was begun may be finished
            await asyncio.sleep(0.3)
            assert second.granted == {}
            first.releases = True
            for partition in range(3):
                await first.ports.reader.release(partition)
            async with asyncio.timeout(30):
                while not second.granted or len(first.granted) + len(second.granted) < 3:
                    await asyncio.sleep(0.01)
            assert not set(first.granted) & set(second.granted)
            moved = next(iter(second.granted))
            assert second.granted[moved].intent == intent
            with pytest.raises(PartitionLost):
                await first.ports.reader.commit(moved, 1)


@pytest.mark.faults
async def test_kills_of_the_server_and_of_the_broker_lose_and_double_nothing(broker: KafkaBroker, tmp_path: Path) -> None:
    seed = figures.seed()
    chance = random.Random(seed)
    environment = {
        "MILLRACE_LOG_URL": f"kafka://{broker.address}/kills",
        "MILLRACE_CONSUMER_FLUSH_SECONDS": "0.05",
        "MILLRACE_KAFKA_SESSION_SECONDS": "6",
        "MILLRACE_LOG_LEVEL": "warning",
    }
    assert millrace("migrate", seconds=60, **environment).code == 0
    server = Server(tmp_path / "data", environment)
    writers = Writers(CurrentUrl(server.url), tmp_path / "acked", seed, now_ms())
    enough = asyncio.Event()
    writing = asyncio.create_task(writers.write(writers=3, batch_events=60, enough=enough))
    try:
        for number in range(6):
            await asyncio.to_thread(server.start)
            await asyncio.sleep(chance.uniform(0.5, 4.0))
            if number % 3 == 2:
                await asyncio.to_thread(broker.kill)
                await asyncio.sleep(chance.uniform(0.5, 2.0))
                await asyncio.to_thread(broker.start)
                await asyncio.sleep(3.0)
            await asyncio.to_thread(server.kill)
        enough.set()
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(120):
            await writing
        await asyncio.to_thread(_until_all_are_stored, server, len(writers.sent.events))
        assert await asyncio.to_thread(server.stop) == 0
    finally:
        writing.cancel()
        if server.running:
            server.kill()

    assert writers.sent.acknowledged == writers.sent.events.keys()
    assert_exact(writers.sent, await asyncio.to_thread(stored_in, server.data_dir))


def _until_all_are_stored(server: Server, events: int) -> None:
    deadline = time.monotonic() + 90
    counted = 0
    while time.monotonic() < deadline:
        counted = 0
        for tenant in ("fault_a", "fault_b"):
            sql = f"SELECT count() AS n FROM events_raw WHERE customer_id = '{tenant}'"
            answer = plain.post(
                f"{server.url}/query",
                json={"customer_id": tenant, "sql": sql},
                headers={"Cache-Control": "no-cache"},
                timeout=30,
            ).json()
            assert answer.get("success"), answer
            counted += answer["data"][0]["n"]
        if counted >= events:
            return server.wait_until_stored()
        time.sleep(0.2)
    health = json.dumps(plain.get(f"{server.url}/health").json())
    raise AssertionError(f"{counted} of {events} are stored: {health}\n{server.tail()}")
