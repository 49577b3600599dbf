"""Reads of one tenant: a read-only connection that sees this tenant's rows only (barrier B), behind the gate (barrier A)."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog

from millrace_core.errors import WarehouseUnavailable
from millrace_service.metrics import Metrics
from millrace_warehouse.clickhouse.engine import Connection, Engine
from millrace_warehouse.clickhouse.failures import EngineFailure, own_error
from millrace_warehouse.clickhouse.limits import Use, limits_of
from millrace_warehouse.clickhouse.query_turns import AskingTurns, OwnTurns, Turn
from millrace_warehouse.clickhouse.rows import rows_of
from millrace_warehouse.clickhouse.statements import ClickHouseStatements
from millrace_warehouse.gate.gate import Gate
from millrace_warehouse.ports import Rows
from millrace_warehouse.query_settings import QuerySettings
from millrace_warehouse.statement_ports import Values

_IDLE_CONNECTIONS: Final = 96
"""To open one takes the engine in the process 18 ms of a processor, a small question 1.2; an idle one takes half a megabyte."""
_GRACE_SECONDS: Final = 2.0
"""The engine checks its time limit between blocks; beyond this it is not waited for, and its connection is given up."""

_log = structlog.get_logger("millrace.warehouse")


class ClickHouseReads:
    """Warehouse on an engine."""

    def __init__(self, engine: Engine, gate: Gate, settings: QuerySettings, metrics: Metrics) -> None:
        self.gate = gate
        self.settings = settings
        self.seconds = settings.query_seconds + _GRACE_SECONDS
        self.asking = AskingTurns(settings, metrics)
        self.own = OwnTurns()
        self._engine = engine
        self._idle: OrderedDict[Connection, tuple[str, Use, int]] = OrderedDict()
        self._asked = 0
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
    async def connection(self, tenant: str, use: Use, turn: Turn | None = None) -> AsyncIterator[Connection]:
        """A connection of this tenant, for one statement: with all threads that a statement may use where no other is asked,
        else with one, so that many at once leave the processors to ingestion as well.

        Args:
            turn: lasts until the connection has ended what it does.

        Raises:
            EngineFailure: the engine does not answer.
        """
        kind = (tenant, use, 1 if self._asked else self.settings.query_threads)
        self._asked += 1
        try:
            found = next((one for one, owner in self._idle.items() if owner == kind), None)
            if found is not None:
                del self._idle[found]
            else:
                found = await self._engine.tenant(tenant, {**limits_of(self.settings, use), "max_threads": kind[2]})
            try:
                yield found
            finally:
                if turn is not None:
                    turn.until = found.abandoned
                if not found.closed:
                    self._idle[found] = kind
                    if len(self._idle) > _IDLE_CONNECTIONS:
                        await self._idle.popitem(last=False)[0].close()
        finally:
            self._asked -= 1


class ClickHouseTenantReads:
    """TenantWarehouse on an engine."""

    def __init__(self, reads: ClickHouseReads, tenant: str) -> None:
        self._reads = reads
        self._tenant = tenant

    @property
    def tenant(self) -> str:
        """See TenantWarehouse."""
        return self._tenant

    @property
    def statements(self) -> ClickHouseStatements:
        """See TenantWarehouse."""
        return ClickHouseStatements(self._reads, self._tenant)

    async def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        """See TenantWarehouse."""
        try:
            async with (
                self._reads.own.take(self._tenant),
                asyncio.timeout(self._reads.seconds),
                self._reads.connection(self._tenant, "own") as connection,
            ):
                return rows_of(await connection.raw(sql, "JSONCompact", parameters))
        except TimeoutError as error:
            raise WarehouseUnavailable("The warehouse takes too long to answer.") from error
        except EngineFailure as failure:
            _log.error("own_query_failed", code=failure.code, cause=failure.text)
            raise own_error(failure) from failure

    async def answer(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        """See TenantWarehouse."""
        return rows_of(await self.statements.answer(sql, "own", parameters))

    async def ask(self, sql: str, values: Values | None = None, *, require_tenant_filter: bool = False) -> Rows:
        """See TenantWarehouse."""
        prepared = await self.statements.prepare(sql, values, require_tenant_filter=require_tenant_filter)
        return await self.statements.run(prepared)
