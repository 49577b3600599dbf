"""A warehouse that says what a test wants: how often it was asked, and what happens while it is away, cannot be had otherwise
without waiting for it."""

from collections.abc import Mapping
from typing import Any

from millrace_core.errors import WarehouseUnavailable
from millrace_warehouse.statement_ports import Rows, Statements, Values


class ScriptedWarehouse:
    """Warehouse and TenantWarehouse.

    Attributes:
        version: events and links of every tenant.
        is_away: every call fails.
        asked: how many calls there were.
    """

    tenant = "t"

    def __init__(self) -> None:
        self.version = (10, 0)
        self.is_away = False
        self.asked = 0

    def of(self, tenant: str) -> "ScriptedWarehouse":
        """See Warehouse."""
        return self

    async def ping(self) -> None:
        """See Warehouse."""
        await self.query("SELECT 1")

    @property
    def statements(self) -> Statements:
        """Nothing asks for them here."""
        raise NotImplementedError

    async def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        """See TenantWarehouse."""
        self.asked += 1
        if self.is_away:
            raise WarehouseUnavailable("away")
        return Rows(["events", "links"], [self.version])

    async def answer(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        """See TenantWarehouse."""
        return await self.query(sql, parameters)

    async def ask(self, sql: str, values: Values | None = None, *, require_tenant_filter: bool = False) -> Rows:
        """See TenantWarehouse."""
        return await self.query(sql)
