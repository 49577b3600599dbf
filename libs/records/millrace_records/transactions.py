"""Transactions of the records, each within a deadline."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from anyio import CancelScope
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from millrace_core.errors import RecordsUnavailable
from millrace_records.failures import FAILURES

_DEADLINE_SECONDS: Final = 10.0


class Transactions:
    """Makes transactions on one engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """One transaction, committed at the end.

        Raises:
            RecordsUnavailable: the store does not answer, or not in time.
        """
        try:
            # A stream whose client hangs up is cancelled by anyio at each of its awaits, again and again: that of the driver
            # which waits for its connection to close, too. So the few milliseconds of a transaction end before that is heard.
            with CancelScope(shield=True):
                async with (
                    asyncio.timeout(_DEADLINE_SECONDS),
                    AsyncSession(self._engine, expire_on_commit=False) as session,
                    session.begin(),
                ):
                    yield session
        except FAILURES as error:
            raise RecordsUnavailable("The records cannot be read or written now.") from error
