"""The real Kafka of these benchmarks, and topics on it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import migrate_log
from tests.support.kafka_broker import KafkaBroker, new_broker

PARTITIONS = 6


@contextmanager
def running_broker(folder: Path) -> Iterator[KafkaBroker]:
    """One broker. It syncs every record batch that it acknowledges."""
    broker = new_broker(folder / "broker")
    try:
        yield broker
    finally:
        broker.stop()


def new_topic(broker: KafkaBroker, name: str) -> str:
    """A topic as ``millrace migrate`` makes it; the URL of the log on it."""
    url = f"kafka://{broker.address}/{name}"
    asyncio.run(migrate_log(LogSettings(log_url=url, kafka_partitions=PARTITIONS)))
    return url
