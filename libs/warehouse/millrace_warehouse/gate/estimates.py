"""How many rows a statement would read, from the tenant's own rollups: what the engine estimates counts granules, in which
neighbours have rows."""

import copy
from collections.abc import Iterator, Sequence
from typing import Final

from millrace_warehouse.gate.nodes import Node, equals, function, nodes_of
from millrace_warehouse.gate.statements import Read, arguments_of, comparison, conditions_of

_EVENTS: Final = "events_raw"
_HOURS: Final = "events_by_hour"
_HOUR: Final[Node] = {"type": "Identifier", "name": "hour"}
_TYPE: Final[Node] = {"type": "Identifier", "name": "event_type"}
_FALLS: Final = frozenset({"less", "lessOrEquals", "equals"})
_RISES: Final = frozenset({"greater", "greaterOrEquals", "equals"})


def estimate_of(reads: Sequence[Read], database: str, tenant: str) -> Node | None:
    """A statement that answers a row with a number for each read; None where there are none.

    Of events it is a sum over hours and event types, as far as the conditions of the read name any: at most an hour too much at
    either end. Of other tables it is all of the tenant's rows.
    """
    if not reads:
        return None
    return _union([_estimate(read, database, tenant) for read in reads])


def _estimate(read: Read, database: str, tenant: str) -> Node:
    table = _HOURS if read.table == _EVENTS else read.table
    what = _call("sum", {"type": "Identifier", "name": "events"}) if read.table == _EVENTS else _call("count")
    identifier = {"type": "TableIdentifier", "name": f"{database}.{table}", "name_parts": [database, table]}
    source = {"type": "TableExpression", "database_and_table_name": identifier}
    select: Node = {
        "type": "SelectQuery",
        "select": {"type": "ExpressionList", "children": [_call("toUInt64", what)]},
        "tables": {
            "type": "TablesInSelectQuery",
            "children": [{"type": "TablesInSelectQueryElement", "table_expression": source}],
        },
        "prewhere": equals("customer_id", tenant),
    }
    conditions = list(_conditions(read)) if read.table == _EVENTS and read.select is not None else []
    if conditions:
        where = conditions[0]
        for each in conditions[1:]:
            where = function("and", where, each)
        select["where"] = where
    return select


def _conditions(read: Read) -> Iterator[Node]:
    """Those of the read that are about time or type and compare with a constant, as conditions on hours."""
    for condition in conditions_of(read.select or {}):
        if (of_type := comparison(condition, "event_type")) is not None and of_type[0] in ("equals", "in"):
            if of_type[1] == "" and _is_constant(of_type[2]):
                yield function(of_type[0], _TYPE, of_type[2])
        elif (of_time := comparison(condition, "timestamp")) is not None and _is_constant(of_time[2]):
            yield from _hours(condition, *of_time)


def _hours(condition: Node, name: str, rounding: str, value: Node) -> Iterator[Node]:
    if rounding:
        rounded = next(each for each in arguments_of(condition) if each is not value)
        moved = copy.deepcopy(rounded)
        moved["arguments"]["children"][0] = _HOUR
        moved.pop("alias", None)
        if name in _FALLS | _RISES:
            yield function(name, moved, value)
        return
    time = _call("toDateTime64", value, _number(3), {"type": "Literal", "value": {"field_type": "String", "value": "UTC"}})
    if name in _FALLS:
        yield function("lessOrEquals", _HOUR, time)
    if name in _RISES:
        yield function("greaterOrEquals", _HOUR, _call("toStartOfHour", time))


def _is_constant(node: Node) -> bool:
    return all(each.get("type") in ("Literal", "Function", "ExpressionList") for each in nodes_of(node))


def _call(name: str, *arguments: Node) -> Node:
    return {"type": "Function", "name": name, "arguments": {"type": "ExpressionList", "children": list(arguments)}}


def _number(value: int) -> Node:
    return {"type": "Literal", "value": {"field_type": "UInt64", "value": value}}


def _union(selects: list[Node]) -> Node:
    return {
        "type": "SelectWithUnionQuery",
        "union_mode": "UNION_DEFAULT",
        "list_of_modes": ["UNION_ALL"] * (len(selects) - 1),
        "is_normalized": True,
        "list_of_selects": {"type": "ExpressionList", "children": selects},
        "is_outfile_append": False,
        "is_outfile_truncate": False,
        "is_into_outfile_with_stdout": False,
    }
