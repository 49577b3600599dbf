"""Requests and answers of dashboards, in commerce's shape and beside it."""

from typing import Annotated, Any, Literal

from fastapi import Header, Path, Query
from pydantic import BaseModel, Field

from millrace_analytics.families.dashboards.filters import DashboardFilters
from millrace_analytics.families.dashboards.widgets import (
    ID_PATTERN,
    MOST_WIDGETS,
    Layout,
    Name,
    Position,
    Strict,
    Widget,
    WidgetType,
    Words,
)
from millrace_warehouse.metrics.ranges import Range

Id = Annotated[str, Path(pattern=ID_PATTERN, description="Of the dashboard.")]
LinkId = Annotated[str, Path(pattern=ID_PATTERN, description="Of the link.")]
PageNumber = Annotated[int, Query(alias="page", ge=1, le=1_000_000, description="Which page.")]
Limit = Annotated[int, Query(ge=1, le=100, description="How many on a page.")]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=200, description="The `ETag` of what was seen: another one by now is answered 412."),
]
Wanted = Annotated[
    list[str],
    Query(alias="widget", max_length=MOST_WIDGETS, description="Only of these widgets; said as often as there are some."),
]
Widgets = Annotated[list[Widget], Field(max_length=MOST_WIDGETS)]
GuestRanges = Annotated[list[Range], Field(max_length=20)]


class CreateRequest(Strict):
    """A new dashboard."""

    name: Name
    description: Words = ""
    layout: Layout = Field(default_factory=Layout)
    widgets: Widgets = Field(
        default_factory=list, examples=[[{"title": "Revenue", "config": {"metric": "revenue", "granularity": "day"}}]]
    )
    filters: DashboardFilters = Field(default_factory=DashboardFilters, description="What holds for all widgets.")
    guest_ranges: GuestRanges = Field(
        default_factory=list, description="Other times that whoever has a link may look at; without any, none."
    )


class UpdateRequest(Strict):
    """What is to be different; what is not said stays as it is."""

    name: Name | None = None
    description: Words | None = None
    layout: Layout | None = None
    widgets: Widgets | None = Field(None, description="All of them: those that are not among these are gone.")
    filters: DashboardFilters | None = Field(None, description="What holds for all widgets; `{}` is nothing.")
    guest_ranges: GuestRanges | None = Field(None, description="Other times that whoever has a link may look at.")


class Created(BaseModel):
    """It stands."""

    id: str
    name: str
    created_at: str
    version: int


class DashboardAnswer(BaseModel):
    """A dashboard."""

    id: str
    name: str
    description: str
    layout: Layout
    widgets: list[dict[str, Any]] = Field(description="Each `id`, `type`, `title`, `config` and `position`.")
    filters: dict[str, Any] = Field(description="What holds for all widgets: `range` and `where`, where they are said.")
    guest_ranges: list[dict[str, Any]] = Field(description="Other times that whoever has a link may look at.")
    created_at: str
    updated_at: str
    updated_by: str
    version: int = Field(description="One more with each change; the `ETag` has it, too.")


class ListedDashboard(BaseModel):
    """A dashboard, in a list."""

    id: str
    name: str
    description: str
    created_at: str
    updated_at: str
    widget_count: int
    version: int


class Pagination(BaseModel):
    """Where in the list this page is."""

    page: int
    limit: int
    total: int
    total_pages: int


class DashboardPage(BaseModel):
    """A tenant's dashboards by name."""

    data: list[ListedDashboard]
    pagination: Pagination


class Deleted(BaseModel):
    """It is gone; `POST …/restore` brings it back until then."""

    id: str
    deleted: bool = True
    restorable_until: str


class WidgetError(BaseModel):
    """Why a widget has no values."""

    code: str
    message: str


class WidgetValues(BaseModel):
    """What a widget shows now."""

    widget_id: str
    answer: dict[str, Any] | None = Field(
        description="Of a question: as `POST /api/v1/questions` answers it; guests are told what is shown."
    )
    rows: dict[str, Any] | None = Field(description="Of SQL: `columns`, `data`, `row_count`, `truncated`.")
    value: float | int | str | None = Field(description="The number, where it is a single one.")
    change: str | None = Field(description="Against the time before, where that was asked for.")
    stale: bool = Field(description="Whether the warehouse is away, and this is from before.")
    age_seconds: float
    follows_range: bool = Field(description="Whether the dashboard's time is this widget's, too.")
    error: WidgetError | None


Some = Annotated[
    list[Annotated[str, Field(pattern=ID_PATTERN)]],
    Field(default_factory=list, max_length=MOST_WIDGETS, description="Only of these; without any, of all."),
]


class ValuesRequest(Strict):
    """Which widgets, and of which events."""

    widgets: Some
    filters: DashboardFilters | None = Field(None, description="Instead of those that are kept; `{}` is nothing.")


class SharedValuesRequest(Strict):
    """Which widgets, and of which time."""

    widgets: Some
    range: Range | None = Field(None, description="One of the dashboard's `ranges`; without it the dashboard's own.")


class Values(BaseModel):
    """What a dashboard's widgets show now, in their order."""

    values: list[WidgetValues]
    updated_at: str


class Document(Strict):
    """A dashboard to be kept as a file, or brought elsewhere."""

    format: Literal["millrace.dashboard"]
    version: Literal[1]
    name: Name
    description: Words = ""
    layout: Layout = Field(default_factory=Layout)
    widgets: Widgets
    filters: DashboardFilters = Field(default_factory=DashboardFilters)


class LinkRequest(Strict):
    """A link by which others may look at it without signing in."""

    label: str = Field("", max_length=200, pattern=r"^[^\x00]*$", description="Whom it is for.")
    expires_at: str | None = Field(None, max_length=40, examples=["2030-01-31T00:00:00Z"], description="Never, without it.")


class LinkLine(BaseModel):
    """A link, without its token, which nobody can tell any more."""

    id: str
    shown: str = Field(description="How the token begins.")
    label: str
    created_by: str
    created_at: str
    expires_at: str | None


class LinkList(BaseModel):
    """All of a dashboard, the oldest first."""

    links: list[LinkLine]


class NewLink(LinkLine):
    """A link that was just made: its token is told this once."""

    token: str = Field(description="For `Authorization: Bearer` of `GET /api/v1/shared`.")
    place: str = Field(description="Behind the page's address it is the link.")


class LinkEnded(BaseModel):
    """It leads nowhere any more."""

    id: str
    ended: bool = True


class SharedWidget(BaseModel):
    """A widget as others see it."""

    id: str
    type: WidgetType
    title: str
    chart_type: str
    measure: str | None
    text: str | None
    position: Position


class SharedDashboard(BaseModel):
    """A dashboard as others see it: without what its widgets ask."""

    name: str
    description: str
    layout: Layout
    widgets: list[SharedWidget]
    range: dict[str, Any] | None = Field(description="The time of all widgets, where the dashboard has one.")
    ranges: list[dict[str, Any]] = Field(description="Other times that may be looked at.")
    is_filtered: bool = Field(description="Whether it has a filter of events; which one is not told.")
    time_zone: str
    updated_at: str
    expires_at: str | None
