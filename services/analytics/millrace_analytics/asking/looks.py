"""What is looked at once in a while for everyone who wants to know."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

_Found = TypeVar("_Found")

_MOST_TENANTS: Final = 10_000


class Looks(Generic[_Found]):
    """Looks at something of a tenant, and not again while what it saw is new enough.

    Args:
        look: at the tenant of this name; what it raises is raised, and not remembered.
        seconds: how old what was seen may be.
        clock: seconds that only go up.
    """

    def __init__(
        self, look: Callable[[str], Awaitable[_Found]], seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look = look
        self._seconds = seconds
        self._clock = clock
        self._known: dict[str, tuple[float, asyncio.Task[_Found]]] = {}

    async def of(self, tenant: str, *, is_fresh: bool = False) -> _Found:
        """What was seen of a tenant, or is being seen.

        Args:
            is_fresh: what was seen before is not good enough.
        """
        known = self._known.get(tenant)
        if known is None or known[0] <= self._clock() or is_fresh:
            if len(self._known) >= _MOST_TENANTS:
                self.forget()
            task = asyncio.create_task(self._seen(tenant), name="look")
            known = self._known[tenant] = (self._clock() + self._seconds, task)
            task.add_done_callback(lambda done: self._looked(tenant, done))
        return await asyncio.shield(known[1])

    def forget(self) -> None:
        """Look again when somebody asks."""
        self._known.clear()

    async def _seen(self, tenant: str) -> _Found:
        return await self._look(tenant)

    def _looked(self, tenant: str, task: "asyncio.Task[_Found]") -> None:
        known = self._known.get(tenant)
        if (task.cancelled() or task.exception() is not None) and known is not None and known[1] is task:
            del self._known[tenant]
