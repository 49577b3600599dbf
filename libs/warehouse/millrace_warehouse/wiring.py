"""Chooses the adapter of the warehouse by its URL. The only module that names one."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from millrace_service.metrics import Metrics
from millrace_warehouse.chdb.open import open_chdb
from millrace_warehouse.ports import WarehousePorts
from millrace_warehouse.query_settings import QuerySettings
from millrace_warehouse.settings import WarehouseSettings


def open_warehouse(
    settings: WarehouseSettings, queries: QuerySettings, data_dir: Path, metrics: Metrics
) -> AbstractAsyncContextManager[WarehousePorts]:
    """The ports of the warehouse that ``MILLRACE_WAREHOUSE_URL`` names; without one, the engine in this process on the folder
    ``warehouse`` of the data folder.

    Raises:
        StartRefused: the warehouse cannot be opened, or does not keep tenants apart.
    """
    return open_chdb(settings.warehouse_folder(data_dir), settings.warehouse_events_ttl_days, queries, metrics)
