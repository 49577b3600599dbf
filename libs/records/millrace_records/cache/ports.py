"""The ports of what is shared for a while. Nothing here is the only copy of anything: losing all of it costs work, never an
event. All methods but ``take_here`` are coroutines that answer within 50 ms; none raises anything of a store that is down."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in so many seconds, and as many at once after a pause."""

    amount: int
    seconds: float


class Cache(Protocol):
    """Values for a while."""

    async def get(self, key: str) -> bytes | None:
        """The value, None when there is none or its time is over."""
        ...

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep a value for so long; it may be forgotten earlier."""
        ...


class Limits(Protocol):
    """How much has been taken lately."""

    async def take(self, key: str, amount: int, rate: Rate) -> float:
        """Take an amount: 0.0 when it was there, else nothing is taken and this is how many seconds to wait. More than the
        rate allows at once is given when nothing was taken for a while, and waited for afterwards (the generic cell rate
        algorithm, ITU-T I.371)."""
        ...

    def take_here(self, key: str, amount: int, rate: Rate) -> float | None:
        """The same without a wait, where this process counts alone; None, and nothing is taken, where others count along."""
        ...


class Locks(Protocol):
    """Work that one process does for all."""

    async def acquire(self, name: str, seconds: float) -> bool:
        """Whether this process is the one, for so many seconds. It is given back by time alone."""
        ...


class Messages(Protocol):
    """Short notes to every process that follows a channel."""

    async def publish(self, channel: str) -> None:
        """Tell the followers that something has changed."""
        ...

    def follow(self, channel: str) -> AsyncIterator[None]:
        """Yields when something was told, and when something may have been missed."""
        ...


@dataclass(frozen=True, slots=True)
class CachePorts:
    """All of them on one store."""

    cache: Cache
    limits: Limits
    locks: Locks
    messages: Messages
    degraded: Callable[[], bool]
    """Whether the processes share nothing at the moment, each having its own."""
