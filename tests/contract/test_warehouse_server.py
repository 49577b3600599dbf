"""What a warehouse on a server adds: two users, a schema that somebody else brings up to date, and a network between."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace_core.errors import InvalidInput, StartRefused, WarehouseUnavailable
from millrace_service.metrics import Metrics
from millrace_warehouse.migrations import all_migrations
from millrace_warehouse.migrations.layout import Layout
from millrace_warehouse.query_settings import QuerySettings
from millrace_warehouse.settings import WarehouseSettings
from millrace_warehouse.wiring import migrate_warehouse, open_storing, open_warehouse
from tests.support.clickhouse import ClickHouse
from tests.support.server import free_port
from tests.support.warehouse import OpenWarehouse, event_lines

_NOWHERE = Path("no-folder-is-used")


@pytest.fixture
def own_clickhouse(tmp_path: Path) -> Iterator[ClickHouse]:
    """A server that a test may stop, with nothing in it."""
    server = ClickHouse(tmp_path / "server")
    server.start()
    yield server
    server.stop()


def _with(server: ClickHouse, **given: str) -> WarehouseSettings:
    urls = {"warehouse_url": server.writer_url, "warehouse_reader_url": server.reader_url}
    return WarehouseSettings.model_validate({**urls, **given})


async def _refusal(settings: WarehouseSettings) -> str:
    with pytest.raises(StartRefused) as refused:
        async with open_warehouse(settings, QuerySettings(), _NOWHERE, Metrics()):
            pass
    return refused.value.message


async def test_a_wrong_password_is_told_with_the_setting_and_without_the_password(clickhouse: ClickHouse) -> None:
    wrong = clickhouse.writer_url.replace("writer-secret", "guessed")
    assert "MILLRACE_WAREHOUSE_URL" in (told := await _refusal(_with(clickhouse, warehouse_url=wrong)))
    assert "refuses the user millrace_writer or its password" in told
    assert "guessed" not in told
    reader = clickhouse.reader_url.replace("reader-secret", "guessed")
    assert "MILLRACE_WAREHOUSE_READER_URL" in (told := await _refusal(_with(clickhouse, warehouse_reader_url=reader)))
    assert "guessed" not in told


async def test_a_server_that_is_not_there_is_told(clickhouse: ClickHouse) -> None:
    url = f"clickhouse://millrace_writer:secret@127.0.0.1:{free_port()}/analytics"

    told = await _refusal(_with(clickhouse, warehouse_url=url))

    assert "no ClickHouse answers there" in told
    assert "secret" not in told


async def test_a_reader_that_is_not_named_or_that_may_write_is_refused(clickhouse: ClickHouse) -> None:
    assert "MILLRACE_WAREHOUSE_READER_URL is not set" in await _refusal(WarehouseSettings(warehouse_url=clickhouse.writer_url))
    writing = _with(clickhouse, warehouse_reader_url=clickhouse.writer_url)
    assert "rows of events_raw to other tenants" in await _refusal(writing)


@pytest.mark.parametrize(
    "url", ["http://localhost:8123/analytics", "clickhouse:///analytics", "clickhouse://localhost", "chdb://host/folder"]
)
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"MILLRACE_WAREHOUSE_URL=.*allowed is"):
        WarehouseSettings(warehouse_url=url)


async def test_a_schema_that_was_not_migrated_is_told_with_its_cure(own_clickhouse: ClickHouse) -> None:
    settings = _with(own_clickhouse)

    assert "run `millrace migrate`" in await _refusal(settings)

    assert await migrate_warehouse(settings) == [migration.name for migration in all_migrations()]
    assert await migrate_warehouse(settings) == []
    async with open_storing(settings, _NOWHERE, Metrics()) as ports:
        await ports.writer.insert(event_lines(10), "t")
        assert [size.rows for size in await ports.admin.sizes() if size.table == "events_raw"] == [10]


async def test_a_server_that_goes_away_is_waited_for_and_answers_again(own_clickhouse: ClickHouse) -> None:
    await migrate_warehouse(_with(own_clickhouse))
    async with open_warehouse(_with(own_clickhouse), QuerySettings(), _NOWHERE, Metrics()) as ports:
        await ports.writer.insert(event_lines(10), "t")
        own_clickhouse.kill()
        with pytest.raises(WarehouseUnavailable):
            await ports.writer.insert(event_lines(20), "u")
        with pytest.raises(WarehouseUnavailable):
            await ports.reads.ping()
        with pytest.raises(WarehouseUnavailable):
            await ports.reads.of("demo").ask("SELECT count() FROM events_raw")
        own_clickhouse.start()
        await ports.writer.insert(event_lines(10), "t")
        await ports.writer.insert(event_lines(20, offset=1), "u")
        rows = (await ports.reads.of("demo").ask("SELECT count() FROM events_raw")).rows
    assert list(rows) == [[30]]


async def test_processes_that_start_at_once_do_not_disturb_each_others_self_test(clickhouse: ClickHouse) -> None:
    async def start() -> None:
        async with open_warehouse(clickhouse.settings, QuerySettings(), _NOWHERE, Metrics()) as ports:
            await ports.reads.ping()

    await asyncio.gather(*(start() for _ in range(4)))


async def test_the_tables_of_a_cluster_are_statements_that_the_engine_reads(warehouse: OpenWarehouse) -> None:
    """No cluster can be had here: what is sent to one is held against the engine's parser, and against the plain schema."""
    layout = Layout("main")
    written = [text for step in all_migrations() for each in step.statements for text in layout.statements(each)]
    written.append(
        f"CREATE TABLE schema_migrations{layout.record('version UInt32', 'version', 'SETTINGS index_granularity = 1')}"
    )
    for table in ("events_raw", "event_ids"):
        written += [f"ALTER TABLE {layout.stored(table)} REMOVE TTL", f"DELETE FROM {layout.stored(table)} WHERE 1"]

    for text in written:
        printed = await warehouse.value(f"SELECT formatQuery($heredoc${text}$heredoc$)")
        assert "ON CLUSTER" in printed or printed.startswith("INSERT INTO")  # which the Distributed table spreads
        assert "non_replicated" not in printed
    created = [text for text in written if text.startswith("CREATE TABLE IF NOT EXISTS")]
    assert sum("Replicated" in text for text in created) == sum("Distributed" in text for text in created) == 9


async def test_a_server_is_not_copied_file_by_file(clickhouse: ClickHouse, tmp_path: Path) -> None:
    async def nothing() -> None:
        pytest.fail("nothing is to be done meanwhile")

    async with open_storing(clickhouse.settings, _NOWHERE, Metrics()) as ports:
        with pytest.raises(InvalidInput, match="backups of its own"):
            await ports.admin.copy(tmp_path, nothing)
