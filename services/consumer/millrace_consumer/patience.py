"""Trying again, for as long as it takes, while a neighbour is in trouble."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from typing import Final, TypeVar

import structlog

from millrace_core.errors import Unavailable

_FIRST_PAUSE_SECONDS: Final = 0.2

Result = TypeVar("Result")

_log = structlog.get_logger("millrace.consumer")


class Stopped(Exception):
    """The process is stopping: what was being tried is left for the next start."""


class Patience:
    """Repeats an attempt until it succeeds, with exponential backoff and full jitter, or until the stop signal.

    Args:
        stop: set when the process is stopping.
        longest: seconds, the longest pause.
    """

    def __init__(self, stop: asyncio.Event, longest: float) -> None:
        self._stop = stop
        self._longest = longest
        self._troubles: dict[str, Unavailable] = {}
        self._trying: set[str] = set()
        self.brought = 0
        """How many reads have brought something."""

    @property
    def trouble(self) -> Unavailable | None:
        """What an attempt under way failed with last, None while all is well."""
        return next(iter(self._troubles.values()), None)

    @property
    def trying(self) -> AbstractSet[str]:
        """What is being tried now, each once."""
        return self._trying

    async def until_done(self, what: str, attempt: Callable[[], Awaitable[Result]]) -> Result:
        """The attempt's result.

        Raises:
            Stopped: the stop signal came first.
        """
        self._trying.add(what)
        try:
            return await self._until_done(what, attempt)
        finally:
            self._trying.discard(what)

    async def _until_done(self, what: str, attempt: Callable[[], Awaitable[Result]]) -> Result:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                result = await attempt()
            except Unavailable as error:
                self._troubles[what] = error
                _log.warning(
                    "consumer_waits", attempt=what, code=error.code, cause=str(error.__cause__ or error), seconds=pause
                )
            else:
                self._troubles.pop(what, None)
                return result
            await self._sleep(random.uniform(pause / 2, pause))  # noqa: S311 (jitter needs no secrecy)
            pause = min(pause * 2, self._longest)

    async def _sleep(self, seconds: float) -> None:
        if self._stop.is_set():
            raise Stopped
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return
        raise Stopped
