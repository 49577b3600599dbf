"""What the commerce family asks, as questions of the metric layer, and answers in its shape."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import ValidationError

from millrace_analytics.families.commerce.schemas import Compared, MetricQuery
from millrace_core.errors import InvalidInput
from millrace_warehouse.metrics.answers import Answer
from millrace_warehouse.metrics.catalogue import DIMENSIONS, METRICS
from millrace_warehouse.metrics.filters import AllOf, Comparison, Filter
from millrace_warehouse.metrics.measures import Count, Measure, MetricOf, Number, Unique
from millrace_warehouse.metrics.parts import FieldName
from millrace_warehouse.metrics.questions import Trend
from millrace_warehouse.metrics.ranges import Last

_DATE: Final = "date"
Period = Literal["day", "week", "month", "year"]
MetricType = Literal["revenue", "tickets", "customers", "events"]
_OF_TYPE: Final[Mapping[MetricType, str]] = {
    "revenue": "revenue", "tickets": "tickets_sold", "customers": "customers", "events": "events",
}  # fmt: skip


def question_of(asked: MetricQuery) -> Trend:
    """The question.

    Raises:
        InvalidInput: ``unknown_metric``, ``invalid_aggregation``, ``invalid_request``.
    """
    try:
        return _question_of(asked)
    except ValidationError as error:  # within the bounds of the document's shape, beyond those of a question
        raise InvalidInput(f"the question cannot be asked: {error.errors()[0]['msg']}", code="invalid_request") from error


def _question_of(asked: MetricQuery) -> Trend:
    fields = tuple(_field(name) for name in asked.dimensions if name != _DATE)
    unit = asked.granularity or ("day" if _DATE in asked.dimensions else None)
    measure = _measure(asked)
    return Trend(
        kind="trend",
        measures=(measure,),
        by=fields,
        where=_where(asked.filters.__pydantic_extra__ or {}, events_of(measure)),
        range=asked.filters.date_range,
        granularity=unit,
        top=(min(asked.limit, 50) if unit else asked.limit) if fields else None,
        other=False,
    )


def rows_of(asked: MetricQuery, answer: Answer) -> list[dict[str, Any]]:
    """The rows, dimensions by the names that were asked for."""
    names = [name for name in asked.dimensions if name != _DATE]
    named = [*([_DATE] if answer.columns[0].role == "time" else []), *names, asked.metric]
    return [dict(zip(named, map(_rounded, row), strict=True)) for row in answer.table.rows]


def _rounded(value: Any) -> Any:
    return round(value, 2) if isinstance(value, float) else value


def _field(name: str) -> FieldName:
    return FieldName(name=name if name in DIMENSIONS or name.startswith("properties.") else f"properties.{name}")


def _measure(asked: MetricQuery) -> Measure:
    if asked.metric not in METRICS:
        return _of_property(asked)
    plain = METRICS[asked.metric].measure
    match asked.aggregation:
        case None:
            return MetricOf(measure="metric", metric=asked.metric)
        case "sum" | "avg" | "min" | "max" if isinstance(plain, Number):
            return Number(measure=asked.aggregation, field=plain.field, where=plain.where)
        case "count" if isinstance(plain, Number):
            there = Comparison(field=plain.field, operator="is_set")
            return Count(measure="count", where=there if plain.where is None else AllOf(all=(plain.where, there)))
        case "sum" | "count" if isinstance(plain, Count):
            return plain
        case "count" | "unique" if isinstance(plain, Unique):
            return plain
    raise InvalidInput(f"{asked.metric} has no {asked.aggregation}", code="invalid_aggregation")


def _of_property(asked: MetricQuery) -> Measure:
    field = _field(asked.metric)
    match asked.aggregation:
        case None:
            raise InvalidInput(
                f"there is no metric {asked.metric[:64]}: of a property say the aggregation", code="unknown_metric"
            )
        case "count":
            return Count(measure="count", where=Comparison(field=field, operator="is_set"))
        case "unique":
            return Unique(measure="unique", of=field)
        case aggregation:
            return Number(measure=aggregation, field=field)


def events_of(measure: Measure) -> Filter | None:
    """The events that it is made of, so that no row stands for others."""
    return events_of(METRICS[measure.metric].measure) if isinstance(measure, MetricOf) else measure.where


def _where(given: Mapping[str, Any], events: Filter | None) -> Filter | None:
    found: list[Filter] = [] if events is None else [events]
    found += [
        Comparison(field=_field(name), operator="in", value=tuple(value))
        if isinstance(value, list)
        else Comparison(field=_field(name), value=value)
        for name, value in given.items()
    ]
    return AllOf(all=tuple(found)) if found else None


def summary_of(period: Period, kind: MetricType | None) -> Trend:
    """The question of the summary: that long until now, compared with as long before."""
    names = [_OF_TYPE[kind]] if kind else list(_OF_TYPE.values())
    measures = tuple(MetricOf(measure="metric", metric=name) for name in names)
    return Trend(kind="trend", measures=measures, range=Last(last=1, unit=period), compare="previous_period")


def compared(answer: Answer) -> dict[str, Compared]:
    """Each measure now and before."""
    assert answer.previous is not None, "it was asked for"
    now, before = answer.table.rows[0], answer.previous.rows[0]
    return {
        column.name: Compared(current=_rounded(one), previous=_rounded(other), change_percent=change(one, other))
        for column, one, other in zip(answer.columns, now, before, strict=True)
    }


def change(now: float | None, before: float | None) -> float | None:
    """By how many percent it changed; null where there is nothing to compare with."""
    return round(100 * (now - before) / before, 2) if now is not None and before else None
