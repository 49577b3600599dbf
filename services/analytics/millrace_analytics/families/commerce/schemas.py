"""Requests and answers of the commerce family."""

from typing import Annotated, Any, Literal

from fastapi import Header
from pydantic import BaseModel, ConfigDict, Field

from millrace_core.tenants import TENANT_PATTERN
from millrace_warehouse.metrics.ranges import Between, Unit

TenantHeader = Annotated[
    str | None,
    Header(alias="X-Tenant-ID", pattern=TENANT_PATTERN, description="The default is the tenant of the credential."),
]
Scalar = str | int | float | bool


class Filters(BaseModel):
    """A range, and beside it fields by name, each with a value or a list of them."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Scalar | list[Scalar]] = Field(init=False)

    date_range: Between | None = None


class MetricQuery(BaseModel):
    """A metric by dimensions."""

    metric: str = Field(min_length=1, max_length=100, examples=["revenue"], description="Of the catalogue, else a property.")
    dimensions: list[str] = Field([], max_length=6, examples=[["event_type", "date"]])
    filters: Filters = Field(default_factory=Filters)
    aggregation: Literal["sum", "avg", "min", "max", "count", "unique"] | None = None
    granularity: Unit | None = Field(None, description="Of the dimension `date`, which it brings along; a day without it.")
    limit: int = Field(100, ge=1, le=1_000)


class QueryMetadata(BaseModel):
    """Of an answer."""

    total_rows: int
    query_time_ms: float


class MetricAnswer(BaseModel):
    """Rows with the dimensions and the metric by name."""

    data: list[dict[str, Any]]
    metadata: QueryMetadata


class Compared(BaseModel):
    """A metric now and in the time before."""

    current: float | int | None
    previous: float | int | None
    change_percent: float | None


class Summary(BaseModel):
    """Metrics of the last day, week, month or year, compared with the one before."""

    period: str
    metrics: dict[str, Compared]
