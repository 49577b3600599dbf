"""Statements in SQL: those that a tenant saved under a name, and a history of what was asked."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from sqlalchemy import delete, func, select

from millrace_core.errors import Conflict, NotFound
from millrace_records.access.changing import Changing
from millrace_records.models import AskedRow, SavedRow
from millrace_records.transactions import Transactions, put

MOST_SAVED: Final = 1_000
"""Of one tenant."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A statement with a name. It is kept as it was written: whoever asks it sends it through the gate again."""

    tenant: str
    name: str
    sql: str
    description: str
    defaults: Mapping[str, Any]
    """Values of placeholders that need not be given, as JSON has them."""
    actor: str
    at: int
    """Milliseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement that was asked, without the values of its placeholders and without its rows."""

    tenant: str
    actor: str
    saved: str
    """The name under which it is saved; empty where it was written."""
    sql: str
    status: str
    """``success``, ``cancelled``, or the code of the error."""
    rows: int
    milliseconds: float
    at: int
    """Milliseconds since the epoch."""
    id: int = field(default=0, compare=False)
    """Given by the store; later ones are larger."""


class StatementRecords(Protocol):
    """Both. All methods raise RecordsUnavailable."""

    async def save(self, saved: Saved, *, teller: str | None = None, most: int = MOST_SAVED) -> None:
        """Keep one; it replaces the tenant's former one of the same name. The trail says who did.

        Args:
            teller: for the trail, where it is somebody else than who wrote it.

        Raises:
            Conflict: ``too_many_saved``: the tenant has ``most`` others.
        """
        ...

    async def all_saved(self, tenant: str | None = None) -> Sequence[Saved]:
        """One tenant's, or everyone's, by name."""
        ...

    async def saved(self, tenant: str, name: str) -> Saved:
        """One of them.

        Raises:
            NotFound: there is none of this name.
        """
        ...

    async def remove_saved(self, tenant: str, name: str, actor: str) -> bool:
        """Forget one; whether there was one. The trail says who did."""
        ...

    async def note(self, asked: Sequence[Asked]) -> None:
        """Add to the history."""
        ...

    async def asked(self, tenant: str, *, before: int | None = None, limit: int = 100) -> Sequence[Asked]:
        """A tenant's history, the newest first, from before an id."""
        ...

    async def forget_asked(self, before: int, tenants: Sequence[str] = (), most: int = 0) -> None:
        """Shorten the history: what is from before a time (milliseconds since the epoch), and of these tenants everything but
        the newest ``most``."""
        ...


class SqlStatements:
    """StatementRecords on either engine."""

    def __init__(self, transactions: Transactions, changing: Changing) -> None:
        self._transactions = transactions
        self._changing = changing

    async def save(self, saved: Saved, *, teller: str | None = None, most: int = MOST_SAVED) -> None:
        """See StatementRecords."""
        others = select(func.count()).where(SavedRow.tenant == saved.tenant, SavedRow.name != saved.name)
        row = SavedRow(
            tenant=saved.tenant,
            name=saved.name,
            sql=saved.sql,
            description=saved.description,
            defaults=json.dumps(dict(saved.defaults)),
            actor=saved.actor,
            at=saved.at,
        )
        async with self._transactions.begin() as session:
            if (await session.execute(others)).scalar_one() >= most:
                raise Conflict(f"{saved.tenant} has {most:,} saved statements", code="too_many_saved")
            await put(session, row)
            self._changing.tell(session, teller or saved.actor, "statement_saved", saved.tenant, saved.name)

    async def all_saved(self, tenant: str | None = None) -> Sequence[Saved]:
        """See StatementRecords."""
        wanted = select(SavedRow).order_by(SavedRow.tenant, SavedRow.name)
        if tenant is not None:
            wanted = wanted.where(SavedRow.tenant == tenant)
        async with self._transactions.begin() as session:
            return [_saved(row) for row in await session.scalars(wanted)]

    async def saved(self, tenant: str, name: str) -> Saved:
        """See StatementRecords."""
        async with self._transactions.begin() as session:
            row = await session.get(SavedRow, (tenant, name))
        if row is None:
            raise NotFound(f"{tenant} has no saved statement {name}")
        return _saved(row)

    async def remove_saved(self, tenant: str, name: str, actor: str) -> bool:
        """See StatementRecords."""
        removed = delete(SavedRow).where(SavedRow.tenant == tenant, SavedRow.name == name).returning(SavedRow.name)
        async with self._transactions.begin() as session:
            was_there = (await session.execute(removed)).first() is not None
            if was_there:
                self._changing.tell(session, actor, "statement_removed", tenant, name)
            return was_there

    async def note(self, asked: Sequence[Asked]) -> None:
        """See StatementRecords."""
        async with self._transactions.begin() as session:
            session.add_all(
                AskedRow(
                    tenant=one.tenant,
                    actor=one.actor,
                    saved=one.saved,
                    sql=one.sql,
                    status=one.status,
                    rows=one.rows,
                    milliseconds=one.milliseconds,
                    at=one.at,
                )
                for one in asked
            )

    async def asked(self, tenant: str, *, before: int | None = None, limit: int = 100) -> Sequence[Asked]:
        """See StatementRecords."""
        wanted = select(AskedRow).where(AskedRow.tenant == tenant).order_by(AskedRow.id.desc()).limit(limit)
        if before is not None:
            wanted = wanted.where(AskedRow.id < before)
        async with self._transactions.begin() as session:
            return [_asked(row) for row in await session.scalars(wanted)]

    async def forget_asked(self, before: int, tenants: Sequence[str] = (), most: int = 0) -> None:
        """See StatementRecords."""
        async with self._transactions.begin() as session:
            await session.execute(delete(AskedRow).where(AskedRow.at < before))
            for tenant in tenants:
                theirs = AskedRow.tenant == tenant
                oldest_id = select(AskedRow.id).where(theirs).order_by(AskedRow.id.desc()).offset(most).limit(1)
                newest_too_old = (await session.execute(oldest_id)).scalar_one_or_none()
                if newest_too_old is not None:
                    await session.execute(delete(AskedRow).where(theirs, AskedRow.id <= newest_too_old))


def _saved(row: SavedRow) -> Saved:
    return Saved(row.tenant, row.name, row.sql, row.description, json.loads(row.defaults), row.actor, row.at)


def _asked(row: AskedRow) -> Asked:
    return Asked(row.tenant, row.actor, row.saved, row.sql, row.status, row.rows, row.milliseconds, row.at, row.id)
