"""What language models may cost a tenant on one day."""

import datetime
from typing import Protocol


class Spending(Protocol):
    """How much was spent, by tenant and day. Amounts are millionths of a US dollar. Both methods raise Unavailable where the
    store does not answer: what cannot be counted is not spent."""

    async def spent(self, tenant: str, day: str) -> int:
        """On that day (UTC, ``2026-02-16``)."""
        ...

    async def spend(self, tenant: str, day: str, micro_usd: int) -> int:
        """Add an amount; what was spent with it."""
        ...


class MemorySpending:
    """Spending of a process without records; a restart begins anew."""

    def __init__(self) -> None:
        self._day = ""
        self._spent: dict[str, int] = {}

    async def spent(self, tenant: str, day: str) -> int:
        """See Spending."""
        return self._spent.get(tenant, 0) if day == self._day else 0

    async def spend(self, tenant: str, day: str, micro_usd: int) -> int:
        """See Spending."""
        if day > self._day:
            self._day, self._spent = day, {}
        self._spent[tenant] = self._spent.get(tenant, 0) + micro_usd
        return self._spent[tenant]


def day_of(millis: int) -> str:
    """The day (UTC) of a time in milliseconds since the epoch."""
    return datetime.datetime.fromtimestamp(millis / 1000, datetime.UTC).date().isoformat()
