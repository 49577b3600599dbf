"""What is said about a table with groups over time: of the groups, not of their days."""

from collections.abc import Sequence
from typing import Any

from millrace_analytics.ai.facts import facts_of
from millrace_analytics.ai.results import Result
from millrace_warehouse.metrics.answers import Column

_DAY = Column("day", "time", "time")
_COUNTRY = Column("country", "dimension", "text")
_ROWS: list[list[Any]] = [
    ["2026-03-01", "DE", 31],
    ["2026-03-01", "FR", 40],
    ["2026-03-02", "DE", 26],
    ["2026-03-02", "FR", 3],
    ["2026-03-02", None, 1],
]


def _said(additive: bool, columns: list[Column], rows: Sequence[Sequence[Any]]) -> list[str]:
    return [
        fact.text
        for fact in facts_of(Result([*columns, Column("purchases", "measure", "number", additive=additive)], rows, ""))
    ]


def test_what_can_be_added_up_is_added_up_over_all_times() -> None:
    assert _said(True, [_DAY, _COUNTRY], _ROWS) == [
        "“DE” has the highest purchases: 57.",
        "That is 56.44 % of the 101 of all rows shown.",
        "“FR” follows with 43.",
        "The lowest of 3 is what has no value with 1.",
    ]


def test_of_what_cannot_be_added_up_the_time_is_said() -> None:
    said = _said(False, [_DAY, _COUNTRY], _ROWS)
    assert said[0] == "“FR / 2026-03-01” has the highest purchases: 40."
    assert said[1] == "“DE / 2026-03-01” follows with 31."


def test_groups_without_a_time_are_as_they_are() -> None:
    assert _said(False, [_COUNTRY], [["DE", 3], ["FR", 5]])[0] == "“FR” has the highest purchases: 5."


def test_a_time_without_groups_goes_up_or_down() -> None:
    said = _said(True, [_DAY], [["2026-03-01", 4], ["2026-03-02", 6]])
    assert said[-1] == "From 2026-03-01 (4) to 2026-03-02 (6) it is up by 50 %."
