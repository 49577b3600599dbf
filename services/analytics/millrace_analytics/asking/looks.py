"""What is looked at once in a while for everyone who wants to know."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

_Found = TypeVar("_Found")


class Looks(Generic[_Found]):
    """Looks at something of a tenant, and not again while what it saw is new enough.

    Args:
        look: at the tenant of this name; what it raises is raised, and not remembered.
        seconds: how old what was seen may be.
        clock: seconds that only go up.
        most: of how many tenants it is known; beyond it the one that was looked at longest ago is forgotten.
    """

    def __init__(
        self,
        look: Callable[[str], Awaitable[_Found]],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        most: int = 10_000,
    ) -> None:
        self._look = look
        self._seconds = seconds
        self._clock = clock
        self._most = most
        self._known: dict[str, tuple[float, asyncio.Task[_Found]]] = {}

    async def of(self, tenant: str, *, is_fresh: bool = False) -> _Found:
        """What was seen of a tenant, or is being seen.

        Args:
            is_fresh: what was seen before is not good enough.
        """
        known = self._known.get(tenant)
        if known is None or known[0] <= self._clock() or is_fresh:
            task = asyncio.create_task(self._seen(tenant), name="look")
            self._known.pop(tenant, None)  # the newest stand last
            known = self._known[tenant] = (self._clock() + self._seconds, task)
            if len(self._known) > self._most:
                del self._known[next(iter(self._known))]
            task.add_done_callback(lambda done: self._looked(tenant, done))
        return await asyncio.shield(known[1])

    def forget(self, tenant: str | None = None) -> None:
        """Look again when somebody asks for this tenant; without one, for any."""
        if tenant is None:
            self._known.clear()
        else:
            self._known.pop(tenant, None)

    async def _seen(self, tenant: str) -> _Found:
        return await self._look(tenant)

    def _looked(self, tenant: str, task: "asyncio.Task[_Found]") -> None:
        known = self._known.get(tenant)
        if (task.cancelled() or task.exception() is not None) and known is not None and known[1] is task:
            del self._known[tenant]
