"""What is wrong with a neighbour stops the start of each command in one line that names the setting and what to do; a service
that is up says what is wrong in ``/ready``, and recovers by itself."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from millrace_warehouse.migrations import all_migrations
from tests.support import plain
from tests.support.clickhouse import ClickHouse, new_clickhouse
from tests.support.commands import Done, millrace
from tests.support.kafka_mock import MockKafka, mock_kafka
from tests.support.postgres import Postgres, postgres
from tests.support.redis import RedisServer, redis_server
from tests.support.server import Server

pytestmark = pytest.mark.brokers

_INIT_PRODUCER_ID = 22


@pytest.fixture(scope="module")
def kafka() -> Iterator[MockKafka]:
    with mock_kafka() as cluster:
        cluster.topic("misuse", 1)
        cluster.topic("misuse.dlq", 1)
        yield cluster


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    server = new_clickhouse(tmp_path_factory.mktemp("misuse") / "clickhouse")
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server("redis-secret") as server:
        yield server


@pytest.fixture
def right(kafka: MockKafka, clickhouse: ClickHouse, tmp_path: Path) -> dict[str, str]:
    """What starts, as soon as it is migrated."""
    return {
        "MILLRACE_LOG_URL": f"kafka://{kafka.brokers}/misuse",
        "MILLRACE_DATA_DIR": str(tmp_path / "data"),
        "MILLRACE_PORT": "0",
        **clickhouse.environment,
    }


@pytest.fixture
def places(kafka: MockKafka, clickhouse: ClickHouse, database: Postgres, redis: RedisServer) -> dict[str, object]:
    """Where the neighbours are."""
    return {
        "kafka": kafka.brokers,
        "clickhouse": f"127.0.0.1:{clickhouse.port}",
        "postgres": database.port,
        "postgres_url": database.url,
        "redis": redis.port,
    }


def _refused(command: str, environment: Mapping[str, str], *arguments: str) -> str:
    """The one line with which it ends."""
    done: Done = millrace(command, *arguments, seconds=120, **environment)
    assert done.code == 2, done
    lines = [line for line in done.err.splitlines() if line.startswith("millrace: ")]
    assert len(lines) == 1, done.err
    assert done.err.splitlines()[-1] == lines[0]
    assert "Traceback" not in done.err
    assert "secret" not in done.err
    return lines[0].removeprefix("millrace: ")


def test_a_warehouse_without_the_schema_or_with_a_newer_one(
    right: dict[str, str], clickhouse: ClickHouse, tmp_path: Path
) -> None:
    missing = ", ".join(migration.name for migration in all_migrations())
    for command in ("consumer", "analytics"):
        assert _refused(command, right) == f"the warehouse's schema lacks {missing}: run `millrace migrate`"
    assert millrace("migrate", seconds=120, **right).code == 0
    _write(clickhouse, "INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, 'later', 'x')")
    try:
        for command in ("consumer", "analytics", "migrate"):
            told = _refused(command, right)
            assert told.startswith(
                "the warehouse's schema is at version 9999 (later), which this version of millrace does not know"
            )
            assert told.endswith("start the version that wrote it, or a newer one")
    finally:
        _write(clickhouse, "DELETE FROM schema_migrations WHERE version = 9999")


def _write(clickhouse: ClickHouse, sql: str) -> None:
    user, _, rest = clickhouse.writer_url.removeprefix("clickhouse://").partition("@")
    name, _, password = user.partition(":")
    host, _, database = rest.partition("/")
    answer = plain.post(f"http://{host}/", params={"database": database}, content=sql, auth=(name, password), timeout=30)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "case",
    [
        (
            "ingestion",
            "LOG_URL",
            "http://127.0.0.1:1/x",
            "LOG_URL has to be kafka://",
        ),
        (
            "up",
            "LOG_URL",
            "mysql://127.0.0.1:1/x",
            "LOG_URL=mysql://127.0.0.1:1/x: allowed are sqlite:///",
        ),
        (
            "consumer",
            "WAREHOUSE_URL",
            "postgresql://u:secret@127.0.0.1/x",
            "WAREHOUSE_URL=postgresql://127.0.0.1/x: allowed",
        ),
        (
            "consumer",
            "RECORDS_URL",
            "mysql://u:secret@127.0.0.1/x",
            "RECORDS_URL=mysql://127.0.0.1/x: allowed",
        ),
        (
            "ingestion",
            "CACHE_URL",
            "memcached://u:secret@127.0.0.1",
            "CACHE_URL=memcached://127.0.0.1: allowed",
        ),
        (
            "consumer",
            "LOG_URL",
            "kafka://{kafka}/absent",
            "LOG_URL: the topic absent is not there: run `millrace migrate`",
        ),
        (
            "consumer",
            "WAREHOUSE_URL",
            "clickhouse://millrace_writer:secret@{clickhouse}/analytics",
            "WAREHOUSE_URL=clickhouse://millrace_writer@{clickhouse}/analytics: the server refuses the user",
        ),
        (
            "analytics",
            "WAREHOUSE_READER_URL",
            "clickhouse://millrace_reader:secret@{clickhouse}/analytics",
            "WAREHOUSE_READER_URL=clickhouse://millrace_reader@{clickhouse}/analytics: the server refuses the user",
        ),
        (
            "migrate",
            "WAREHOUSE_URL",
            "clickhouse://millrace_writer:secret@127.0.0.1:1/analytics",
            "WAREHOUSE_URL=clickhouse://millrace_writer@127.0.0.1:1/analytics: no ClickHouse answers there",
        ),
        (
            "consumer",
            "RECORDS_URL",
            "postgresql://millrace:secret@127.0.0.1:{postgres}/postgres",
            "RECORDS_URL=postgresql://millrace@127.0.0.1:{postgres}/postgres: PostgreSQL refuses the user",
        ),
        (
            "migrate",
            "RECORDS_URL",
            "postgresql://millrace:secret@127.0.0.1:{postgres}/postgres",
            "RECORDS_URL=postgresql://millrace@127.0.0.1:{postgres}/postgres: PostgreSQL refuses the user",
        ),
        (
            "consumer",
            "RECORDS_URL",
            "{postgres_url}",
            "the records' schema lacks 0001",
        ),
        (
            "consumer",
            "CACHE_URL",
            "redis://:secret@127.0.0.1:{redis}/0",
            "CACHE_URL=redis://127.0.0.1:{redis}: Redis refuses the user or its password",
        ),
        (
            "up",
            "CACHE_URL",
            "redis://127.0.0.1:{redis}/0",
            "CACHE_URL=redis://127.0.0.1:{redis}: Redis refuses the user or its password",
        ),
    ],
)
def test_a_wrong_url_password_or_place(right: dict[str, str], places: dict[str, object], case: Sequence[str]) -> None:
    command, setting, value, told = case
    assert millrace("migrate", seconds=120, **right).code == 0
    line = _refused(command, {**right, f"MILLRACE_{setting}": value.format(**places)})
    assert line.removeprefix("MILLRACE_").startswith(told.format(**places))


def test_a_kafka_that_is_too_old(kafka: MockKafka, right: dict[str, str]) -> None:
    with mock_kafka() as old:
        old.topic("misuse", 1)
        old.speaks(_INIT_PRODUCER_ID, -1, -1)
        for command in ("ingestion", "migrate"):
            told = _refused(command, {**right, "MILLRACE_LOG_URL": f"kafka://{old.brokers}/misuse"})
            assert told.startswith(
                f"MILLRACE_LOG_URL: Kafka at {old.brokers} is too old (it lacks InitProducerId 0): 2.1 is the oldest"
            )


def _until_ready_says(server: Server, status: int, check: str, code: str) -> str:
    """The reason of a check, once ``/ready`` answers so."""
    deadline, said = time.monotonic() + 60, ""
    while time.monotonic() < deadline:
        answer = plain.get(f"{server.url}/ready", timeout=10)
        said = answer.text
        if (answer.status_code, answer.json()["checks"].get(check)) == (status, code):
            return str(answer.json()["reasons"].get(check, ""))
        time.sleep(0.1)
    raise AssertionError(f"{said}\n{server.tail()}")


def test_services_that_are_up_say_which_neighbour_is_away_and_recover(
    right: dict[str, str], kafka: MockKafka, clickhouse: ClickHouse, database: Postgres, tmp_path: Path
) -> None:
    shared = {name: value for name, value in right.items() if name not in ("MILLRACE_PORT", "MILLRACE_DATA_DIR")}
    environment = {**shared, "MILLRACE_RECORDS_URL": database.new_database("recovers"), "MILLRACE_KAFKA_STALLED_SECONDS": "1"}
    assert millrace("migrate", seconds=120, **{**right, **environment}).code == 0
    services = {
        name: Server(tmp_path / name, environment, ("millrace_standalone", name))
        for name in ("ingestion", "consumer", "analytics")
    }
    for service in services.values():
        service.start(wait=False)
    try:
        for service in services.values():
            service.wait_until_ready()
        kafka.down()
        assert "Kafka does not answer" in _until_ready_says(services["ingestion"], 503, "ingestion", "log_unavailable")
        kafka.up()
        clickhouse.kill()
        assert "cannot answer now" in _until_ready_says(services["analytics"], 503, "warehouse", "warehouse_unavailable")
        clickhouse.start()
        database.kill()
        assert _until_ready_says(services["consumer"], 503, "records", "records_unavailable")
        database.start()
        for name, check in (("ingestion", "ingestion"), ("analytics", "warehouse"), ("consumer", "records")):
            assert _until_ready_says(services[name], 200, check, "ok") == ""
    finally:
        codes = [service.stop() for service in services.values()]
    assert codes == [0, 0, 0]
