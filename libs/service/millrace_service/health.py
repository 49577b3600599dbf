"""Whether a process lives, and whether it is ready for work.

Live means "the loop turns" only: it never asks a neighbour, or an outage becomes a storm of restarts. Ready asks each check.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from millrace_core.errors import MillraceError

Check = Callable[[], Awaitable[None]]
"""Returns when the neighbour is fine, raises a MillraceError when it is not; Degraded where the process does without."""

_DEADLINE_SECONDS: Final = 2.0
_READY: Final = frozenset({"ok", "degraded"})


class Degraded(MillraceError):
    """A neighbour is away, and this process does its work without it."""

    code = "degraded"


@dataclass(frozen=True, slots=True)
class Readiness:
    """The outcome of every check: ``ok``, or why not."""

    checks: Mapping[str, str]

    @property
    def ready(self) -> bool:
        """Whether every check passed."""
        return all(outcome in _READY for outcome in self.checks.values())


@dataclass(slots=True)
class Health:
    """The checks of one process."""

    checks: dict[str, Check] = field(default_factory=dict)
    stopping: bool = False

    def add(self, name: str, check: Check) -> None:
        """Ask this check, too, before the process is called ready."""
        self.checks[name] = check

    async def readiness(self) -> Readiness:
        """Run every check at once, each with a deadline of two seconds."""
        if self.stopping:
            return Readiness({"process": "stopping"})
        outcomes = await asyncio.gather(*(_outcome(check) for check in self.checks.values()))
        return Readiness(dict(zip(self.checks, outcomes, strict=True)))


async def _outcome(check: Check) -> str:
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            await check()
    except TimeoutError:
        return "timeout"
    except MillraceError as error:
        return error.code
    return "ok"
