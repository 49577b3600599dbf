"""Questions in plain language: what somebody found well answered, and what language models have cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, cast

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from millrace_records.models import SpendingRow, VerifiedRow
from millrace_records.transactions import Transactions, put

MOST_VERIFIED: Final = 500
"""Of one tenant, that are looked through."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A question that somebody found well answered. A plan says ``last week`` where its statement would name days of one week,
    so it is kept; rows never are."""

    tenant: str
    question: str
    """In its normal form."""
    kind: Literal["plan", "sql"]
    asked: str
    """The plan as JSON, or the statement."""
    sql: str
    """What ran, to be read."""
    actor: str
    at: int
    """Milliseconds since the epoch."""


class QuestionRecords(Protocol):
    """Both. All methods raise RecordsUnavailable."""

    async def put_verified(self, verified: Verified) -> None:
        """Keep one; it replaces the tenant's former one of the same question."""
        ...

    async def verified(self, tenant: str) -> Sequence[Verified]:
        """The tenant's, the newest first, at most :data:`MOST_VERIFIED`."""
        ...

    async def remove_verified(self, tenant: str, question: str) -> bool:
        """Forget one; whether there was one."""
        ...

    async def spent(self, tenant: str, day: str) -> int:
        """Millionths of a US dollar that models have cost on a day (UTC, ``2026-02-16``)."""
        ...

    async def spend(self, tenant: str, day: str, micro_usd: int) -> int:
        """Add to that; the sum."""
        ...


class SqlQuestions:
    """QuestionRecords on either engine."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def put_verified(self, verified: Verified) -> None:
        """See QuestionRecords."""
        row = VerifiedRow(
            tenant=verified.tenant,
            question=verified.question,
            kind=verified.kind,
            asked=verified.asked,
            sql=verified.sql,
            actor=verified.actor,
            at=verified.at,
        )
        async with self._transactions.begin() as session:
            await put(session, row)

    async def verified(self, tenant: str) -> Sequence[Verified]:
        """See QuestionRecords."""
        asked = select(VerifiedRow).where(VerifiedRow.tenant == tenant).order_by(VerifiedRow.at.desc()).limit(MOST_VERIFIED)
        async with self._transactions.begin() as session:
            return [_verified(row) for row in await session.scalars(asked)]

    async def remove_verified(self, tenant: str, question: str) -> bool:
        """See QuestionRecords."""
        removed = delete(VerifiedRow).where(VerifiedRow.tenant == tenant, VerifiedRow.question == question)
        async with self._transactions.begin() as session:
            return bool((await session.execute(removed.returning(VerifiedRow.question))).first())

    async def spent(self, tenant: str, day: str) -> int:
        """See QuestionRecords."""
        async with self._transactions.begin() as session:
            row = await session.get(SpendingRow, (tenant, day))
            return row.micro_usd if row is not None else 0

    async def spend(self, tenant: str, day: str, micro_usd: int) -> int:
        """See QuestionRecords. One statement adds, so that no process overwrites what another has added."""
        async with self._transactions.begin() as session:
            is_served = session.get_bind().dialect.name == "postgresql"
            made = (postgresql.insert if is_served else sqlite.insert)(SpendingRow)
            added = made.values(tenant=tenant, day=day, micro_usd=micro_usd)
            added = added.on_conflict_do_update(
                index_elements=[SpendingRow.tenant, SpendingRow.day], set_={"micro_usd": SpendingRow.micro_usd + micro_usd}
            )
            return int((await session.execute(added.returning(SpendingRow.micro_usd))).scalar_one())


def _verified(row: VerifiedRow) -> Verified:
    kind = cast("Literal['plan', 'sql']", row.kind)
    return Verified(row.tenant, row.question, kind, row.asked, row.sql, row.actor, row.at)
