"""A connection that is replaced after it failed."""

import asyncio
from collections.abc import Awaitable, Callable

from millrace_warehouse.clickhouse.engine import Connection


class StandingConnection:
    """One connection of a kind, opened when it is first needed and again after an error closed it."""

    def __init__(self, opening: Callable[[], Awaitable[Connection]]) -> None:
        self._opening = opening
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()

    async def get(self) -> Connection:
        """The open connection.

        Raises:
            EngineFailure: it cannot be opened.
        """
        async with self._turn:
            if self._connection is None or self._connection.closed:
                self._connection = await self._opening()
            return self._connection

    async def close(self) -> None:
        """Close it if it is open; waits for a running call."""
        async with self._turn:
            if self._connection is not None:
                await self._connection.close()
