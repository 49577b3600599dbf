"""Room for large batches, which all partitions of a consumer share.

Behind a backlog each partition gathers a batch while one of it waits for its insert, and inserts take turns. Without a bound
six partitions held twelve full batches: 920 MB with 300,000 events of 840 bytes waiting; 607 MB with five. A batch takes three
times its bytes: the records, the rows, and the block that is sent.
"""

import asyncio
import ctypes
from typing import Final

_QUIET_SECONDS: Final = 10.0


class Room:
    """So many large batches, gathered or being stored.

    Args:
        places: how many.
        quiet_seconds: how long nobody comes before memory is given back.
    """

    def __init__(self, places: int, quiet_seconds: float = _QUIET_SECONDS) -> None:
        self._quiet_seconds = quiet_seconds
        self._free = asyncio.Semaphore(places)
        self._inside = 0
        self._used = asyncio.Event()

    async def enter(self) -> None:
        """Wait for a place. Who is inside must be on its way out without waiting for others."""
        await self._free.acquire()
        self._inside += 1
        self._used.set()

    def leave(self) -> None:
        """Give a place back."""
        self._inside -= 1
        self._free.release()

    async def give_back(self) -> None:
        """Behind each backlog, give what it took back to the system; for ever. The allocator would keep it, 120 MB of it, and
        the process look as if it had no memory left."""
        while True:
            await self._used.wait()
            while self._inside or self._used.is_set():
                self._used.clear()
                await asyncio.sleep(self._quiet_seconds)
            await asyncio.to_thread(_trim)


def _trim() -> None:
    """Of glibc alone (man 3 malloc_trim); what other allocators keep they decide themselves."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
