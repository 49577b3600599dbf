"""Whose turn it is to write: inserts, or a rebuild of rollups while no insert is half done."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Final

from millrace_core.errors import RowsRefused, WarehouseUnavailable

INSERTS_AT_ONCE: Final = 3
"""Of one process, each of another partition: an insert has one thread of the engine (python -m tests.bench kafka.consumer)."""

_WAIT_SECONDS: Final = 60.0


class WriteTurns:
    """Inserts and rebuilds of one process exclude each other.

    A rebuild reads the events and replaces rollup rows with what it read. An insert that is stored in the events and not yet
    in the rollups (it runs, or it failed half way and will be tried again) would be counted by the rebuild and then once
    more by its own views. So a rebuild waits until none runs and the last one has ended well. Where several failed together
    the first to be repeated lets it through; each of the others compares the rollups of its hours once it has been repeated.
    """

    def __init__(self) -> None:
        self._line = asyncio.Lock()  # who stands first in it takes places: a rebuild all of them, behind those before it
        self._places = asyncio.Semaphore(INSERTS_AT_ONCE)
        self._free = list(range(INSERTS_AT_ONCE))
        self._rebuilding = asyncio.Lock()
        self._begun = count(1)
        self._failed_at = 0
        self._whole = asyncio.Event()
        self._whole.set()

    @asynccontextmanager
    async def insert(self) -> AsyncIterator[int]:
        """Hold while inserting; the number of the place, below ``INSERTS_AT_ONCE``, that nobody else has meanwhile.

        An error other than RowsRefused leaves the insert half done, until one that begins afterwards ends well: the consumer
        inserts nothing else of a partition before it has repeated that one.
        """
        async with self._line:
            await self._places.acquire()
        place, began = self._free.pop(), next(self._begun)
        try:
            yield place
        except RowsRefused:  # nothing was stored
            self._ended_well(began)
            raise
        except BaseException:
            self._failed_at = next(self._begun)
            self._whole.clear()
            raise
        else:
            self._ended_well(began)
        finally:
            self._free.append(place)
            self._places.release()

    def _ended_well(self, began: int) -> None:
        if began > self._failed_at:
            self._whole.set()

    @asynccontextmanager
    async def rebuild(self) -> AsyncIterator[None]:
        """Hold while replacing rows of rollups, or while comparing them to the last row.

        Raises:
            WarehouseUnavailable: an insert has been half done for a minute.
        """
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(_WAIT_SECONDS):
                    await held.enter_async_context(self._rebuilding)
                    await self._take_all(held)
            except TimeoutError as error:
                raise WarehouseUnavailable("an insert is not finished; try again when it is", code="insert_pending") from error
            yield

    async def _take_all(self, held: AsyncExitStack) -> None:
        """Take every place once the last insert has ended well."""
        while True:
            await self._whole.wait()
            async with self._line, AsyncExitStack() as taken:
                for _ in range(INSERTS_AT_ONCE):
                    await taken.enter_async_context(self._places)
                if self._whole.is_set():
                    held.push_async_exit(taken.pop_all())
                    return
