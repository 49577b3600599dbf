"""The time zones of tenants, as their records say."""

import time
from typing import Final

from millrace_core.errors import NotFound, RecordsUnavailable
from millrace_records.ports import Records

_KEPT_SECONDS: Final = 60.0
_MOST: Final = 10_000


class TenantZones:
    """Knows them for a minute, and longer while the records do not answer.

    Args:
        records: None where this process has none: every tenant's days are UTC's then.
    """

    def __init__(self, records: Records | None) -> None:
        self._records = records
        self._known: dict[str, tuple[float, str]] = {}

    async def of(self, tenant: str) -> str:
        """The tenant's time zone by its IANA name; UTC where nothing was settled.

        Raises:
            RecordsUnavailable: nobody knows: days of another time zone would be wrong days.
        """
        if self._records is None:
            return "UTC"
        known = self._known.get(tenant)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        try:
            zone = (await self._records.tenant(tenant)).time_zone
        except NotFound:
            zone = "UTC"
        except RecordsUnavailable:
            if known is None:
                raise
            return known[1]
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[tenant] = (time.monotonic() + _KEPT_SECONDS, zone)
        return zone
