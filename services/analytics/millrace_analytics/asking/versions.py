"""What a tenant's stored events looked like: changes when late events or links came, or events went."""

import asyncio
import datetime
import time
from collections.abc import Callable
from typing import Final

from millrace_warehouse.ports import Warehouse

_HOUR: Final = 3600
_MOST_TENANTS: Final = 10_000

_VERSION: Final = (
    "SELECT (SELECT sum(events) FROM events_by_hour WHERE customer_id = {tenant:String} AND hour < {hour:DateTime}), "
    "(SELECT count() FROM identity_links WHERE customer_id = {tenant:String})"
)


class Versions:
    """Of the hours before the one of now, from rollups, looked at once in a while for everyone who asks.

    Args:
        seconds: how old the version may be.
        clock: seconds since the epoch.
    """

    def __init__(self, warehouse: Warehouse, seconds: float, clock: Callable[[], float] = time.time) -> None:
        self._warehouse = warehouse
        self._seconds = seconds
        self._clock = clock
        self._known: dict[str, tuple[float, asyncio.Task[str]]] = {}

    async def of(self, tenant: str) -> str:
        """The version of a tenant's closed hours.

        Raises:
            WarehouseUnavailable: try again later.
        """
        known = self._known.get(tenant)
        if known is None or known[0] <= self._clock():
            if len(self._known) >= _MOST_TENANTS:
                self.forget()
            task = asyncio.create_task(self._look(tenant), name="version")
            known = self._known[tenant] = (self._clock() + self._seconds, task)
            task.add_done_callback(lambda done: self._looked(tenant, done))
        return await asyncio.shield(known[1])

    def forget(self) -> None:
        """Look again when somebody asks."""
        self._known.clear()

    def _looked(self, tenant: str, task: "asyncio.Task[str]") -> None:
        known = self._known.get(tenant)
        if (task.cancelled() or task.exception() is not None) and known is not None and known[1] is task:
            del self._known[tenant]

    async def _look(self, tenant: str) -> str:
        hour = int(self._clock() // _HOUR * _HOUR)
        at = datetime.datetime.fromtimestamp(hour, datetime.UTC)
        found = await self._warehouse.of(tenant).query(_VERSION, {"tenant": tenant, "hour": at})
        events, links = found.rows[0]
        return f"{hour}:{events or 0}:{links}"
