"""Requests and answers of the routes for questions."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from millrace_core.tenants import TENANT_PATTERN
from millrace_warehouse.metrics.questions import Question

_EXAMPLE: dict[str, Any] = {
    "customer_id": "demo_tenant",
    "question": {
        "kind": "trend",
        "measures": [{"measure": "metric", "metric": "revenue"}],
        "by": ["country"],
        "range": {"last": 7, "unit": "day"},
        "top": 5,
    },
}


class _ForTenant(BaseModel):
    customer_id: str | None = Field(
        None, pattern=TENANT_PATTERN, description="Whose data is asked for; the default is the tenant of the credential."
    )


class QuestionRequest(_ForTenant):
    """One question."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    question: Question


class BatchRequest(_ForTenant):
    """Several questions of one tenant."""

    model_config = ConfigDict(extra="forbid")

    questions: list[Question] = Field(min_length=1, max_length=20)


class AnswerColumn(BaseModel):
    """A column of the rows."""

    name: str
    role: str = Field(description="`time`, `dimension`, `step` or `measure`.")
    type: str
    unit: str
    approximate: bool
    additive: bool = Field(description="Whether its values of several groups, or times, can be added up.")


class AnswerSeries(BaseModel):
    """One measure of one group, a value for each of `times`."""

    name: str
    group: dict[str, Any]
    other: bool = Field(description="Whether it is what was not among the largest, measured together.")
    values: list[float | int | None]
    errors: list[float | None] = Field(description="Of a sample, the standard error of each value; else empty.")


class AnswerTable(BaseModel):
    """Rows, and the same as series where the question has a granularity."""

    rows: list[list[Any]]
    errors: list[list[float | None]] = Field(
        description="Of a sample, for each value of `rows` its standard error, null of what is no total; else empty."
    )
    times: list[str]
    series: list[AnswerSeries]
    truncated: bool = Field(description="Whether there are more groups than rows: ask with `top`.")


class Ran(BaseModel):
    """A statement that ran, with the values of its places."""

    sql: str
    values: dict[str, Any]


class Freshness(BaseModel):
    """How far the answer can know."""

    last_event_at: str | None
    seconds_since_last_event: float | None


class QuestionAnswer(AnswerTable):
    """The answer of a question."""

    success: bool = True
    kind: str
    columns: list[AnswerColumn]
    range: tuple[str, str] | None = Field(description="From and up to; null is all time.")
    time_zone: str
    source: str = Field(description="The table that answered: `events_raw`, or a rollup.")
    sampled: bool = Field(description="Whether some of the people were looked at, and numbers are estimates.")
    sample: float | None = Field(description="The share of people that was looked at; null is everybody.")
    freshness: Freshness
    previous: AnswerTable | None
    previous_range: tuple[str, str] | None
    extra: dict[str, Any] = Field(description="`times` and `people` of funnels, `direction` of paths, `person` of journeys.")
    statements: list[Ran]
    stale: bool = Field(description="Whether the warehouse does not answer, and this is from before.")
    execution_time_ms: float


class BatchAnswer(BaseModel):
    """An answer or an error object for each question, in their order."""

    success: bool = True
    answers: list[dict[str, Any]]


class CatalogueMetric(BaseModel):
    """A metric."""

    name: str
    label: str
    unit: str
    formula: str
    synonyms: list[str]
    family: str


class CatalogueDimension(BaseModel):
    """A field to group and filter by."""

    name: str
    label: str
    type: str
    description: str
    synonyms: list[str]


class CatalogueEventType(BaseModel):
    """An event type with a meaning that is known."""

    name: str
    label: str
    description: str
    synonyms: list[str]
    properties: dict[str, str]


class CatalogueSegment(BaseModel):
    """A filter with a name."""

    name: str
    label: str
    where: dict[str, Any]
    synonyms: list[str]


class Catalogue(BaseModel):
    """What can be measured, and by what."""

    metrics: list[CatalogueMetric]
    dimensions: list[CatalogueDimension]
    event_types: list[CatalogueEventType]
    segments: list[CatalogueSegment]
