"""A neighbour of its own for each test that names it: what a test does to it is no other test's trouble."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kafka_broker import KafkaBroker, new_broker
from tests.support.kafka_mock import MockKafka, mock_kafka
from tests.support.postgres import Postgres, postgres
from tests.support.redis import RedisServer, redis_server


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[KafkaBroker]:
    """A real Kafka."""
    running = new_broker(tmp_path / "broker")
    yield running
    running.stop()


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    """A cluster that librdkafka plays."""
    with mock_kafka() as cluster:
        yield cluster


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A real Redis."""
    with redis_server() as running:
        yield running


@pytest.fixture
def postgresql() -> Iterator[Postgres]:
    """A real PostgreSQL."""
    with postgres() as running:
        yield running
