"""Kafka goes away and ``MILLRACE_SPILL`` is on: clients go on getting 200, and everything is stored once when it is back."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from millrace_core.time import now_ms
from tests.support import figures, plain
from tests.support.checker import assert_exact
from tests.support.commands import millrace
from tests.support.distributed import Distributed
from tests.support.kafka_mock import MockKafka, mock_kafka
from tests.support.server import Server
from tests.support.writers import CurrentUrl, Writers

pytestmark = [pytest.mark.faults, pytest.mark.brokers]

EVENT = {"customer_id": "shop", "visitor_id": "v", "event_type": "click"}
SPILLS = {"MILLRACE_SPILL": "on", "MILLRACE_KAFKA_STALLED_SECONDS": "1"}


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    with mock_kafka() as cluster:
        cluster.topic("spilled", 3)
        cluster.topic("spilled.dlq", 1)
        yield cluster


def _platform(kafka: MockKafka, folder: Path, **settings: str) -> Distributed:
    return Distributed(folder, f"kafka://{kafka.brokers}/spilled", {**SPILLS, **settings})


def _sample(server: Server, name: str) -> float:
    text = plain.get(f"{server.url}/metrics", timeout=10).text
    return sum(
        sample.value for family in text_string_to_metric_families(text) for sample in family.samples if sample.name == name
    )


async def _until(server: Server, outcome: str) -> None:
    """``/ready`` stays 200 and says so of the spill."""
    async with asyncio.timeout(60):
        while True:
            answer = await asyncio.to_thread(httpx.get, f"{server.url}/ready", timeout=10)
            if (answer.status_code, answer.json()["checks"]["spill"]) == (200, outcome):
                return
            await asyncio.sleep(0.05)


async def _until_handed_on(server: Server) -> None:
    await _until(server, "ok")
    async with asyncio.timeout(60):
        while await asyncio.to_thread(_sample, server, "millrace_spill_events"):
            await asyncio.sleep(0.05)


async def test_outages_of_kafka_are_no_outages_for_clients(kafka: MockKafka, tmp_path: Path) -> None:
    platform = _platform(kafka, tmp_path)
    seed = figures.seed()
    writers = Writers(CurrentUrl(platform.ingestion.url), tmp_path / "acked", seed, now_ms())
    enough = asyncio.Event()
    try:
        await asyncio.to_thread(platform.start)
        writing = asyncio.create_task(writers.write(writers=3, batch_events=60, enough=enough))
        for _ in range(2):
            await asyncio.sleep(1.0)
            kafka.down()
            await _until(platform.ingestion, "degraded")
            acknowledged = len(writers.sent.acknowledged)
            await asyncio.sleep(2.0)
            assert len(writers.sent.acknowledged) > acknowledged
            kafka.up()
            await _until_handed_on(platform.ingestion)
        enough.set()
        await asyncio.wait_for(writing, 60)
        assert writers.sent.retries == 0
        spilled = _sample(platform.ingestion, "millrace_spilled_events_total")
        assert _sample(platform.ingestion, "millrace_spill_drained_events_total") == spilled > 0
        await platform.until_stored(["fault_a", "fault_b"], len(writers.sent.events))
        assert list(await asyncio.to_thread(platform.stop)) == [0, 0, 0]
    finally:
        platform.kill()
    assert_exact(writers.sent, await asyncio.to_thread(platform.stored))


async def test_a_process_that_is_killed_while_it_spills_and_while_it_hands_on_loses_nothing(
    kafka: MockKafka, tmp_path: Path
) -> None:
    platform = _platform(kafka, tmp_path)
    seed = figures.seed()
    writers = Writers(CurrentUrl(platform.ingestion.url), tmp_path / "acked", seed, now_ms())
    enough = asyncio.Event()
    try:
        await asyncio.to_thread(platform.start)
        writing = asyncio.create_task(writers.write(writers=4, batch_events=60, enough=enough))
        kafka.down()
        await _until(platform.ingestion, "degraded")
        for _ in range(2):  # it also starts while Kafka is away
            await asyncio.sleep(1.0)
            await asyncio.to_thread(platform.ingestion.kill)
            await asyncio.to_thread(platform.ingestion.start)
        await asyncio.sleep(2.0)
        assert await asyncio.to_thread(_sample, platform.ingestion, "millrace_spill_events") > 0
        kafka.up()
        for pause in (0.3, 0.6):
            await asyncio.sleep(pause)
            await asyncio.to_thread(platform.ingestion.kill)
            await asyncio.to_thread(platform.ingestion.start)
        enough.set()
        await asyncio.wait_for(writing, 60)
        await _until_handed_on(platform.ingestion)
        await platform.until_stored(["fault_a", "fault_b"], len(writers.sent.events))
        assert list(await asyncio.to_thread(platform.stop)) == [0, 0, 0]
    finally:
        platform.kill()
    assert_exact(writers.sent, await asyncio.to_thread(platform.stored))


async def test_a_full_spill_and_none_answer_503_and_say_when_to_come_back(kafka: MockKafka, tmp_path: Path) -> None:
    platform = _platform(kafka, tmp_path, MILLRACE_SPILL_BYTES="1MiB")
    without = platform.service("ingestion", "without", MILLRACE_SPILL="off")
    large = {**EVENT, "properties": {f"text {number}": "x" * 5_000 for number in range(20)}}
    try:
        for server in (platform.ingestion, without):
            await asyncio.to_thread(server.start)
        kafka.down()
        async with httpx.AsyncClient(timeout=20) as client, asyncio.timeout(60):
            answers = [await client.post(f"{platform.ingestion.url}/track", json=large)]
            while answers[-1].status_code == 200:
                answers.append(await client.post(f"{platform.ingestion.url}/track", json=large))
            assert {answer.json()["durable"] for answer in answers[:-1]} == {"local"}
            assert len(answers) > 8
            while (refused := await client.post(f"{without.url}/track", json=EVENT)).status_code == 200:
                await asyncio.sleep(0.1)
        for answer in (answers[-1], refused):
            assert (answer.status_code, answer.json()["code"]) == (503, "log_unavailable")
            assert 2 <= int(answer.headers["retry-after"]) <= 10
    finally:
        for server in (platform.ingestion, without):
            if server.running:
                server.kill()


def test_a_spill_beside_an_embedded_log_is_refused(tmp_path: Path) -> None:
    refused = millrace("up", "--port", "0", "--data-dir", tmp_path, MILLRACE_SPILL="on")
    assert (refused.code, refused.err) == (2, "millrace: MILLRACE_SPILL=on: only a log on Kafka can be away\n")
