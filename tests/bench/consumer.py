"""The consumer against the engine's own insert: the same bytes, in the same blocks, into the same table with its rollups.

The baseline is one JSONEachRow insert a block, with the same settings and a token, and nothing else: no log is read, no row is
looked at, no position or intent is kept.
"""

import asyncio
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from millrace_consumer.settings import ConsumerSettings
from millrace_core.time import now_ms
from millrace_eventlog.records import LogRecord
from millrace_service.metrics import Metrics
from millrace_warehouse.chdb.engine import ChdbEngine
from millrace_warehouse.clickhouse import schema
from millrace_warehouse.clickhouse.admin import ClickHouseAdmin
from millrace_warehouse.clickhouse.turns import WriteTurns
from millrace_warehouse.clickhouse.writer import ClickHouseWriter
from tests.bench.bodies import write_bodies
from tests.bench.table import Row, ratio_row
from tests.support.ingestion import tracker
from tests.support.pipeline import life
from tests.support.warehouse import OpenWarehouse, empty

_ROWS = 400_000
_ROUNDS = 3


class RecordingWriter(ClickHouseWriter):
    """The engine's writer, remembering what it was given."""

    def __init__(self, engine: ChdbEngine, turns: WriteTurns) -> None:
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
    records = await _records(write_bodies(folder / "batch", 100))
    engine = await ChdbEngine.open(folder / "warehouse", Metrics())
    connection, turns = await engine.admin(), WriteTurns()
    await schema.migrate(connection)
    writer = RecordingWriter(engine, turns)
    warehouse = OpenWarehouse(engine, writer, ClickHouseAdmin(engine, turns, 0), connection)
    await writer.warm_up()
    ours, engines = [], []
    for number in range(_ROUNDS):
        writer.given.clear()
        ours.append(_ROWS / await _consume(folder / f"log-{number}", warehouse, records))
        await empty(connection)
        began = time.perf_counter()
        for block, rows in enumerate(list(writer.given)):
            await ClickHouseWriter.insert(writer, rows, f"{number}-{block}")
        engines.append(_ROWS / (time.perf_counter() - began))
        assert await warehouse.value("SELECT count() FROM events_raw") == _ROWS
        await empty(connection)
    await writer.close()
    await connection.close()
    await engine.close()
    return ours, engines


async def _records(bodies: Path) -> Sequence[LogRecord]:
    """Records as ingestion makes them."""
    batches: list[bytes] = msgspec.msgpack.decode(bodies.read_bytes(), type=list[bytes])
    client = tracker(now_ms)
    while len(client.log.records) < _ROWS:
        for body in batches:
            await client.post("/track/batch", body)
    return client.log.records[:_ROWS]


async def _consume(folder: Path, warehouse: OpenWarehouse, records: Sequence[LogRecord]) -> float:
    """Seconds from the consumer's start to the last row stored, the log being full before."""
    folder.mkdir()
    async with life(folder, warehouse, settings=ConsumerSettings(), waits=True) as alive:
        for first in range(0, len(records), 500):
            await alive.log.writer.append(records[first : first + 500])
        began = time.perf_counter()
        alive.begin.set()
        await alive.until_stored()
        return time.perf_counter() - began
