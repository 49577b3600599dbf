"""How fast streams are opened: a herd that comes back at once is let in one after the other."""

import asyncio

from millrace_core.errors import Unavailable


class Turns:
    """So many turns a second, in the order of asking. A second's worth that nobody took may be taken at once.

    Args:
        a_second: turns.
        longest_wait: seconds; who would wait longer is refused.
    """

    def __init__(self, a_second: float, longest_wait: float) -> None:
        self._every = 1.0 / a_second
        self._longest_wait = longest_wait
        self._next = 0.0
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Everybody who waits is refused."""
        self._closed.set()

    async def take(self) -> None:
        """Return when it is our turn.

        Raises:
            Unavailable: too many wait already, or everything ends.
        """
        now = asyncio.get_running_loop().time()
        at = max(self._next, now - 1.0)
        if at - now > self._longest_wait:
            raise Unavailable("Too many live streams are being opened.", code="too_many_streams")
        self._next = at + self._every
        if at > now:
            try:
                await asyncio.wait_for(self._closed.wait(), at - now)
            except TimeoutError:
                return
            raise Unavailable("The server is stopping.", code="too_many_streams")
