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
    """The outcome of every check: ``ok``, or the code of what is wrong."""

    checks: Mapping[str, str]
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Of each check that is not ``ok``: what is wrong, in words that anyone may read."""

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
        names = list(self.checks)
        outcomes = await asyncio.gather(*(_outcome(check) for check in self.checks.values()))
        reasons = {name: reason for name, (_, reason) in zip(names, outcomes, strict=True) if reason}
        return Readiness({name: code for name, (code, _) in zip(names, outcomes, strict=True)}, reasons)


async def _outcome(check: Check) -> tuple[str, str]:
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            await check()
    except TimeoutError:
        return "timeout", f"no answer within {_DEADLINE_SECONDS:g} seconds"
    except MillraceError as error:
        return error.code, error.message
    return "ok", ""
