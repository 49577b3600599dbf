"""Who may ask now: so many statements at once, of all and of each tenant, so that one's heavy ones do not stall another."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog

from millrace_core import metrics as names
from millrace_core.errors import TooManyRequests
from millrace_service.metrics import Metrics
from millrace_warehouse.query_settings import QuerySettings

_OWN: Final = 4
_OWN_OF_A_TENANT: Final = 2
_WAITING: Final = 200
_WAITING_OF_A_TENANT: Final = 20
"""Statements that wait; who would be one more is told at once to come again."""

_log = structlog.get_logger("millrace.warehouse")


@dataclass(slots=True)
class Turn:
    """One statement's turn."""

    until: "asyncio.Future[Any] | None" = None
    """What has to end before the turn does."""


class AskingTurns:
    """Turns of statements that somebody wrote. Who has to wait waits behind those of the same tenant, then in the queue of all,
    in which a tenant has as many as it may have running."""

    def __init__(self, settings: QuerySettings, metrics: Metrics) -> None:
        self._settings = settings
        self._limited = metrics.counter(names.RATE_LIMITED, "queries")
        self._free = asyncio.Semaphore(settings.query_concurrency)
        self._tenants: dict[str, asyncio.Semaphore] = {}
        self._there: Counter[str] = Counter()
        """Those of a tenant that run or wait."""

    @asynccontextmanager
    async def take(self, tenant: str) -> AsyncIterator[Turn]:
        """A turn. It lasts until the engine has ended the statement, however long before the client was told that it took too
        long: what cannot be interrupted must not be piled up.

        Raises:
            TooManyRequests: none was free within the time that a statement may wait, or too many wait already.
        """
        limit = self._settings.query_concurrency_per_tenant
        if self._there[tenant] >= limit + _WAITING_OF_A_TENANT:
            raise self._too_many("Too many queries of this customer_id are waiting.")
        if self._there.total() >= self._settings.query_concurrency + _WAITING:
            raise self._too_many("Too many queries are waiting.")
        of_tenant = self._tenants.setdefault(tenant, asyncio.Semaphore(limit))
        self._there[tenant] += 1
        try:
            await self._wait(of_tenant)
        except BaseException:
            self._leave(tenant)
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

    async def _wait(self, of_tenant: asyncio.Semaphore) -> None:
        whose = "of this customer_id "
        try:
            async with asyncio.timeout(self._settings.query_wait_seconds):
                await of_tenant.acquire()
                whose = ""
                try:
                    await self._free.acquire()
                except BaseException:
                    of_tenant.release()
                    raise
        except TimeoutError as error:
            raise self._too_many(f"Too many queries {whose}are running.") from error

    def _end(self, tenant: str) -> None:
        self._free.release()
        self._tenants[tenant].release()
        self._leave(tenant)

    def _leave(self, tenant: str) -> None:
        self._there[tenant] -= 1
        if not self._there[tenant]:
            del self._there[tenant], self._tenants[tenant]

    def _too_many(self, message: str) -> TooManyRequests:
        self._limited.inc()
        return TooManyRequests(message, code="too_many_queries", retry_after=2)


class OwnTurns:
    """Turns of statements of ours: they wait for each other, those of one tenant for half of what there is."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(_OWN)
        self._tenants: dict[str, asyncio.Semaphore] = {}
        self._waiting: Counter[str] = Counter()

    @asynccontextmanager
    async def take(self, tenant: str) -> AsyncIterator[None]:
        """A turn."""
        of_tenant = self._tenants.setdefault(tenant, asyncio.Semaphore(_OWN_OF_A_TENANT))
        self._waiting[tenant] += 1
        try:
            async with of_tenant, self._free:
                yield
        finally:
            self._waiting[tenant] -= 1
            if not self._waiting[tenant]:
                del self._waiting[tenant], self._tenants[tenant]
