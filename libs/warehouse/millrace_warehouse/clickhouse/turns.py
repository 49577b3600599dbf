"""Whose turn it is to write: an insert, or a rebuild of rollups while no insert is half done."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from millrace_core.errors import RowsRefused, WarehouseUnavailable

_WAIT_SECONDS: Final = 60.0


class WriteTurns:
    """Inserts and rebuilds of one process exclude each other.

    A rebuild reads the events and replaces rollup rows with what it read. An insert that is stored in the events and not yet
    in the rollups (it runs, or it failed half way and will be tried again) would be counted by the rebuild and then once
    more by its own views. So a rebuild waits until the last insert has ended well.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._whole = asyncio.Event()
        self._whole.set()

    @asynccontextmanager
    async def insert(self) -> AsyncIterator[None]:
        """Hold while inserting. An error other than RowsRefused leaves the insert half done, until the next that ends well:
        the consumer inserts nothing else before it has repeated that one."""
        async with self._lock:
            self._whole.clear()
            try:
                yield
            except RowsRefused:  # nothing was stored
                self._whole.set()
                raise
            self._whole.set()

    @asynccontextmanager
    async def rebuild(self) -> AsyncIterator[None]:
        """Hold while replacing rows of rollups, or while comparing them to the last row.

        Raises:
            WarehouseUnavailable: an insert has been half done for a minute.
        """
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._acquire_whole()
        except TimeoutError as error:
            raise WarehouseUnavailable("an insert is not finished; try again when it is", code="insert_pending") from error
        try:
            yield
        finally:
            self._lock.release()

    async def _acquire_whole(self) -> None:
        while True:
            await self._whole.wait()
            await self._lock.acquire()
            if self._whole.is_set():
                return
            self._lock.release()
