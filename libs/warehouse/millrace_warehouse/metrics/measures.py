"""What a question measures."""

import ast
import sys
from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from millrace_warehouse.metrics.filters import Filter
from millrace_warehouse.metrics.parts import EventField, Name, Part


class _Measure(Part):
    name: Name | None = Field(None, description="The answer's column; without it a name is made.")
    where: Filter | None = Field(None, description="Events that it takes, of those that the question is about.")


class Count(_Measure):
    """How many events."""

    measure: Literal["count"]


class Number(_Measure):
    """Of a field's numbers; events without one are left out. Null where there are none, but 0 for a sum."""

    measure: Literal["sum", "avg", "min", "max"]
    field: EventField


class Quantile(_Measure):
    """Of a field's numbers: exact up to a million of them, then by t-digest; linearly interpolated."""

    measure: Literal["quantile", "median"]
    field: EventField
    level: float = Field(0.5, ge=0, le=1, examples=[0.95])

    @model_validator(mode="after")
    def _median_has_its_level(self) -> Self:
        if self.measure == "median" and self.level != 0.5:
            raise ValueError("a median has no other level: ask for a quantile")
        return self


class Unique(_Measure):
    """How many different values; what is not set is none.

    Approximate ones are ClickHouse's ``uniq`` (adaptive sampling: about 1 % off above 65,536 values), which rollups have, too.
    """

    measure: Literal["unique"]
    of: Literal["person", "visitor", "user", "session"] | EventField = "person"
    exact: Annotated[bool, Field(description="Else about 1 % off above 65,536, and from rollups where it can be.")] = True


class MetricOf(_Measure):
    """A metric of the catalogue by its name."""

    measure: Literal["metric"]
    metric: Name


Simple = Count | Number | Quantile | Unique | MetricOf

_ALLOWED: Final = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.USub, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Name, ast.Load, ast.Constant,
)  # fmt: skip


class Formula(_Measure):
    """Arithmetic over other measures: ``100 * buyers / people``. Null where it divides by zero or a part is null.

    Its ``where`` holds for each part.
    """

    measure: Literal["formula"]
    formula: str = Field(min_length=1, max_length=200, examples=["100 * buyers / people"])
    parts: dict[Name, Annotated[Simple, Field(discriminator="measure")]] = Field(min_length=1, max_length=10)
    unit: str = Field("", max_length=32)

    @field_validator("formula")
    @classmethod
    def _is_arithmetic(cls, given: str) -> str:
        tree = parsed(given)
        for node in ast.walk(tree):
            if not isinstance(node, _ALLOWED) or (isinstance(node, ast.Constant) and type(node.value) not in (int, float)):
                raise ValueError("a formula has numbers, names of its parts, + - * / and parentheses")
            if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and node.value > sys.float_info.max:
                raise ValueError("a number of the formula is larger than 64 bits hold")
        return given

    @model_validator(mode="after")
    def _names_are_parts(self) -> Self:
        named = {node.id for node in ast.walk(parsed(self.formula)) if isinstance(node, ast.Name)}
        if named != set(self.parts):
            odd = ", ".join(sorted(named ^ set(self.parts)))
            raise ValueError(f"names of the formula and its parts differ: {odd}")
        return self


def parsed(formula: str) -> ast.Expression:
    """The tree of a formula.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        return ast.parse(formula.strip(), mode="eval")
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError("the formula cannot be read") from error


Measure = Annotated[Count | Number | Quantile | Unique | MetricOf | Formula, Field(discriminator="measure")]
