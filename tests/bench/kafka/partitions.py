"""The real consumer with a thousand partitions: on librdkafka's mock cluster, into the stand-in of a ClickHouse server.

Cluster, warehouse and consumer are processes of their own, so that memory and processor time are the consumer's alone:

    python -m tests.bench.kafka.partitions cluster PARTITIONS
    python -m tests.bench.kafka.partitions consumer BROKERS PARTITIONS ROWS WRITER_URL READER_URL
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from millrace_consumer.settings import ConsumerSettings
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import open_log
from millrace_service.metrics import Metrics
from millrace_warehouse.clickhouse.admin import ClickHouseAdmin
from millrace_warehouse.clickhouse.people import ClickHousePeople
from millrace_warehouse.clickhouse.turns import WriteTurns
from millrace_warehouse.clickhouse.writer import ClickHouseWriter
from millrace_warehouse.server.open import open_server
from millrace_warehouse.wiring import migrate_warehouse
from tests.bench.bodies import write_bodies
from tests.bench.consumer import records_of
from tests.bench.kafka.broker import SHARE
from tests.bench.processes import memory_mb
from tests.bench.table import Row
from tests.support.clickhouse import new_clickhouse
from tests.support.kafka import TOPIC, with_topics
from tests.support.kafka_mock import mock_kafka
from tests.support.pipeline import Life, life
from tests.support.warehouse import OpenWarehouse

_PARTITIONS = int(os.environ.get("MILLRACE_BENCH_PARTITIONS", "1000"))
_ROWS_EACH = 20
_IDLE_SECONDS = 15.0 * SHARE
_SECONDS = 180.0
_DRAIN_SECONDS = 90.0
"""What is not drained by then does not count."""


def measure(folder: Path) -> Iterator[Row]:
    """Joining, standing still, and draining what came to every partition."""
    rows = _PARTITIONS * _ROWS_EACH
    clickhouse = new_clickhouse(folder / "clickhouse")
    with ExitStack() as stack:
        clickhouse.start()
        stack.callback(clickhouse.stop)
        asyncio.run(migrate_warehouse(clickhouse.settings))
        cluster = _process(stack, "cluster", str(_PARTITIONS))
        brokers = _heard(cluster)["brokers"]
        urls = (clickhouse.writer_url, clickhouse.reader_url)
        consumer = _process(stack, "consumer", brokers, str(_PARTITIONS), str(rows), *urls)
        still = _heard(consumer)
        asyncio.run(_fill(folder, brokers, rows))
        _tell(consumer)
        drained = _heard(consumer)
    yield from _rows(still, drained, rows)


def _rows(still: dict[str, Any], drained: dict[str, Any], rows: int) -> Iterator[Row]:
    what = f"{_PARTITIONS:,} partitions, one consumer"
    yield Row(f"{what}: all of them granted", f"{still['granted']:.1f} s", "", None)
    memory = still["memory"] - still["memory_before"]
    yield Row(f"{what}: memory for them", f"{memory:.0f} MB, {memory * 1024 / _PARTITIONS:.0f} kB each", "", None)
    yield Row(
        f"{what}: processor time while nothing comes",
        f"{still['idle'] * 100:.1f} % of a core, {still['idle'] * 1e6 / _PARTITIONS:,.0f} µs a second each",
        "",
        None,
    )
    yield Row(f"{what}: lag of all of them computed in", f"{still['lag_ms']:.1f} ms", "", None)
    seconds, batches = drained["seconds"], drained["batches"]
    yield Row(
        f"{what}: {rows:,} events, {_ROWS_EACH} to each",
        f"{drained['rows']:,.0f} stored in {seconds:.0f} s, {batches / seconds:.1f} batches/s, "
        f"{drained['cpu'] / max(1, batches) * 1000:.1f} ms of processor a batch; all in the lag after {drained['told']:.1f} s",
        "",
        None,
    )


def _process(stack: ExitStack, *arguments: str) -> "subprocess.Popen[str]":
    """Started, and killed in the end: a consumer that is told to stop stores one more batch of each partition first."""
    command = [sys.executable, "-m", "tests.bench.kafka.partitions", *arguments]
    started = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    stack.callback(started.kill)
    return started


def _heard(process: "subprocess.Popen[str]") -> dict[str, Any]:
    for line in cast("IO[str]", process.stdout):
        if line.startswith("{"):
            said: dict[str, Any] = json.loads(line)
            return said
    raise AssertionError("the process has ended")


def _tell(process: "subprocess.Popen[str]") -> None:
    stdin = cast("IO[str]", process.stdin)
    stdin.write("go on\n")
    stdin.flush()


async def _fill(folder: Path, brokers: str, rows: int) -> None:
    """So many events to each partition. Two requests of a size: the mock cluster is not to be the bound."""
    records = await records_of(write_bodies(folder / "batch", 100), rows)
    routed = [msgspec.structs.replace(one, routing=f"v{number}") for number, one in enumerate(records)]
    async with open_log(LogSettings(log_url=f"kafka://{brokers}/{TOPIC}"), Path(), Metrics()) as log:
        await log.writer.append(routed)


def _cluster(partitions: int) -> None:
    with mock_kafka() as kafka:
        with_topics(kafka, partitions)
        _say({"brokers": kafka.brokers})
        sys.stdin.readline()


class _Counting(ClickHouseWriter):
    """The engine's writer, counting. (A look at one metric computes all of three thousand.)"""

    batches = 0
    rows = 0

    async def insert(self, rows: bytes | Sequence[bytes], token: str) -> None:
        """Insert and count."""
        await super().insert(rows, token)
        self.batches += 1
        self.rows += sum(piece.count(b"\n") for piece in ([rows] if isinstance(rows, bytes) else rows))


async def _consumer(brokers: str, partitions: int, rows: int, writer_url: str, reader_url: str) -> None:
    log = LogSettings(log_url=f"kafka://{brokers}/{TOPIC}")
    async with open_server(writer_url, reader_url, None) as engine:
        turns, connection = WriteTurns(), await engine.admin()
        writer = _Counting(engine, turns)
        warehouse = OpenWarehouse(
            engine, writer, ClickHouseAdmin(engine, turns, 0), ClickHousePeople(engine, turns), connection
        )
        await writer.warm_up()
        async with life(Path(), warehouse, settings=ConsumerSettings(), log_settings=log, waits=True) as alive:
            _say(await _standing(alive, partitions))
            await asyncio.to_thread(sys.stdin.readline)
            _say(await _draining(alive, writer, rows))
            await asyncio.to_thread(sys.stdin.readline)
        await writer.close()


async def _standing(alive: Life, partitions: int) -> dict[str, float]:
    before, began = memory_mb(os.getpid()), time.perf_counter()
    alive.begin.set()
    async with asyncio.timeout(_SECONDS):
        while _granted() < partitions:
            await asyncio.sleep(0.05)
    granted = time.perf_counter() - began
    await asyncio.sleep(2)
    cpu, since = time.process_time(), time.perf_counter()
    await asyncio.sleep(_IDLE_SECONDS)
    idle = (time.process_time() - cpu) / (time.perf_counter() - since)
    asked = time.perf_counter()
    await alive.consumer.lag()
    lag_ms = (time.perf_counter() - asked) * 1000
    return {"granted": granted, "memory_before": before, "memory": memory_mb(os.getpid()), "idle": idle, "lag_ms": lag_ms}


async def _draining(alive: Life, writer: _Counting, rows: int) -> dict[str, float]:
    told = 0.0
    cpu, began = time.process_time(), time.perf_counter()
    while writer.rows < rows and time.perf_counter() - began < _DRAIN_SECONDS:
        if not told and (await alive.consumer.lag()).records + writer.rows >= rows:
            told = time.perf_counter() - began
        await asyncio.sleep(0.5)
    return {
        "told": told,
        "seconds": time.perf_counter() - began,
        "rows": writer.rows,
        "batches": writer.batches,
        "cpu": time.process_time() - cpu,
    }


def _granted() -> int:
    return sum(task.get_name().startswith("partition-") for task in asyncio.all_tasks())


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "cluster":
        _cluster(int(sys.argv[2]))
    else:
        asyncio.run(_consumer(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:7]))
