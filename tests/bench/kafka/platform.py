"""The three services on the real Kafka and the stand-in of a ClickHouse server, with the settings that they have by default."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.distributed import Distributed
from tests.support.kafka_broker import KafkaBroker


@contextmanager
def running_platform(folder: Path, broker: KafkaBroker) -> Iterator[Distributed]:
    """Started, ready, and killed in the end."""
    settings = {
        "MILLRACE_CONSUMER_FLUSH_SECONDS": "0.25",
        "MILLRACE_KAFKA_SESSION_SECONDS": "10",
        "MILLRACE_LOG_LEVEL": "warning",
    }
    platform = Distributed(folder, f"kafka://{broker.address}/events", settings)
    try:
        platform.start()
        yield platform
    finally:
        platform.kill()
