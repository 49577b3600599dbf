"""Moving up: what the records of a folder hold, into those of the distributed size.

Each is looked for there first, so a move may be run again. Logins stay behind: a secret of the folder's own signs them.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

from millrace_records.access.ports import AccessPorts, Change
from millrace_records.catalogue import CatalogueRecords
from millrace_records.dashboards import DashboardRecords
from millrace_records.ports import Decision, Records

_PAGE: Final = 500
_ACTOR: Final = "move"


class _Numbered(Protocol):
    @property
    def id(self) -> int: ...


_Line = TypeVar("_Line", bound=_Numbered)


async def move_records(here: Records, there: Records) -> None:
    """Settings of tenants, their saved statements, descriptions, segments and dashboards, keys, people, the trail, and what
    was decided about dead letters; what is there already stays as it is there."""
    known = {tenant.name for tenant in await there.tenants()}
    for tenant in await here.tenants():
        if tenant.name not in known:
            await there.put_tenant(tenant, _ACTOR)
    saved = {(one.tenant, one.name) for one in await there.statements.all_saved()}
    for one in await here.statements.all_saved():
        if (one.tenant, one.name) not in saved:
            await there.statements.save(one, teller=_ACTOR)
    await _move_catalogue(here.catalogue, there.catalogue)
    await _move_dashboards(here.dashboards, there.dashboards)
    await _move_access(here.access, there.access)
    decided = {_decided(one) async for one in _all(_decisions_of(there))}
    await there.decide([one async for one in _all(_decisions_of(here)) if _decided(one) not in decided])


async def _move_catalogue(here: CatalogueRecords, there: CatalogueRecords) -> None:
    described = {(one.tenant, one.kind, one.name) for one in await there.descriptions()}
    for description in await here.descriptions():
        if (description.tenant, description.kind, description.name) not in described:
            await there.describe(description, teller=_ACTOR)
    known = {(one.tenant, one.name) for one in await there.segments()}
    for segment in await here.segments():
        if (segment.tenant, segment.name) not in known:
            await there.put_segment(segment, teller=_ACTOR)


async def _move_dashboards(here: DashboardRecords, there: DashboardRecords) -> None:
    known, known_links = await there.everything(deleted=True)
    ids, link_ids = {(one.tenant, one.id) for one in known}, {one.id for one in known_links}
    dashboards, links = await here.everything()
    for dashboard in dashboards:
        if (dashboard.tenant, dashboard.id) not in ids:
            await there.add(dashboard, teller=_ACTOR)
    for link in links:
        if link.id not in link_ids:
            await there.add_link(link, teller=_ACTOR)


async def _move_access(here: AccessPorts, there: AccessPorts) -> None:
    keys = {key.id for key in await there.keys.keys()}
    for key in await here.keys.keys():
        if key.id not in keys:
            await there.keys.add(key, _ACTOR)
    people = {user.email for user in await there.users.users()}
    for user in await here.users.users():
        if user.email not in people:
            await there.users.add(user, _ACTOR)
    told = {_told(change) async for change in _all(_changes_of(there))}
    await there.trail.take([change async for change in _all(_changes_of(here)) if _told(change) not in told])


async def _all(page_behind: Callable[[int], Awaitable[Sequence[_Line]]]) -> AsyncIterator[_Line]:
    """Every line, page by page."""
    after = 0
    while page := await page_behind(after):
        for line in page:
            yield line
        after = page[-1].id


def _decisions_of(records: Records) -> Callable[[int], Awaitable[Sequence[Decision]]]:
    return lambda after: records.decisions(after=after, limit=_PAGE)


def _changes_of(access: AccessPorts) -> Callable[[int], Awaitable[Sequence[Change]]]:
    return lambda after: access.trail.changes(after=after, limit=_PAGE)


def _decided(decision: Decision) -> tuple[str, str, int]:
    return decision.position, decision.action, decision.at


def _told(change: Change) -> tuple[int, str, str, str, str]:
    return change.at, change.actor, change.action, change.tenant, change.subject
