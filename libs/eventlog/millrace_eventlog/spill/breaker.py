"""A circuit breaker (Nygard, Release It!): after some failures in a row nobody is made to wait for another one."""

from collections.abc import Callable


class Breaker:
    """Closed while calls succeed; open from the failure that is one too many until a probe succeeds.

    Args:
        failures: how many in a row open it.
        on_change: told whether it is open.
    """

    def __init__(self, failures: int, on_change: Callable[[bool], None]) -> None:
        self._most = failures
        self._failed = 0
        self._on_change = on_change
        self.is_open = False

    def succeeded(self) -> None:
        """A call, or a probe."""
        self._failed = 0
        self._set(is_open=False)

    def failed(self) -> None:
        """A call, or a probe."""
        self._failed += 1
        if self._failed >= self._most:
            self._set(is_open=True)

    def _set(self, *, is_open: bool) -> None:
        if is_open != self.is_open:
            self.is_open = is_open
            self._on_change(is_open)
