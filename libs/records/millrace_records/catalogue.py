"""What tenants write about their data: what events and properties mean, and filters under names."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, cast

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.errors import Conflict
from millrace_records.access.changing import Changing
from millrace_records.models import DescriptionRow, SegmentRow
from millrace_records.transactions import Transactions, put

Described = Literal["event", "property"]

MOST_DESCRIPTIONS: Final = 5_000
"""Of one tenant."""
MOST_SEGMENTS: Final = 500
"""Of one tenant."""


@dataclass(frozen=True, slots=True)
class Description:
    """What an event type is, or a property, whatever events have it. Whoever may ask in SQL wrote it: it is data."""

    tenant: str
    kind: Described
    name: str
    """The event type, or the property's path."""
    label: str
    """As people call it; empty where the name is what they say."""
    description: str
    synonyms: tuple[str, ...]
    """Other words for it."""
    actor: str
    at: int
    """Milliseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A filter with a name. It is kept as JSON: whoever asks with it reads it again."""

    tenant: str
    name: str
    label: str
    """As people call it; empty where the name is what they say."""
    description: str
    where: Mapping[str, Any]
    actor: str
    at: int
    """Milliseconds since the epoch."""


Check = Callable[[Sequence[Segment]], None]


class CatalogueRecords(Protocol):
    """Both. All methods raise RecordsUnavailable; the trail says who changed what."""

    async def describe(self, given: Description, *, teller: str | None = None, most: int = MOST_DESCRIPTIONS) -> None:
        """Keep a description; it replaces the former one of the same thing.

        Args:
            teller: for the trail, where it is somebody else than who wrote it.

        Raises:
            Conflict: ``too_many_descriptions``: the tenant has ``most`` others.
        """
        ...

    async def descriptions(self, tenant: str | None = None) -> Sequence[Description]:
        """One tenant's, or everyone's, by kind and name."""
        ...

    async def forget_description(self, tenant: str, kind: Described, name: str, actor: str) -> bool:
        """Forget one; whether there was one."""
        ...

    async def put_segment(
        self, given: Segment, *, teller: str | None = None, most: int = MOST_SEGMENTS, check: Check | None = None
    ) -> None:
        """Keep a segment; it replaces the former one of its name.

        Args:
            check: is told the tenant's segments, and keeps this one out by raising. No process changes them in between.

        Raises:
            Conflict: ``too_many_segments``: the tenant has ``most`` others.
        """
        ...

    async def segments(self, tenant: str | None = None) -> Sequence[Segment]:
        """One tenant's, or everyone's, by name."""
        ...

    async def remove_segment(self, tenant: str, name: str, actor: str, *, check: Check | None = None) -> bool:
        """Forget one; whether there was one.

        Args:
            check: as of ``put_segment``.
        """
        ...


class SqlCatalogue:
    """CatalogueRecords on either engine."""

    def __init__(self, transactions: Transactions, changing: Changing) -> None:
        self._transactions = transactions
        self._changing = changing

    async def describe(self, given: Description, *, teller: str | None = None, most: int = MOST_DESCRIPTIONS) -> None:
        """See CatalogueRecords."""
        row = DescriptionRow(
            tenant=given.tenant,
            kind=given.kind,
            name=given.name,
            label=given.label,
            description=given.description,
            synonyms=json.dumps(given.synonyms),
            actor=given.actor,
            at=given.at,
        )
        others = select(func.count()).where(DescriptionRow.tenant == given.tenant, ~_is(given.tenant, given.kind, given.name))
        async with self._transactions.begin() as session:
            if (await session.execute(others)).scalar_one() >= most:
                raise Conflict(f"{given.tenant} has {most:,} descriptions", code="too_many_descriptions")
            await put(session, row)
            self._changing.tell(
                session, teller or given.actor, "description_changed", given.tenant, _subject(given.kind, given.name)
            )

    async def descriptions(self, tenant: str | None = None) -> Sequence[Description]:
        """See CatalogueRecords."""
        wanted = select(DescriptionRow).order_by(DescriptionRow.tenant, DescriptionRow.kind, DescriptionRow.name)
        if tenant is not None:
            wanted = wanted.where(DescriptionRow.tenant == tenant)
        async with self._transactions.begin() as session:
            return [_description(row) for row in await session.scalars(wanted)]

    async def forget_description(self, tenant: str, kind: Described, name: str, actor: str) -> bool:
        """See CatalogueRecords."""
        removed = delete(DescriptionRow).where(_is(tenant, kind, name)).returning(DescriptionRow.name)
        async with self._transactions.begin() as session:
            was_there = (await session.execute(removed)).first() is not None
            if was_there:
                self._changing.tell(session, actor, "description_removed", tenant, _subject(kind, name))
            return was_there

    async def put_segment(
        self, given: Segment, *, teller: str | None = None, most: int = MOST_SEGMENTS, check: Check | None = None
    ) -> None:
        """See CatalogueRecords."""
        row = SegmentRow(
            tenant=given.tenant,
            name=given.name,
            label=given.label,
            description=given.description,
            filter=json.dumps(dict(given.where)),
            actor=given.actor,
            at=given.at,
        )
        others = select(func.count()).where(SegmentRow.tenant == given.tenant, SegmentRow.name != given.name)
        async with self._transactions.begin(alone=f"segments of {given.tenant}") as session:
            if check is not None:
                check(await _segments(session, given.tenant))
            if (await session.execute(others)).scalar_one() >= most:
                raise Conflict(f"{given.tenant} has {most:,} segments", code="too_many_segments")
            await put(session, row)
            self._changing.tell(session, teller or given.actor, "segment_saved", given.tenant, given.name)

    async def segments(self, tenant: str | None = None) -> Sequence[Segment]:
        """See CatalogueRecords."""
        async with self._transactions.begin() as session:
            return await _segments(session, tenant)

    async def remove_segment(self, tenant: str, name: str, actor: str, *, check: Check | None = None) -> bool:
        """See CatalogueRecords."""
        removed = delete(SegmentRow).where(SegmentRow.tenant == tenant, SegmentRow.name == name).returning(SegmentRow.name)
        async with self._transactions.begin(alone=f"segments of {tenant}") as session:
            if check is not None:
                check(await _segments(session, tenant))
            was_there = (await session.execute(removed)).first() is not None
            if was_there:
                self._changing.tell(session, actor, "segment_removed", tenant, name)
            return was_there


async def _segments(session: AsyncSession, tenant: str | None) -> Sequence[Segment]:
    wanted = select(SegmentRow).order_by(SegmentRow.tenant, SegmentRow.name)
    if tenant is not None:
        wanted = wanted.where(SegmentRow.tenant == tenant)
    return [_segment(row) for row in await session.scalars(wanted)]


def _is(tenant: str, kind: str, name: str) -> ColumnElement[bool]:
    return (DescriptionRow.tenant == tenant) & (DescriptionRow.kind == kind) & (DescriptionRow.name == name)


def _subject(kind: str, name: str) -> str:
    return f"{kind} {name}"


def _description(row: DescriptionRow) -> Description:
    kind, synonyms = cast("Described", row.kind), tuple(json.loads(row.synonyms))
    return Description(row.tenant, kind, row.name, row.label, row.description, synonyms, row.actor, row.at)


def _segment(row: SegmentRow) -> Segment:
    return Segment(row.tenant, row.name, row.label, row.description, json.loads(row.filter), row.actor, row.at)
