"""What holds for all widgets of a dashboard at once: a time, and a filter of events."""

from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import Field

from millrace_analytics.families.dashboards.widgets import Strict
from millrace_core.errors import InvalidInput
from millrace_warehouse.metrics.filters import AllOf, Filter, segments_named
from millrace_warehouse.metrics.questions import Lifecycle, Question, Retention, Sessions, Stickiness, Trend
from millrace_warehouse.metrics.ranges import Range, Span, Unit, span_of

_SECONDS: Final[Mapping[Unit, int]] = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800, "month": 2_629_800}
"""Of a unit of time, the smallest first; a month is a twelfth of a Julian year."""
_MOST_POINTS: Final = 400
"""Of a line on a dashboard, which is some hundred pixels wide; more are only read and sent."""
_MOST_PERIODS: Final = 53
"""Of cohorts and habits: a year of weeks. The metric layer takes 64."""
_UTC: Final = ZoneInfo("UTC")


class DashboardFilters(Strict):
    """What holds for all widgets that ask questions; those of SQL and of words stay as they are."""

    range: Range | None = Field(None, description="Instead of the time of each question that has one.")
    where: Filter | None = Field(None, description="Beside the filter of each question: both hold.")


def filtered(question: Question, filters: DashboardFilters, now: int) -> Question:
    """The question as the dashboard asks it. Of another time its units are others where its own would be one
    point, or hundreds.

    Args:
        now: milliseconds since the epoch.

    Raises:
        InvalidInput: ``invalid_range``; ``invalid_filter``: both name a segment, and mean different ones.
    """
    changed: dict[str, Any] = {}
    if filters.range is not None and question.range is not None:
        changed["range"] = filters.range
        changed |= _units(question, span_of(filters.range, now, _UTC))
    if filters.where is not None:
        if hidden := sorted(segments_named(filters.where) & question.segments.keys()):
            raise InvalidInput(f"the question means another segment by {hidden[0]} than the dashboard", code="invalid_filter")
        changed["where"] = filters.where if question.where is None else AllOf(all=(question.where, filters.where))
    return question.model_copy(update=changed) if changed else question


def _units(question: Question, span: Span) -> dict[str, Any]:
    match question:
        case Trend() | Sessions() if question.granularity is not None:
            return {"granularity": fitting(question.granularity, span, list(_SECONDS), _MOST_POINTS)}
        case Retention() | Stickiness() | Lifecycle():
            return {"unit": fitting(question.unit, span, ["day", "week", "month"], _MOST_PERIODS)}
        case _:
            return {}


def fitting(own: Unit, span: Span, units: list[Unit], most: int) -> Unit:
    """The unit in which a span has two points at least and ``most`` at most: the own one, else that which is nearest to it;
    where there is none, the smallest or the largest."""
    seconds = (span.end - span.first) / 1000
    if seconds > most * _SECONDS[own]:
        return next((unit for unit in units if seconds <= most * _SECONDS[unit]), units[-1])
    if seconds < 2 * _SECONDS[own]:
        smaller = [unit for unit in units if _SECONDS[unit] < _SECONDS[own]]
        return next((unit for unit in reversed(smaller) if seconds >= 2 * _SECONDS[unit]), (smaller or [own])[0])
    return own
