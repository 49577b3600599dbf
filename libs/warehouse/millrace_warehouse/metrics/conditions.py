"""Filters as conditions of the engine. They are true or false, never null, so that ``not`` means what it says."""

import math
from typing import Final, assert_never

from millrace_core.errors import InvalidInput
from millrace_core.time import parse_time
from millrace_warehouse.metrics.fields import expression, is_set, kind_of
from millrace_warehouse.metrics.filters import DEEPEST, AllOf, AnyOf, Comparison, Did, Filter, InSegment, Not, Value
from millrace_warehouse.metrics.parts import Kind
from millrace_warehouse.metrics.ranges import span_of
from millrace_warehouse.metrics.statements import Writing

MOST_CONDITIONS: Final = 20_000
"""Of one statement. Segments may name segments: a few of them could stand for more than anybody can write out."""

_SHOWN: Final = 60
"""Characters of a value that an error tells."""

_SYMBOLS: Final = {"eq": "=", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_TYPES: Final[dict[Kind, str]] = {"text": "String", "number": "Float64", "boolean": "Bool", "time": "Int64"}
_OF_TEXT: Final = {
    "contains": "position({0}, {1}) > 0",
    "not_contains": "position({0}, {1}) = 0",
    "starts_with": "startsWith({0}, {1})",
    "ends_with": "endsWith({0}, {1})",
    "matches": "match({0}, {1})",
}


def condition(writing: Writing, given: Filter, depth: int = 0) -> str:
    """The condition of a filter.

    Raises:
        InvalidInput: ``invalid_filter``, ``unknown_field``, ``unknown_segment``, ``invalid_range``.
    """
    if depth > DEEPEST:
        raise InvalidInput(f"filters are nested deeper than {DEEPEST} levels", code="invalid_filter")
    writing.conditions += 1
    if writing.conditions > MOST_CONDITIONS:
        raise InvalidInput(f"filters have more than {MOST_CONDITIONS:,} parts, segments included", code="invalid_filter")
    match given:
        case Comparison():
            return _comparison(writing, given)
        case AllOf():
            return f"({' AND '.join(condition(writing, one, depth + 1) for one in given.all)})"
        case AnyOf():
            return f"({' OR '.join(condition(writing, one, depth + 1) for one in given.any)})"
        case Not():
            return f"NOT ({condition(writing, given.negated, depth + 1)})"
        case InSegment():
            return condition(writing, writing.segment(given.segment), depth + 1)
        case Did():
            return _did(writing, given, depth)
        case _:
            assert_never(given)


def conjunction(writing: Writing, *filters: Filter | None) -> str:
    """All of them; empty where there is none."""
    return " AND ".join(condition(writing, one) for one in filters if one is not None)


def _did(writing: Writing, given: Did, depth: int) -> str:
    least, most = given.times
    span = None if given.range is None else span_of(given.range, writing.now, writing.zone)
    counted = condition(writing, given.did, depth + 1)
    where = " AND ".join([*writing.within(span), counted, f"{writing.person} != ''"])
    people = f"SELECT {writing.person} AS person FROM events_raw WHERE {where} GROUP BY person"
    much = f"{writing.person} NOT IN ({people} HAVING count() > {int(most)})" if most is not None else ""
    if least == 0:
        return f"({much or '1'} AND {writing.person} != '')"
    enough = f"{writing.person} IN ({people} HAVING count() >= {int(least)})"
    return f"({enough} AND {much})" if much else enough


def _comparison(writing: Writing, given: Comparison) -> str:
    if given.operator == "is_set":
        return is_set(writing, given.field)
    if given.operator == "is_not_set":
        return f"NOT ({is_set(writing, given.field)})"
    kind = kind_of(given.field, _kind_of_values(given))
    if given.operator in _OF_TEXT:
        kind = "text"
    value = expression(writing, given.field, kind)
    if _lowers(given, kind):
        value = f"lowerUTF8({value})"
    made = _compared(writing, given, kind, value)
    if kind == "text":
        return made
    return f"ifNull({made}, {int(given.operator in ('ne', 'not_in'))})"


def _compared(writing: Writing, given: Comparison, kind: Kind, value: str) -> str:
    if isinstance(given.value, tuple):
        if given.operator == "between":
            low, high = (_place(writing, given, kind, one) for one in given.value)
            return f"{value} BETWEEN {low} AND {high}"
        negation = "NOT " if given.operator == "not_in" else ""
        return (
            f"{value} {negation}IN ({', '.join(_place(writing, given, kind, one) for one in given.value)})"
            if (given.value)
            else str(int(bool(negation)))
        )
    assert given.value is not None, "the model has checked it"
    place = _place(writing, given, kind, given.value)
    if given.operator in _OF_TEXT:
        return _OF_TEXT[given.operator].format(value, place)
    return f"{value} {_SYMBOLS[given.operator]} {place}"


def _place(writing: Writing, given: Comparison, kind: Kind, value: Value) -> str:
    read = _read(given, kind, value)
    if given.operator == "matches" and given.ignore_case:
        read = f"(?i){read}"
    place = writing.bind(read, _TYPES[kind])
    if kind == "time":
        return f"fromUnixTimestamp64Milli({place}, 'UTC')"
    return f"lowerUTF8({place})" if _lowers(given, kind) else place


def _lowers(given: Comparison, kind: Kind) -> bool:
    """A pattern has a mark of its own: lower case would turn \\S into \\s."""
    return kind == "text" and given.ignore_case and given.operator != "matches"


def _read(given: Comparison, kind: Kind, value: Value) -> Value:
    match kind:
        case "text":
            return text_of(value)
        case "number" if (number := _number_of(value)) is not None:
            return number
        case "boolean" if isinstance(value, bool):
            return value
        case "time" if not isinstance(value, bool) and (millis := parse_time(value)) is not None:
            return millis
    shown = repr(value) if len(repr(value)) <= _SHOWN else f"{repr(value)[:_SHOWN]}…"
    what = "number of 64 bits" if kind == "number" else kind
    raise InvalidInput(f"{given.field.name[:_SHOWN]} is compared with {shown}, which is no {what}", code="invalid_filter")


def _number_of(value: Value) -> float | None:
    """None of what is no number, or beyond those that the engine's 64 bits hold: JSON has digits without end."""
    if isinstance(value, (str, bool)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def text_of(value: Value) -> str:
    """A value as it stands in text: ``true``, ``5``, ``1.5``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _kind_of_values(given: Comparison) -> Kind:
    values = given.value if isinstance(given.value, tuple) else (given.value,)
    if values and all(isinstance(one, bool) for one in values):
        return "boolean"
    if values and all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in values):
        return "number"
    return "text"
