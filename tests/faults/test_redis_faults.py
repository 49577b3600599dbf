"""Redis that dies, hangs or forgets while events come in: nothing is lost or doubled, and nobody waits for it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from millrace_core.time import now_ms
from tests.support import figures, plain
from tests.support.checker import assert_exact
from tests.support.commands import millrace
from tests.support.distributed import Distributed
from tests.support.kafka_mock import MockKafka, mock_kafka
from tests.support.postgres import Postgres
from tests.support.redis import RedisServer
from tests.support.server import Server
from tests.support.writers import CurrentUrl, Writers

pytestmark = [pytest.mark.faults, pytest.mark.brokers]


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    with mock_kafka() as cluster:
        cluster.topic("redis", 3)
        cluster.topic("redis.dlq", 1)
        yield cluster


def _check(server: Server) -> tuple[int, str]:
    answer = plain.get(f"{server.url}/ready", timeout=10)
    return answer.status_code, answer.json()["checks"]["cache"]


async def _until(server: Server, outcome: str) -> None:
    async with asyncio.timeout(30):
        while await asyncio.to_thread(_check, server) != (200, outcome):
            await asyncio.sleep(0.05)


async def test_redis_that_dies_hangs_and_forgets_loses_and_doubles_nothing(
    kafka: MockKafka, redis: RedisServer, tmp_path: Path
) -> None:
    settings = {"MILLRACE_CACHE_URL": redis.url, "MILLRACE_INGEST_EVENTS_A_MINUTE": "1000000"}
    platform = Distributed(tmp_path, f"kafka://{kafka.brokers}/redis", settings)
    seed = figures.seed()
    writers = Writers(CurrentUrl(platform.ingestion.url), tmp_path / "acked", seed, now_ms())
    enough = asyncio.Event()
    try:
        await asyncio.to_thread(platform.start)
        writing = asyncio.create_task(writers.write(writers=3, batch_events=60, enough=enough))
        for trouble, cure in ((redis.kill, redis.start), (redis.freeze, redis.thaw), (redis.kill, redis.start)):
            await _until(platform.ingestion, "ok")
            await asyncio.sleep(0.5)
            trouble()
            await _until(platform.ingestion, "degraded")
            before = writers.sent.posts
            await asyncio.sleep(1.5)
            assert writers.sent.posts > before
            cure()
        enough.set()
        await asyncio.wait_for(writing, 60)
        assert writers.sent.retries == 0
        await platform.until_stored(["fault_a", "fault_b"], len(writers.sent.events))
        assert list(await asyncio.to_thread(platform.stop)) == [0, 0, 0]
    finally:
        platform.kill()
    assert_exact(writers.sent, await asyncio.to_thread(platform.stored))


async def test_a_limit_that_an_operator_sets_holds_in_every_ingestion_at_once(
    kafka: MockKafka, redis: RedisServer, postgresql: Postgres, tmp_path: Path
) -> None:
    settings = {"MILLRACE_CACHE_URL": redis.url, "MILLRACE_RECORDS_URL": postgresql.url}
    platform = Distributed(tmp_path, f"kafka://{kafka.brokers}/redis", settings)
    second = platform.service("ingestion", "second")
    event = {"customer_id": "shop", "visitor_id": "v", "event_type": "click"}
    try:
        await asyncio.to_thread(platform.start)
        await asyncio.to_thread(second.start)
        set_ = await asyncio.to_thread(
            millrace, "tenant", "set", "shop", "--events-a-minute", "30", "--data-dir", platform.consumer.data_dir
        )
        assert set_.code == 0, set_.err

        async def posted(server: Server, count: int) -> int:
            return (await client.post(f"{server.url}/track/batch", json={"events": [event] * count})).status_code

        async with httpx.AsyncClient(timeout=10) as client, asyncio.timeout(30):
            while await posted(platform.ingestion, 31) == 200:
                await asyncio.sleep(0.05)
            assert await posted(second, 31) == 429  # what one of them counted the other knows
        postgresql.kill()
        assert await asyncio.to_thread(_check, platform.ingestion) == (200, "ok")
        async with httpx.AsyncClient(timeout=10) as client:
            assert await posted(second, 31) == 429
            assert (await client.post(f"{second.url}/track", json={**event, "customer_id": "other"})).status_code == 200
    finally:
        if second.running:
            second.kill()
        platform.kill()
