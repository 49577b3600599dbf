"""The distributed size on a real Kafka, Redis and PostgreSQL: whatever is killed, what was acknowledged is stored once."""

import asyncio
import os
import random
from pathlib import Path

import pytest

from millrace_core.time import now_ms
from tests.support import figures
from tests.support.checker import assert_exact
from tests.support.clickhouse import ClickHouse
from tests.support.distributed import Distributed
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres import Postgres
from tests.support.redis import RedisServer
from tests.support.server import Server
from tests.support.writers import CurrentUrl, Writers

pytestmark = [pytest.mark.faults, pytest.mark.brokers]

Victim = Server | ClickHouse | KafkaBroker | RedisServer | Postgres


async def test_kills_of_each_process_lose_and_double_nothing(
    broker: KafkaBroker, redis: RedisServer, postgresql: Postgres, tmp_path: Path
) -> None:
    seed = figures.seed()
    chance = random.Random(seed)
    settings = {"MILLRACE_CACHE_URL": redis.url, "MILLRACE_RECORDS_URL": postgresql.url}
    platform = Distributed(tmp_path, f"kafka://{broker.address}/kills", settings)
    victims: list[Victim] = [*platform.services, platform.clickhouse, broker, redis, postgresql]
    writers = Writers(CurrentUrl(platform.ingestion.url), tmp_path / "acked", seed, now_ms())
    enough = asyncio.Event()
    try:
        await asyncio.to_thread(platform.start)
        writing = asyncio.create_task(writers.write(writers=3, batch_events=60, enough=enough))
        for number in range(int(os.environ.get("MILLRACE_TEST_KILLS", "14"))):
            victim = victims[number % len(victims)]
            await asyncio.sleep(chance.uniform(0.2, 3.0))
            await asyncio.to_thread(victim.kill)
            await asyncio.sleep(chance.uniform(0.0, 1.0))
            await asyncio.to_thread(victim.start)
        enough.set()
        async with asyncio.timeout(120):
            await writing
        await platform.until_stored(["fault_a", "fault_b"], len(writers.sent.events))
        assert list(await asyncio.to_thread(platform.stop)) == [0, 0, 0]
    finally:
        platform.kill()
    assert writers.sent.acknowledged == writers.sent.events.keys()
    assert_exact(writers.sent, await asyncio.to_thread(platform.stored))
    figures.note(f"{writers.sent.posts} posts, {writers.sent.retries} sent again")
