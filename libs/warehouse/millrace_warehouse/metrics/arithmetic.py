"""Measures as aggregates of the engine."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from millrace_core.errors import InvalidInput
from millrace_warehouse.metrics.catalogue import METRICS
from millrace_warehouse.metrics.conditions import conjunction
from millrace_warehouse.metrics.fields import expression, kind_of
from millrace_warehouse.metrics.filters import AllOf, Filter
from millrace_warehouse.metrics.measures import Count, Formula, Measure, MetricOf, Number, Quantile, Unique, parsed
from millrace_warehouse.metrics.parts import FieldName
from millrace_warehouse.metrics.statements import Writing

EXACT_ROWS: Final = 1_000_000
"""Quantiles of fewer numbers are exact."""

_OF: Final = {"visitor": "visitor_id", "user": "user_id", "session": "session_id", "person": "person"}
_UNITS: Final = {"visitor": "visitors", "user": "users", "session": "sessions", "person": "people"}


@dataclass(frozen=True, slots=True)
class Resolved:
    """A measure with its name, its unit and every filter that holds for it; a metric of the catalogue is its measure."""

    name: str
    unit: str
    measure: Count | Number | Quantile | Unique | Formula
    where: tuple[Filter, ...]

    @property
    def is_approximate(self) -> bool:
        """Whether the engine may be a little off."""
        return isinstance(self.measure, Unique) and not self.measure.exact

    @property
    def is_additive(self) -> bool:
        """Whether the values of several groups can be added up."""
        return isinstance(self.measure, Count) or (isinstance(self.measure, Number) and self.measure.measure == "sum")


def resolved(given: Measure, outer: tuple[Filter, ...] = ()) -> Resolved:
    """What is meant.

    Raises:
        InvalidInput: ``unknown_metric``.
    """
    where = outer if given.where is None else (*outer, given.where)
    match given:
        case MetricOf():
            if given.metric not in METRICS:
                raise InvalidInput(f"there is no metric {given.metric}", code="unknown_metric")
            metric = METRICS[given.metric]
            inner = resolved(metric.measure, where)
            return Resolved(given.name or metric.name, metric.unit, inner.measure, inner.where)
        case Count():
            return Resolved(given.name or "events", "events", given, where)
        case Unique():
            of = given.of if isinstance(given.of, str) else given.of.name
            return Resolved(given.name or f"unique_{_slug(of)}", _UNITS.get(of, "values"), given, where)
        case Formula():
            return Resolved(given.name or "formula", given.unit, given, where)
        case Number() | Quantile():
            return Resolved(given.name or f"{given.measure}_{_slug(given.field.name)}", "", given, where)


def named(given: tuple[Measure, ...]) -> list[Resolved]:
    """All of them, each with a name of its own."""
    found: list[Resolved] = []
    for one in map(resolved, given):
        name, number = one.name, 1
        while name in {other.name for other in found}:
            name, number = f"{one.name}_{number + 1}", number + 1
        found.append(Resolved(name, one.unit, one.measure, one.where))
    return found


def aggregate(writing: Writing, one: Resolved) -> str:
    """The aggregate of rows of ``events_raw``.

    Raises:
        InvalidInput: as :func:`conjunction` and :func:`expression` do.
    """
    if isinstance(one.measure, Formula):
        parts = {name: aggregate(writing, resolved(part, one.where)) for name, part in one.measure.parts.items()}
        return written(one.measure.formula, lambda name: f"toFloat64({parts[name]})")
    when = conjunction(writing, *one.where)
    match one.measure:
        case Count() | Unique() | Number(measure="sum"):
            name, arguments = addend(writing, one)
            return f"{name}({arguments}){writing.times}"
        case Number():
            value = expression(writing, one.measure.field, "number")
            return f"{one.measure.measure}If(toNullable({value}), {when or '1'})"
        case Quantile():
            value = f"toNullable({expression(writing, one.measure.field, 'number')})"
            few = f"countIf({value} IS NOT NULL AND ({when or '1'})) < {EXACT_ROWS}"
            level = float(one.measure.level)
            exact, digest = (f"{name}If({level!r})({value}, {when or '1'})" for name in _QUANTILES)
            return f"if({few}, {exact}, {digest})"


_QUANTILES: Final = ("quantileExactInclusive", "quantileTDigest")


def addend(writing: Writing, one: Resolved) -> tuple[str, str]:
    """The aggregate of a total, and its arguments: events, a sum, different values. Raises as :func:`aggregate`."""
    when = conjunction(writing, *one.where)
    match one.measure:
        case Count():
            return ("countIf", when) if when else ("count", "")
        case Unique():
            return _unique(writing, one.measure, when)
        case Number(measure="sum", field=field):
            return "sumIf", f"ifNull({expression(writing, field, 'number')}, 0), {when or '1'}"
    raise AssertionError("it is no total")


def _unique(writing: Writing, measure: Unique, when: str) -> tuple[str, str]:
    field = FieldName(name=_OF[measure.of]) if isinstance(measure.of, str) else measure.of
    kind = kind_of(field)
    value = expression(writing, field, kind)
    there = f"{value} != ''" if kind == "text" else f"{value} IS NOT NULL"
    name = "uniqExactIf" if measure.exact else "uniqIf"
    return name, f"{value}, {there} AND {when}" if when else f"{value}, {there}"


def written(formula: str, place: Callable[[str], str]) -> str:
    """The formula in SQL; dividing by zero is null."""

    def write(node: ast.expr) -> str:
        match node:
            case ast.BinOp(left, ast.Div(), right):
                return f"({write(left)} / nullIf({write(right)}, 0))"
            case ast.BinOp(left, operator, right):
                return f"({write(left)} {_SIGNS[type(operator)]} {write(right)})"
            case ast.UnaryOp(_, operand):
                return f"(-{write(operand)})"
            case ast.Name(name):
                return place(name)
            case ast.Constant(value) if isinstance(value, (int, float)):
                return repr(float(value))
        raise AssertionError("the model has checked it")

    return write(parsed(formula).body)


_SIGNS: Final[Mapping[type, str]] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}


def of_nothing(measure: Measure) -> float | int | None:
    """What the measure is where there are no events."""
    match measure:
        case Count() | Unique() | Number(measure="sum"):
            return 0
        case MetricOf():
            return of_nothing(METRICS[measure.metric].measure)
        case Formula():
            return computed(measure.formula, {name: of_nothing(part) for name, part in measure.parts.items()})
    return None


def computed(formula: str, parts: Mapping[str, float | int | None]) -> float | None:
    """The formula's value; dividing by zero is null, and so is what is computed of null."""

    def value(node: ast.expr) -> Any:
        match node:
            case ast.BinOp(left, operator, right):
                one, other = value(left), value(right)
                if one is None or other is None or (isinstance(operator, ast.Div) and other == 0):
                    return None
                return _OPERATIONS[type(operator)](one, other)
            case ast.UnaryOp(_, operand):
                return None if (one := value(operand)) is None else -one
            case ast.Name(name):
                return parts[name]
            case ast.Constant(constant):
                return constant
        raise AssertionError("the model has checked it")

    found = value(parsed(formula).body)
    return None if found is None else float(found)


_OPERATIONS: Final[Mapping[type, Callable[[float, float], float]]] = {
    ast.Add: lambda one, other: one + other,
    ast.Sub: lambda one, other: one - other,
    ast.Mult: lambda one, other: one * other,
    ast.Div: lambda one, other: one / other,
}


def _slug(name: str) -> str:
    short = name.removeprefix("properties.").lower()
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in short)[:50] or "value"


def both(*filters: Filter | None) -> Filter | None:
    """One filter of several."""
    there = tuple(one for one in filters if one is not None)
    return AllOf(all=there) if len(there) > 1 else there[0] if there else None
