"""Transactions of the records, each within a deadline."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from anyio import CancelScope
from sqlalchemy import text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from millrace_core.errors import RecordsUnavailable
from millrace_records.failures import FAILURES
from millrace_records.models import Base

_DEADLINE_SECONDS: Final = 10.0
_LOCK: Final = 0x4D494C4C  # ours, among PostgreSQL's advisory locks of two numbers


class Transactions:
    """Makes transactions on one engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def begin(self, alone: str | None = None) -> AsyncIterator[AsyncSession]:
        """One transaction, committed at the end.

        Args:
            alone: transactions that give the same name come one after the other in all processes, so that what one of them has
                looked at still holds when it writes.

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
                    if alone is not None:
                        await _wait_for_turn(session, alone)
                    yield session
        except FAILURES as error:
            raise RecordsUnavailable("The records cannot be read or written now.") from error


async def put(session: AsyncSession, row: Base) -> None:
    """Keep a row in place of the one that has its key. One statement, so that of two at once that find none neither fails."""
    table = type(row).__table__
    made = (postgresql.insert if _is_served(session) else sqlite.insert)(type(row))
    made = made.values({column.name: getattr(row, column.name) for column in table.columns})
    others = {column.name: made.excluded[column.name] for column in table.columns if not column.primary_key}
    await session.execute(made.on_conflict_do_update(index_elements=list(table.primary_key), set_=others))


async def _wait_for_turn(session: AsyncSession, name: str) -> None:
    if _is_served(session):
        await session.execute(text("SELECT pg_advisory_xact_lock(:ours, hashtext(:name))"), {"ours": _LOCK, "name": name})
    else:  # a file has one writer, whatever it writes
        await session.execute(text("BEGIN IMMEDIATE"))


def _is_served(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "postgresql"
