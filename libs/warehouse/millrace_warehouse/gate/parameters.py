"""Values of a statement: ``?`` in their order, or ``{name:Type}`` by name. A value takes the place of a node in the syntax
tree, never of text: whatever it holds, it is a literal where the placeholder stood, and the engine prints it as one."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from millrace_core.errors import QueryError
from millrace_warehouse.gate.nodes import Node, nodes_of
from millrace_warehouse.gate.typed_values import Unfit, fitted
from millrace_warehouse.statement_ports import Values

MOST_VALUES: Final = 1_000
_DEEPEST: Final = 3
_LONGEST: Final = 100_000
_NAME: Final = "_{}"
"""Of a placeholder without a name: its number."""

# What the engine reads as one piece, in which a question mark is no placeholder: texts, quoted names, comments, heredocs.
_PIECE: Final = re.compile(
    r"""'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`\\]|\\.|``)*` | ‘[^’]*’ | “[^”]*”
    | --[^\n]* | \#[ !][^\n]* | /\*.*?\*/ | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | (?P<mark>\?)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Placed:
    """A text whose question marks have become placeholders with names."""

    text: str
    marks: tuple[tuple[int, int], ...]
    """Of each: where it stands in ``text``, and how many characters longer it is there."""

    def position(self, at: int) -> int:
        """Where in the text as it was given something stands that is at ``at`` in this one (both from 0)."""
        moved = 0
        for start, more in self.marks:
            if at > start + more:
                moved += more
            elif at > start:
                return start - moved
        return at - moved


def place(sql: str, values: Values | None) -> Placed:
    """The statement with its question marks named. Where no list of values comes with it they are left alone: the engine reads
    ``a ? b : c`` as a condition."""
    return Placed(sql, ()) if not values or isinstance(values, Mapping) else marked(sql)


def marked(sql: str) -> Placed:
    """The statement with every question mark named."""
    parts: list[str] = []
    marks: list[tuple[int, int]] = []
    done = length = 0
    for found in _PIECE.finditer(sql):
        if found["mark"]:
            kept, name = sql[done : found.start()], f"{{{_NAME.format(len(marks))}:String}}"
            marks.append((length + len(kept), len(name) - 1))
            parts += kept, name
            length += len(kept) + len(name)
            done = found.end()
    return Placed("".join([*parts, sql[done:]]), tuple(marks))


def parameters_of(tree: Node) -> dict[str, str]:
    """The placeholders with names, and the type of each."""
    return {node["name"]: node["param_type"] for node in _placeholders(tree)}


def bind(tree: Node, values: Values | None) -> None:
    """Put the values in. Changes the tree in place.

    Raises:
        QueryError: ``invalid_parameters``: there are more or fewer values than placeholders, or one has no form in SQL or
            is none of its placeholder's type.
    """
    named = isinstance(values, Mapping)
    given = dict(values) if isinstance(values, Mapping) else {_NAME.format(at): value for at, value in enumerate(values or ())}
    if len(given) > MOST_VALUES:
        raise _wrong(f"there are more than {MOST_VALUES} values")
    places = list(_placeholders(tree))
    wanted = {node["name"] for node in places}
    if not named and given and len(wanted) != len(given):
        raise _wrong(f"the statement has {len(wanted)} placeholders ?, and {len(given)} values came with it")
    if missing := wanted - given.keys():
        raise _wrong(f"there is no value for {min(missing)}")
    if unknown := given.keys() - wanted:
        raise _wrong(f"the statement has no {{{min(unknown)}:…}}")
    for node in places:
        kind = node["param_type"]
        if kind == "Identifier":
            raise _wrong(f"{node['name']} is a name of a table or column; only values can be given")
        said = given[node["name"]]
        value = {"type": "Literal", "value": _literal(_fitted(node["name"], said, kind) if named else said, 0)}
        alias = {"alias": node["alias"]} if "alias" in node else {}
        node.clear()
        node.update(_cast(value, kind) if named else value)
        node.update(alias)


def without_values(placed: Placed) -> QueryError:
    """What is wrong with a statement that can be read only as one with these question marks, and has no list of values."""
    count = len(placed.marks)
    return _wrong(f"the statement has {count} placeholder{'s' * (count > 1)} ?, and no list of values came with it")


def _placeholders(node: Node) -> Iterator[Node]:
    return (each for each in nodes_of(node) if each.get("type") == "QueryParameter")


def _fitted(name: str, value: Any, kind: str) -> Any:
    try:
        return fitted(value, kind)
    except Unfit as error:
        raise _wrong(f"{name} is of the type {kind}, of which a value is {error}") from error


def _cast(value: Node, kind: str) -> Node:
    as_text = {"type": "Literal", "value": {"field_type": "String", "value": kind}}
    return {"type": "Function", "name": "CAST", "arguments": {"type": "ExpressionList", "children": [value, as_text]}}


def _literal(value: Any, depth: int) -> Node:
    match value:
        case None:
            return {"field_type": "Null", "value": None}
        case bool():
            return {"field_type": "Bool", "value": value}
        case int() if 0 <= value < 2**64:
            return {"field_type": "UInt64", "value": value}
        case int() if -(2**63) <= value < 0:
            return {"field_type": "Int64", "value": value}
        case float() if math.isfinite(value):
            return {"field_type": "Float64", "value": value}
        case str() if len(value) <= _LONGEST and _is_unicode(value):
            return {"field_type": "String", "value": value}
        case list() | tuple() if depth < _DEEPEST:
            return {"field_type": "Array", "value": [_literal(each, depth + 1) for each in value]}
    raise _wrong("a value is a text, a number of 64 bits, a boolean, null, or a list of these")


def _is_unicode(text: str) -> bool:
    """Half a surrogate pair, which JSON can hold, is no text."""
    return text.isprintable() or not any("\ud800" <= each <= "\udfff" for each in text)


def _wrong(reason: str) -> QueryError:
    return QueryError(f"The parameters do not fit: {reason}.", code="invalid_parameters")
