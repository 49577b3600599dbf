"""Dashboards, and links by which others may look at one: what is kept of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

MOST_DASHBOARDS: Final = 500
"""Of one tenant."""
MOST_LINKS: Final = 50
"""Of one dashboard."""
MOST_DELETED: Final = 100
"""Of one tenant: so many may be brought back, the last ones."""
DELETED_DAYS: Final = 30
"""For so long."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard. Its content is kept as JSON: whoever shows it reads it again."""

    tenant: str
    id: str
    name: str
    description: str
    content: Mapping[str, Any]
    """Its layout, and its ``widgets``, a list."""
    actor: str
    """Who changed it last."""
    created_at: int
    """Milliseconds since the epoch."""
    updated_at: int
    """Likewise."""
    version: int = 1
    """Given by the store: one more with each change."""

    @property
    def widgets(self) -> int:
        """How many it has."""
        return len(self.content["widgets"])


@dataclass(frozen=True, slots=True)
class DashboardLine:
    """A dashboard in a list."""

    id: str
    name: str
    description: str
    widgets: int
    created_at: int
    updated_at: int
    version: int


@dataclass(frozen=True, slots=True)
class DashboardLink:
    """A link to a dashboard. Its token is known to those who have the link alone."""

    id: str
    tenant: str
    dashboard: str
    digest: str
    """Of the token."""
    shown: str
    """How lists show the token: its first characters."""
    label: str
    """Whom it is for."""
    actor: str
    """Who made it."""
    created_at: int
    """Milliseconds since the epoch."""
    expires_at: int | None = None
    """Likewise; None is never."""


class DashboardRecords(Protocol):
    """Both. All methods raise RecordsUnavailable; the trail says who changed what."""

    async def add(self, given: Dashboard, *, teller: str | None = None, most: int = MOST_DASHBOARDS) -> None:
        """Keep a new one.

        Args:
            teller: for the trail, where it is somebody else than who made it.

        Raises:
            Conflict: ``too_many_dashboards``: the tenant has ``most``.
        """
        ...

    async def page(self, tenant: str, *, offset: int = 0, limit: int = 100) -> tuple[Sequence[DashboardLine], int]:
        """A tenant's, by name, from behind so many on; and how many there are in all."""
        ...

    async def one(self, tenant: str, dashboard_id: str) -> Dashboard:
        """One of them.

        Raises:
            NotFound: ``unknown_dashboard``.
        """
        ...

    async def replace(self, given: Dashboard) -> Dashboard:
        """Put it in the place of the one whose version it has; as it stands then.

        Raises:
            NotFound: ``unknown_dashboard``.
            PreconditionFailed: ``dashboard_changed``: its version is another one by now.
        """
        ...

    async def delete(self, tenant: str, dashboard_id: str, actor: str, version: int | None = None) -> None:
        """Delete it, if it has this version; None is any. Its links lead nowhere from then on. Raises as ``replace``."""
        ...

    async def restore(self, tenant: str, dashboard_id: str, actor: str, *, most: int = MOST_DASHBOARDS) -> Dashboard:
        """Bring back one that was deleted, with its links.

        Raises:
            NotFound: ``unknown_dashboard``: none was, or it was long ago.
            Conflict: as ``add``.
        """
        ...

    async def add_link(self, given: DashboardLink, *, teller: str | None = None, most: int = MOST_LINKS) -> None:
        """Keep a new link.

        Raises:
            NotFound: ``unknown_dashboard``.
            Conflict: ``too_many_links``: the dashboard has ``most``.
        """
        ...

    async def links(self, tenant: str, dashboard_id: str) -> Sequence[DashboardLink]:
        """A dashboard's, the oldest first."""
        ...

    async def remove_link(self, tenant: str, dashboard_id: str, link_id: str, actor: str) -> bool:
        """End a link; whether there was one."""
        ...

    async def by_link(self, digest: str) -> tuple[Dashboard, DashboardLink]:
        """Where the link with this digest leads.

        Raises:
            NotFound: ``unknown_link``: nowhere, or not any more.
        """
        ...

    async def everything(self, *, deleted: bool = False) -> tuple[Sequence[Dashboard], Sequence[DashboardLink]]:
        """Of all tenants; without what was deleted, if nothing else is said."""
        ...
