"""What is made of an answer of the metric layer, and how it is said."""

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from millrace_analytics.ai.describing import explained
from millrace_analytics.ai.following import followed
from millrace_analytics.ai.plans import Plan
from millrace_warehouse.metrics.answers import Answer, Column, Table

_TREND: dict[str, Any] = {"kind": "trend", "measures": [{"measure": "count", "name": "n"}]}
_DAY, _LABEL = Column("day", "time", "time"), Column("country", "dimension", "text")
_COUNT = Column("n", "measure", "number", "events")


def plan(question: dict[str, Any], then: dict[str, Any]) -> Plan:
    return Plan.model_validate({"question": question, "then": then})


def rows_of(
    made: Plan, columns: Sequence[Column], rows: list[list[Any]], extra: dict[str, Any] | None = None
) -> list[list[Any]]:
    answer = Answer("trend", columns, Table(rows), None, "UTC", "events_raw", [], None, extra=extra or {})
    return followed(made, answer, list(columns), rows)[1]


def test_the_average_of_a_series_is_one_row_for_each_group() -> None:
    made = plan({**_TREND, "granularity": "day", "by": ["country"]}, {"then": "mean"})
    rows: list[list[Any]] = [
        ["2026-03-01", "DE", 4],
        ["2026-03-01", "FR", 1],
        ["2026-03-02", "DE", 1],
        ["2026-03-02", "FR", None],
    ]
    assert rows_of(made, [_DAY, _LABEL, _COUNT], rows) == [["DE", 2.5], ["FR", 1.0]]
    assert explained(made).endswith("only the average of all days.")


def test_shares_are_of_all_groups_together() -> None:
    made = plan({**_TREND, "by": ["country"]}, {"then": "shares"})
    assert rows_of(made, [_LABEL, _COUNT], [["DE", 3], ["FR", 1]]) == [["DE", 3, 75.0], ["FR", 1, 25.0]]
    assert rows_of(made, [_LABEL, _COUNT], [["DE", 0]]) == [["DE", 0, None]]


def test_what_keeps_a_limit_is_listed_or_counted() -> None:
    series = {**_TREND, "granularity": "day"}
    rows = [["2026-03-01", 4], ["2026-03-02", 12]]
    limit = {"then": "kept", "operator": "gt", "number": 10}
    assert rows_of(plan(series, limit), [_DAY, _COUNT], rows) == [["2026-03-02", 12]]
    assert rows_of(plan(series, {**limit, "counted": True}), [_DAY, _COUNT], rows) == [[1]]


_SESSIONS = [Column("device", "dimension", "text"), Column("other", "dimension", "boolean"),
             Column("sessions", "measure", "number"), Column("bounce_rate", "measure", "number", "%")]  # fmt: skip


def test_of_sessions_one_measure_is_kept_in_its_order_and_without_the_rest() -> None:
    asked = {"kind": "sessions", "range": {"last": 7, "unit": "day"}, "by": "device"}
    rows: list[list[Any]] = [
        ["mobile", False, 9, 40.0],
        ["desktop", False, 5, 60.0],
        ["tablet", False, 2, 60.0],
        [None, True, 1, 100.0],
    ]
    ranked = plan(asked, {"then": "of_sessions", "measure": "bounce_rate", "order": "highest", "count": 2})
    assert rows_of(ranked, _SESSIONS, rows) == [["desktop", 60.0, 5], ["tablet", 60.0, 2]]
    whole = plan(asked, {"then": "of_sessions", "measure": "bounce_rate"})
    assert len(rows_of(whole, _SESSIONS, rows)) == 4
    assert "only the bounce rate, the highest 2 first" in explained(ranked)


_STATES = ("new", "returning", "resurrecting", "dormant")


def test_who_had_been_there_before_was_there_just_before_or_earlier() -> None:
    asked = {"kind": "lifecycle", "range": {"last": 2, "unit": "week"}, "unit": "week"}
    columns = [Column("time", "time", "time"), *(Column(name, "measure", "number") for name in _STATES)]
    made = plan(asked, {"then": "arrivals", "who": "both"})
    assert rows_of(made, columns, [["2026-03-02", 3, 4, 2, 1]]) == [["2026-03-02", 3, 6]]


_COHORTS = [Column("cohort", "time", "time"), Column("period", "step", "number"), Column("people", "measure", "number"),
            Column("returned", "measure", "number"), Column("share", "measure", "number")]  # fmt: skip


def test_cohorts_are_added_up_that_began_in_time_and_have_lived_so_long() -> None:
    asked = {"kind": "retention", "range": {"start": "2026-03-01", "end": "2026-03-04"}, "unit": "day"}
    rows: list[list[Any]] = [
        ["2026-03-01", 0, 10, 10, 1.0], ["2026-03-01", 1, 10, 5, 0.5], ["2026-03-01", 2, 10, 4, 0.4],
        ["2026-03-02", 0, 30, 30, 1.0], ["2026-03-02", 1, 30, 5, 0.1667],
        ["2026-03-03", 0, 50, 50, 1.0], ["2026-03-03", 1, 50, 50, 1.0],
    ]  # fmt: skip
    made = plan(asked, {"then": "returned", "period": 1, "until": "2026-03-02"})
    assert rows_of(made, _COHORTS, rows) == [[40, 10, 25.0]]
    assert "only who came back 1 day later of those who began by 2026-03-02" in explained(made)
    assert rows_of(plan(asked, {"then": "returned", "period": 3}), _COHORTS, rows) == [[0, 0, None]]


def test_each_later_week_of_one_cohort_has_its_own_date() -> None:
    asked = {"kind": "retention", "range": {"last": 4, "unit": "week"}, "unit": "week"}
    rows = [["2026-03-02", 0, 10, 10, 1.0], ["2026-03-02", 1, 10, 5, 0.5], ["2026-03-09", 0, 4, 4, 1.0]]
    made = plan(asked, {"then": "returned", "until": "2026-03-08"})
    assert rows_of(made, _COHORTS, rows) == [["2026-03-09", 1, 10, 5, 50.0]]


def test_how_long_it_took_is_that_of_each_group() -> None:
    step = {"where": {"field": "event_type", "value": "signup"}}
    asked = {"kind": "funnel", "steps": [step, step], "times": True, "by": "country"}
    times = [{"group": "DE", "people": 3, "average_seconds": 1.5, "median_seconds": 1.0, "p90_seconds": 2.0}]
    made = plan(asked, {"then": "took", "how": "median"})
    assert rows_of(made, [_LABEL, _COUNT], [], {"times": times}) == [["DE", 1.0, 3]]
    assert "how long it took from the first step to the last, in seconds: the median" in explained(made)


@pytest.mark.parametrize(
    ("question", "then"),
    [
        (_TREND, {"then": "mean"}),
        (_TREND, {"then": "shares"}),
        ({**_TREND, "granularity": "day"}, {"then": "returned", "period": 1}),
        ({**_TREND, "granularity": "day"}, {"then": "of_sessions", "measure": "bounce_rate"}),
        ({"kind": "funnel", "steps": [{"where": {"field": "event_type", "value": "a"}}]}, {"then": "took"}),
    ],
)
def test_nothing_follows_what_it_cannot(question: dict[str, Any], then: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        plan(question, then)
