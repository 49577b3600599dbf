"""What the product family asks, as questions of the metric layer, and answers in its shape."""

from typing import Any, Final

from millrace_analytics.families.product.schemas import (
    Alert,
    Cohort,
    CohortRequest,
    Current,
    FunnelRequest,
    FunnelResult,
    ReachedStep,
    Realtime,
    Trends,
)
from millrace_core.time import iso_time
from millrace_warehouse.metrics.answers import Answer
from millrace_warehouse.metrics.filters import is_event
from millrace_warehouse.metrics.measures import Count, MetricOf, Unique
from millrace_warehouse.metrics.parts import FieldName
from millrace_warehouse.metrics.questions import Funnel, Retention, Step, Trend
from millrace_warehouse.metrics.ranges import Last

MINUTES: Final = 5
_HIGH: Final = 1.5
"""Traffic so many times that of the hour before is high."""
_FEW: Final = 10
"""Fewer events an hour are too few to speak of traffic."""


def funnel_of(asked: FunnelRequest) -> Funnel:
    """The question."""
    steps = tuple(Step(name=one.name[:100], where=is_event(one.event)) for one in asked.steps)
    return Funnel(kind="funnel", steps=steps, range=asked.date_range)


def funnel_result(asked: FunnelRequest, answer: Answer) -> FunnelResult:
    """The answer's shape."""
    reached = [row[2] for row in answer.table.rows]
    steps = [
        ReachedStep(name=step.name, users=row[2], percentage=row[3], drop_off=row[4] if number else None)
        for number, (step, row) in enumerate(zip(asked.steps, answer.table.rows, strict=True))
    ]
    rate = round(reached[-1] / reached[0], 4) if reached[0] else 0.0
    return FunnelResult(name=asked.name, total_users=reached[0], steps=steps, completion_rate=rate)


def cohorts_question(asked: CohortRequest) -> Retention:
    """The question."""
    return Retention(kind="retention", unit=asked.group_by, range=asked.date_range)


def cohorts_of(asked: CohortRequest, answer: Answer) -> list[Cohort]:
    """The answer's shape."""
    found: dict[str, Cohort] = {}
    for cohort, period, people, _, share in answer.table.rows:
        one = found.setdefault(cohort, Cohort(cohort_date=cohort, users=people, retention={}))
        one.retention[f"{asked.group_by}_{period}"] = share
    return list(found.values())


def now_question() -> Trend:
    """The last five minutes and those before."""
    measures = (
        Unique(measure="unique", of="person", name="users"),
        Unique(measure="unique", of=FieldName(name="properties.conversation_id"), name="conversations"),
        Count(measure="count", where=is_event("message"), name="messages"),
        MetricOf(measure="metric", metric="response_time"),
        MetricOf(measure="metric", metric="satisfaction"),
        Count(measure="count", name="events"),
    )
    return Trend(kind="trend", measures=measures, range=Last(last=MINUTES, unit="minute"), compare="previous_period")


def hour_question() -> Trend:
    """The hour until now."""
    return Trend(kind="trend", measures=(Count(measure="count"),), range=Last(last=1, unit="hour"))


def realtime_of(answer: Answer, hour: Answer, now: int) -> Realtime:
    """The answer's shape."""
    users, conversations, messages, response, satisfaction, events = answer.table.rows[0]
    before: Any = answer.previous.rows[0] if answer.previous is not None else answer.table.rows[0]
    return Realtime(
        current=Current(
            active_users=users,
            active_conversations=conversations,
            messages_per_minute=round(messages / MINUTES, 2),
            average_response_time_ms=None if response is None else round(response, 2),
        ),
        trends=Trends(
            users_change=_change(users, before[0]),
            conversations_change=_change(conversations, before[1]),
            satisfaction_change=_change(satisfaction, before[4]),
        ),
        alerts=_alerts(events, hour.table.rows[0][0] - events),
        timestamp=iso_time(now),
    )


def _change(now: float | None, before: float | None) -> str | None:
    return f"{round(100 * (now - before) / before):+d}%" if now is not None and before else None


def _alerts(events: int, before: int) -> list[Alert]:
    """High traffic, where there was any in the 55 minutes before."""
    usual = before / (60 - MINUTES) * MINUTES
    if before < _FEW or events < _HIGH * usual:
        return []
    return [Alert(type="high_traffic", message=f"Traffic {100 * (events / usual - 1):.0f}% above that of the hour before")]
