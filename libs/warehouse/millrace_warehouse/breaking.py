"""A circuit breaker before the warehouse (Nygard, Release It!): while it does not answer, nobody waits to find out."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

import structlog

from millrace_core import metrics as names
from millrace_core.errors import TooManyRequests, WarehouseUnavailable
from millrace_service.metrics import Metrics
from millrace_warehouse.ports import TenantWarehouse, Warehouse
from millrace_warehouse.statement_ports import Described, FileForm, Prepared, Rows, Statements, Values

FAILURES: Final = 3
"""In a row, after which nothing is asked for a while."""
REST_SECONDS: Final = 2.0
"""How long; then one question is let through, and the others when that one is answered."""

_log = structlog.get_logger("millrace.warehouse")


class Circuit:
    """Counts failures in a row."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._gauge = metrics.gauge(names.WAREHOUSE_CIRCUIT_OPEN)
        self._clock = clock
        self._failures = 0
        self._rests_until: float | None = None

    @asynccontextmanager
    async def guarded(self) -> AsyncIterator[None]:
        """One call.

        Raises:
            WarehouseUnavailable: the circuit is open, and it is not this call that finds out whether it still has to be.
        """
        self._enter()
        try:
            yield
        except WarehouseUnavailable:
            self._failed()
            raise
        except (TooManyRequests, GeneratorExit):
            raise  # it was not asked, or nobody listens any more: that says nothing about it
        except Exception:
            self._answered()  # the statement was at fault
            raise
        self._answered()

    def _enter(self) -> None:
        if self._rests_until is None:
            return
        if self._clock() < self._rests_until:
            raise WarehouseUnavailable("The warehouse does not answer; it is tried again in a moment.")
        self._rests_until = self._clock() + REST_SECONDS  # the others wait for this one

    def _failed(self) -> None:
        self._failures += 1
        if self._failures >= FAILURES:
            if self._rests_until is None:
                _log.warning("warehouse_circuit_opened", failures=self._failures)
            self._gauge.set(1)
            self._rests_until = self._clock() + REST_SECONDS

    def _answered(self) -> None:
        self._failures = 0
        if self._rests_until is not None:
            self._rests_until = None
            self._gauge.set(0)
            _log.info("warehouse_circuit_closed")


class BreakingWarehouse:
    """Warehouse with a circuit breaker before another one. ``ping`` goes past it: it is asked to know."""

    def __init__(self, warehouse: Warehouse, circuit: Circuit) -> None:
        self._warehouse = warehouse
        self._circuit = circuit

    def of(self, tenant: str) -> TenantWarehouse:
        """See Warehouse."""
        return _BreakingTenant(self._warehouse.of(tenant), self._circuit)

    async def ping(self) -> None:
        """See Warehouse."""
        await self._warehouse.ping()


class _BreakingTenant:
    def __init__(self, tenant: TenantWarehouse, circuit: Circuit) -> None:
        self._tenant = tenant
        self._circuit = circuit

    @property
    def tenant(self) -> str:
        return self._tenant.tenant

    @property
    def statements(self) -> Statements:
        return _BreakingStatements(self._tenant.statements, self._circuit)

    async def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        async with self._circuit.guarded():
            return await self._tenant.query(sql, parameters)

    async def answer(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        async with self._circuit.guarded():
            return await self._tenant.answer(sql, parameters)

    async def ask(self, sql: str, values: Values | None = None, *, require_tenant_filter: bool = False) -> Rows:
        async with self._circuit.guarded():
            return await self._tenant.ask(sql, values, require_tenant_filter=require_tenant_filter)


class _BreakingStatements:
    """A statement is prepared without the circuit: the parser may well answer where the tables do not, and then what is kept
    can be found by the statement's text."""

    def __init__(self, statements: Statements, circuit: Circuit) -> None:
        self._statements = statements
        self._circuit = circuit

    async def prepare(self, sql: str, values: Values | None = None, *, require_tenant_filter: bool = False) -> Prepared:
        return await self._statements.prepare(sql, values, require_tenant_filter=require_tenant_filter)

    async def run(self, prepared: Prepared, seconds: float | None = None) -> Rows:
        async with self._circuit.guarded():
            return await self._statements.run(prepared, seconds)

    async def file(self, prepared: Prepared, form: FileForm, seconds: float | None = None) -> AsyncGenerator[bytes]:
        async with (
            self._circuit.guarded(),
            aclosing(self._statements.file(prepared, form, seconds)) as pieces,
        ):
            async for piece in pieces:
                yield piece

    async def describe(self, sql: str, values: Values | None = None, *, require_tenant_filter: bool = False) -> Described:
        async with self._circuit.guarded():
            return await self._statements.describe(sql, values, require_tenant_filter=require_tenant_filter)

    async def parameters(self, sql: str) -> Mapping[str, str]:
        return await self._statements.parameters(sql)
