"""Runs what a question was read as, and makes one table of the answer."""

import datetime
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from millrace_analytics.ai.following import change_of, followed
from millrace_analytics.ai.plans import Plan
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
        columns, rows = followed(plan, found, columns, rows)
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
            row += [old, change_of(row[at], old)]
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
