"""Makes the routes of dashboards."""

from dataclasses import dataclass

from fastapi import APIRouter

from millrace_analytics.asking.limits import AskingLimit
from millrace_analytics.asking.sql import SqlAsking
from millrace_analytics.families.dashboards.checking import WidgetCheck
from millrace_analytics.families.dashboards.keeping import Dashboards
from millrace_analytics.families.dashboards.product import product_dashboards_router
from millrace_analytics.families.dashboards.routes import counting, dashboards_router
from millrace_analytics.families.dashboards.sharing import sharing_router
from millrace_analytics.families.dashboards.values import WidgetAsking
from millrace_analytics.questioning import Questioning
from millrace_analytics.tenant_zones import TenantZones
from millrace_records.ports import Records


@dataclass(frozen=True, slots=True)
class DashboardParts:
    """What dashboards stand on.

    Attributes:
        records: None where this process has none.
        limit: of listing, reading and changing them.
    """

    questioning: Questioning
    asking: SqlAsking
    records: Records | None
    zones: TenantZones
    limit: AskingLimit


def dashboard_routers(parts: DashboardParts) -> list[APIRouter]:
    """Of both documents, and of links."""
    saved = parts.records.statements if parts.records is not None else None
    check = WidgetCheck(parts.questioning, parts.asking, saved)
    dashboards = Dashboards(parts.records, check)
    values = WidgetAsking(parts.questioning, parts.asking, saved)
    whose = counting(parts.limit)
    return [
        dashboards_router(dashboards, values, check, whose),
        sharing_router(dashboards, values, parts.zones),
        product_dashboards_router(dashboards, values, whose),
    ]
