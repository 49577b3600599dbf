"""Requests and answers of the product family."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from millrace_warehouse.metrics.ranges import Between

Text = Annotated[str, Field(min_length=1, max_length=200)]


class FunnelStep(BaseModel):
    """A step."""

    name: Text
    event: Text = Field(description="An event type.")


class FunnelRequest(BaseModel):
    """Steps that people take one behind the other, within 30 days."""

    name: Text
    steps: list[FunnelStep] = Field(min_length=1, max_length=10)
    date_range: Between | None = None


class ReachedStep(BaseModel):
    """How many came to a step; `drop_off` is against the step before."""

    name: str
    users: int
    percentage: float
    drop_off: int | None = None


class FunnelResult(BaseModel):
    """A funnel."""

    name: str
    total_users: int
    steps: list[ReachedStep]
    completion_rate: float


class FunnelAnswer(BaseModel):
    """The answer."""

    funnel: FunnelResult


class CohortRequest(BaseModel):
    """People by the period of their first event in the range."""

    cohort_type: Literal["acquisition"] = "acquisition"
    group_by: Literal["day", "week", "month"] = "week"
    metric: Literal["retention"] = "retention"
    date_range: Between


class Cohort(BaseModel):
    """A cohort: the share with any event so many periods later, from 0 to 1."""

    cohort_date: str
    users: int
    retention: dict[str, float]


class CohortAnswer(BaseModel):
    """The answer."""

    cohorts: list[Cohort]


class Current(BaseModel):
    """The last five minutes."""

    active_users: int
    active_conversations: int
    messages_per_minute: float
    average_response_time_ms: float | None


class Trends(BaseModel):
    """Against the five minutes before, with a sign; null where there was nothing before."""

    users_change: str | None
    conversations_change: str | None
    satisfaction_change: str | None


class Alert(BaseModel):
    """What stands out."""

    type: str
    message: str


class Realtime(BaseModel):
    """What happens now."""

    current: Current
    trends: Trends
    alerts: list[Alert]
    timestamp: str
