"""Three consumers on six partitions against one: processes of their own, on a topic that is full before the clock runs.

The consumers have joined and are frozen (SIGSTOP) while the topic is filled, so nobody has a start. The warehouse alone, fed by
as many clients with rows like these, says what it takes; the processor time of each process says who is the bound.
"""

import asyncio
import os
import re
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from millrace_consumer.batches import Batch
from millrace_consumer.recent_ids import RecentIds
from millrace_core.time import now_ms
from millrace_eventlog.records import LogRecord, LogRun
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import open_log
from millrace_service.metrics import Metrics
from millrace_warehouse.clickhouse.turns import WriteTurns
from millrace_warehouse.clickhouse.writer import ClickHouseWriter
from millrace_warehouse.server.open import open_server
from tests.bench.bodies import write_bodies
from tests.bench.consumer import fill, records_of
from tests.bench.kafka.broker import AT_ONCE, PARTITIONS, SHARE, new_topic, running_broker
from tests.bench.processes import cpu_seconds
from tests.bench.table import Row
from tests.support.clickhouse import ClickHouse
from tests.support.commands import millrace
from tests.support.distributed import Distributed
from tests.support.kafka_broker import KafkaBroker
from tests.support.server import Server

_ROWS = round(300_000 * SHARE)
_BLOCK = 25_000
_MANY = 3
_STORED_SECONDS = 240.0
_STORED = re.compile(r"^millrace_sink_rows_total (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Drained:
    """How a full topic was drained."""

    rate: float
    """Rows a second."""
    cores: dict[str, float]
    """That the consumers, the warehouse and the broker kept busy."""

    def __str__(self) -> str:
        cores = ", ".join(f"{name} {used:.2f}" for name, used in self.cores.items())
        return f"{self.rate:,.0f} rows/s (cores: {cores})"

    @property
    def bound(self) -> str:
        """What keeps it from being faster."""
        most = max(self.cores, key=lambda name: self.cores[name])
        all_of_them = sum(self.cores.values())
        if all_of_them > 0.85 * (os.cpu_count() or 1):
            share = self.cores[most] / all_of_them
            return f"the processors of this machine, {share:.0%} of what is used by the {most}"
        return f"the {most}"


def measure(folder: Path) -> Iterator[Row]:
    """One, then three, then the warehouse without any."""
    records = asyncio.run(records_of(write_bodies(folder / "batch", 100), _ROWS))
    with running_broker(folder) as broker:
        one, many = (_drained(folder / f"of-{count}", broker, records, count) for count in (1, _MANY))
    alone = _warehouse_alone(folder / "alone", records)
    scales = many.rate / one.rate
    yield Row(f"one consumer on {PARTITIONS} partitions, {_ROWS:,} rows", f"{one}; the bound: {one.bound}", "", None)
    yield Row(
        f"{_MANY} consumers on {PARTITIONS} partitions",
        f"{many}: {scales:.2f}x of one; the warehouse alone takes {alone:,.0f} rows/s from {_MANY} clients; "
        f"the bound: {many.bound}",
        "scales until the warehouse is the bound",
        scales >= 0.8 * _MANY or many.rate >= 0.75 * alone,
    )
    micros = one.cores["consumers"] / one.rate * 1e6
    yield Row("a consumer's processor time a row", f"{micros:.1f} µs", "", None)
    yield Row("the warehouse's, merges with it", f"{one.cores['warehouse'] / one.rate * 1e6:.1f} µs", "", None)
    yield Row("the broker's, for the reading", f"{one.cores['broker'] / one.rate * 1e6:.1f} µs", "", None)


def _drained(folder: Path, broker: KafkaBroker, records: Sequence[LogRecord], count: int) -> _Drained:
    folder.mkdir()
    url = new_topic(broker, f"of-{count}")
    settings = {
        "MILLRACE_KAFKA_GROUP": f"of-{count}",
        "MILLRACE_KAFKA_SESSION_SECONDS": "30",  # longer than anybody is frozen
        "MILLRACE_CONSUMER_FLUSH_SECONDS": "0.25",
        "MILLRACE_LOG_LEVEL": "warning",
    }
    platform = Distributed(folder, url, settings)
    with ExitStack() as stack:
        platform.clickhouse.start()
        stack.callback(platform.clickhouse.stop)
        assert millrace("migrate", seconds=120, **platform.environment).code == 0
        consumers = [platform.service("consumer", f"consumer-{number}") for number in range(count)]
        for each in consumers:
            each.start(wait=False)
            stack.callback(each.kill)
        for each in consumers:
            each.wait_until_ready()
        pids = [each.pid for each in consumers]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        asyncio.run(_fill(url, records))
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        return _watched(consumers, platform.clickhouse, broker)


def _watched(consumers: Sequence[Server], clickhouse: ClickHouse, broker: KafkaBroker) -> _Drained:
    watched: dict[str, Sequence[int | None]] = {
        "consumers": [each.pid for each in consumers],
        "warehouse": [clickhouse.pid],
        "broker": [broker.pid],
    }

    def used() -> dict[str, float]:
        return {name: sum(cpu_seconds(pid) for pid in pids if pid is not None) for name, pids in watched.items()}

    began, before = time.perf_counter(), used()
    deadline = began + _STORED_SECONDS
    while (stored := sum(map(_stored, consumers))) < _ROWS:
        assert time.perf_counter() < deadline, f"{stored} of {_ROWS} rows are stored\n{consumers[0].tail()}"
        time.sleep(0.05)
    took, after = time.perf_counter() - began, used()
    return _Drained(_ROWS / took, {name: (after[name] - before[name]) / took for name in watched})


def _stored(consumer: Server) -> float:
    found = _STORED.search(httpx.get(f"{consumer.url}/metrics", timeout=30).text)
    return float(found[1]) if found else 0.0


async def _fill(url: str, records: Sequence[LogRecord]) -> None:
    async with open_log(LogSettings(log_url=url), Path(), Metrics()) as log:
        await fill(log.writer, records, AT_ONCE)


def _warehouse_alone(folder: Path, records: Sequence[LogRecord]) -> float:
    folder.mkdir()
    platform = Distributed(folder, "kafka://127.0.0.1:1/none")
    platform.clickhouse.start()
    try:
        url = {name: value for name, value in platform.environment.items() if "LOG" not in name}
        assert millrace("migrate", seconds=120, **url).code == 0
        return asyncio.run(_inserted(platform.clickhouse, records))
    finally:
        platform.clickhouse.stop()


async def _inserted(clickhouse: ClickHouse, records: Sequence[LogRecord]) -> float:
    """Rows a second that the warehouse takes from so many clients at once, in blocks as large as a consumer's."""
    recent = RecentIds(now_ms, 2**20)
    blocks = []
    for start in range(0, len(records), _BLOCK):
        block = Batch("alone", 0, start)
        block.add(LogRun(start, now_ms(), records[start : start + _BLOCK]), recent)
        blocks.append(block)
    async with open_server(clickhouse.writer_url, clickhouse.reader_url, None) as engine:
        writers = [ClickHouseWriter(engine, WriteTurns()) for _ in range(_MANY)]
        await asyncio.gather(*(writer.warm_up() for writer in writers))

        async def insert(writer: ClickHouseWriter, first: int) -> None:
            for block in blocks[first::_MANY]:
                await writer.insert(block.payload(), block.token)

        began = time.perf_counter()
        await asyncio.gather(*(insert(writer, first) for first, writer in enumerate(writers)))
        return len(records) / (time.perf_counter() - began)
