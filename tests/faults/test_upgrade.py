"""An upgrade: the version before this one has written what this one opens, and both share a consumer group for a while."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from millrace_core.time import now_ms
from tests.support import figures, plain
from tests.support.checker import assert_exact, stored_in
from tests.support.commands import millrace
from tests.support.distributed import Distributed
from tests.support.kafka_mock import MockKafka, mock_kafka
from tests.support.previous import Previous, previous
from tests.support.server import Server
from tests.support.writers import CurrentUrl, Writers

pytestmark = pytest.mark.faults

_PENDING = ("consumer.after-intent", "consumer.after-insert")
"""Steps at which a batch is written down and not committed."""


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Previous:
    return previous(tmp_path_factory.mktemp("previous"))


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    with mock_kafka() as cluster:
        cluster.topic("upgrade", 3)
        cluster.topic("upgrade.dlq", 1)
        yield cluster


@asynccontextmanager
async def _writing(writers: Writers) -> AsyncIterator[None]:
    """Meanwhile; at the end everything has been acknowledged."""
    enough = asyncio.Event()
    task = asyncio.create_task(writers.write(writers=3, batch_events=60, enough=enough))
    try:
        yield
        enough.set()
        await asyncio.wait_for(task, 300)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _until_acknowledged(writers: Writers, more: int) -> None:
    wanted = len(writers.sent.acknowledged) + more
    async with asyncio.timeout(300):
        while len(writers.sent.acknowledged) < wanted:
            await asyncio.sleep(0.05)


def _replayed(server: Server) -> float:
    """Batches that another process had written down."""
    text = plain.get(f"{server.url}/metrics", timeout=30).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sum(one.value for one in samples if one.name == "millrace_consumer_intents_replayed_total")


async def _upgrade(before: Previous, folder: Path, step: str, environment: dict[str, str]) -> None:
    """One process on one folder: the previous version writes events and records, dies with a batch pending, and this one goes
    on. There is no way back: records that this version has migrated are refused by the previous one."""
    figures.note(f"from {before.name[:12]}")
    settings = {"MILLRACE_CONSUMER_FLUSH_SECONDS": "0.05", "MILLRACE_LOG_LEVEL": "warning", **environment}
    old, new = Server(folder / "data", {**settings, **before.environment}), Server(folder / "data", settings)
    url = CurrentUrl(old.url)
    writers = Writers(url, folder / "acked", figures.seed(), now_ms())
    try:
        async with _writing(writers):
            await asyncio.to_thread(old.start)
            kept = await asyncio.to_thread(
                millrace, "tenant", "set", "fault_a", "--time-zone", "Europe/Berlin", "--data-dir", old.data_dir
            )
            assert kept.code == 0, kept.err
            await _until_acknowledged(writers, 300)
            assert await asyncio.to_thread(old.stop) == 0
            await asyncio.to_thread(old.start, (step, 0), wait=False)
            assert await asyncio.to_thread(old.wait, 300.0) == -9, old.tail()
            figures.injected(f"previous version ended at {step}")
            url.value = new.url
            await asyncio.to_thread(new.start)
            shown = await asyncio.to_thread(millrace, "tenant", "show", "fault_a", "--data-dir", new.data_dir)
            assert "Europe/Berlin" in shown.out, shown
            await _until_acknowledged(writers, 300)
        await asyncio.to_thread(new.wait_until_stored)
        assert await asyncio.to_thread(_replayed, new) == 1
        assert await asyncio.to_thread(new.stop) == 0
    finally:
        for server in (old, new):
            if server.running:
                server.kill()
    assert_exact(writers.sent, await asyncio.to_thread(stored_in, new.data_dir))


@pytest.mark.minutes
@pytest.mark.parametrize("step", _PENDING)
async def test_a_folder_of_the_previous_version_with_a_batch_pending_is_opened_and_completed(
    before: Previous, tmp_path: Path, step: str
) -> None:
    await _upgrade(before, tmp_path, step, {})


@pytest.mark.brokers
async def test_a_batch_that_the_previous_version_left_pending_on_kafka_is_completed(
    kafka: MockKafka, before: Previous, tmp_path: Path
) -> None:
    on_kafka = {"MILLRACE_LOG_URL": f"kafka://{kafka.brokers}/upgrade", "MILLRACE_KAFKA_SESSION_SECONDS": "2"}
    await _upgrade(before, tmp_path, _PENDING[0], on_kafka)


@pytest.mark.brokers
@pytest.mark.long
async def test_consumers_of_both_versions_side_by_side_store_everything_once(
    kafka: MockKafka, before: Previous, tmp_path: Path
) -> None:
    figures.note(f"from {before.name[:12]}")
    seed = figures.seed()
    chance = random.Random(seed)
    platform = Distributed(tmp_path, f"kafka://{kafka.brokers}/upgrade", {"MILLRACE_KAFKA_SESSION_SECONDS": "2"})
    old = platform.service("consumer", "previous", **before.environment)
    writers = Writers(CurrentUrl(platform.ingestion.url), tmp_path / "acked", seed, now_ms())
    try:
        await asyncio.to_thread(platform.clickhouse.start)
        made = await asyncio.to_thread(millrace, "migrate", seconds=120, **{**platform.environment, **before.environment})
        assert made.code == 0, made.err
        await asyncio.to_thread(old.start)
        await asyncio.to_thread(platform.serve)
        async with _writing(writers):
            figures.injected("consumer of the previous version beside ours")
            for _ in range(2):
                await asyncio.sleep(chance.uniform(1.0, 4.0))
                await asyncio.to_thread(platform.consumer.kill)
                await _until_acknowledged(writers, 100)
                await asyncio.to_thread(platform.consumer.start, wait=False)
            await _until_acknowledged(writers, 300)
            await asyncio.to_thread(old.kill)
            await _until_acknowledged(writers, 300)
            await asyncio.to_thread(platform.consumer.wait_until_ready)
        await platform.until_stored(["fault_a", "fault_b"], len(writers.sent.events))
        assert list(await asyncio.to_thread(platform.stop)) == [0, 0, 0]
    finally:
        with contextlib.suppress(AssertionError):
            if old.running:
                old.kill()
        platform.kill()
    assert_exact(writers.sent, await asyncio.to_thread(platform.stored))
