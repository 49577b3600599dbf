"""A circuit breaker (Nygard, Release It!) that opens for a time: while Claude fails nobody is made to wait for it."""

from collections.abc import Callable
from typing import Final

FAILURES: Final = 3
"""In a row, until it opens."""
OPEN_SECONDS: Final = 30.0
REFUSED_SECONDS: Final = 600.0
"""Where the key is refused: only an operator mends that."""


class TimedBreaker:
    """Open for a while after some failures in a row; then one call tries whether it works again.

    Args:
        clock: seconds that only go up.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failed = 0
        self._until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether nothing should be called now."""
        return self._clock() < self._until

    def succeeded(self) -> None:
        """A call."""
        self._failed = 0
        self._until = 0.0

    def failed(self) -> None:
        """A call, in a way that may pass. While it is half open one more failure is enough."""
        self._failed += 1
        if self._failed >= FAILURES:
            self._until = self._clock() + OPEN_SECONDS

    def refused(self) -> None:
        """A call, in a way that waiting does not mend."""
        self._failed = FAILURES
        self._until = self._clock() + REFUSED_SECONDS
