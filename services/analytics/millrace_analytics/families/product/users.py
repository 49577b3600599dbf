"""``GET /api/v1/analytics/users/{user_id}/analytics``: what one person did, as questions of the metric layer."""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import Depends, Path, Query
from pydantic import BaseModel, Field, ValidationError

from millrace_analytics.questioning import Questioning
from millrace_core.errors import InvalidInput, NotFound
from millrace_core.time import parse_time
from millrace_warehouse.metrics.answers import Answer
from millrace_warehouse.metrics.catalogue import METRICS
from millrace_warehouse.metrics.filters import AllOf, Comparison
from millrace_warehouse.metrics.measures import Count, MetricOf
from millrace_warehouse.metrics.parts import FieldName
from millrace_warehouse.metrics.questions import Journey, Question, Sessions, Trend
from millrace_warehouse.metrics.ranges import Between, Last

DAYS: Final = 30
"""That ``retention_30d`` looks back on, today included."""
LOW_RISK_DAYS: Final = 7
"""Who was there within so many days is at low risk to stay away; within :data:`DAYS` at a medium one."""

_DAY_MS: Final = 86_400_000
_ALL_TIME: Final = ("1970-01-01", "2099-12-31")
_MOST_TOPICS: Final = 20
_MOST_METRICS: Final = 10
_OF_SESSIONS: Final = {"total_sessions": "sessions", "average_session_duration": "average_length"}
_OF_CATALOGUE: Final = {"total_messages": "messages", "satisfaction_score": "satisfaction"}
_DOCUMENTED: Final = (*_OF_SESSIONS, *_OF_CATALOGUE, "last_active", "topics_discussed")

UserId = Annotated[
    str, Path(min_length=1, max_length=200, description="A user, or a visitor who is none: any name that is theirs.")
]
_Day = Query(max_length=40, examples=["2026-01-01"])


def _asked(
    start_date: Annotated[str | None, _Day] = None,
    end_date: Annotated[str | None, _Day] = None,
    metrics: Annotated[
        str | None,
        Query(
            max_length=1_000,
            examples=["total_sessions,revenue"],
            description="Names with commas between: " + ", ".join(_DOCUMENTED) + ", or metrics of the catalogue.",
        ),
    ] = None,
) -> "_Asked":
    named = (
        tuple(dict.fromkeys(one.strip() for one in metrics.split(",") if one.strip())) if metrics is not None else _DOCUMENTED
    )
    for name in named:
        if name not in _DOCUMENTED and name not in METRICS:
            raise InvalidInput(f"there is no metric {name[:64]}", code="unknown_metric")
    if len(named) > _MOST_METRICS:
        raise InvalidInput(f"more than {_MOST_METRICS} metrics", code="invalid_request")
    if start_date is None and end_date is None:
        return _Asked(None, named)
    try:
        return _Asked(Between(start=start_date or _ALL_TIME[0], end=end_date or _ALL_TIME[1]), named)
    except ValidationError as error:
        raise InvalidInput("start_date and end_date are dates or times (ISO 8601)", code="invalid_range") from error


@dataclass(frozen=True, slots=True)
class _Asked:
    range: Between | None
    metrics: tuple[str, ...]


UserRequest = Annotated[_Asked, Depends(_asked)]


class Engagement(BaseModel):
    """How lively somebody is, by the days of the tenant's time zone."""

    daily_active: bool = Field(description="Whether they were there today.")
    retention_30d: float = Field(description="The share of the last 30 days, today included, on which they were there.")
    churn_risk: Literal["low", "medium", "high"] = Field(
        description="`low`: there within the last 7 days; `medium`: within the last 30; else `high`."
    )


class UserAnswer(BaseModel):
    """One user. Metrics are of the range; `last_active` and `engagement` are of now."""

    user_id: str
    metrics: dict[str, Any]
    engagement: Engagement


@dataclass(frozen=True, slots=True)
class Found:
    """The answer, and the headers that say where it is from."""

    answer: UserAnswer
    headers: dict[str, str]


async def user_analytics(questioning: Questioning, tenant: str, user_id: str, asked: _Asked) -> Found:
    """The documented answer: several questions, which count as one.

    Raises:
        NotFound: ``unknown_user``: nobody of this name has done anything.
        InvalidInput, QueryError, TooManyRequests, Unavailable: as questions do.
    """
    newest = await questioning.ask(tenant, Journey(kind="journey", person=user_id, limit=1))
    if not newest.answer.table.rows:
        raise NotFound(f"{tenant} has no events of {user_id}", code="unknown_user")

    async def ask(question: Question) -> Answer:
        return (await questioning.ask(tenant, question, counts=False)).answer

    last_active = str(newest.answer.table.rows[0][0])
    person = Comparison(field=FieldName(name="person"), value=newest.answer.extra["person"])
    known: dict[str, Any] = {"last_active": last_active}
    for question, names in _questions(person, asked):
        known |= _values(await ask(question), names)
    days = (await ask(_days_of(person))).table.rows
    engagement = _engagement([row[1] for row in days], last_active, questioning.clock())
    answer = UserAnswer(user_id=user_id, metrics={name: known[name] for name in asked.metrics}, engagement=engagement)
    return Found(answer, newest.headers)


def _questions(person: Comparison, asked: _Asked) -> list[tuple[Question, list[tuple[str, str]]]]:
    """Questions, and for each the names of the metrics that it answers beside those of its columns."""
    found: list[tuple[Question, list[tuple[str, str]]]] = []
    if of_sessions := [(name, _OF_SESSIONS[name]) for name in asked.metrics if name in _OF_SESSIONS]:
        when = asked.range or Between(start=_ALL_TIME[0], end=_ALL_TIME[1])
        found.append((Sessions(kind="sessions", range=when, where=person), of_sessions))
    counted = [name for name in asked.metrics if name in _OF_CATALOGUE or name in METRICS]
    if counted:
        measures = tuple(MetricOf(measure="metric", metric=_OF_CATALOGUE.get(one, one), name=one) for one in counted)
        trend = Trend(kind="trend", measures=measures, where=person, range=asked.range)
        found.append((trend, [(name, name) for name in counted]))
    if "topics_discussed" in asked.metrics:
        topic = FieldName(name="properties.topic")
        where = AllOf(all=(person, Comparison(field=topic, operator="is_set")))
        count = (Count(measure="count"),)
        topics = Trend(kind="trend", measures=count, by=(topic,), where=where, range=asked.range, top=_MOST_TOPICS, other=False)
        found.append((topics, [("topics_discussed", "")]))
    return found


def _values(answer: Answer, names: list[tuple[str, str]]) -> dict[str, Any]:
    rows = answer.table.rows
    if names == [("topics_discussed", "")]:
        return {"topics_discussed": [row[0] for row in rows]}
    at = {column.name: number for number, column in enumerate(answer.columns)}
    return {name: _rounded(rows[0][at[column]]) for name, column in names}


def _rounded(value: Any) -> Any:
    return round(value, 2) if isinstance(value, float) else value


def _days_of(person: Comparison) -> Trend:
    """Events a day, the last 30 days."""
    when = Last(last=DAYS, unit="day", align="to_date")
    return Trend(kind="trend", measures=(Count(measure="count"),), where=person, range=when, granularity="day")


def _engagement(events_a_day: list[int], last_active: str, now: int) -> Engagement:
    days = sum(count > 0 for count in events_a_day)
    newest = parse_time(last_active)
    away = now - newest if newest is not None else now
    if away <= LOW_RISK_DAYS * _DAY_MS:
        risk: Literal["low", "medium", "high"] = "low"
    else:
        risk = "medium" if away <= DAYS * _DAY_MS else "high"
    return Engagement(daily_active=events_a_day[-1] > 0, retention_30d=round(days / DAYS, 4), churn_risk=risk)
