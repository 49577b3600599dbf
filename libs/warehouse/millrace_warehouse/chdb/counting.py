"""Opens the engine on a copy of its folder and counts what it finds there."""

from collections.abc import Mapping
from pathlib import Path

from millrace_service.metrics import Metrics
from millrace_warehouse.chdb.open import open_chdb
from millrace_warehouse.clickhouse.copying import rows_found, rows_of_parts
from millrace_warehouse.clickhouse.failures import EngineFailure, own_error


async def count(folder: Path) -> Mapping[str, int]:
    """See count_copied of the wiring."""
    parts = rows_of_parts(folder / "engine")
    async with open_chdb(folder, Metrics()) as engine:
        try:
            connection = await engine.admin()
            try:
                return await rows_found(connection, parts)
            finally:
                await connection.close()
        except EngineFailure as failure:
            raise own_error(failure) from failure
