"""Requests and answers of the realtime family."""

from typing import Annotated, Any

from fastapi import Header, Path, Query
from pydantic import BaseModel, Field

from millrace_core.tenants import TENANT_PATTERN

Tenant = Annotated[str, Path(pattern=TENANT_PATTERN, description="Whose data is asked for.")]

LastEventId = Annotated[str | None, Header(description="Resume behind this message.")]
ResumeFrom = Annotated[str | None, Query(alias="last_event_id", description="The same, for clients that cannot set headers.")]


class QueryRequest(BaseModel):
    """A question in SQL."""

    customer_id: str | None = Field(
        None,
        pattern=TENANT_PATTERN,
        examples=["demo_tenant"],
        description="Whose data is asked for; the default is the tenant of the credential.",
    )
    sql: str = Field(
        min_length=1,
        max_length=100_000,
        examples=["SELECT count() AS total FROM events_raw WHERE customer_id = 'demo_tenant'"],
        description="One SELECT. It reads this tenant's rows only, whatever it says, and has to say so: `customer_id = '…'`.",
    )


class QueryAnswer(BaseModel):
    """What a question answers."""

    success: bool = True
    data: list[dict[str, Any]]
    columns: list[str]
    row_count: int
    execution_time_ms: float


class TimelineMinute(BaseModel):
    """One minute. Minutes without events are there, with zeros."""

    minute: str
    event_count: int
    unique_visitors: int


class TopEvent(BaseModel):
    """An event type of the last hour."""

    event_type: str
    count: int


class TopPage(BaseModel):
    """A page of the last hour."""

    page: str
    views: int
    unique_visitors: int


class Freshness(BaseModel):
    """How far behind the newest stored event is."""

    last_event_at: str | None
    seconds_since_last_event: float | None


class Dashboard(BaseModel):
    """The last 60 minutes of a tenant, without bots; the newest minute first."""

    customer_id: str
    timestamp: str
    events_timeline: list[TimelineMinute]
    top_events: list[TopEvent]
    top_pages: list[TopPage]
    freshness: Freshness
