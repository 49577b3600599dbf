"""Requests and answers of the realtime family."""

from typing import Annotated, Any, Literal

from fastapi import Header, Path, Query
from pydantic import BaseModel, Field, JsonValue

from millrace_core.tenants import TENANT_PATTERN

Tenant = Annotated[str, Path(pattern=TENANT_PATTERN, description="Whose data is asked for.")]

LastEventId = Annotated[str | None, Header(description="Resume behind this message.")]
ResumeFrom = Annotated[str | None, Query(alias="last_event_id", description="The same, for clients that cannot set headers.")]


Whose = Annotated[
    str | None,
    Field(
        pattern=TENANT_PATTERN,
        examples=["demo_tenant"],
        description="Whose data is asked for; the default is the tenant of the credential.",
    ),
]
Statement = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100_000,
        examples=["SELECT count() AS total FROM events_raw WHERE customer_id = 'demo_tenant'"],
        description="One SELECT. It reads this tenant's rows only, whatever it says, and has to say so: `customer_id = '…'`.",
    ),
]
Parameters = Annotated[
    list[JsonValue] | dict[str, JsonValue] | None,
    Field(
        examples=[["page_view", 10]],
        description="Values, bound and never part of the text: a list for the `?` of the statement, or an object for its "
        "`{name:Type}`, with the types of ClickHouse.",
    ),
]


class QueryRequest(BaseModel):
    """A question in SQL."""

    customer_id: Whose = None
    sql: Statement
    parameters: Parameters = None
    timeout_seconds: float | None = Field(
        None, gt=0, le=600, description="How long it may take; `MILLRACE_QUERY_SECONDS` holds in any case."
    )
    format: Literal["json", "csv", "jsonl", "arrow", "parquet"] = Field(
        "json", description="`json` answers at most `MILLRACE_QUERY_RESULT_ROWS` rows; the others are files, streamed."
    )


class QueryAnswer(BaseModel):
    """What a question answers."""

    success: bool = True
    data: list[dict[str, Any]]
    columns: list[str]
    row_count: int
    truncated: bool = Field(description="Whether there were more rows, or more bytes, than may be answered.")
    execution_time_ms: float
    stale: bool = Field(default=False, description="There, and true, while the warehouse is away: `Age` says how old it is.")


class CheckRequest(BaseModel):
    """A statement to look at."""

    customer_id: Whose = None
    sql: Statement
    parameters: Parameters = None


class Mistake(BaseModel):
    """What is wrong with a statement. Places count from 1, and are null where they are not known."""

    code: str
    message: str
    position: int | None = None
    line: int | None = None
    column: int | None = None


class Column(BaseModel):
    """A column of an answer."""

    name: str
    type: str


class CheckAnswer(BaseModel):
    """What a statement would do. Nothing was asked, and no row read."""

    success: bool = True
    valid: bool
    errors: list[Mistake]
    tables: list[str]
    columns: list[Column] | None = Field(description="Null where they are known only once it is asked.")
    estimated_rows: int | None = Field(description="How many rows it would read, from the rollups of events by hour.")
    parameters: dict[str, str] = Field(description="Its `{name:Type}`.")


class TimelineMinute(BaseModel):
    """One minute. Minutes without events are there, with zeros. More than 128 visitors are told with an error of 1 to 2 %."""

    minute: str
    event_count: int
    unique_visitors: int


class TopEvent(BaseModel):
    """An event type of the last hour."""

    event_type: str
    count: int


class TopPage(BaseModel):
    """A page of the last hour. More than 128 visitors are told with an error of 1 to 2 %."""

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
    stale: bool = Field(default=False, description="There, and true, while the warehouse is away: `Age` says how old it is.")
