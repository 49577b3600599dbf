"""The unit of time in which a question is drawn where a dashboard gives it another time."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from millrace_analytics.families.dashboards.filters import DashboardFilters, filtered, fitting
from millrace_warehouse.metrics.questions import Question
from millrace_warehouse.metrics.ranges import Span, Unit

_QUESTIONS: TypeAdapter[Question] = TypeAdapter(Question)
_UNITS: list[Unit] = list(get_args(Unit))
_SECONDS = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800, "month": 2_629_800}
_NOW = 1_790_000_000_000


@given(st.sampled_from(_UNITS), st.integers(1, 20 * 366 * 86_400))
def test_a_line_has_two_points_at_least_and_not_too_many_where_some_unit_gives_that(own: Unit, seconds: int) -> None:
    found = fitting(own, Span(0, seconds * 1000), _UNITS, 400)
    good = [unit for unit in _UNITS if 2 * _SECONDS[unit] <= seconds <= 400 * _SECONDS[unit]]
    assert found in good or not good
    assert found == own or own not in good
    assert found == "minute" or seconds >= 120, "of less than two minutes there are none"


@pytest.mark.parametrize(
    ("question", "asked", "name", "expected"),
    [
        ({"kind": "trend", "measures": [{"measure": "count"}], "granularity": "day"}, (12, "month"), "granularity", "day"),
        ({"kind": "trend", "measures": [{"measure": "count"}], "granularity": "hour"}, (12, "month"), "granularity", "day"),
        ({"kind": "trend", "measures": [{"measure": "count"}], "granularity": "day"}, (60, "minute"), "granularity", "minute"),
        ({"kind": "trend", "measures": [{"measure": "count"}], "granularity": "day"}, (24, "hour"), "granularity", "hour"),
        ({"kind": "trend", "measures": [{"measure": "count"}]}, (24, "hour"), "granularity", None),
        ({"kind": "sessions", "granularity": "week"}, (3, "day"), "granularity", "day"),
        ({"kind": "retention", "unit": "day"}, (12, "month"), "unit", "week"),
        ({"kind": "retention", "unit": "week"}, (10, "year"), "unit", "month"),
        ({"kind": "stickiness", "unit": "month"}, (1, "hour"), "unit", "day"),
    ],
)
def test_units_follow_the_time(question: dict[str, Any], asked: tuple[int, str], name: str, expected: str | None) -> None:
    own = _QUESTIONS.validate_python({**question, "range": {"last": 30, "unit": "day"}})
    given_range = {"range": {"last": asked[0], "unit": asked[1]}}
    found = filtered(own, DashboardFilters.model_validate(given_range), _NOW)
    assert getattr(found, name) == expected
    assert found.range == DashboardFilters.model_validate(given_range).range


def test_a_question_of_all_time_stays_one_and_what_says_nothing_changes_nothing() -> None:
    own = _QUESTIONS.validate_python({"kind": "trend", "measures": [{"measure": "count"}]})
    assert filtered(own, DashboardFilters.model_validate({"range": {"last": 1, "unit": "day"}}), _NOW).range is None
    assert filtered(own, DashboardFilters(), _NOW) is own
