"""WarehouseAdmin.copy on the embedded engine: what is in the folder is every row that the engine has, or it is refused."""

from pathlib import Path

import pytest

from millrace_core.errors import WarehouseUnavailable
from millrace_warehouse.clickhouse import copying
from millrace_warehouse.migrations.tables import TABLES
from tests.support.warehouse import OpenWarehouse, event_lines


def _files(warehouse: OpenWarehouse) -> Path:
    assert warehouse.engine.files is not None
    return warehouse.engine.files


def _shadow(warehouse: OpenWarehouse) -> set[str]:
    return {path.name for path in (_files(warehouse) / "shadow").glob("*") if path.is_dir()}


async def _nothing() -> None:
    pass


async def test_each_row_that_is_stored_is_in_the_parts_of_a_copy(warehouse: OpenWarehouse, tmp_path: Path) -> None:
    await warehouse.writer.insert(event_lines(200), "one")
    await warehouse.writer.insert(event_lines(50), "two")
    rows = await warehouse.admin.copy(tmp_path / "copy", _nothing)
    assert (rows["events_raw"], rows["event_ids"]) == (250, 250)
    assert set(rows) <= {table.name for table in TABLES}
    assert sum(copying.rows_of_parts(tmp_path / "copy").values()) == sum(rows.values())
    assert len(list((tmp_path / "copy").rglob("*.bin"))) >= 3


async def test_nothing_stays_frozen_behind_a_copy(warehouse: OpenWarehouse, tmp_path: Path) -> None:
    await warehouse.writer.insert(event_lines(10), "one")
    for left in ("millrace%2D00ff", "millrace00ff", "theirs"):  # as processes that were killed have left it
        (_files(warehouse) / "shadow" / left / "store").mkdir(parents=True)
    await warehouse.admin.copy(tmp_path / "copy", _nothing)
    assert _shadow(warehouse) == {"theirs"}


async def test_a_copy_that_misses_a_part_is_refused(warehouse: OpenWarehouse, tmp_path: Path) -> None:
    await warehouse.writer.insert(event_lines(10), "one")
    frozen = await copying.freeze(warehouse.connection)
    elsewhere = copying.Frozen("millraceelsewhere", frozen.parts)
    with pytest.raises(WarehouseUnavailable, match="10 rows, and its copy is not there") as refused:
        copying.copy_frozen(_files(warehouse), elsewhere, tmp_path / "copy")
    assert refused.value.code == "copy_incomplete"
    copying.copy_frozen(_files(warehouse), frozen, tmp_path / "whole")
    wrong = {table: {part: rows + 1 for part, rows in parts.items()} for table, parts in frozen.parts.items()}
    with pytest.raises(WarehouseUnavailable, match="11 rows, and its copy 10"):
        copying.copy_frozen(_files(warehouse), copying.Frozen(frozen.name, wrong), tmp_path / "again")
    copying.forget_frozen(_files(warehouse))


async def test_the_engine_finds_the_rows_of_a_part_after_it_was_merged(warehouse: OpenWarehouse) -> None:
    await warehouse.writer.insert(event_lines(10), "one")
    await warehouse.writer.insert(event_lines(10), "two")
    parts = copying.rows_of_parts(_files(warehouse))
    before = await copying.rows_found(warehouse.connection, parts)
    await warehouse.connection.command("OPTIMIZE TABLE events_raw FINAL")
    assert await copying.rows_found(warehouse.connection, parts) == before
    assert before["events_raw"] == 20
