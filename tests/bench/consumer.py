"""The consumer against the engine's own insert: the same bytes, in the same blocks, into the same table with its rollups.

The baseline is one JSONEachRow insert a block, with the same settings and a token, and nothing else: no log is read, no row is
looked at, no position or intent is kept.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec

from millrace_consumer.settings import ConsumerSettings
from millrace_core.time import now_ms
from millrace_eventlog.ports import LogWriter
from millrace_eventlog.records import LogRecord
from millrace_service.metrics import Metrics
from millrace_warehouse.chdb.engine import ChdbEngine
from millrace_warehouse.clickhouse import schema
from millrace_warehouse.clickhouse.admin import ClickHouseAdmin
from millrace_warehouse.clickhouse.engine import Engine
from millrace_warehouse.clickhouse.people import ClickHousePeople
from millrace_warehouse.clickhouse.turns import WriteTurns
from millrace_warehouse.clickhouse.writer import ClickHouseWriter
from tests.bench.bodies import write_bodies
from tests.bench.table import Row, ratio_row
from tests.support.ingestion import tracker
from tests.support.pipeline import Life, life
from tests.support.warehouse import OpenWarehouse, empty

_ROWS = 400_000
_ROUNDS = 3
_BEGIN_SECONDS = 60.0
_STORED_SECONDS = 120.0

LifeOf = Callable[[int, OpenWarehouse], AbstractAsyncContextManager[Life]]
"""The consumer of a round, with a log of its own; it waits to be told to begin."""


class RecordingWriter(ClickHouseWriter):
    """The engine's writer, remembering what it was given."""

    def __init__(self, engine: Engine, turns: WriteTurns) -> None:
        super().__init__(engine, turns)
        self.given: list[bytes | Sequence[bytes]] = []

    async def insert(self, rows: bytes | Sequence[bytes], token: str) -> None:
        """Insert and remember."""
        await super().insert(rows, token)
        self.given.append(rows)


def measure(folder: Path) -> Iterator[Row]:
    """Rows a second from the log to the engine, and the engine's own."""
    ours, engines = asyncio.run(_measure(folder))
    yield ratio_row(
        f"consumer against the engine's own insert, {_ROWS:,} rows, median of {_ROUNDS}",
        statistics.median(ours),
        statistics.median(engines),
        0.85,
        "rows/s",
    )


async def _measure(folder: Path) -> tuple[list[float], list[float]]:
    records = await records_of(write_bodies(folder / "batch", 100), _ROWS)
    engine = await ChdbEngine.open(folder / "warehouse", Metrics())
    connection = await engine.admin()
    await schema.migrate(connection)
    await connection.close()

    def of(number: int, warehouse: OpenWarehouse) -> AbstractAsyncContextManager[Life]:
        (folder / f"log-{number}").mkdir()
        return life(folder / f"log-{number}", warehouse, settings=ConsumerSettings(), waits=True)

    try:
        return await against_engine(engine, records, of, _ROUNDS)
    finally:
        await engine.close()


async def against_engine(
    engine: Engine, records: Sequence[LogRecord], of: LifeOf, rounds: int, at_once: int = 500
) -> tuple[list[float], list[float]]:
    """Rows a second of the consumer, and of the engine alone with the same rows in the same blocks, round by round.

    Args:
        at_once: records of one append, when the log is filled before the clock runs.
    """
    connection, turns = await engine.admin(), WriteTurns()
    writer = RecordingWriter(engine, turns)
    warehouse = OpenWarehouse(engine, writer, ClickHouseAdmin(engine, turns, 0), ClickHousePeople(engine, turns), connection)
    await writer.warm_up()
    ours, engines = [], []
    for number in range(rounds):
        writer.given.clear()
        async with of(number, warehouse) as alive:
            ours.append(len(records) / await _consume(alive, records, at_once))
        await empty(connection)
        began = time.perf_counter()
        for block, rows in enumerate(list(writer.given)):
            await ClickHouseWriter.insert(writer, rows, f"{number}-{block}")
        engines.append(len(records) / (time.perf_counter() - began))
        assert await warehouse.value("SELECT count() FROM events_raw") == len(records)
        await empty(connection)
    await writer.close()
    await connection.close()
    return ours, engines


async def records_of(bodies: Path, count: int) -> Sequence[LogRecord]:
    """Records as ingestion makes them."""
    batches: list[bytes] = msgspec.msgpack.decode(bodies.read_bytes(), type=list[bytes])
    client = tracker(now_ms)
    while len(client.log.records) < count:
        for body in batches:
            await client.post("/track/batch", body)
    return client.log.records[:count]


async def _consume(alive: Life, records: Sequence[LogRecord], at_once: int) -> float:
    """Seconds from the consumer's start to the last row stored, the log being full before. A partition that a group has to
    grant first is waited for."""
    await fill(alive.log.writer, records, at_once)
    alive.begin.set()
    async with asyncio.timeout(_BEGIN_SECONDS):
        while not await alive.is_ready():
            await asyncio.sleep(0.002)
    began = time.perf_counter()
    async with asyncio.timeout(_STORED_SECONDS):
        while alive.sample("millrace_sink_rows_total") < len(records):  # a look costs a millisecond
            await asyncio.sleep(0.05)
    return time.perf_counter() - began


async def fill(log: LogWriter, records: Sequence[LogRecord], at_once: int) -> None:
    """Append the records, in order."""
    for first in range(0, len(records), at_once):
        await log.append(records[first : first + at_once])
