"""Reads of one tenant: a read-only connection that sees this tenant's rows only (barrier B), behind the gate (barrier A)."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import structlog

from millrace_core import metrics as names
from millrace_core.errors import QueryError, TooManyRequests, WarehouseUnavailable
from millrace_service.metrics import Metrics
from millrace_warehouse.clickhouse.answers import statement_error
from millrace_warehouse.clickhouse.engine import Connection, Engine
from millrace_warehouse.clickhouse.failures import EngineFailure, own_error
from millrace_warehouse.gate.gate import Gate
from millrace_warehouse.ports import Rows
from millrace_warehouse.query_settings import QuerySettings

_IDLE_CONNECTIONS: Final = 16
_OWN_QUERIES: Final = 8
_GRACE_SECONDS: Final = 2.0
"""The engine checks its time limit between blocks; beyond this it is not waited for, and its connection is given up."""

# How values stand in JSON: times as 2026-02-16T12:00:00.000Z, whole numbers as numbers, what is no number as null.
_JSON: Final[Mapping[str, int | str]] = {
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_denormals": 0,
    "output_format_json_quote_decimals": 0,
    "output_format_json_validate_utf8": 1,
    "date_time_output_format": "iso",
}

_log = structlog.get_logger("millrace.warehouse")


class _Column(msgspec.Struct):
    name: str


class _Answer(msgspec.Struct):
    meta: list[_Column]
    data: list[list[Any]]


_decode: Final = msgspec.json.Decoder(_Answer).decode


class ClickHouseReads:
    """Warehouse on an engine."""

    def __init__(self, engine: Engine, gate: Gate, settings: QuerySettings, metrics: Metrics) -> None:
        self.gate = gate
        self.seconds = settings.query_seconds + _GRACE_SECONDS
        self._engine = engine
        self._settings = settings
        self._limits = limits_of(settings)
        self._limited = metrics.counter(names.RATE_LIMITED, "queries")
        self._idle: OrderedDict[Connection, str] = OrderedDict()
        self._asking = asyncio.Semaphore(settings.query_concurrency)
        self._asking_tenants: dict[str, int] = {}
        self._querying = asyncio.Semaphore(_OWN_QUERIES)
        self._health: Connection | None = None

    def of(self, tenant: str) -> "ClickHouseTenantReads":
        """See Warehouse."""
        return ClickHouseTenantReads(self, tenant)

    async def ping(self) -> None:
        """See Warehouse."""
        try:
            if self._health is None or self._health.closed:
                self._health = await self._engine.nobody()
            await self._health.text("SELECT 1")
        except EngineFailure as failure:
            raise own_error(failure) from failure

    async def close(self) -> None:
        """Close every connection that nobody is using."""
        while self._idle:
            await self._idle.popitem()[0].close()
        if self._health is not None:
            await self._health.close()

    @asynccontextmanager
    async def connection(self, tenant: str) -> AsyncIterator[Connection]:
        """A connection of this tenant, for one statement.

        Raises:
            EngineFailure: the engine does not answer.
        """
        found = next((one for one, owner in self._idle.items() if owner == tenant), None)
        if found is not None:
            del self._idle[found]
        else:
            found = await self._engine.tenant(tenant, self._limits)
        try:
            yield found
        finally:
            if not found.closed:
                self._idle[found] = tenant
                if len(self._idle) > _IDLE_CONNECTIONS:
                    await self._idle.popitem(last=False)[0].close()

    @asynccontextmanager
    async def own_turn(self) -> AsyncIterator[None]:
        """A turn of a statement of ours; they wait for each other."""
        async with self._querying:
            yield

    @asynccontextmanager
    async def turn(self, tenant: str) -> AsyncIterator["Turn"]:
        """A turn of a statement that somebody wrote. It lasts until the engine has ended the statement, however long before
        the client was told that it took too long: what cannot be interrupted must not be piled up.

        Raises:
            TooManyRequests: none was free within the time that a statement may wait.
        """
        if self._asking_tenants.get(tenant, 0) >= self._settings.query_concurrency_per_tenant:
            raise self._too_many("Too many queries of this customer_id are running.")
        self._asking_tenants[tenant] = self._asking_tenants.get(tenant, 0) + 1
        try:
            async with asyncio.timeout(self._settings.query_wait_seconds):
                await self._asking.acquire()
        except BaseException as error:
            self._leave(tenant)
            if isinstance(error, TimeoutError):
                raise self._too_many("Too many queries are running.") from error
            raise
        turn = Turn()
        try:
            yield turn
        finally:
            if turn.until is None or turn.until.done():
                self._end(tenant)
            else:
                _log.warning("query_goes_on", tenant=tenant)
                turn.until.add_done_callback(lambda _: self._end(tenant))

    def _end(self, tenant: str) -> None:
        self._asking.release()
        self._leave(tenant)

    def _leave(self, tenant: str) -> None:
        self._asking_tenants[tenant] -= 1
        if not self._asking_tenants[tenant]:
            del self._asking_tenants[tenant]

    def _too_many(self, message: str) -> TooManyRequests:
        self._limited.inc()
        return TooManyRequests(message, code="too_many_queries", retry_after=2)


@dataclass(slots=True)
class Turn:
    """One statement's turn."""

    until: "asyncio.Future[Any] | None" = None
    """What has to end before the turn does."""


class ClickHouseTenantReads:
    """TenantWarehouse on an engine."""

    def __init__(self, reads: ClickHouseReads, tenant: str) -> None:
        self._reads = reads
        self._tenant = tenant

    @property
    def tenant(self) -> str:
        """See TenantWarehouse."""
        return self._tenant

    async def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        """See TenantWarehouse."""
        try:
            async with self._reads.own_turn(), asyncio.timeout(self._reads.seconds):
                return await self._rows(sql, parameters)
        except TimeoutError as error:
            raise WarehouseUnavailable("The warehouse takes too long to answer.") from error
        except EngineFailure as failure:
            _log.error("own_query_failed", code=failure.code, cause=failure.text)
            raise own_error(failure) from failure

    async def ask(self, sql: str, *, require_tenant_filter: bool = False) -> Rows:
        """See TenantWarehouse."""
        async with self._reads.turn(self._tenant) as turn:
            scoped = await self._reads.gate.scope(sql, self._tenant, require_tenant_filter=require_tenant_filter)
            try:
                async with asyncio.timeout(self._reads.seconds):
                    return await self._rows(scoped, None, turn)
            except TimeoutError as error:
                raise QueryError("The query took longer than allowed.", code="query_timeout") from error
            except EngineFailure as failure:
                _log.info("query_refused", tenant=self._tenant, code=failure.code, cause=failure.text)
                raise statement_error(failure) from failure

    async def _rows(self, sql: str, parameters: Mapping[str, Any] | None, turn: Turn | None = None) -> Rows:
        async with self._reads.connection(self._tenant) as connection:
            try:
                answer = _decode(await connection.raw(sql, "JSONCompact", parameters))
            finally:
                if turn is not None:
                    turn.until = connection.abandoned
        return Rows([column.name for column in answer.meta], answer.data)


def limits_of(settings: QuerySettings) -> dict[str, int | str]:
    """The engine's settings of a tenant's connection."""
    return {
        **_JSON,
        "implicit_select": 0,
        "max_execution_time": math.ceil(settings.query_seconds),
        "max_memory_usage": settings.query_memory_bytes,
        "max_rows_to_read": settings.query_read_rows,
        "max_bytes_to_read": settings.query_read_bytes,
        "max_result_rows": settings.query_result_rows,
        "max_result_bytes": settings.query_result_bytes,
        "result_overflow_mode": "throw",
        "max_query_size": 1_000_000,
        "max_parser_depth": 300,
        "max_ast_depth": 300,
        "max_ast_elements": 5_000,
        "max_expanded_ast_elements": 50_000,
        "allow_hyperscan": 0,
        "function_range_max_elements_in_block": 1_000_000,
        "max_subquery_depth": 30,
        "max_threads": settings.query_threads,
        "use_query_cache": 0,
        "allow_ddl": 0,
    }
