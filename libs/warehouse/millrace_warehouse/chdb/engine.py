"""The one engine of this process: its folder, its configuration, its threads, its connections."""

import asyncio
import itertools
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import clickhouse_connect
import structlog
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error as DriverError

from millrace_core import metrics as names
from millrace_core.errors import StartRefused
from millrace_core.tenants import is_tenant
from millrace_service.metrics import Metrics
from millrace_warehouse.chdb.configuration import write_configuration
from millrace_warehouse.chdb.connection import ChdbConnection
from millrace_warehouse.clickhouse.copying import forget_frozen
from millrace_warehouse.clickhouse.failures import failure_of
from millrace_warehouse.migrations.layout import SINGLE_SERVER
from millrace_warehouse.migrations.tables import DATABASE, TABLES

_log = structlog.get_logger("millrace.warehouse")

# Calls that run at once; each holds a thread. Those of tenants have threads of their own: however many of their statements
# cannot be interrupted, the consumer goes on.
_THREADS: Final = 16
_TENANT_THREADS: Final = 32
_CLOSE_SECONDS: Final = 3.0
_FILES: Final = "engine"
# A statement has no id of ours, so a setting tells connections apart: one of the HTTP interface, which is not here.
_NUMBER: Final = "http_max_uri_size"
_FIRST_NUMBER: Final = 2_000_000
_NICE: Final = "os_threads_nice_value_query"

# Why each is there: docs/adr/0004-engine-settings.md.
_MERGE_THREADS: Final = max(1, (os.cpu_count() or 1) // 4)
_MERGE_TASKS: Final = max(32, 2 * _MERGE_THREADS)
_SERVER: Final[Mapping[str, float | str]] = {
    "background_pool_size": _MERGE_THREADS,
    "background_merges_mutations_concurrency_ratio": _MERGE_TASKS / _MERGE_THREADS,
    "os_threads_nice_value_merge_mutate": 10,
    "background_merges_mutations_scheduling_policy": "shortest_task_first",
    "memory_worker_purge_dirty_pages_threshold_ratio": 0.005,
}
_TABLES: Final[Mapping[str, int]] = {"number_of_free_entries_in_pool_to_lower_max_size_of_merge": _MERGE_TASKS}


class ChdbEngine:
    """Engine in this process: chDB in one folder. A process can hold one open folder at a time, by the engine's own limit."""

    is_shared = False
    database = DATABASE
    layout = SINGLE_SERVER

    def __init__(self, folder: Path, marker: str, executor: ThreadPoolExecutor, metrics: Metrics) -> None:
        self._folder = folder
        self._marker = marker
        self._executor = executor
        self._tenants = ThreadPoolExecutor(_TENANT_THREADS, thread_name_prefix="chdb-tenant")
        self._numbers = itertools.count(_FIRST_NUMBER)
        self._discarded = metrics.counter(names.WAREHOUSE_DISCARDED)
        # Without a connection the engine stops, and the next one would start it and read every part again.
        self._standing: Client | None = None

    @classmethod
    async def open(cls, folder: Path, metrics: Metrics) -> Self:
        """Start the engine on this folder and make sure that the database is there.

        Raises:
            StartRefused: the folder cannot be written, or another process has it.
        """
        executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="chdb")
        engine = cls(folder, secrets.token_hex(24), executor, metrics)
        opening = asyncio.get_running_loop().run_in_executor(executor, engine._prepare)
        try:
            engine._standing = await asyncio.shield(opening)
        except BaseException:
            opening.add_done_callback(_close_unwanted)
            executor.shutdown(wait=False)
            raise
        return engine

    @property
    def files(self) -> Path:
        """See Engine."""
        return self._folder / _FILES

    async def admin(self, settings: Mapping[str, int | str] | None = None) -> ChdbConnection:
        """See Engine."""
        return await self._connect({"log_comment": self._marker, **(settings or {})})

    async def tenant(self, tenant: str, limits: Mapping[str, int | str]) -> ChdbConnection:
        """See Engine."""
        if not is_tenant(tenant) or tenant == self._marker:
            raise ValueError("not a tenant's name")
        number = next(self._numbers)
        # readonly stands last: behind it no setting can be changed, by us or by a statement
        settings = {"log_comment": tenant, **_behind_us(limits), _NUMBER: number, "readonly": 1}
        return await self._connect(settings, self._tenants, lambda: self._kill(number))

    async def nobody(self) -> ChdbConnection:
        """See Engine."""
        return await self._connect({"readonly": 1})

    async def close(self) -> None:
        """Wait for running calls, then stop the threads; for a while only where a tenant's statement cannot be interrupted.
        Connections are to be closed before."""
        await asyncio.to_thread(self._executor.shutdown)
        if self._standing is not None:
            await asyncio.to_thread(self._standing.close)
        self._tenants.shutdown(wait=False, cancel_futures=True)
        ending = threading.Thread(target=self._tenants.shutdown, name="chdb-ending", daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, _CLOSE_SECONDS)
        if ending.is_alive():
            _log.warning("queries_abandoned")

    def _prepare(self) -> Client:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            forget_frozen(self.files)  # of a copy that was killed: hard links keep what is merged away
            self._config = write_configuration(self._folder, TABLES, self._marker, _SERVER, _TABLES)
            first = self._client(None, {"log_comment": self._marker})
            try:
                first.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
            except BaseException:
                first.close()
                raise
        except (DriverError, OSError) as error:
            raise StartRefused(f"the warehouse in {self._folder} cannot be opened: {_why(error)}") from error
        return first

    def _kill(self, number: int) -> None:
        """End what runs on a tenant's connection: nobody waits for it any more."""

        def kill() -> None:
            with suppress(DriverError):
                admin = self._client(DATABASE, {"log_comment": self._marker})
                try:
                    admin.command(f"KILL QUERY WHERE Settings['{_NUMBER}'] = '{number}' ASYNC")
                finally:
                    admin.close()

        with suppress(RuntimeError):  # the engine is closing
            self._executor.submit(kill)

    async def _connect(
        self,
        settings: Mapping[str, int | str],
        executor: ThreadPoolExecutor | None = None,
        kill: Callable[[], None] = lambda: None,
    ) -> ChdbConnection:
        executor = executor or self._executor
        opening = asyncio.get_running_loop().run_in_executor(executor, self._client, DATABASE, settings)
        try:
            client = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_unwanted)
            raise
        except (DriverError, OSError) as error:
            raise failure_of(error) from error
        return ChdbConnection(client, executor, self._folder, self._discarded.inc, kill)

    def _client(self, database: str | None, settings: Mapping[str, int | str]) -> Client:
        return clickhouse_connect.get_client(
            dsn=f"chdb://{self.files}",
            database=database,
            settings=dict(settings),
            chdb_options={"config-file": str(self._config)},
        )


def _behind_us(limits: Mapping[str, int | str]) -> Mapping[str, int | str]:
    """The limits, with how nice its threads are counted from how nice this process is: in a server that was itself started
    behind others, questions would else come before what is stored."""
    nice = limits.get(_NICE)
    return limits if nice is None else {**limits, _NICE: min(19, int(nice) + os.getpriority(os.PRIO_PROCESS, 0))}


def _close_unwanted(opening: "asyncio.Future[Client]") -> None:
    """Nobody waits for it any more, and an engine with an open connection never lets go of its folder."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _why(error: DriverError | OSError) -> str:
    if isinstance(error, OSError):
        return error.strerror or "the disk refuses"
    if "Cannot lock file" in str(error):
        return "another process has it open"
    return f"engine code {error.code or 0}"
