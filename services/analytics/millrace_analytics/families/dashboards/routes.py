"""``/api/v1/dashboards``, as the commerce family documents it, and what a dashboard has beside: values, documents, undoing."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from millrace_analytics.asking.limits import AskingLimit
from millrace_analytics.asking.responses import is_fresh
from millrace_analytics.families.commerce.schemas import TenantHeader
from millrace_analytics.families.dashboards.checking import WidgetCheck
from millrace_analytics.families.dashboards.filters import DashboardFilters
from millrace_analytics.families.dashboards.keeping import Dashboards, filters_of, widgets_of
from millrace_analytics.families.dashboards.schemas import (
    Created,
    CreateRequest,
    DashboardAnswer,
    DashboardPage,
    Deleted,
    Document,
    Id,
    IfMatch,
    Limit,
    ListedDashboard,
    PageNumber,
    Pagination,
    UpdateRequest,
    Values,
    ValuesRequest,
    Wanted,
)
from millrace_analytics.families.dashboards.values import Looking, WidgetAsking
from millrace_core.access import Caller, Right, tenant_of
from millrace_core.errors import InvalidInput
from millrace_core.time import iso_time, now_ms
from millrace_records.dashboards import DELETED_DAYS, Dashboard
from millrace_web.access import Asking
from millrace_web.disconnects import while_connected
from millrace_web.problems import problem_responses

_DAY_MS = 86_400_000

Whose = Callable[[Caller, str | None, Right], Awaitable[str]]
"""Says which tenant a request is about, and counts it."""


def counting(limit: AskingLimit) -> Whose:
    """Counts against this limit, whichever document's routes are asked."""

    async def whose(caller: Caller, named: str | None, right: Right) -> str:
        tenant = tenant_of(caller, named, right)
        await limit.take(tenant)
        return tenant

    return whose


def dashboards_router(dashboards: Dashboards, values: WidgetAsking, check: WidgetCheck, whose: Whose) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1/dashboards", tags=["dashboards"])
    _add_list(router, dashboards, whose)
    _add_documents(router, dashboards, whose)
    _add_one(router, dashboards, whose)
    _add_values(router, dashboards, values, check)
    return router


def _add_list(router: APIRouter, dashboards: Dashboards, whose: Whose) -> None:
    @router.get("", responses=problem_responses(400, 401, 403, 429, 503))
    async def listed(caller: Asking, tenant: TenantHeader = None, page: PageNumber = 1, limit: Limit = 20) -> DashboardPage:
        """A tenant's dashboards by name, page by page."""
        found, total = await dashboards.records.page(
            await whose(caller, tenant, "view"), offset=(page - 1) * limit, limit=limit
        )
        lines = [
            ListedDashboard(
                id=one.id,
                name=one.name,
                description=one.description,
                created_at=iso_time(one.created_at),
                updated_at=iso_time(one.updated_at),
                widget_count=one.widgets,
                version=one.version,
            )
            for one in found
        ]
        pages = -(-total // limit)
        return DashboardPage(data=lines, pagination=Pagination(page=page, limit=limit, total=total, total_pages=pages))

    @router.post("", status_code=201, responses=problem_responses(400, 401, 403, 409, 413, 429, 503))
    async def create(asked: CreateRequest, caller: Asking, response: Response, tenant: TenantHeader = None) -> Created:
        """Keep a new dashboard. Whoever may ask in SQL does; a widget that could not be asked is refused."""
        made = await dashboards.create(await whose(caller, tenant, "query"), asked, caller.who)
        response.headers["ETag"] = etag_of(made)
        return created(made)


def _add_documents(router: APIRouter, dashboards: Dashboards, whose: Whose) -> None:
    @router.post("/import", status_code=201, responses=problem_responses(400, 401, 403, 409, 413, 429, 503))
    async def from_document(asked: Document, caller: Asking, response: Response, tenant: TenantHeader = None) -> Created:
        """Make a dashboard of a document, as `…/export` answers it. Its widgets are looked at as new ones are."""
        whole = CreateRequest(
            name=asked.name,
            description=asked.description,
            layout=asked.layout,
            widgets=asked.widgets,
            filters=asked.filters,
        )
        made = await dashboards.create(await whose(caller, tenant, "query"), whole, caller.who)
        response.headers["ETag"] = etag_of(made)
        return created(made)

    @router.get("/{dashboard_id}/export", responses=problem_responses(400, 401, 403, 404, 429, 503))
    async def document(dashboard_id: Id, caller: Asking, response: Response, tenant: TenantHeader = None) -> dict[str, Any]:
        """A dashboard as a document: without ids, who made it, what guests may look at, and values."""
        found = await dashboards.records.one(await whose(caller, tenant, "view"), dashboard_id)
        response.headers["Content-Disposition"] = f'attachment; filename="dashboard-{found.id}.json"'
        widgets = [{name: value for name, value in one.items() if name != "id"} for one in found.content["widgets"]]
        told = {"name": found.name, "description": found.description, "layout": found.content["layout"], "widgets": widgets}
        if found.content.get("filters"):
            told["filters"] = found.content["filters"]
        return {"format": "millrace.dashboard", "version": 1, **told}


def _add_one(router: APIRouter, dashboards: Dashboards, whose: Whose) -> None:
    @router.get("/{dashboard_id}", responses=problem_responses(400, 401, 403, 404, 429, 503))
    async def one(dashboard_id: Id, caller: Asking, response: Response, tenant: TenantHeader = None) -> DashboardAnswer:
        """A dashboard with its widgets, without their values."""
        found = await dashboards.records.one(await whose(caller, tenant, "view"), dashboard_id)
        return _answer(found, response)

    @router.put("/{dashboard_id}", responses=problem_responses(400, 401, 403, 404, 409, 412, 413, 429, 503))
    async def update(
        dashboard_id: Id,
        asked: UpdateRequest,
        caller: Asking,
        response: Response,
        tenant: TenantHeader = None,
        if_match: IfMatch = None,
    ) -> DashboardAnswer:
        """Change a dashboard: what is not said stays. With `If-Match` only the one that was seen."""
        whom = await whose(caller, tenant, "query")
        found = await dashboards.update(whom, dashboard_id, asked, caller.who, version_of(if_match))
        return _answer(found, response)

    @router.delete("/{dashboard_id}", responses=problem_responses(400, 401, 403, 404, 412, 429, 503))
    async def remove(dashboard_id: Id, caller: Asking, tenant: TenantHeader = None, if_match: IfMatch = None) -> Deleted:
        """Delete a dashboard. Its links lead nowhere from then on."""
        whom = await whose(caller, tenant, "query")
        await dashboards.records.delete(whom, dashboard_id, caller.who, version_of(if_match))
        return Deleted(id=dashboard_id, restorable_until=iso_time(now_ms() + DELETED_DAYS * _DAY_MS))

    @router.post("/{dashboard_id}/restore", responses=problem_responses(400, 401, 403, 404, 409, 429, 503))
    async def restore(dashboard_id: Id, caller: Asking, response: Response, tenant: TenantHeader = None) -> DashboardAnswer:
        """Bring back a dashboard that was deleted within the last 30 days, with its links."""
        found = await dashboards.records.restore(await whose(caller, tenant, "query"), dashboard_id, caller.who)
        return _answer(found, response)


def _add_values(router: APIRouter, dashboards: Dashboards, values: WidgetAsking, check: WidgetCheck) -> None:
    @router.get("/{dashboard_id}/values", responses=problem_responses(400, 401, 403, 404, 503))
    async def current(
        dashboard_id: Id,
        caller: Asking,
        request: Request,
        wanted: Annotated[Wanted, Depends(wanted_of)],
        tenant: TenantHeader = None,
    ) -> Values:
        """What the widgets of a dashboard show now. One that has no values says why; the others have theirs."""
        whom = tenant_of(caller, tenant, "view")
        found = await dashboards.records.one(whom, dashboard_id)
        looking = Looking(whom, caller.who, is_fresh=is_fresh(request))
        return await values_of(request, values, looking, found, wanted)

    @router.post("/{dashboard_id}/values", responses=problem_responses(400, 401, 403, 404, 503))
    async def of_others(
        dashboard_id: Id, asked: ValuesRequest, caller: Asking, request: Request, tenant: TenantHeader = None
    ) -> Values:
        """What the widgets show of another time or of other events, to whoever may look: what is kept stays as it is."""
        whom = tenant_of(caller, tenant, "view")
        found = await dashboards.records.one(whom, dashboard_id)
        if asked.filters is not None:
            await check.check_filters(whom, asked.filters)
        looking = Looking(whom, caller.who, is_fresh=is_fresh(request))
        return await values_of(request, values, looking, found, asked.widgets, asked.filters)


def wanted_of(wanted: Wanted = []) -> list[str]:  # noqa: B006 (FastAPI copies it)
    """The widgets that are asked for; none is all."""
    return wanted


async def values_of(
    request: Request,
    values: WidgetAsking,
    looking: Looking,
    dashboard: Dashboard,
    wanted: Sequence[str],
    filters: DashboardFilters | None = None,
) -> Values:
    """What widgets show now, with the dashboard's own filters where no others are given. Raises ClientGone."""
    widgets = [one for one in widgets_of(dashboard) if not wanted or one.id in wanted]
    hold = filters_of(dashboard) if filters is None else filters
    found = await while_connected(request, values.all(looking, widgets, hold))
    return Values(values=found, updated_at=iso_time(now_ms()))


def etag_of(dashboard: Dashboard) -> str:
    """Names a version of it."""
    return f'"{dashboard.version}"'


def version_of(if_match: str | None) -> int | None:
    """The version that an ``If-Match`` names; None where it is any.

    Raises:
        InvalidInput: ``invalid_if_match``.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidInput("If-Match has to be an ETag of this dashboard", code="invalid_if_match")
    return int(text)


def created(made: Dashboard) -> Created:
    """What is told of a new one."""
    return Created(id=made.id, name=made.name, created_at=iso_time(made.created_at), version=made.version)


def _answer(found: Dashboard, response: Response) -> DashboardAnswer:
    response.headers["ETag"] = etag_of(found)
    return DashboardAnswer(
        id=found.id,
        name=found.name,
        description=found.description,
        layout=found.content["layout"],
        widgets=found.content["widgets"],
        filters=found.content.get("filters", {}),
        guest_ranges=found.content.get("guest_ranges", []),
        created_at=iso_time(found.created_at),
        updated_at=iso_time(found.updated_at),
        updated_by=found.actor,
        version=found.version,
    )
