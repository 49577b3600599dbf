"""Alerts whose fault is a neighbour's, as in ``test_alerts_fire``: three services, and the warehouse or Kafka away."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import plain
from tests.support.distributed import Distributed
from tests.support.kafka_mock import MockKafka, mock_kafka
from tests.support.prometheus import TENANT, Prometheus, ask_for, send_clicks, watched

pytestmark = [pytest.mark.faults, pytest.mark.minutes]

_SQL = f"SELECT count() FROM events_raw WHERE customer_id = '{TENANT}'"


@contextlib.contextmanager
def _distributed(tmp_path: Path, **environment: str) -> Iterator[tuple[Distributed, MockKafka, Prometheus]]:
    with mock_kafka() as kafka:
        kafka.topic("events", 1)
        kafka.topic("events.dlq", 1)
        platform = Distributed(tmp_path, f"kafka://{kafka.brokers}/events", environment)
        try:
            platform.start()
            with watched(tmp_path, *platform.services) as prometheus:
                yield platform, kafka, prometheus
        finally:
            platform.kill()


def test_a_warehouse_that_is_away_and_comes_back(tmp_path: Path) -> None:
    with _distributed(tmp_path) as (platform, _, prometheus):
        send_clicks(platform.ingestion)
        platform.clickhouse.stop()

        def go_on() -> None:
            send_clicks(platform.ingestion)
            ask_for(platform.analytics, "/query", sql=f"{_SQL} AND visitor_id != '{time.monotonic()}'")  # not kept
            plain.get(f"{platform.analytics.url}/dashboard/realtime/{TENANT}", timeout=60)

        away = ("InsertsFail", "ConsumerStalled", "ConsumerLag", "WarehouseAway", "QueryErrors")
        prometheus.fires(*away, meanwhile=go_on)
        platform.clickhouse.start()
        prometheus.fires("FreshnessHigh")


def test_kafka_that_is_away(tmp_path: Path) -> None:
    given = {"MILLRACE_SPILL": "on", "MILLRACE_SPILL_BYTES": str(2**20), "MILLRACE_KAFKA_STALLED_SECONDS": "1"}
    with _distributed(tmp_path, **given) as (platform, kafka, prometheus):
        kafka.down()
        prometheus.fires("SpillGrows", "LogNearLimit", meanwhile=lambda: send_clicks(platform.ingestion, 20, 1_000))


def test_events_that_retention_takes_first(tmp_path: Path) -> None:
    with _distributed(tmp_path) as (platform, kafka, prometheus):
        send_clicks(platform.ingestion)
        consumed = "sum(millrace_sink_rows_total) >= 1"
        prometheus.wait_until(lambda: bool(prometheus.ask(consumed)), "the consumer has a position")
        platform.consumer.stop()
        for _ in range(10):
            send_clicks(platform.ingestion)
        kafka.delete_records("events", 0, 8)
        platform.consumer.start()
        prometheus.fires("EventsLostByRetention")
