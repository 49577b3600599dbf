"""Funnel questions in SQL, and their rows made into an answer."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Final

from millrace_warehouse.metrics.answers import Column, Table
from millrace_warehouse.metrics.conditions import condition, conjunction
from millrace_warehouse.metrics.fields import expression, kind_of
from millrace_warehouse.metrics.filters import AllOf, Comparison, Filter, InSegment
from millrace_warehouse.metrics.questions import Funnel
from millrace_warehouse.metrics.statements import Statement, Writing

_AT: Final = "toUInt64(toUnixTimestamp64Milli(timestamp))"
NAMED: Final = "(visitor_id != '' OR user_id != '')"
"""The condition that an event is somebody's."""


def compile_funnel(funnel: Funnel, writing: Writing) -> Statement:
    """The statement whose columns are the furthest step, the group where there are any, the people, and where it asks for times
    the average, median and 90th percentile of milliseconds of those who came to the end."""
    group = "d0, " if funnel.by is not None else ""
    times = ", avg(took), quantileExactInclusive(0.5)(took), quantileExactInclusive(0.9)(took)" if funnel.times else ""
    select = (
        f"SELECT level, {group}count(){writing.times} AS people{times} FROM ({_levels(funnel, writing)}) WHERE level > 0 "
        f"GROUP BY {group}level ORDER BY {group}level LIMIT 10000"
    )
    return writing.finished(select)


def compile_people(funnel: Funnel, writing: Writing) -> Statement:
    """The statement that names people."""
    who = funnel.people
    assert who is not None, "it is asked for"
    plain = funnel.model_copy(update={"by": None, "times": False})
    came = f"level = {who.step - 1}" if who.dropped else f"level >= {who.step}"
    levels = _levels(plain, writing)
    return writing.finished(f"SELECT person FROM ({levels}) WHERE {came} ORDER BY person LIMIT {int(who.limit)}")


def _levels(funnel: Funnel, writing: Writing) -> str:
    """A row a person with ``level``, the furthest step that they came to, ``d0`` and ``took``."""
    steps = [condition(writing, step.where) for step in funnel.steps]
    where = [*writing.within(), *filter(None, [conjunction(writing, funnel.where)]), NAMED]
    if funnel.order != "strict":  # what is no step interrupts a strict one
        where.append(f"({' OR '.join(steps)})")
    columns = [f"{writing.person} AS person", f"{_level(funnel, writing, steps)} AS level"]
    if funnel.by is not None:
        value = expression(writing, funnel.by, kind_of(funnel.by))
        first = f"argMinIf(tuple({value}), (timestamp, event_id), {steps[0]})"  # a tuple, as nulls are skipped else
        columns.append(f"{first}.1 AS d0")
    if funnel.times:
        columns.append(f"{_took(funnel, steps)} AS took")
    return f"SELECT {', '.join(columns)} FROM events_raw WHERE {' AND '.join(where)} GROUP BY person"


def _level(funnel: Funnel, writing: Writing, steps: Sequence[str]) -> str:
    window = funnel.window_seconds * 1000
    if funnel.order == "ordered":
        # An event is one step only; where none can be two, the engine need not look.
        once = "" if _are_apart(writing, [step.where for step in funnel.steps]) else ", 'strict_once'"
        return f"windowFunnel({window}{once})({_AT}, {', '.join(steps)})"
    events = _events(steps)
    if funnel.order == "any":
        found = f"arrayReduce('groupBitOr', arrayMap(e -> e.3, arrayFilter(e -> e.1 >= b.1 AND e.1 <= b.1 + {window}, s)))"
        return f"arrayMax(arrayMap(s -> arrayMax(b -> bitCount({found}), s), [{events}]))"
    ways = []
    for length in range(len(steps), 0, -1):
        hit = " AND ".join(f"bitTest((s[i + {number}]).3, {number})" for number in range(length))
        ways.append(f"{hit} AND (s[i + {length - 1}]).1 <= (s[i]).1 + {window}, {length}")
    return f"arrayMax(arrayMap(s -> arrayMax(i -> multiIf({', '.join(ways)}, 0), arrayEnumerate(s)), [{events}]))"


def _events(steps: Sequence[str]) -> str:
    """Somebody's events in order: time, place among equal times, and a bit for each step that they are."""
    bits = f"toUInt16({' + '.join(f'{1 << number} * ({step})' for number, step in enumerate(steps))})"
    return f"arraySort(groupArray(({_AT}, if({bits} = 0, 65535, {bits}), {bits})))"


def _took(funnel: Funnel, steps: Sequence[str]) -> str:
    """Milliseconds from the first step to the last of the chain that was complete first, begun as late as it could; else null.

    Folds the events: of each step the begin of the latest chain that came so far, and behind them what is looked for.
    """
    window, count = funnel.window_seconds * 1000, len(steps)
    never = "toInt64(-1)"
    parts = ["if(bitTest(e.3, 0), toInt64(e.1), acc.1)"]
    for number in range(1, count):
        reaches = f"bitTest(e.3, {number}) AND acc.{number} >= 0 AND toInt64(e.1) - acc.{number} <= {window}"
        parts.append(f"if({reaches}, acc.{number}, acc.{number + 1})")
    ends = f"if(acc.{count + 1} < 0, if({_ends(count, window)}, acc.{count + 1}), acc.{count + 1})"
    parts.append(ends)
    start = f"({', '.join([never] * (count + 1))})"
    folded = f"arrayFold((acc, e) -> ({', '.join(parts)}), {_events(steps)}, {start}).{count + 1}"
    return f"nullIf({folded}, -1)"


def _ends(count: int, window: int) -> str:
    """The condition that an event completes a chain, and how long that took."""
    if count == 1:
        return "bitTest(e.3, 0), toInt64(0)"
    before = f"acc.{count - 1}"
    reaches = f"bitTest(e.3, {count - 1}) AND {before} >= 0 AND toInt64(e.1) - {before} <= {window}"
    return f"{reaches}, toInt64(e.1) - {before}"


def _are_apart(writing: Writing, filters: Sequence[Filter]) -> bool:
    """Whether the steps name event types, each others."""
    types = [_types(writing, one) for one in filters]
    return all(one and other and not one & other for one, other in combinations(types, 2))


def _types(writing: Writing, given: Filter) -> frozenset[str]:
    """The event types that can pass; empty where that is not known."""
    match given:
        case Comparison(operator="eq" | "in", ignore_case=False) if given.field.name == "event_type":
            values = given.value if isinstance(given.value, tuple) else (given.value,)
            return frozenset(str(one) for one in values)
        case AllOf():
            return next((types for one in given.all if (types := _types(writing, one))), frozenset())
        case InSegment():
            return _types(writing, writing.segment(given.segment))
    return frozenset()


def columns_of(funnel: Funnel) -> list[Column]:
    """The answer's columns: percentages are of the first step and of the step before, ``drop_off`` is of the step before."""
    found = [] if funnel.by is None else [
        Column(funnel.by.name.removeprefix("properties."), "dimension", kind_of(funnel.by)),
        Column("other", "dimension", "boolean"),
    ]  # fmt: skip
    found += [Column("step", "step", "number"), Column("name", "step", "text")]
    units = {"people": "people", "percentage": "%", "drop_off": "people", "from_previous": "%"}
    return found + [Column(name, "measure", "number", unit) for name, unit in units.items()]


def table_of(funnel: Funnel, rows: Sequence[Sequence[Any]]) -> Table:
    """A row for each step, of everyone or of each group: the largest first."""
    if funnel.by is None:
        return Table(_steps(funnel, [], {row[0]: row[1] for row in rows}))
    groups: dict[Any, dict[int, int]] = {}
    for level, value, people in (row[:3] for row in rows):
        groups.setdefault(value, {})[level] = people
    ordered = sorted(groups, key=lambda value: (-sum(groups[value].values()), repr(value)))
    found = [line for value in ordered[: funnel.top] for line in _steps(funnel, [value, False], groups[value])]
    rest: dict[int, int] = {}
    for value in ordered[funnel.top :]:
        for level, people in groups[value].items():
            rest[level] = rest.get(level, 0) + people
    return Table(found + (_steps(funnel, [None, True], rest) if rest else []))


def _steps(funnel: Funnel, group: list[Any], levels: dict[int, int]) -> list[list[Any]]:
    reached = [sum(people for level, people in levels.items() if level > number) for number in range(len(funnel.steps))]
    found = []
    for number, step in enumerate(funnel.steps):
        before = reached[max(number - 1, 0)]
        name = step.name or f"step {number + 1}"
        shares = [_percent(reached[number], reached[0]), before - reached[number], _percent(reached[number], before)]
        found.append([*group, number + 1, name, reached[number], *shares])
    return found


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def times_of(funnel: Funnel, rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """How long those took who came to the end, in seconds, by group."""
    last = [row for row in rows if row[0] == len(funnel.steps)]
    return [
        {
            **({} if funnel.by is None else {"group": row[1]}),
            "people": row[-4],
            "average_seconds": row[-3] / 1000,
            "median_seconds": row[-2] / 1000,
            "p90_seconds": row[-1] / 1000,
        }
        for row in last
    ]
