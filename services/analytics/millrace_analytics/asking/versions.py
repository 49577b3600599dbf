"""What a tenant's stored events looked like: changes when late events or links came, or events went."""

import datetime
import time
from collections.abc import Callable
from typing import Final

from millrace_analytics.asking.looks import Looks
from millrace_warehouse.ports import Warehouse

_HOUR: Final = 3600

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
        self._clock = clock
        self._looks = Looks(self._look, seconds, clock)

    async def of(self, tenant: str) -> str:
        """The version of a tenant's closed hours.

        Raises:
            WarehouseUnavailable: try again later.
        """
        return await self._looks.of(tenant)

    def forget(self) -> None:
        """Look again when somebody asks."""
        self._looks.forget()

    async def _look(self, tenant: str) -> str:
        hour = int(self._clock() // _HOUR * _HOUR)
        at = datetime.datetime.fromtimestamp(hour, datetime.UTC)
        found = await self._warehouse.of(tenant).query(_VERSION, {"tenant": tenant, "hour": at})
        events, links = found.rows[0]
        return f"{hour}:{events or 0}:{links}"
