"""The consumer from Kafka to the warehouse, against the engine's own insert of the same bytes, in the same blocks, through the
same interface, one insert at a time as a consumer does.

Over HTTP, the consumer has this process and the engine (the stand-in of ``tests/support/clickhouse_server.py``) another: what
is measured is the shape of the distributed size. With the engine in this process both share an interpreter.
"""

import asyncio
import statistics
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from millrace_consumer.settings import ConsumerSettings
from millrace_eventlog.records import LogRecord
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import migrate_log
from millrace_service.metrics import Metrics
from millrace_warehouse.chdb.engine import ChdbEngine
from millrace_warehouse.clickhouse import schema
from millrace_warehouse.clickhouse.engine import Engine
from millrace_warehouse.server.open import open_server
from millrace_warehouse.wiring import migrate_warehouse
from tests.bench.bodies import write_bodies
from tests.bench.consumer import against_engine, records_of
from tests.bench.kafka.broker import AT_ONCE, PARTITIONS, SHARE, running_broker
from tests.bench.table import Row, ratio_row
from tests.support.clickhouse import new_clickhouse
from tests.support.kafka_broker import KafkaBroker
from tests.support.pipeline import Life, life
from tests.support.warehouse import OpenWarehouse

_ROWS = round(300_000 * SHARE)
_ROUNDS = 3


def measure(folder: Path) -> Iterator[Row]:
    """Rows a second, over HTTP and with the engine in the process."""
    with running_broker(folder) as broker:
        yield _row("Kafka to the warehouse over HTTP", asyncio.run(_over_http(folder, broker)), 0.75)
        yield _row("Kafka to the engine in the same process", asyncio.run(_in_process(folder, broker)), None)


def _row(what: str, rates: tuple[list[float], list[float]], bar: float | None) -> Row:
    ours, engines = (statistics.median(one) for one in rates)
    what = f"consumer, {what}, against the engine's own insert, {_ROWS:,} rows, {PARTITIONS} partitions, median of {_ROUNDS}"
    return ratio_row(what, ours, engines, bar, "rows/s")


async def _over_http(folder: Path, broker: KafkaBroker) -> tuple[list[float], list[float]]:
    server = new_clickhouse(folder / "clickhouse")
    server.start()
    try:
        await migrate_warehouse(server.settings)
        async with open_server(server.writer_url, server.reader_url, None) as engine:
            return await _rounds(engine, broker, await _records(folder), "http")
    finally:
        server.stop()


async def _in_process(folder: Path, broker: KafkaBroker) -> tuple[list[float], list[float]]:
    engine = await ChdbEngine.open(folder / "warehouse", Metrics())
    try:
        connection = await engine.admin()
        await schema.migrate(connection)
        await connection.close()
        return await _rounds(engine, broker, await _records(folder), "process")
    finally:
        await engine.close()


async def _rounds(
    engine: Engine, broker: KafkaBroker, records: Sequence[LogRecord], name: str
) -> tuple[list[float], list[float]]:
    topics = [
        LogSettings(log_url=f"kafka://{broker.address}/{name}-{number}", kafka_partitions=PARTITIONS)
        for number in range(_ROUNDS)
    ]
    for settings in topics:
        await migrate_log(settings)

    def of(number: int, warehouse: OpenWarehouse) -> AbstractAsyncContextManager[Life]:
        return life(Path(), warehouse, settings=ConsumerSettings(), waits=True, log_settings=topics[number])

    return await against_engine(engine, records, of, _ROUNDS, AT_ONCE)


async def _records(folder: Path) -> Sequence[LogRecord]:
    return await records_of(write_bodies(folder / "batch", 100), _ROWS)
