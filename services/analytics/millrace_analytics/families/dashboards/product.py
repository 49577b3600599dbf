"""``/api/v1/analytics/dashboards``, as the product family documents it: the same dashboards, with their current values."""

from typing import Annotated, Any, Self, get_args

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, model_validator

from millrace_analytics.asking.responses import is_fresh
from millrace_analytics.families.commerce.schemas import TenantHeader
from millrace_analytics.families.dashboards.filters import DashboardFilters
from millrace_analytics.families.dashboards.keeping import Dashboards, widgets_of
from millrace_analytics.families.dashboards.routes import Whose, etag_of, values_of
from millrace_analytics.families.dashboards.schemas import CreateRequest, Id, WidgetError, WidgetValues
from millrace_analytics.families.dashboards.values import Looking, WidgetAsking
from millrace_analytics.families.dashboards.widgets import (
    MOST_WIDGETS,
    ChartType,
    Config,
    Layout,
    Name,
    Period,
    Position,
    Strict,
    Widget,
    WidgetType,
    Words,
)
from millrace_core.time import iso_time
from millrace_records.dashboards import Dashboard
from millrace_warehouse.metrics.ranges import Unit
from millrace_web.access import Asking
from millrace_web.problems import problem_responses


class GivenWidget(Strict):
    """A widget of a metric; or with a `config`, as the commerce family's have it."""

    type: WidgetType = "metric"
    title: str = Field("", max_length=200, pattern=r"^[^\x00]*$")
    metric: str | None = Field(None, min_length=1, max_length=100, pattern=r"^[^\x00]*$", examples=["active_users"])
    period: Period | None = None
    visualization: ChartType | None = None
    group_by: str | None = Field(
        None, min_length=1, max_length=200, pattern=r"^[^\x00]*$", description="A unit of time, or a dimension."
    )
    config: Config | None = None
    position: Position | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.metric is None) == (self.config is None):
            raise ValueError("say a metric, or a config")
        if self.config is not None and (self.period or self.visualization or self.group_by):
            raise ValueError("period, visualization and group_by are of a metric: a config says them itself")
        return self

    def widget(self) -> Widget:
        """As it is kept."""
        return Widget(type=self.type, title=self.title, config=self.config or self._config(), position=self.position)

    def _config(self) -> Config:
        said: dict[str, Any] = {"metric": self.metric}
        if self.period is not None:
            said["period"] = self.period
        if self.visualization is not None:
            said["chart_type"] = self.visualization
        if self.group_by is not None:
            said["granularity" if self.group_by in get_args(Unit) else "by"] = self.group_by
        return Config.model_validate(said)


class ProductRequest(Strict):
    """A new dashboard."""

    name: Name
    description: Words = ""
    widgets: Annotated[list[GivenWidget], Field(max_length=MOST_WIDGETS)] = Field(
        default_factory=list,
        examples=[[{"type": "metric", "title": "Active users", "metric": "active_users", "period": "today"}]],
    )
    filters: DashboardFilters = Field(default_factory=DashboardFilters, description="What holds for all widgets.")


class ProductWidget(BaseModel):
    """A widget, and what it shows now."""

    widget_id: str
    type: WidgetType
    title: str
    value: float | int | str | None = Field(description="The number, where it is a single one.")
    change: str | None = Field(description="Against the time before.")
    visualization: ChartType
    data: list[dict[str, Any]] | None = Field(description="Rows, where there are several.")
    error: WidgetError | None


class ProductDashboard(BaseModel):
    """A dashboard with its values."""

    dashboard_id: str
    name: str
    widgets: list[ProductWidget]
    last_updated: str


def product_dashboards_router(dashboards: Dashboards, values: WidgetAsking, whose: Whose) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1/analytics/dashboards", tags=["product", "dashboards"])

    @router.post("", status_code=201, responses=problem_responses(400, 401, 403, 409, 413, 429, 503))
    async def create(
        asked: ProductRequest, caller: Asking, request: Request, response: Response, tenant: TenantHeader = None
    ) -> ProductDashboard:
        """Keep a new dashboard; it is one of `/api/v1/dashboards`, too. Answers it with its values."""
        whom = await whose(caller, tenant, "query")
        whole = CreateRequest(
            name=asked.name,
            description=asked.description,
            layout=Layout(),
            widgets=[one.widget() for one in asked.widgets],
            filters=asked.filters,
        )
        made = await dashboards.create(whom, whole, caller.who)
        response.headers["ETag"] = etag_of(made)
        return await _valued(request, values, Looking(whom, caller.who), made)

    @router.get("/{dashboard_id}", responses=problem_responses(400, 401, 403, 404, 429, 503))
    async def one(
        dashboard_id: Id, caller: Asking, request: Request, response: Response, tenant: TenantHeader = None
    ) -> ProductDashboard:
        """A dashboard with the current values of its widgets."""
        whom = await whose(caller, tenant, "view")
        found = await dashboards.records.one(whom, dashboard_id)
        response.headers["ETag"] = etag_of(found)
        return await _valued(request, values, Looking(whom, caller.who, is_fresh=is_fresh(request)), found)

    return router


async def _valued(request: Request, values: WidgetAsking, looking: Looking, dashboard: Dashboard) -> ProductDashboard:
    found = {one.widget_id: one for one in (await values_of(request, values, looking, dashboard, [])).values}
    widgets = [_widget(one, found.get(one.id)) for one in widgets_of(dashboard)]
    at = iso_time(dashboard.updated_at)
    return ProductDashboard(dashboard_id=dashboard.id, name=dashboard.name, widgets=widgets, last_updated=at)


def _widget(widget: Widget, found: WidgetValues | None) -> ProductWidget:
    """A text has its words as its value."""
    value = widget.config.text if found is None else found.value
    return ProductWidget(
        widget_id=widget.id,
        type=widget.type,
        title=widget.title,
        value=value,
        change=found.change if found is not None else None,
        visualization=widget.config.chart_type,
        data=_rows(found) if found is not None and value is None else None,
        error=found.error if found is not None else None,
    )


def _rows(found: WidgetValues) -> list[dict[str, Any]] | None:
    if found.answer is not None:
        names = [column["name"] for column in found.answer["columns"]]
        return [dict(zip(names, row, strict=True)) for row in found.answer["rows"]]
    return found.rows["data"] if found.rows is not None else None
