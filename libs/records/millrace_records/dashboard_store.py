"""Dashboards and their links on either engine."""

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.errors import Conflict, NotFound, PreconditionFailed
from millrace_records.access.changing import Changing
from millrace_records.dashboards import (
    DELETED_DAYS,
    MOST_DASHBOARDS,
    MOST_DELETED,
    MOST_LINKS,
    Dashboard,
    DashboardLine,
    DashboardLink,
)
from millrace_records.models import DashboardLinkRow, DashboardRow
from millrace_records.transactions import Transactions

_DAY_MS: Final = 86_400_000


class SqlDashboards:
    """DashboardRecords on either engine."""

    def __init__(self, transactions: Transactions, changing: Changing) -> None:
        self._transactions = transactions
        self._changing = changing

    async def add(self, given: Dashboard, *, teller: str | None = None, most: int = MOST_DASHBOARDS) -> None:
        """See DashboardRecords."""
        row = DashboardRow(
            tenant=given.tenant,
            id=given.id,
            created_at=given.created_at,
            version=given.version,
            **_changed(given),
        )
        async with self._transactions.begin() as session:
            await _check_room(session, given.tenant, most)
            session.add(row)
            self._tell(session, teller or given.actor, "dashboard_created", given)

    async def page(self, tenant: str, *, offset: int = 0, limit: int = 100) -> tuple[Sequence[DashboardLine], int]:
        """See DashboardRecords."""
        theirs = (DashboardRow.tenant == tenant) & DashboardRow.deleted_at.is_(None)
        columns = [getattr(DashboardRow, name) for name in DashboardLine.__slots__]
        wanted = select(*columns).where(theirs).order_by(func.lower(DashboardRow.name), DashboardRow.id)
        async with self._transactions.begin() as session:
            total = (await session.execute(select(func.count()).where(theirs))).scalar_one()
            found = await session.execute(wanted.offset(offset).limit(limit))
            return [DashboardLine(*row) for row in found], total

    async def one(self, tenant: str, dashboard_id: str) -> Dashboard:
        """See DashboardRecords."""
        async with self._transactions.begin() as session:
            return _dashboard(await _row(session, tenant, dashboard_id))

    async def replace(self, given: Dashboard) -> Dashboard:
        """See DashboardRecords."""
        values = {**_changed(given), "version": DashboardRow.version + 1}
        # One statement looks at the version and raises it: of two at once, one finds another version there.
        changed = (
            update(DashboardRow)
            .where(_is(given.tenant, given.id), DashboardRow.version == given.version)
            .values(**values)
            .returning(DashboardRow)
        )
        async with self._transactions.begin() as session:
            row = (await session.scalars(changed)).first()
            if row is None:
                await _raise_changed(session, given.tenant, given.id)
            assert row is not None, "it is raised"
            found = _dashboard(row)
            self._tell(session, given.actor, "dashboard_changed", found)
            return found

    async def delete(self, tenant: str, dashboard_id: str, actor: str, version: int | None = None) -> None:
        """See DashboardRecords."""
        gone = update(DashboardRow).where(_is(tenant, dashboard_id)).values(deleted_at=self._changing.now)
        if version is not None:
            gone = gone.where(DashboardRow.version == version)
        async with self._transactions.begin() as session:
            row = (await session.scalars(gone.returning(DashboardRow))).first()
            if row is None:
                await _raise_changed(session, tenant, dashboard_id)
            assert row is not None, "it is raised"
            self._tell(session, actor, "dashboard_deleted", _dashboard(row))
            await self._forget(session, tenant)

    async def restore(self, tenant: str, dashboard_id: str, actor: str, *, most: int = MOST_DASHBOARDS) -> Dashboard:
        """See DashboardRecords."""
        async with self._transactions.begin() as session:
            row = await session.get(DashboardRow, (tenant, dashboard_id))
            if row is None or row.deleted_at is None or row.deleted_at < self._oldest_deleted:
                raise _unknown(tenant, dashboard_id)
            await _check_room(session, tenant, most)
            row.deleted_at = None
            found = _dashboard(row)
            self._tell(session, actor, "dashboard_restored", found)
            return found

    async def add_link(self, given: DashboardLink, *, teller: str | None = None, most: int = MOST_LINKS) -> None:
        """See DashboardRecords."""
        others = select(func.count()).where(_links_of(given.tenant, given.dashboard))
        async with self._transactions.begin() as session:
            await _row(session, given.tenant, given.dashboard)
            if (await session.execute(others)).scalar_one() >= most:
                raise Conflict(f"This dashboard has {most:,} links.", code="too_many_links")
            session.add(DashboardLinkRow(**{name: getattr(given, name) for name in DashboardLink.__slots__}))
            detail = {"link": given.id, "label": given.label, "expires_at": given.expires_at}
            subject = given.dashboard
            self._changing.tell(session, teller or given.actor, "dashboard_shared", given.tenant, subject, **detail)

    async def links(self, tenant: str, dashboard_id: str) -> Sequence[DashboardLink]:
        """See DashboardRecords."""
        wanted = select(DashboardLinkRow).where(_links_of(tenant, dashboard_id))
        async with self._transactions.begin() as session:
            await _row(session, tenant, dashboard_id)
            rows = await session.scalars(wanted.order_by(DashboardLinkRow.created_at, DashboardLinkRow.id))
            return [_link(row) for row in rows]

    async def remove_link(self, tenant: str, dashboard_id: str, link_id: str, actor: str) -> bool:
        """See DashboardRecords."""
        removed = delete(DashboardLinkRow).where(_links_of(tenant, dashboard_id), DashboardLinkRow.id == link_id)
        async with self._transactions.begin() as session:
            was_there = (await session.execute(removed.returning(DashboardLinkRow.id))).first() is not None
            if was_there:
                self._changing.tell(session, actor, "dashboard_link_ended", tenant, dashboard_id, link=link_id)
            return was_there

    async def by_link(self, digest: str) -> tuple[Dashboard, DashboardLink]:
        """See DashboardRecords."""
        wanted = select(DashboardLinkRow).where(DashboardLinkRow.digest == digest)
        async with self._transactions.begin() as session:
            link = (await session.scalars(wanted)).first()
            if link is not None and (link.expires_at is None or link.expires_at > self._changing.now):
                row = await session.get(DashboardRow, (link.tenant, link.dashboard))
                if row is not None and row.deleted_at is None:
                    return _dashboard(row), _link(link)
        raise NotFound("This link leads nowhere, or not any more.", code="unknown_link")

    async def everything(self, *, deleted: bool = False) -> tuple[Sequence[Dashboard], Sequence[DashboardLink]]:
        """See DashboardRecords."""
        standing = select(DashboardRow).order_by(DashboardRow.tenant, DashboardRow.id)
        if not deleted:
            standing = standing.where(DashboardRow.deleted_at.is_(None))
        async with self._transactions.begin() as session:
            found = [_dashboard(row) for row in await session.scalars(standing)]
            known = {(one.tenant, one.id) for one in found}
            links = [_link(row) for row in await session.scalars(select(DashboardLinkRow).order_by(DashboardLinkRow.id))]
            return found, [one for one in links if (one.tenant, one.dashboard) in known]

    @property
    def _oldest_deleted(self) -> int:
        return self._changing.now - DELETED_DAYS * _DAY_MS

    async def _forget(self, session: AsyncSession, tenant: str) -> None:
        """Those that nobody may bring back any more, with their links."""
        deleted = DashboardRow.deleted_at.is_not(None)
        last = select(DashboardRow.id).where(DashboardRow.tenant == tenant, deleted)
        kept = last.where(DashboardRow.deleted_at >= self._oldest_deleted)
        kept = kept.order_by(DashboardRow.deleted_at.desc(), DashboardRow.id).limit(MOST_DELETED)
        ids = list(await session.scalars(kept))
        gone = list(await session.scalars(last.where(DashboardRow.id.not_in(ids))))
        if gone:
            of_gone = (DashboardLinkRow.tenant == tenant) & DashboardLinkRow.dashboard.in_(gone)
            await session.execute(delete(DashboardLinkRow).where(of_gone))
            await session.execute(delete(DashboardRow).where(DashboardRow.tenant == tenant, DashboardRow.id.in_(gone)))

    def _tell(self, session: AsyncSession, actor: str, action: str, about: Dashboard) -> None:
        detail = {"name": about.name, "widgets": about.widgets, "version": about.version}
        self._changing.tell(session, actor, action, about.tenant, about.id, **detail)


def _changed(given: Dashboard) -> dict[str, Any]:
    """What a change sets."""
    return {
        "name": given.name,
        "description": given.description,
        "content": json.dumps(dict(given.content), separators=(",", ":")),
        "widgets": given.widgets,
        "actor": given.actor,
        "updated_at": given.updated_at,
    }


def _is(tenant: str, dashboard_id: str) -> ColumnElement[bool]:
    return (DashboardRow.tenant == tenant) & (DashboardRow.id == dashboard_id) & DashboardRow.deleted_at.is_(None)


def _links_of(tenant: str, dashboard_id: str) -> ColumnElement[bool]:
    return (DashboardLinkRow.tenant == tenant) & (DashboardLinkRow.dashboard == dashboard_id)


async def _row(session: AsyncSession, tenant: str, dashboard_id: str) -> DashboardRow:
    row = (await session.scalars(select(DashboardRow).where(_is(tenant, dashboard_id)))).first()
    if row is None:
        raise _unknown(tenant, dashboard_id)
    return row


async def _raise_changed(session: AsyncSession, tenant: str, dashboard_id: str) -> None:
    now = await _row(session, tenant, dashboard_id)
    raise PreconditionFailed(
        f"{now.actor} has changed this dashboard meanwhile: it is at version {now.version}.", code="dashboard_changed"
    )


async def _check_room(session: AsyncSession, tenant: str, most: int) -> None:
    theirs = select(func.count()).where(DashboardRow.tenant == tenant, DashboardRow.deleted_at.is_(None))
    if (await session.execute(theirs)).scalar_one() >= most:
        raise Conflict(f"{tenant} has {most:,} dashboards", code="too_many_dashboards")


def _unknown(tenant: str, dashboard_id: str) -> NotFound:
    return NotFound(f"{tenant} has no dashboard {dashboard_id}", code="unknown_dashboard")


def _dashboard(row: DashboardRow) -> Dashboard:
    return Dashboard(
        row.tenant,
        row.id,
        row.name,
        row.description,
        json.loads(row.content),
        row.actor,
        row.created_at,
        row.updated_at,
        row.version,
    )


def _link(row: DashboardLinkRow) -> DashboardLink:
    return DashboardLink(**{name: getattr(row, name) for name in DashboardLink.__slots__})
