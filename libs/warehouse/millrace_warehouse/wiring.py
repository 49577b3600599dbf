"""Chooses the adapter of the warehouse by its URL. The only module that names one."""

import importlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from millrace_core.errors import StartRefused
from millrace_service.metrics import Metrics
from millrace_warehouse.ports import EventSource, EventTarget, StoringPorts, WarehousePorts
from millrace_warehouse.query_settings import QuerySettings
from millrace_warehouse.settings import WarehouseSettings


@asynccontextmanager
async def open_warehouse(
    settings: WarehouseSettings, queries: QuerySettings, data_dir: Path, metrics: Metrics
) -> AsyncIterator[WarehousePorts]:
    """The ports of the warehouse that ``MILLRACE_WAREHOUSE_URL`` names; without one, the engine in this process on the folder
    ``warehouse`` of the data folder.

    Raises:
        StartRefused: the warehouse cannot be opened, or does not keep tenants apart.
    """
    if settings.warehouse_is_server and settings.warehouse_reader_url is None:
        raise StartRefused(
            "MILLRACE_WAREHOUSE_READER_URL is not set: questions of tenants need a user of their own, under row policies"
        )
    ttl_days = settings.warehouse_events_ttl_days
    async with (
        _engine(settings, data_dir, metrics) as engine,
        _adapter("clickhouse.open").all_ports(engine, ttl_days, queries, metrics) as ports,
    ):
        yield ports


@asynccontextmanager
async def open_storing(settings: WarehouseSettings, data_dir: Path, metrics: Metrics) -> AsyncIterator[StoringPorts]:
    """Likewise, for a process that answers no tenant.

    Raises:
        StartRefused: the warehouse cannot be opened.
    """
    ttl_days = settings.warehouse_events_ttl_days
    async with (
        _engine(settings, data_dir, metrics) as engine,
        _adapter("clickhouse.open").storing_ports(engine, ttl_days) as ports,
    ):
        yield ports


@asynccontextmanager
async def open_source(settings: WarehouseSettings, data_dir: Path, metrics: Metrics) -> AsyncIterator[EventSource]:
    """Likewise, to move its events elsewhere.

    Raises:
        StartRefused: the warehouse cannot be opened.
    """
    async with _engine(settings, data_dir, metrics) as engine:
        source = _adapter("clickhouse.moving").ClickHouseEventSource(engine)
        try:
            yield source
        finally:
            await source.close()


@asynccontextmanager
async def open_target(
    settings: WarehouseSettings, data_dir: Path, metrics: Metrics
) -> AsyncIterator[tuple[StoringPorts, EventTarget]]:
    """Likewise, to move the events of another one here.

    Raises:
        StartRefused: the warehouse cannot be opened, or its schema is not this code's.
    """
    ttl_days = settings.warehouse_events_ttl_days
    async with (
        _engine(settings, data_dir, metrics) as engine,
        _adapter("clickhouse.open").storing_ports(engine, ttl_days) as storing,
    ):
        target = _adapter("clickhouse.moving").ClickHouseEventTarget(engine)
        try:
            yield storing, target
        finally:
            await target.close()


async def count_copied(folder: Path) -> Mapping[str, int]:
    """How many rows the engine in this process finds in each table of a copy (WarehouseAdmin.copy): of the parts that are
    there, whatever it does with them afterwards.

    Args:
        folder: of the warehouse, in which the engine's is, named from the root on.

    Raises:
        StartRefused: it cannot be opened.
        WarehouseUnavailable: it does not answer.
    """
    counted: Mapping[str, int] = await _adapter("chdb.counting").count(folder)
    return counted


async def migrate_warehouse(settings: WarehouseSettings) -> Sequence[str]:
    """Bring the schema on a server up to date; the names of the migrations that ran. The engine in this process is brought up
    to date when it is opened.

    Raises:
        StartRefused: the server is not reached, or cannot be used.
        WarehouseUnavailable: a statement failed; the next call takes it up again.
    """
    if not settings.warehouse_is_server:
        return []
    done: Sequence[str] = await _adapter("server.open").migrate_server(
        settings.warehouse_url, settings.warehouse_cluster, settings.warehouse_events_ttl_days
    )
    return done


def _engine(settings: WarehouseSettings, data_dir: Path, metrics: Metrics) -> AbstractAsyncContextManager[Any]:
    if settings.warehouse_is_server:
        opened = _adapter("server.open").open_server(
            settings.warehouse_url, settings.warehouse_reader_url, settings.warehouse_cluster
        )
    else:
        opened = _adapter("chdb.open").open_chdb(settings.warehouse_folder(data_dir), metrics)
    made: AbstractAsyncContextManager[Any] = opened
    return made


def _adapter(module: str) -> Any:
    """A module of an adapter, imported only where it is used: each size installs its own."""
    try:
        return importlib.import_module(f"millrace_warehouse.{module}")
    except ImportError as error:
        extra = "clickhouse" if module.startswith("server") else "embedded"
        raise StartRefused(f"the warehouse needs {error.name}: install millrace[{extra}]") from error
