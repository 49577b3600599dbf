"""Stickiness and lifecycle in SQL, and their rows made into answers. A person is one number with a bit for each period."""

import datetime
from collections.abc import Sequence
from typing import Any, Final

from millrace_core.errors import InvalidInput
from millrace_warehouse.metrics.answers import Column, Series, Table
from millrace_warehouse.metrics.buckets import begin_of
from millrace_warehouse.metrics.conditions import conjunction
from millrace_warehouse.metrics.funnels import NAMED
from millrace_warehouse.metrics.questions import Lifecycle, Stickiness
from millrace_warehouse.metrics.ranges import EVERYTHING, Span, Unit, shifted
from millrace_warehouse.metrics.retentions import MOST_PERIODS, index_of, periods_of
from millrace_warehouse.metrics.statements import Statement, Writing


def compile_stickiness(stickiness: Stickiness, writing: Writing) -> Statement:
    """The statement whose columns are a number of periods and the people who were there in so many.

    Raises:
        InvalidInput: ``too_many_rows``: there are more periods than bits.
    """
    base = periods_of(stickiness.unit, writing)[0]
    bit = f"bitShiftLeft(toUInt64(1), {index_of(stickiness.unit, writing, 'timestamp', base)})"
    where = " AND ".join([*writing.within(), *filter(None, [conjunction(writing, stickiness.where)]), NAMED])
    people = f"SELECT {writing.person} AS person, groupBitOr({bit}) AS mask FROM events_raw WHERE {where} GROUP BY person"
    return writing.finished(
        f"SELECT bitCount(mask) AS periods, count(){writing.times} AS people FROM ({people}) GROUP BY periods ORDER BY periods"
    )


STICKINESS: Final = (
    Column("periods", "step", "number"),
    Column("people", "measure", "number", "people"),
    Column("share", "measure", "number"),
)
"""Of the answer: ``share`` is of everyone, 0 to 1."""


def stickiness_table(stickiness: Stickiness, rows: Sequence[Sequence[Any]], writing: Writing) -> Table:
    """A row for each number of periods, those that nobody has included."""
    counted = {int(periods): people for periods, people in rows}
    everyone = sum(counted.values())
    numbers = range(1, len(periods_of(stickiness.unit, writing)) + 1)
    found = [(number, counted.get(number, 0)) for number in numbers]
    return Table([[number, people, round(people / everyone, 4) if everyone else 0.0] for number, people in found])


def compile_lifecycle(lifecycle: Lifecycle, writing: Writing) -> Statement:
    """The statement whose columns are arrays, a number for each period: new, returning, resurrecting and dormant people.

    Bit 0 is the period before the range, and whoever was there earlier still has a mark of its own.

    Raises:
        InvalidInput: ``too_many_rows``: there are more periods than bits.
    """
    periods = periods_of(lifecycle.unit, writing)
    if len(periods) == MOST_PERIODS:
        raise InvalidInput(f"there are more than {MOST_PERIODS - 1} periods: ask for less time", code="too_many_rows")
    base = _day_before(periods[0], lifecycle.unit)
    before = writing.bind(begin_of(base, writing.zone), "Int64")
    is_earlier = f"timestamp < fromUnixTimestamp64Milli({before}, 'UTC')"
    bit = f"bitShiftLeft(toUInt64(1), {index_of(lifecycle.unit, writing, 'timestamp', base)})"
    until = Span(EVERYTHING.first, writing.span.end)
    where = " AND ".join([*writing.within(until), *filter(None, [conjunction(writing, lifecycle.where)]), NAMED])
    people = (
        f"SELECT {writing.person} AS person, groupBitOr(if({is_earlier}, toUInt64(0), {bit})) AS mask, "
        f"max({is_earlier}) AS earlier FROM events_raw WHERE {where} GROUP BY person"
    )
    now, last = "bitTest(mask, k)", "bitTest(mask, k - 1)"
    known = f"({last} OR earlier OR bitAnd(mask, bitShiftLeft(toUInt64(1), k) - 1) != 0)"
    states = [f"{now} AND NOT {known}", f"{now} AND {last}", f"{now} AND NOT {last} AND {known}", f"NOT {now} AND {last}"]
    numbers = f"range(1, {len(periods) + 1})"
    sums = ", ".join(f"sumForEach(arrayMap(k -> toUInt64({state}){writing.times}, {numbers}))" for state in states)
    return writing.finished(f"SELECT {sums} FROM ({people})")


def _day_before(day: str, unit: Unit) -> str:
    begin = datetime.datetime.fromisoformat(day)
    return shifted(begin, unit, -1).date().isoformat()


_STATES: Final = ("new", "returning", "resurrecting", "dormant")
LIFECYCLE: Final = (Column("time", "time", "time"), *(Column(name, "measure", "number", "people") for name in _STATES))
"""Of the answer."""


def lifecycle_table(lifecycle: Lifecycle, rows: Sequence[Sequence[Any]], writing: Writing) -> Table:
    """A row for each period, and a series for each state."""
    periods = periods_of(lifecycle.unit, writing)
    states = [list(state) or [0] * len(periods) for state in rows[0]]
    series = [Series(name, {}, other=False, values=state) for name, state in zip(_STATES, states, strict=True)]
    return Table([[day, *(state[at] for state in states)] for at, day in enumerate(periods)], series, periods)
