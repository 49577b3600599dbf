"""A backlog in every partition while the warehouse is away: memory has a bound, and who waits for room does not stand still."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from millrace_consumer.settings import ConsumerSettings
from millrace_eventlog.records import LogRecord
from tests.faults.test_consumer_faults import LossyWriter, assert_stored_once
from tests.support.kafka import PARTITIONS, opened_kafka, routed, settings_of, with_topics
from tests.support.kafka_mock import MockKafka, mock_kafka
from tests.support.pipeline import life
from tests.support.warehouse import OpenWarehouse

pytestmark = [pytest.mark.faults, pytest.mark.brokers]

_MIB = 2**20
_RECORDS = 6_000
_STUCK_SECONDS = 2.0


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    with mock_kafka() as cluster:
        yield with_topics(cluster)


class _Watched(LossyWriter):
    """Notes whose batches are tried while it is down."""

    def __init__(self, warehouse: OpenWarehouse, up: asyncio.Event) -> None:
        super().__init__(warehouse, iter(lambda: "works" if up.is_set() else "down", ""))
        self._up = up
        self.tried: dict[str, int] = {}
        """Bytes by token."""

    async def insert(self, rows: bytes | Sequence[bytes], token: str) -> None:
        """As of LossyWriter."""
        if not self._up.is_set():
            self.tried[token] = len(rows) if isinstance(rows, bytes) else sum(map(len, rows))
        await super().insert(rows, token)


def _large() -> list[LogRecord]:
    """12 MiB, 3 or more in each partition."""
    page = b'"page_path":"/%b"' % (b"x" * 1_900)
    return [
        msgspec.structs.replace(one, line=one.line.replace(b'"page_path":"/"', page))
        for one in routed(_RECORDS, visitors=1_000)
    ]


@pytest.mark.parametrize("places", [1, PARTITIONS])
async def test_so_many_large_batches_are_in_memory_and_the_other_partitions_wait(
    kafka: MockKafka, warehouse: OpenWarehouse, tmp_path: Path, places: int
) -> None:
    log = settings_of(kafka)
    async with opened_kafka(log, joins=False) as filling:
        records = _large()
        for first in range(0, _RECORDS, 500):
            await filling.ports.writer.append(records[first : first + 500])

    settings = ConsumerSettings(
        consumer_batch_bytes=2 * _MIB,
        consumer_large_batches=places,
        consumer_flush_seconds=30.0,  # only a batch that is full leaves
        consumer_backoff_seconds=0.2,
        consumer_stuck_seconds=_STUCK_SECONDS,
    )
    up = asyncio.Event()
    writer = _Watched(warehouse, up)
    async with life(tmp_path, warehouse, writer=writer, log_settings=log, settings=settings) as alive:
        async with asyncio.timeout(30):
            while len(writer.tried) < places:
                await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError):  # a partition that waits for room does not stand still
            await asyncio.wait_for(alive.ended.wait(), 2 * _STUCK_SECONDS)
        assert len(writer.tried) == places
        assert all(2 * _MIB <= size < 2.1 * _MIB for size in writer.tried.values()), writer.tried
        up.set()
        async with asyncio.timeout(60):
            while alive.sample("millrace_sink_batch_rows_count") < PARTITIONS:
                await asyncio.sleep(0.01)
    async with life(tmp_path, warehouse, log_settings=log) as alive:
        await alive.until_stored()
    await assert_stored_once(warehouse, _RECORDS)
