"""Three services under load, one of which is frozen, restarted, idle, or behind a bad network: everything is stored once."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from millrace_core.time import now_ms
from tests.support import figures
from tests.support.checker import assert_exact
from tests.support.distributed import Distributed
from tests.support.kafka_mock import MockKafka
from tests.support.proxy import proxy
from tests.support.writers import CurrentUrl, Writers

pytestmark = [pytest.mark.faults, pytest.mark.brokers]


def _platform(kafka: MockKafka, folder: Path, partitions: int, **settings: str) -> Distributed:
    kafka.topic("events", partitions)
    kafka.topic("events.dlq", 1)
    return Distributed(folder, f"kafka://{kafka.brokers}/events", settings)


@asynccontextmanager
async def _under_load(platform: Distributed, folder: Path) -> AsyncIterator[Writers]:
    """Started, with writers; behind the block everything is stored, every service stopped, and what is stored is checked."""
    seed = figures.seed()
    writers = Writers(CurrentUrl(platform.ingestion.url), folder / "acked", seed, now_ms())
    enough = asyncio.Event()
    try:
        await asyncio.to_thread(platform.start)
        writing = asyncio.create_task(writers.write(writers=3, batch_events=60, enough=enough))
        yield writers
        enough.set()
        await asyncio.wait_for(writing, 180)
        await platform.until_stored(["fault_a", "fault_b"], len(writers.sent.events))
        assert list(await asyncio.to_thread(platform.stop)) == [0, 0, 0]
    finally:
        platform.kill()
    assert_exact(writers.sent, await asyncio.to_thread(platform.stored))


async def test_a_consumer_that_is_frozen_past_its_session_and_thaws_doubles_nothing(kafka: MockKafka, tmp_path: Path) -> None:
    platform = _platform(kafka, tmp_path, 4, MILLRACE_KAFKA_SESSION_SECONDS="2")
    second = platform.service("consumer", "second")
    try:
        async with _under_load(platform, tmp_path):
            await asyncio.to_thread(second.start)
            for frozen in (platform.consumer, second):
                await asyncio.sleep(2.0)
                frozen.freeze()
                await asyncio.sleep(6.0)
                frozen.thaw()
            await asyncio.sleep(2.0)
            assert await asyncio.to_thread(second.stop) == 0
    finally:
        if second.running:
            os.kill(second.pid, signal.SIGCONT)
            second.kill()


async def test_a_rolling_restart_under_load_ends_each_service_with_zero(kafka: MockKafka, tmp_path: Path) -> None:
    platform = _platform(kafka, tmp_path, 3)
    async with _under_load(platform, tmp_path) as writers:
        for service in (*platform.services, *platform.services):
            await asyncio.sleep(1.0)
            before = writers.sent.posts
            assert await asyncio.to_thread(service.stop) == 0
            await asyncio.to_thread(service.start)
            async with asyncio.timeout(30):
                while writers.sent.posts < before + 5:
                    await asyncio.sleep(0.05)
    assert "consumer_given_up" not in platform.consumer.log.read_text(), "it did not end while the log went on filling"


async def test_a_consumer_without_partitions_takes_over_when_another_leaves(kafka: MockKafka, tmp_path: Path) -> None:
    platform = _platform(kafka, tmp_path, 1, MILLRACE_KAFKA_MAX_POLL_SECONDS="5")
    idle = platform.service("consumer", "idle")
    try:
        async with _under_load(platform, tmp_path) as writers:
            await asyncio.to_thread(idle.start, wait=False)  # it is not ready while it has nothing to do
            figures.injected("no partition for 13 s, of 5 s that a member may be idle")
            await asyncio.sleep(13.0)
            assert await asyncio.to_thread(platform.consumer.stop) == 0
            figures.healed()
            await asyncio.to_thread(idle.wait_until_ready)
            stored = sum([await asyncio.to_thread(platform.count, tenant) for tenant in ("fault_a", "fault_b")])
            async with asyncio.timeout(180):
                while sum([await asyncio.to_thread(platform.count, tenant) for tenant in ("fault_a", "fault_b")]) <= stored:
                    await asyncio.sleep(0.1)
            assert writers.sent.acknowledged
            assert await asyncio.to_thread(idle.stop) == 0
            await asyncio.to_thread(platform.consumer.start)
    finally:
        if idle.running:
            idle.kill()


async def test_a_warehouse_that_is_away_for_longer_than_a_member_may_be_idle_costs_no_membership(
    kafka: MockKafka, tmp_path: Path
) -> None:
    platform = _platform(kafka, tmp_path, 3, MILLRACE_KAFKA_MAX_POLL_SECONDS="5", MILLRACE_CONSUMER_BACKOFF_SECONDS="1")
    async with _under_load(platform, tmp_path):
        await asyncio.sleep(1.0)
        await asyncio.to_thread(platform.clickhouse.kill)
        await asyncio.sleep(13.0)
        await asyncio.to_thread(platform.clickhouse.start)
    assert "UnknownMemberIdError" not in platform.consumer.log.read_text(), "it has left the group"


async def test_a_network_that_delays_stalls_and_cuts_the_warehouse_off_loses_and_doubles_nothing(
    kafka: MockKafka, tmp_path: Path
) -> None:
    platform = _platform(kafka, tmp_path, 3)
    seed = figures.seed()
    async with proxy(platform.clickhouse.port, seed) as network:
        behind = platform.clickhouse.writer_url.replace(f":{platform.clickhouse.port}/", f":{network.port}/")
        platform.consumer = platform.service("consumer", MILLRACE_WAREHOUSE_URL=behind)
        async with _under_load(platform, tmp_path):
            await asyncio.sleep(1.0)
            network.delay_seconds, network.stalls, network.cuts = 0.2, 0.02, 0.1
            await asyncio.sleep(20.0)
            network.calm()
            assert network.cut >= 5
            assert network.passed > 50
