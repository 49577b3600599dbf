"""The time zones of tenants, as their records say."""

import time
from typing import Final

from millrace_core.errors import NotFound, RecordsUnavailable
from millrace_records.cache.ports import Messages
from millrace_records.ports import TENANTS_CHANGED, Records

_KEPT_SECONDS: Final = 60.0
_MOST: Final = 10_000


class TenantZones:
    """Knows them for a minute, or until somebody changes one; longer while the records do not answer.

    Args:
        records: None where this process has none: every tenant's days are UTC's then.
    """

    def __init__(self, records: Records | None) -> None:
        self._records = records
        self._known: dict[str, tuple[float, str]] = {}
        self._changes = 0

    async def follow(self, messages: Messages) -> None:
        """Read them again when somebody says that they changed; for ever."""
        async for _ in messages.follow(TENANTS_CHANGED):
            self._changes += 1
            self._known = {tenant: (0.0, zone) for tenant, (_, zone) in self._known.items()}

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
        changes = self._changes
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
        # What was read while it changed may be what was there before: it is read again the next time.
        self._known[tenant] = (time.monotonic() + _KEPT_SECONDS if changes == self._changes else 0.0, zone)
        return zone
