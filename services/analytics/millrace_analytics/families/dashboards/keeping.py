"""Keeps dashboards. What a widget asks is looked at when it comes, and not again while it stays as it is: a dashboard can be
arranged although something that one of its widgets names is gone."""

import asyncio
import dataclasses
import json
import random
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final
from weakref import WeakValueDictionary

from pydantic import TypeAdapter

from millrace_analytics.families.dashboards.checking import WidgetCheck, refuse
from millrace_analytics.families.dashboards.filters import DashboardFilters
from millrace_analytics.families.dashboards.schemas import CreateRequest, UpdateRequest
from millrace_analytics.families.dashboards.widgets import LOWEST, Layout, Widget, bottom, placed
from millrace_core.errors import InvalidInput, PreconditionFailed, RecordsUnavailable, TooLarge
from millrace_core.time import now_ms
from millrace_records.dashboards import Dashboard, DashboardRecords
from millrace_records.ports import Records
from millrace_warehouse.metrics.ranges import Range

LARGEST: Final = 256 * 1024
"""Bytes of a dashboard, as it is kept."""
_TRIES: Final = 20
_PAUSE_SECONDS: Final = 0.02
"""Before the next try, on the average and times how many there were."""
_RANGES: Final[TypeAdapter[list[Range]]] = TypeAdapter(list[Range])


class Dashboards:
    """Of all tenants. All methods raise RecordsUnavailable.

    Args:
        records: None where this process has none.
    """

    def __init__(self, records: Records | None, check: WidgetCheck) -> None:
        self._records = records.dashboards if records is not None else None
        self._check = check
        # A lock lives as long as somebody holds it or waits for it.
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    @property
    def records(self) -> DashboardRecords:
        """Where they are kept."""
        if self._records is None:
            raise RecordsUnavailable("This process keeps no records: MILLRACE_RECORDS_URL has to name a PostgreSQL.")
        return self._records

    async def create(self, tenant: str, asked: CreateRequest, who: str) -> Dashboard:
        """Keep a new one.

        Raises:
            InvalidInput, QueryError: a widget has no place, or could not be asked; the message begins with which.
            TooLarge: ``dashboard_too_large``.
            Conflict: ``too_many_dashboards``.
        """
        records = self.records
        content = await self._content(tenant, asked.layout, asked.widgets)
        content |= await self._holding(tenant, asked.filters, asked.guest_ranges)
        _check_size(content)
        now = now_ms()
        made = Dashboard(tenant, str(uuid.uuid4()), asked.name, asked.description, content, who, now, now)
        await records.add(made)
        return made

    async def update(self, tenant: str, dashboard_id: str, asked: UpdateRequest, who: str, version: int | None) -> Dashboard:
        """Change what is said.

        Args:
            version: that was seen; None is whatever stands.

        Raises:
            NotFound: ``unknown_dashboard``.
            PreconditionFailed: ``dashboard_changed``, where a version is given.
            InvalidInput, QueryError, TooLarge: as ``create``.
            RecordsUnavailable: also where other processes changed it each time that it was tried.
        """
        if version is not None:
            return await self._replace(tenant, dashboard_id, asked, who, version)
        # One after the other in this process, so that the last one wins; tries are for those that other processes change.
        async with self._turns.setdefault((tenant, dashboard_id), asyncio.Lock()):
            for number in range(_TRIES):
                try:
                    return await self._replace(tenant, dashboard_id, asked, who, None)
                except PreconditionFailed:
                    await asyncio.sleep(random.uniform(0, 2 * _PAUSE_SECONDS * (number + 1)))  # noqa: S311 (only spreads them)
        raise RecordsUnavailable("Too many change this dashboard at once: send it again.")

    async def _replace(self, tenant: str, dashboard_id: str, asked: UpdateRequest, who: str, version: int | None) -> Dashboard:
        """Change the version that was seen, or the one that stands when it is read. Raises as ``update``."""
        now = await self.records.one(tenant, dashboard_id)
        # Nothing is looked at for a version that is over: the store refuses it and says who was faster.
        changed = await self._changed(now, asked) if version in (None, now.version) else now
        seen = now.version if version is None else version
        return await self.records.replace(dataclasses.replace(changed, actor=who, updated_at=now_ms(), version=seen))

    async def _changed(self, now: Dashboard, asked: UpdateRequest) -> Dashboard:
        content = now.content
        if asked.layout is not None or asked.widgets is not None:
            layout = asked.layout or Layout.model_validate(content["layout"])
            widgets = asked.widgets if asked.widgets is not None else widgets_of(now)
            content = {**content, **await self._content(now.tenant, layout, widgets, content["widgets"])}
        content = {**content, **await self._holding(now.tenant, asked.filters, asked.guest_ranges)}
        _check_size(content)
        name = now.name if asked.name is None else asked.name
        description = now.description if asked.description is None else asked.description
        return dataclasses.replace(now, name=name, description=description, content=content)

    async def _content(
        self, tenant: str, layout: Layout, widgets: Sequence[Widget], known: Sequence[Mapping[str, Any]] = ()
    ) -> dict[str, Any]:
        """What is kept, looked at."""
        _check_places(layout, widgets)
        kept = placed(widgets, layout.columns)
        if any(one.position is not None and one.position.y > LOWEST for one in kept):
            raise refuse("widgets", InvalidInput("there is no room for all of them", code="invalid_dashboard"))
        rows = max(layout.rows, bottom(kept))
        told = [shown(one) for one in kept]
        content = {"layout": {"columns": layout.columns, "rows": rows}, "widgets": told}
        _check_size(content)  # before anything of it is looked at
        before = [one["config"] for one in known]
        for number, one in enumerate(kept):
            if told[number]["config"] not in before:
                await self._check.check(tenant, f"widgets.{number}.config", one)
        return content

    async def _holding(
        self, tenant: str, filters: DashboardFilters | None, guest_ranges: Sequence[Range] | None
    ) -> dict[str, Any]:
        """What is kept of that which holds for all widgets; of what is not said, nothing."""
        kept: dict[str, Any] = {}
        if filters is not None:
            await self._check.check_filters(tenant, filters)
            kept["filters"] = filters.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
        if guest_ranges is not None:
            for number, one in enumerate(guest_ranges):
                await self._check.check_filters(tenant, DashboardFilters(range=one), f"guest_ranges.{number}")
            kept["guest_ranges"] = [one.model_dump(mode="json") for one in guest_ranges]
        return kept


def shown(widget: Widget) -> dict[str, Any]:
    """A widget as it is kept and told."""
    assert widget.position is not None, "it was given one"
    return {
        "id": widget.id,
        "type": widget.type,
        "title": widget.title,
        "config": widget.config.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "position": widget.position.model_dump(),
    }


def widgets_of(dashboard: Dashboard) -> list[Widget]:
    """The widgets of what is kept."""
    return [Widget.model_validate(one) for one in dashboard.content["widgets"]]


def filters_of(dashboard: Dashboard) -> DashboardFilters:
    """What holds for all of its widgets; nothing of those that were kept before there was such."""
    return DashboardFilters.model_validate(dashboard.content.get("filters", {}))


def guest_ranges_of(dashboard: Dashboard) -> list[Range]:
    """The times that whoever has a link may look at, beside the dashboard's own."""
    return _RANGES.validate_python(dashboard.content.get("guest_ranges", []))


def _check_size(content: Mapping[str, Any]) -> None:
    if (size := len(json.dumps(content, separators=(",", ":")).encode())) > LARGEST:
        raise TooLarge(f"A dashboard may have {LARGEST:,} bytes, and this has {size:,}.", code="dashboard_too_large")


def _check_places(layout: Layout, widgets: Sequence[Widget]) -> None:
    seen: set[str] = set()
    for number, one in enumerate(widgets):
        if one.id in seen:
            raise refuse(f"widgets.{number}.id", InvalidInput(f"{one.id} is another widget", code="invalid_dashboard"))
        seen.add(one.id)
        if one.position is not None and one.position.x + one.position.width > layout.columns:
            wide = f"it reaches beyond the {layout.columns} columns of the grid"
            raise refuse(f"widgets.{number}.position", InvalidInput(wide, code="invalid_dashboard"))
