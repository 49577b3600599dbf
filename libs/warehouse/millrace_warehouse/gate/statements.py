"""What the gate finds out about a statement beside its text: what it reads, up to when, whether it answers the same twice."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from millrace_warehouse.gate.functions import Functions
from millrace_warehouse.gate.nodes import Node, nodes_of

_TIME: Final = {"events_raw": "timestamp", "events_by_minute": "minute", "events_by_hour": "hour", "pages_by_minute": "minute",
                "pages_by_hour": "hour"}  # fmt: skip
_UPPER: Final = frozenset({"less", "lessOrEquals", "equals"})
_FLIPPED: Final = {"greater": "less", "greaterOrEquals": "lessOrEquals", "equals": "equals"}
_PARSES: Final = frozenset({"todate", "todatetime", "todatetime64", "parsedatetimebesteffort", "parsedatetime64besteffort"})
_BUCKETS: Final = {
    "todate": 86_400, "tostartofday": 86_400, "tostartofhour": 3_600, "tostartofminute": 60, "tostartofweek": 7 * 86_400,
    "tomonday": 7 * 86_400, "tostartofmonth": 31 * 86_400,
}  # fmt: skip
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that has passed the gate.

    Attributes:
        text: as it is to be run, and as the engine printed it.
        tables: what it reads, in the order of their names; views by their own names.
        until: no row from this time on changes what it answers (seconds since the epoch); None where that is not known.
        by_chance: it may answer otherwise when nothing has changed.
    """

    text: str
    tables: tuple[str, ...]
    until: int | None
    by_chance: bool


@dataclass(frozen=True, slots=True)
class Read:
    """One place where a statement reads a table.

    Attributes:
        select: the SELECT whose FROM names it; None where its conditions may be about something else.
    """

    table: str
    select: Node | None


def is_repeatable(calls: set[str], functions: Functions) -> bool:
    """Whether it asks neither for the time of now nor for chance, in any function that it calls."""
    return calls.isdisjoint(functions.changing)


def is_by_chance(calls: set[str], functions: Functions) -> bool:
    """Whether it asks for chance."""
    return not calls.isdisjoint(functions.random)


def calls_of(tree: Node) -> set[str]:
    """The names of all functions that a statement calls, in lower case."""
    calls: set[str] = set()
    for node in nodes_of(tree):
        if node.get("type") == "Function":
            calls.add(node["name"].lower())
        if "func_name" in node:
            calls.add(node["func_name"].lower())
    return calls


def time_column(table: str) -> str | None:
    """The column of a table that says when; None where there is none that conditions are looked for."""
    return _TIME.get(table)


def until_of(read: Read) -> int | None:
    """Up to when (seconds since the epoch) the table is read, as the conditions of its WHERE say that must all hold; None
    where they do not."""
    column = time_column(read.table)
    if read.select is None or column is None:
        return None
    found = [_until(condition, column) for condition in conditions_of(read.select)]
    return min((each for each in found if each is not None), default=None)


def conditions_of(select: Node) -> Iterator[Node]:
    """The parts of WHERE and PREWHERE that must all hold; none where several tables are joined, as a name could be of any."""
    sources = [each for each in (select.get("tables") or {}).get("children", []) if "table_expression" in each]
    if len(sources) != 1:
        return
    for clause in ("prewhere", "where"):
        if clause in select:
            yield from _parts(select[clause])


def comparison(condition: Node, column: str) -> tuple[str, str, Node] | None:
    """A condition that compares the column with something: the comparison as if the column stood left of it, the function
    that the column is in (or nothing), and what it is compared with."""
    arguments = arguments_of(condition)
    if condition.get("type") != "Function" or len(arguments) != 2:
        return None
    name = condition["name"]
    left, right = _wrapped(arguments[0], column), _wrapped(arguments[1], column)
    if left is not None and right is None:
        return name, left, arguments[1]
    flipped = _FLIPPED.get(name) or {flip: each for each, flip in _FLIPPED.items()}.get(name)
    if right is not None and left is None and flipped is not None:
        return flipped, right, arguments[0]
    return None


def _parts(node: Node) -> Iterator[Node]:
    if node.get("type") == "Function" and node["name"] == "and":
        for argument in arguments_of(node):
            yield from _parts(argument)
    else:
        yield node


def _until(condition: Node, column: str) -> int | None:
    found = comparison(condition, column)
    if found is None or found[0] not in _UPPER:
        return None
    at = _time_of(found[2])
    if at is None:
        return None
    bucket, has_zone = _BUCKETS.get(found[1], 0), any(_has_zone(side) for side in arguments_of(condition))
    if found[0] == "less" and (not bucket or (bucket <= _DAY and at % bucket == 0 and not has_zone)):
        return at
    # The whole bucket of the column's function is taken in, and by `=` and `<=` the millisecond of the value itself.
    return at + bucket + (_DAY // 2 if has_zone else 0) + (found[0] != "less")


def _has_zone(node: Node) -> bool:
    """Whether a function rounds by another zone than UTC, which is taken for half a day later: no zone is further behind."""
    return node.get("type") == "Function" and node["name"].lower() in _BUCKETS and len(arguments_of(node)) > 1


def _wrapped(node: Node, column: str) -> str | None:
    """Empty for the column itself, the function's name for one that rounds it; None for anything else."""
    if node.get("type") == "Identifier":
        return "" if (node.get("name_parts") or [node["name"]])[-1] == column else None
    if node.get("type") == "Function" and node["name"].lower() in _BUCKETS:
        arguments = arguments_of(node)
        if arguments and _wrapped(arguments[0], column) == "" and all(each.get("type") == "Literal" for each in arguments[1:]):
            return str(node["name"].lower())
    return None


def _time_of(node: Node) -> int | None:
    """The time that a literal says, or a function that makes a time of one. What is not in UTC is taken for half a day later
    than it says, as no zone is further behind."""
    if node.get("type") == "Function" and node["name"].lower() in (*_PARSES, "cast", "_cast"):
        arguments = arguments_of(node)
        at = _time_of(arguments[0]) if arguments else None
        return at if at is None or len(arguments) == 1 else at + _DAY // 2
    text = _text_of(node)
    try:
        parsed = datetime.datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if parsed is None:
        return None
    aware = parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=datetime.UTC)
    return int(aware.timestamp()) + (1 if aware.microsecond else 0)


def _text_of(node: Node) -> str:
    value: Any = node["value"].get("value") if node.get("type") == "Literal" else None
    return value if isinstance(value, str) else ""


def arguments_of(node: Node) -> list[Node]:
    """Of a function."""
    found: list[Node] = (node.get("arguments") or {}).get("children") or []
    return found
