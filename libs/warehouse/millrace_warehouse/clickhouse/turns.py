"""Whose turn it is to write: inserts, or a rebuild of rollups while no insert is half done."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
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
        self._free = asyncio.LifoQueue[int]()
        self._give_back(range(INSERTS_AT_ONCE))
        self._failures = 0
        self._whole = asyncio.Event()
        self._whole.set()

    @asynccontextmanager
    async def insert(self) -> AsyncIterator[int]:
        """Hold while inserting; the number of the place, below ``INSERTS_AT_ONCE``, that nobody else has meanwhile. Where one
        runs at a time it is 0.

        An error other than RowsRefused leaves the insert half done, until one that begins afterwards ends well: the consumer
        inserts nothing else of a partition before it has repeated that one.
        """
        [place] = await self._take(1)
        failures = self._failures
        try:
            yield place
        except RowsRefused:  # nothing was stored
            self._ended_well(failures)
            raise
        except BaseException:
            self._failures += 1
            self._whole.clear()
            raise
        else:
            self._ended_well(failures)
        finally:
            self._give_back([place])

    def _ended_well(self, failures: int) -> None:
        if failures == self._failures:  # since it began
            self._whole.set()

    @asynccontextmanager
    async def rebuild(self) -> AsyncIterator[None]:
        """Hold while replacing rows of rollups, or while comparing them to the last row.

        Raises:
            WarehouseUnavailable: an insert has been half done for a minute.
        """
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                places = await self._take_whole()
        except TimeoutError as error:
            raise WarehouseUnavailable("an insert is not finished; try again when it is", code="insert_pending") from error
        try:
            yield
        finally:
            self._give_back(places)

    async def _take_whole(self) -> Sequence[int]:
        """Every place, once the last insert has ended well."""
        while True:
            await self._whole.wait()
            places = await self._take(INSERTS_AT_ONCE)
            if self._whole.is_set():
                return places
            self._give_back(places)

    async def _take(self, count: int) -> Sequence[int]:
        """So many places, in the order in which they are asked for."""
        taken: list[int] = []
        async with self._line:
            try:
                while len(taken) < count:
                    taken.append(await self._free.get())
            except BaseException:
                self._give_back(taken)
                raise
        return taken

    def _give_back(self, places: Sequence[int]) -> None:
        for place in sorted(places, reverse=True):  # the lowest is taken next
            self._free.put_nowait(place)
