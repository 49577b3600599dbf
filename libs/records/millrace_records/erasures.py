"""Who was erased, through SQLAlchemy, on either engine."""

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import cast

from sqlalchemy import select, update

from millrace_core.errors import NotFound
from millrace_records.access.changing import Changing
from millrace_records.models import ErasureRow
from millrace_records.ports import Erasure, ErasureState
from millrace_records.transactions import Transactions


class SqlErasures:
    """Erasures. The trail has their numbers and how many rows there were, and nothing of the person."""

    def __init__(self, transactions: Transactions, changing: Changing) -> None:
        self._transactions = transactions
        self._changing = changing

    async def salt(self, tenant: str) -> str:
        """See Erasures."""
        asked = select(ErasureRow.salt).where(ErasureRow.tenant == tenant).order_by(ErasureRow.id.desc()).limit(1)
        async with self._transactions.begin() as session:
            return (await session.scalars(asked)).first() or secrets.token_hex(16)

    async def begin(self, erasure: Erasure) -> Erasure:
        """See Erasures."""
        row = ErasureRow(
            tenant=erasure.tenant,
            salt=erasure.salt,
            digests=json.dumps(erasure.digests),
            before=erasure.before,
            hours=json.dumps(erasure.hours),
            rows=json.dumps(dict(erasure.rows)),
            actor=erasure.actor,
            state=erasure.state,
            at=erasure.at,
        )
        async with self._transactions.begin() as session:
            session.add(row)
            await session.flush()
            self._changing.tell(
                session, erasure.actor, "erasure_begun", erasure.tenant, f"erasure {row.id}", ids=len(erasure.digests)
            )
        return _erasure(row)

    async def note(self, erasure_id: int, hours: Sequence[int], rows: Mapping[str, int]) -> None:
        """See Erasures."""
        values = {"hours": json.dumps(list(hours)), "rows": json.dumps(dict(rows))}
        async with self._transactions.begin() as session:
            await session.execute(update(ErasureRow).where(ErasureRow.id == erasure_id).values(**values))

    async def settle(self, erasure_id: int, state: ErasureState, actor: str = "server") -> None:
        """See Erasures."""
        async with self._transactions.begin() as session:
            row = await session.get(ErasureRow, erasure_id)
            if row is None:
                raise NotFound(f"There is no erasure {erasure_id}.")
            is_first, row.state = row.state == "begun", state
            if state == "done":
                row.hours = "[]"
            elif is_first:
                found = json.loads(row.rows)
                self._changing.tell(session, actor, "erasure_finished", row.tenant, f"erasure {row.id}", rows=found)

    async def erasures(
        self, *, tenant: str | None = None, unfinished: bool = False, after: int = 0, limit: int = 1_000
    ) -> Sequence[Erasure]:
        """See Erasures."""
        asked = select(ErasureRow).where(ErasureRow.id > after).order_by(ErasureRow.id).limit(limit)
        if tenant is not None:
            asked = asked.where(ErasureRow.tenant == tenant)
        if unfinished:
            asked = asked.where(ErasureRow.state != "done")
        async with self._transactions.begin() as session:
            return [_erasure(row) for row in await session.scalars(asked)]


def _erasure(row: ErasureRow) -> Erasure:
    return Erasure(
        tenant=row.tenant,
        salt=row.salt,
        digests=tuple(json.loads(row.digests)),
        before=row.before,
        actor=row.actor,
        at=row.at,
        state=cast("ErasureState", row.state),
        hours=tuple(json.loads(row.hours)),
        rows=json.loads(row.rows),
        id=row.id,
    )
