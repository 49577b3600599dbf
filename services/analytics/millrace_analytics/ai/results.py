"""Runs what a question was read as, and makes one table of the answer."""

import datetime
import itertools
import math
import operator
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from millrace_analytics.ai.plans import Growth, Kept, Largest, LastStep, MovingAverage, Plan, RunningTotal, Then
from millrace_warehouse.metrics.answers import Answer, Column
from millrace_warehouse.metrics.asking import Moment
from millrace_warehouse.metrics.compiling import compiled
from millrace_warehouse.metrics.questions import Question
from millrace_warehouse.ports import TenantWarehouse

_PLACE: Final = re.compile(r"\{(\w+):([A-Za-z0-9_()]+)\}")
_MOST_ROWS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Result:
    """A table, the statement that it is from, and what its columns are."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    sql: str
    range: tuple[str, str] | None = None
    truncated: bool = False
    last_event_at: str | None = None
    table: str = ""
    """Which table answered."""
    warnings: tuple[str, ...] = field(default=())

    @property
    def names(self) -> list[str]:
        """Of the columns."""
        return [one.name for one in self.columns]

    def dicts(self) -> list[dict[str, Any]]:
        """One mapping a row."""
        return [dict(zip(self.names, row, strict=True)) for row in self.rows]


async def run_plan(ask: Callable[[Question, Moment], Awaitable[Answer]], plan: Plan, moment: Moment) -> Result:
    """Ask the metric layer, and follow its answer up.

    Raises:
        InvalidInput, QueryError, TooManyRequests, WarehouseUnavailable: as :func:`answer` does.
    """
    found = await ask(plan.question, moment)
    columns, rows = _table(found)
    if plan.then is not None:
        columns, rows = _followed(plan.then, columns, rows)
    sql = "\n\n".join(inlined(one["sql"], one["values"]) for one in found.statements)
    return Result(columns, rows, sql, found.range, found.table.truncated, last_event_at=found.last_event_at, table=found.source)


def sql_of(tenant: str, plan: Plan, moment: Moment) -> str:
    """The statement of a plan, to be read; nothing runs.

    Raises:
        InvalidInput: the plan names what there is not, or asks for too many rows.
    """
    made = compiled(tenant, plan.question, moment).statements
    return "\n\n".join(inlined(one.sql, one.values) for one in made)


async def run_sql(warehouse: TenantWarehouse, sql: str) -> Result:
    """Run a statement that a model wrote, through the gate.

    Raises:
        QueryError, TooManyRequests, WarehouseUnavailable: as ``ask`` does.
    """
    found = await warehouse.ask(sql)
    columns = [_column(name, [row[at] for row in found.rows]) for at, name in enumerate(found.columns)]
    return Result(columns, found.rows[:_MOST_ROWS], sql, truncated=len(found.rows) > _MOST_ROWS, table="sql")


def _column(name: str, values: Sequence[Any]) -> Column:
    """What a column of somebody's statement seems to be."""
    seen = [value for value in values if value is not None]
    if seen and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in seen):
        return Column(name, "measure", "number", "%" if name.endswith("_percent") else "")
    is_time = bool(seen) and all(isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value) for value in seen)
    return Column(name, "time" if is_time else "dimension", "time" if is_time else "text")


def _table(found: Answer) -> tuple[list[Column], list[list[Any]]]:
    """The answer's rows, each with what was before beside it where the question compares."""
    columns, rows = list(found.columns), [list(row) for row in found.table.rows]
    if found.previous is None:
        return columns, rows
    measures = [at for at, one in enumerate(columns) if one.role == "measure"]
    keys = [at for at, one in enumerate(columns) if one.role not in ("measure", "time")]
    before = _earlier(keys, found.previous.rows)
    seen: dict[tuple[Any, ...], int] = {}
    for row in rows:
        key = tuple(row[at] for at in keys)
        turn = seen[key] = seen.get(key, -1) + 1
        earlier = before.get((*key, turn))
        for at in measures:
            old = None if earlier is None else earlier[at]
            row += [old, _change(row[at], old)]
    for at in measures:
        one = columns[at]
        columns += [
            Column(f"previous_{one.name}", "measure", "number", one.unit, one.approximate, one.additive),
            Column(f"change_{one.name}_percent", "measure", "number", "%"),
        ]
    return columns, rows


def _earlier(keys: Sequence[int], rows: Sequence[Sequence[Any]]) -> Mapping[tuple[Any, ...], Sequence[Any]]:
    """Rows of the time before by their group and, in a series, by their place in it."""
    found: dict[tuple[Any, ...], Sequence[Any]] = {}
    seen: dict[tuple[Any, ...], int] = {}
    for row in rows:
        key = tuple(row[at] for at in keys)
        seen[key] = seen.get(key, -1) + 1
        found[(*key, seen[key])] = row
    return found


def _change(now: Any, before: Any) -> float | None:
    if now is None or not before:
        return None
    return round(100 * (float(now) - float(before)) / abs(float(before)), 2)


_LIMITS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le, "eq": operator.eq,
}  # fmt: skip


def _last_step(then: LastStep, columns: list[Column], rows: list[list[Any]]) -> tuple[list[Column], list[list[Any]]]:
    """Each group's last row, with the people or their share of those who began alone."""
    step = next(at for at, one in enumerate(columns) if one.role == "step")
    groups = {tuple(row[:step]): row for row in sorted(rows, key=lambda row: row[step])}
    wanted = "percentage" if then.share else "people"
    at = next(at for at, one in enumerate(columns) if one.name == wanted)
    return [*columns[:step], columns[at]], [[*key, row[at]] for key, row in groups.items()]


def _followed(then: Then, columns: list[Column], rows: list[list[Any]]) -> tuple[list[Column], list[list[Any]]]:
    if isinstance(then, LastStep):
        return _last_step(then, columns, rows)
    measures = [at for at, one in enumerate(columns) if one.role == "measure"]
    keys = [at for at, one in enumerate(columns) if one.role not in ("measure", "time")]
    if isinstance(then, Largest):
        first = measures[0]
        known = [row for row in rows if row[first] is not None]
        known.sort(key=lambda row: row[first], reverse=not then.smallest)
        return columns, known[: then.count]
    if isinstance(then, Kept):
        keeps = _LIMITS[then.operator]
        return columns, [row for row in rows if row[measures[0]] is not None and keeps(row[measures[0]], then.number)]
    series: dict[tuple[Any, ...], list[list[Any]]] = {}
    for row in rows:
        series.setdefault(tuple(row[at] for at in keys), []).append(row)
    for one in series.values():
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


def _after(then: Growth | MovingAverage | RunningTotal, values: Sequence[float | None]) -> list[float | None]:
    if isinstance(then, Growth):
        return [None if at == 0 else _change(value, values[at - 1]) for at, value in enumerate(values)]
    if isinstance(then, RunningTotal):
        return list(itertools.accumulate(value or 0 for value in values))
    found: list[float | None] = []
    for at in range(len(values)):
        window = [value for value in values[max(0, at - then.periods + 1) : at + 1] if value is not None]
        found.append(round(math.fsum(window) / len(window), 4) if window else None)
    return found


def inlined(sql: str, values: Mapping[str, Any]) -> str:
    """A statement to be read: its places filled with the values that were bound."""
    return _PLACE.sub(lambda match: _literal(values[match[1]]) if match[1] in values else match[0], sql)


def _literal(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case datetime.datetime() | datetime.date():
            return _literal(value.isoformat(sep=" ") if isinstance(value, datetime.datetime) else value.isoformat())
        case list() | tuple():
            return f"[{', '.join(_literal(one) for one in value)}]"
        case None:
            return "NULL"
    text = str(value).replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t").replace("\0", "\\0")
    return f"'{text}'"
