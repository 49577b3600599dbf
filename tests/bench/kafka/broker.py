"""The real Kafka of these benchmarks, and topics on it."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import migrate_log
from tests.support.kafka_broker import KafkaBroker, new_broker

PARTITIONS = 6
AT_ONCE = 4_000
"""Records of one append where a topic is filled: about a full record batch a partition."""
SHARE = float(os.environ.get("MILLRACE_BENCH_SHARE", "1"))
"""Of the rows and seconds that a figure is made of: less than 1 is for a try."""


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
