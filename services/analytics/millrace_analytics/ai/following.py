"""What follows an answer of the metric layer, computed of its rows."""

import datetime
import itertools
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from millrace_analytics.ai.plans import (
    Arrivals,
    Growth,
    Kept,
    Largest,
    LastStep,
    Mean,
    MovingAverage,
    OfSessions,
    OnSoMany,
    Plan,
    Returned,
    RunningTotal,
    Shares,
    Took,
)
from millrace_warehouse.metrics.answers import Answer, Column
from millrace_warehouse.metrics.questions import Retention

Columns = list[Column]
Rows = list[list[Any]]
Table = tuple[Columns, Rows]

_LIMITS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le, "eq": operator.eq,
}  # fmt: skip


def change_of(now: Any, before: Any) -> float | None:
    """By how many percent a value differs from the one before; None where that is nothing."""
    if now is None or not before:
        return None
    return round(100 * (float(now) - float(before)) / abs(float(before)), 2)


def followed(plan: Plan, found: Answer, columns: Columns, rows: Rows) -> Table:
    """The table with what the plan wants of it."""
    match plan.then:
        case LastStep():
            return _last_step(plan.then, columns, rows)
        case Took():
            return _took(plan.then, found)
        case OfSessions():
            return _of_sessions(plan.then, columns, rows)
        case Arrivals():
            return _arrivals(plan.then, columns, rows)
        case Returned():
            assert isinstance(plan.question, Retention), "the plan has checked it"
            return _returned(plan.then, plan.question, columns, rows)
        case OnSoMany():
            return _on_so_many(plan.then, rows)
        case None:
            return columns, rows
    return _of_trend(plan.then, columns, rows)


def _of_trend(
    then: Growth | MovingAverage | RunningTotal | Mean | Shares | Kept | Largest, columns: Columns, rows: Rows
) -> Table:
    measures, keys = _roles(columns)
    match then:
        case Largest(smallest=smallest, count=count):
            known = [row for row in rows if row[measures[0]] is not None]
            known.sort(key=lambda row: row[measures[0]], reverse=not smallest)
            return columns, known[:count]
        case Kept(operator=sign, number=number, counted=counted):
            keeps = _LIMITS[sign]
            kept = [row for row in rows if row[measures[0]] is not None and keeps(row[measures[0]], number)]
            return ([Column("count", "measure", "number")], [[len(kept)]]) if counted else (columns, kept)
        case Mean():
            return _mean(columns, rows)
        case Shares():
            return _shares(columns, rows)
    return _along(then, columns, rows, measures, keys)


def _roles(columns: Columns) -> tuple[list[int], list[int]]:
    """Where the measures are, and what groups are by."""
    measures = [at for at, one in enumerate(columns) if one.role == "measure"]
    return measures, [at for at, one in enumerate(columns) if one.role not in ("measure", "time")]


def _along(
    then: Growth | MovingAverage | RunningTotal, columns: Columns, rows: Rows, measures: Sequence[int], keys: Sequence[int]
) -> Table:
    """Beside each value of a series what follows from those before it."""
    for one in _series(rows, keys).values():
        for at in measures:
            values = [row[at] for row in one]
            for row, value in zip(one, _after(then, values), strict=True):
                row.append(value)
    name = {"growth": "growth_{}_percent", "running_total": "running_total_{}"}.get(then.then, "average_{}")
    unit = "%" if isinstance(then, Growth) else None
    added = [
        Column(name.format(columns[at].name), "measure", "number", columns[at].unit if unit is None else unit)
        for at in measures
    ]
    return columns + added, rows


def _series(rows: Rows, keys: Sequence[int]) -> dict[tuple[Any, ...], Rows]:
    found: dict[tuple[Any, ...], Rows] = {}
    for row in rows:
        found.setdefault(tuple(row[at] for at in keys), []).append(row)
    return found


def _after(then: Growth | MovingAverage | RunningTotal, values: Sequence[float | None]) -> list[float | None]:
    if isinstance(then, Growth):
        return [None if at == 0 else change_of(value, values[at - 1]) for at, value in enumerate(values)]
    if isinstance(then, RunningTotal):
        return list(itertools.accumulate(value or 0 for value in values))
    found: list[float | None] = []
    for at in range(len(values)):
        window = [value for value in values[max(0, at - then.periods + 1) : at + 1] if value is not None]
        found.append(round(math.fsum(window) / len(window), 4) if window else None)
    return found


def _last_step(then: LastStep, columns: list[Column], rows: list[list[Any]]) -> tuple[list[Column], list[list[Any]]]:
    """Each group's last row, with the people or their share of those who began alone."""
    step = next(at for at, one in enumerate(columns) if one.role == "step")
    groups = {tuple(row[:step]): row for row in sorted(rows, key=lambda row: row[step])}
    wanted = "percentage" if then.share else "people"
    at = next(at for at, one in enumerate(columns) if one.name == wanted)
    return [*columns[:step], columns[at]], [[*key, row[at]] for key, row in groups.items()]


def _took(then: Took, found: Answer) -> Table:
    """A row for each group of a funnel, or one: seconds, and of how many people."""
    name, times = f"{then.how}_seconds", found.extra["times"]
    label = next((one for one in found.columns if one.role == "dimension"), None)
    columns = [Column(name, "measure", "number", "s"), Column("people", "measure", "number", "people")]
    rows = [[round(one[name], 3), one["people"]] for one in times]
    if label is None:
        return columns, rows or [[None, 0]]
    return [label, *columns], [[one["group"], *row] for one, row in zip(times, rows, strict=True)]


def _mean(columns: Columns, rows: Rows) -> Table:
    measures, keys = _roles(columns)
    found = []
    for key, series in _series(rows, keys).items():
        of_each = [[row[at] for row in series if row[at] is not None] for at in measures]
        found.append([*key, *(round(math.fsum(values) / len(values), 4) if values else None for values in of_each)])
    averages = [Column(f"average_{columns[at].name}", "measure", "number", columns[at].unit) for at in measures]
    return [*(columns[at] for at in keys), *averages], found


def _shares(columns: Columns, rows: Rows) -> Table:
    measures, _ = _roles(columns)
    for at in measures:
        whole = math.fsum(row[at] or 0 for row in rows)
        for row in rows:
            row.append(round(100 * (row[at] or 0) / whole, 4) if whole else None)
    return columns + [Column(f"share_{columns[at].name}_percent", "measure", "number", "%") for at in measures], rows


def _of_sessions(then: OfSessions, columns: Columns, rows: Rows) -> Table:
    names = [one.name for one in columns]
    measure, sessions = names.index(then.measure), names.index("sessions")
    rest = next((at for at, one in enumerate(columns) if one.name == "other" and one.role == "dimension"), None)
    if rest is not None and (then.order or not any(row[rest] for row in rows)):
        rows = [row for row in rows if not row[rest]]  # what is left of a ranking has no place in it
        labels = [at for at, one in enumerate(columns) if one.role != "measure" and at != rest]
    else:
        labels = [at for at, one in enumerate(columns) if one.role != "measure"]
    shown = [*labels, measure, *([sessions] if sessions != measure else [])]
    if then.order:
        rows = [row for row in rows if row[measure] is not None]
        way = -1 if then.order == "highest" else 1
        rows.sort(key=lambda row: (way * row[measure], -row[sessions], *(str(row[at]) for at in labels)))
        rows = rows[: then.count]
    return [columns[at] for at in shown], [[row[at] for at in shown] for row in rows]


def _arrivals(then: Arrivals, columns: Columns, rows: Rows) -> Table:
    names = [one.name for one in columns]
    time, new = names.index("time"), names.index("new")
    again = [names.index("returning"), names.index("resurrecting")]
    made = {
        "new": [[row[time], row[new]] for row in rows],
        "returning": [[row[time], sum(row[at] for at in again)] for row in rows],
        "both": [[row[time], row[new], sum(row[at] for at in again)] for row in rows],
    }[then.who]
    wanted = ["new", "returning"] if then.who == "both" else [then.who]
    return [columns[time], *(Column(name, "measure", "number", "people") for name in wanted)], made


def _on_so_many(then: OnSoMany, rows: Rows) -> Table:
    """One row: of stickiness, whose rows are a number of periods, the people in so many, and their share."""
    keeps = _LIMITS[then.operator]
    kept = sum(people for periods, people, *_ in rows if keeps(periods, then.number))
    if then.share:
        share = _percent(kept, sum(row[1] for row in rows))
        return [Column("share_percent", "measure", "number", "%")], [[share]]
    return [Column("people", "measure", "number", "people")], [[kept]]


def _returned(then: Returned, asked: Retention, columns: Columns, rows: Rows) -> Table:
    """People of the cohorts, how many of them came back, and their share."""
    names = [one.name for one in columns]
    cohort, period, people, returned = (names.index(name) for name in ("cohort", "period", "people", "returned"))
    chosen = [row for row in rows if then.until is None or str(row[cohort])[:10] <= then.until]
    measures = [Column("people", "measure", "number", "people"), Column("returned", "measure", "number", "people"),
                Column("share_percent", "measure", "number", "%")]  # fmt: skip
    if then.period is not None:
        of_period = [row for row in chosen if row[period] == then.period]
        whole, came = (sum(row[at] for row in of_period) for at in (people, returned))
        return measures, [[whole, came, _percent(came, whole)]]
    if len({row[cohort] for row in chosen}) > 1:
        kept = [row for row in chosen if row[period]]
        shown = [[row[cohort], row[period], row[people], row[returned], _percent(row[returned], row[people])] for row in kept]
        return [columns[cohort], columns[period], *measures], shown
    shown = [
        [_later(str(row[cohort]), asked.unit, row[period]), row[period], row[people], row[returned],
         _percent(row[returned], row[people])]
        for row in chosen if row[period]
    ]  # fmt: skip
    return [Column("time", "time", "time"), columns[period], *measures], shown


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 4) if whole else None


def _later(day: str, unit: str, count: int) -> str:
    begin = datetime.date.fromisoformat(day[:10])
    if unit == "month":
        years, month = divmod(begin.month - 1 + count, 12)
        return begin.replace(year=begin.year + years, month=month + 1).isoformat()
    return (begin + datetime.timedelta(days=count * (7 if unit == "week" else 1))).isoformat()
