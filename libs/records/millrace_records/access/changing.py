"""What every change of access has in common: it raises the version, and it is in the trail."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.time import now_ms
from millrace_records.access.models import ChangeRow, StateRow
from millrace_records.access.ports import Change
from millrace_records.transactions import Transactions


class Changing:
    """One transaction at a time in all processes: each begins by raising the version, whose row it locks.

    Args:
        clock: milliseconds since the epoch.
    """

    def __init__(self, transactions: Transactions, clock: Callable[[], int] = now_ms) -> None:
        self._transactions = transactions
        self._clock = clock

    @property
    def now(self) -> int:
        """Milliseconds since the epoch."""
        return self._clock()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A transaction that changes nothing by which credentials are judged."""
        async with self._transactions.begin() as session:
            yield session

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[AsyncSession]:
        """A transaction that others see the whole of, or nothing."""
        async with self._transactions.begin() as session:
            await session.execute(update(StateRow).values(version=StateRow.version + 1))
            yield session

    def tell(self, session: AsyncSession, actor: str, action: str, tenant: str, subject: str, **detail: Any) -> None:
        """Add a line to the trail."""
        session.add(line_of(Change(self.now, actor, action, tenant, subject, detail)))


def line_of(change: Change) -> ChangeRow:
    """The line of a change in the trail."""
    return ChangeRow(
        at=change.at,
        actor=change.actor,
        action=change.action,
        tenant=change.tenant,
        subject=change.subject,
        detail=json.dumps(dict(change.detail), sort_keys=True),
    )
