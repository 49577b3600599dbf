"""Retention questions in SQL, and their rows made into an answer."""

import datetime
from collections.abc import Sequence
from typing import Any, Final

from millrace_core.errors import InvalidInput
from millrace_warehouse.metrics.answers import Column, Table
from millrace_warehouse.metrics.buckets import begin_of, buckets
from millrace_warehouse.metrics.conditions import condition, conjunction
from millrace_warehouse.metrics.fields import expression, kind_of
from millrace_warehouse.metrics.funnels import NAMED
from millrace_warehouse.metrics.questions import Retention
from millrace_warehouse.metrics.ranges import Unit
from millrace_warehouse.metrics.statements import Statement, Writing

MOST_PERIODS: Final = 64
"""A bit of a number for each."""
MOST_GROUPS: Final = 10_000
"""Rows of groups and cohorts that are looked at; where there are more, the answer is refused."""


def compile_retention(retention: Retention, writing: Writing) -> Statement:
    """The statement whose columns are the group where there are any, the number of the cohort's period, its people, and an
    array of how many of them came back so many periods later.

    A person is one number with a bit for each period in which they were there: one pass over the events, one row a person.

    Raises:
        InvalidInput: ``too_many_rows``: there are more periods than bits.
    """
    periods = periods_of(retention.unit, writing)
    start = "1" if retention.start is None else condition(writing, retention.start)
    back = "1" if retention.returning is None else condition(writing, retention.returning)
    index = index_of(retention.unit, writing, "timestamp", periods[0])
    bit = f"bitShiftLeft(toUInt64(1), {index})"
    where = [*writing.within(), *filter(None, [conjunction(writing, retention.where)]), NAMED]
    if "1" not in (start, back):
        where.append(f"({start} OR {back})")
    columns = [f"{writing.person} AS person"]
    columns.append(f"groupBitOr({bit}) AS mask" if back == "1" else f"groupBitOrIf({bit}, {back}) AS mask")
    columns.append(f"min({index}) AS cohort" if start == "1" else f"minIf({index}, {start}) AS cohort")
    shifted = "bitShiftRight(mask, cohort)"
    if back != "1" or start != "1":
        # In the first period only what comes no earlier than the start counts as coming back.
        columns.append(f"{_returns_at_once(retention, writing, start, back, periods[0])} AS at_once")
        shifted = "bitOr(bitAnd(bitShiftRight(mask, cohort), bitNot(toUInt64(1))), toUInt64(at_once))"
    group = ""
    if retention.by is not None:
        value = expression(writing, retention.by, kind_of(retention.by))
        # A tuple, as nulls are skipped else.
        columns.append(f"argMinIf(tuple({value}), (timestamp, event_id), {start}).1 AS d0")
        group = "d0, "
    having = "" if start == "1" else f" HAVING countIf({start}) > 0"
    people = f"SELECT {', '.join(columns)} FROM events_raw WHERE {' AND '.join(where)} GROUP BY person{having}"
    times = writing.times
    came = "bitTest(later, k)" if retention.mode == "fixed" else "bitShiftRight(later, k) != 0"
    select = (
        f"SELECT {group}cohort, count(){times} AS people, "
        f"sumForEach(arrayMap(k -> toUInt64({came}){times}, range({len(periods)}))) AS came "
        f"FROM (SELECT {group}cohort, {shifted} AS later FROM ({people})) GROUP BY {group}cohort ORDER BY {group}cohort "
        f"LIMIT {MOST_GROUPS}"
    )
    return writing.finished(select)


def _returns_at_once(retention: Retention, writing: Writing, start: str, back: str, base: str) -> str:
    began = "min(timestamp)" if start == "1" else f"minIf(timestamp, {start})"
    there = index_of(retention.unit, writing, "t", base)
    times = "groupArray(timestamp)" if back == "1" else f"groupArrayIf(timestamp, {back})"
    return f"arrayExists(t -> t >= {began} AND {there} = cohort, {times})"


def periods_of(unit: Unit, writing: Writing) -> list[str]:
    """The first day of each period of the range that has begun."""
    span = writing.span
    found = [str(key) for key in buckets(span, unit, writing.zone, MOST_PERIODS)]
    begun = [day for day in found if begin_of(day, writing.zone) <= writing.now]
    if not begun:
        raise InvalidInput("the range has not begun", code="invalid_range")
    return begun


def index_of(unit: Unit, writing: Writing, at: str, base: str) -> str:
    """The number of a time's period, counted from the one that begins on a day."""
    day = f"toDate({at}, {writing.zone_name})"
    first = writing.bind(datetime.date.fromisoformat(base), "Date")
    match unit:
        case "month":
            return f"toUInt8(toRelativeMonthNum({day}) - toRelativeMonthNum({first}))"
        case "week":
            return f"toUInt8(intDiv({day} - {first}, 7))"
        case _:
            return f"toUInt8({day} - {first})"


_COLUMNS: Final = (
    Column("cohort", "time", "time"),
    Column("period", "step", "number"),
    Column("people", "measure", "number", "people"),
    Column("returned", "measure", "number", "people"),
    Column("share", "measure", "number"),
)


def columns_of(retention: Retention) -> list[Column]:
    """Of the answer: a row for each cohort and each period that has begun; ``share`` is ``returned`` of ``people``, 0 to 1."""
    if retention.by is None:
        return [*_COLUMNS]
    name = retention.by.name.removeprefix("properties.")
    return [Column(name, "dimension", kind_of(retention.by)), Column("other", "dimension", "boolean"), *_COLUMNS]


def table_of(retention: Retention, rows: Sequence[Sequence[Any]], writing: Writing) -> Table:
    """Every cohort that somebody is in, of everyone or of each group: the largest first, what is not among them as one.

    Raises:
        InvalidInput: ``too_many_rows``: there are too many groups.
    """
    periods = periods_of(retention.unit, writing)
    if retention.by is None:
        return Table(_cohorts([], rows, periods))
    if len(rows) >= MOST_GROUPS:
        raise InvalidInput(
            "there are too many values to group by: filter them, or take a field with fewer", code="too_many_rows"
        )
    groups: dict[Any, list[Sequence[Any]]] = {}
    for value, *cohort in rows:
        groups.setdefault(value, []).append(cohort)
    ordered = sorted(groups, key=lambda value: (-sum(one[1] for one in groups[value]), repr(value)))
    found = [line for value in ordered[: retention.top] for line in _cohorts([value, False], groups[value], periods)]
    rest: dict[int, tuple[int, list[int]]] = {}
    for cohort, people, came in (one for value in ordered[retention.top :] for one in groups[value]):
        before, back = rest.get(cohort, (0, [0] * len(came)))
        rest[cohort] = (before + people, [one + other for one, other in zip(back, came, strict=True)])
    return Table(found + _cohorts([None, True], [(cohort, *rest[cohort]) for cohort in sorted(rest)], periods))


def _cohorts(group: list[Any], rows: Sequence[Sequence[Any]], periods: Sequence[str]) -> list[list[Any]]:
    return [
        [*group, periods[cohort], later, people, came[later], round(came[later] / people, 4)]
        for cohort, people, came in rows
        for later in range(len(periods) - cohort)
    ]
