"""Links by which others may look at a dashboard: made and ended by those who may change it, opened without signing in."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from millrace_analytics.families.commerce.schemas import TenantHeader
from millrace_analytics.families.dashboards.filters import DashboardFilters
from millrace_analytics.families.dashboards.keeping import Dashboards, filters_of, guest_ranges_of, widgets_of
from millrace_analytics.families.dashboards.routes import values_of, wanted_of
from millrace_analytics.families.dashboards.schemas import (
    Id,
    LinkEnded,
    LinkId,
    LinkLine,
    LinkList,
    LinkRequest,
    NewLink,
    SharedDashboard,
    SharedValuesRequest,
    SharedWidget,
    Values,
    Wanted,
)
from millrace_analytics.families.dashboards.values import Looking, WidgetAsking
from millrace_analytics.tenant_zones import TenantZones
from millrace_core.access import LINK_PREFIX, digest_of, new_id, new_secret, shown_part, tenant_of
from millrace_core.errors import Forbidden, InvalidInput, NotFound, Unauthorized
from millrace_core.time import iso_time, now_ms, parse_time
from millrace_records.dashboards import Dashboard, DashboardLink
from millrace_warehouse.metrics.ranges import EVERYTHING, Range
from millrace_web.access import Asking, presented_in
from millrace_web.problems import problem_responses


def sharing_router(dashboards: Dashboards, values: WidgetAsking, zones: TenantZones) -> APIRouter:
    """``/api/v1/dashboards/{dashboard_id}/links``, ``/api/v1/shared`` and ``/api/v1/shared/values``."""
    router = APIRouter(prefix="/api/v1", tags=["dashboards"])
    _add_links(router, dashboards)
    _add_shared(router, dashboards, values, zones)
    return router


def _add_links(router: APIRouter, dashboards: Dashboards) -> None:
    @router.get("/dashboards/{dashboard_id}/links", responses=problem_responses(400, 401, 403, 404, 503))
    async def links(dashboard_id: Id, caller: Asking, tenant: TenantHeader = None) -> LinkList:
        """The links of a dashboard. Their tokens are not kept, and told nobody again."""
        found = await dashboards.records.links(tenant_of(caller, tenant, "query"), dashboard_id)
        return LinkList(links=[_line(one) for one in found])

    @router.post("/dashboards/{dashboard_id}/links", status_code=201, responses=problem_responses(400, 401, 403, 404, 409, 503))
    async def share(
        dashboard_id: Id, asked: LinkRequest, caller: Asking, response: Response, tenant: TenantHeader = None
    ) -> NewLink:
        """Make a link. Who has it sees this dashboard and its values, until it is ended or over, and nothing else."""
        whom, now, token = tenant_of(caller, tenant, "query"), now_ms(), new_secret(LINK_PREFIX)
        made = DashboardLink(
            new_id(), whom, dashboard_id, digest_of(token), shown_part(token), asked.label, caller.who, now,
            _expiry(asked.expires_at, now),
        )  # fmt: skip
        await dashboards.records.add_link(made)
        response.headers["Cache-Control"] = "no-store"
        return NewLink(**_line(made).model_dump(), token=token, place=f"#/shared?link={token}")

    @router.delete("/dashboards/{dashboard_id}/links/{link_id}", responses=problem_responses(400, 401, 403, 404, 503))
    async def end(dashboard_id: Id, link_id: LinkId, caller: Asking, tenant: TenantHeader = None) -> LinkEnded:
        """End a link: from then on it leads nowhere."""
        whom = tenant_of(caller, tenant, "query")
        if not await dashboards.records.remove_link(whom, dashboard_id, link_id, caller.who):
            raise NotFound("This dashboard has no such link.", code="unknown_link")
        return LinkEnded(id=link_id)


def _add_shared(router: APIRouter, dashboards: Dashboards, values: WidgetAsking, zones: TenantZones) -> None:
    async def linked(request: Request) -> tuple[Dashboard, DashboardLink]:
        token = presented_in(dict(request.scope["headers"]))
        if not token:
            raise Unauthorized("The token of a link is needed.")
        return await dashboards.records.by_link(digest_of(token))

    Linked = Annotated[tuple[Dashboard, DashboardLink], Depends(linked)]  # noqa: N806 (a type)

    @router.get("/shared", responses=problem_responses(401, 404, 503))
    async def shared(found: Linked) -> SharedDashboard:
        """The dashboard to which the link of this token (`Authorization: Bearer`) leads, without what its widgets ask."""
        dashboard, link = found
        return SharedDashboard(
            name=dashboard.name,
            description=dashboard.description,
            layout=dashboard.content["layout"],
            widgets=_shared_widgets(dashboard),
            range=dashboard.content.get("filters", {}).get("range"),
            ranges=dashboard.content.get("guest_ranges", []),
            is_filtered=filters_of(dashboard).where is not None,
            time_zone=await zones.of(dashboard.tenant),
            updated_at=iso_time(dashboard.updated_at),
            expires_at=None if link.expires_at is None else iso_time(link.expires_at),
        )

    @router.get("/shared/values", responses=problem_responses(400, 401, 404, 503))
    async def shared_values(found: Linked, request: Request, wanted: Annotated[Wanted, Depends(wanted_of)]) -> Values:
        """What its widgets show now."""
        dashboard, link = found
        looking = Looking(dashboard.tenant, f"link:{link.id}", is_guest=True)
        return await values_of(request, values, looking, dashboard, wanted)

    @router.post("/shared/values", responses=problem_responses(400, 401, 403, 404, 503))
    async def shared_values_of(found: Linked, asked: SharedValuesRequest, request: Request, response: Response) -> Values:
        """What its widgets show of another time, where whoever may change the dashboard lets guests look at that. Its filter of
        events stays."""
        dashboard, link = found
        looking = Looking(dashboard.tenant, f"link:{link.id}", is_guest=True)
        response.headers["Cache-Control"] = "no-store"  # nor kept for an Idempotency-Key: the link may be over by then
        return await values_of(request, values, looking, dashboard, asked.widgets, _for_guests(dashboard, asked.range))


def _for_guests(dashboard: Dashboard, asked: Range | None) -> DashboardFilters:
    """Raises Forbidden: ``range_not_offered``."""
    own = filters_of(dashboard)
    if asked is None or asked == own.range:
        return own
    if asked not in guest_ranges_of(dashboard):
        raise Forbidden("Those with a link may not look at this time.", code="range_not_offered")
    return own.model_copy(update={"range": asked})


def _shared_widgets(dashboard: Dashboard) -> list[SharedWidget]:
    found = []
    for one in widgets_of(dashboard):
        assert one.position is not None, "what is kept has a place"
        found.append(
            SharedWidget(
                id=one.id,
                type=one.type,
                title=one.title,
                chart_type=one.config.chart_type,
                measure=one.config.measure,
                text=one.config.text,
                position=one.position,
            )
        )
    return found


def _expiry(text: str | None, now: int) -> int | None:
    """Raises InvalidInput: ``invalid_expiry``."""
    if text is None:
        return None
    at = parse_time(text)
    if at is None or not now < at < EVERYTHING.end:
        raise InvalidInput("expires_at has to be a time to come, before 2100 (ISO 8601)", code="invalid_expiry")
    return at


def _line(link: DashboardLink) -> LinkLine:
    return LinkLine(
        id=link.id,
        shown=link.shown,
        label=link.label,
        created_by=link.actor,
        created_at=iso_time(link.created_at),
        expires_at=None if link.expires_at is None else iso_time(link.expires_at),
    )
