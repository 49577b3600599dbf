"""How many events a minute a tenant may send. A request that would pass its limit is refused whole, with the time to wait."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Final, NamedTuple

import structlog

from millrace_core.errors import RecordsUnavailable, TooManyRequests
from millrace_eventlog.records import LogRecord
from millrace_ingestion.kept_tenants import KeptTenants
from millrace_records.cache.looking import look_regularly
from millrace_records.cache.ports import Limits, Messages, Rate
from millrace_records.ports import TENANTS_CHANGED, Records, Tenant

_MINUTE: Final = 60.0
_READ_SECONDS: Final = 60.0

_log = structlog.get_logger("millrace.ingestion")


class _Limit(NamedTuple):
    """Of a tenant."""

    key: str
    rate: Rate


class TenantLimits:
    """The limits of all tenants.

    Args:
        default: events a minute of a tenant without a limit of its own; 0 is no limit.
        unmetered: ids of the keys whose events do not count, as they are at any time.
        told: called with the settings of all tenants whenever they were read.
        kept: where they are kept for a start without the records.
    """

    def __init__(
        self,
        limits: Limits,
        default: int,
        unmetered: Collection[str] = (),
        told: Callable[[Sequence[Tenant]], None] = lambda _: None,
        kept: KeptTenants | None = None,
    ) -> None:
        self._told = told
        self._kept = kept
        self._are_known = False
        self._limits = limits
        self._unmetered = unmetered
        self._default = default
        self._own: Mapping[str, int] = {}
        self._limit_of = lru_cache(maxsize=4096)(self._find_limit)

    async def take(self, records: Sequence[LogRecord]) -> None:
        """Count these events.

        Raises:
            TooManyRequests: ``tenant_rate_limited``; none of them may be stored now.
        """
        if not self._default and not self._own:
            return
        counted: Iterable[tuple[str, int]]
        if len(records) == 1:  # 3 µs less than a Counter (tests/bench/access_cost.py)
            counted = () if records[0].key_id in self._unmetered else ((records[0].tenant, 1),)
        else:
            counted = Counter(record.tenant for record in records if record.key_id not in self._unmetered).items()
        for tenant, events in counted:
            limit = self._limit_of(tenant)
            if limit is None:
                continue
            key, rate = limit
            waits = self._limits.take_here(key, events, rate)
            if waits is None:
                waits = await self._limits.take(key, events, rate)
            if waits:
                raise TooManyRequests(
                    f"{tenant} may send {rate.amount:,} events a minute",
                    code="tenant_rate_limited",
                    retry_after=math.ceil(waits),
                    limit=rate.amount,
                )

    def _find_limit(self, tenant: str) -> _Limit | None:
        events = self._own.get(tenant, self._default)
        return _Limit(f"events:{tenant}", Rate(events, _MINUTE)) if events else None

    async def follow(self, records: Records, messages: Messages) -> None:
        """Read the tenants' own settings now, every minute, and when someone says that they changed; for ever. While the
        records do not answer the ones that were read last hold."""
        await look_regularly(messages, TENANTS_CHANGED, _READ_SECONDS, partial(self.read, records))

    async def read(self, records: Records) -> None:
        """Read them once. Where the records do not answer and none were read before, those that were kept on the disk hold."""
        try:
            tenants = await records.tenants()
        except RecordsUnavailable as error:
            _log.warning("limits_not_read", cause=str(error.__cause__ or error))
            if not self._are_known and self._kept is not None and (known := self._kept.load()) is not None:
                self.settle(known)
            return
        self.settle(tenants)
        if self._kept is not None:
            self._kept.save(tenants)

    def settle(self, tenants: Sequence[Tenant]) -> None:
        """These are everyone's settings from now on."""
        self._are_known = True
        self._own = {tenant.name: tenant.limit for tenant in tenants if tenant.limit is not None}
        self._limit_of.cache_clear()
        self._told(tenants)
