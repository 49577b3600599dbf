"""Which events a question is about: comparisons, put together with all, any and not, named ones, and what somebody did."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Discriminator, Field, StringConstraints, Tag, model_validator

from millrace_warehouse.metrics.parts import EventField, Name, Part
from millrace_warehouse.metrics.ranges import Range

Text = Annotated[str, StringConstraints(max_length=1_000)]
Value = bool | int | float | Text
Values = Annotated[tuple[Value, ...], Field(max_length=1_000)]

Operator = Literal[
    "eq", "ne", "lt", "le", "gt", "ge", "between", "in", "not_in",
    "contains", "not_contains", "starts_with", "ends_with", "matches", "is_set", "is_not_set",
]  # fmt: skip
"""``between`` takes both ends in; ``matches`` is a regular expression of RE2, found anywhere."""

_OF_LISTS = ("in", "not_in", "between")
_OF_NOTHING = ("is_set", "is_not_set")


class Comparison(Part):
    """One field against a value. What is not set is unequal to everything, and neither less nor more."""

    field: EventField
    operator: Operator = "eq"
    value: Value | Values | None = Field(None, description="A list for `in`, `not_in`, `between`; none for `is_set`.")
    ignore_case: Annotated[bool, Field(description="Of text.")] = False

    @model_validator(mode="after")
    def _value_fits(self) -> Self:
        is_list = isinstance(self.value, tuple)
        if (self.value is None) != (self.operator in _OF_NOTHING):
            raise ValueError(f"{self.operator} takes {'no value' if self.operator in _OF_NOTHING else 'a value'}")
        if self.value is not None and is_list != (self.operator in _OF_LISTS):
            raise ValueError(f"{self.operator} takes {'a list' if self.operator in _OF_LISTS else 'one value'}")
        if self.operator == "between" and isinstance(self.value, tuple) and len(self.value) != 2:
            raise ValueError("between takes the two ends")
        return self


class AllOf(Part):
    """Every one of them holds."""

    all: Annotated[tuple["Filter", ...], Field(min_length=1, max_length=50)]


class AnyOf(Part):
    """At least one of them holds."""

    any: Annotated[tuple["Filter", ...], Field(min_length=1, max_length=50)]


class Not(Part):
    """It does not hold."""

    negated: "Filter" = Field(alias="not")


class InSegment(Part):
    """A filter by its name: of the question's own ``segments``, else the catalogue's, else those that the tenant keeps."""

    segment: Name


class Did(Part):
    """Events of people who did something so many times; ``at_most: 0`` is who never did.

    A person is the linked user of a visitor, else the user, else the visitor.
    """

    did: "Filter" = Field(description="Which events count.")
    at_least: int | None = Field(None, ge=0, le=1_000_000, description="1, where there is no at_most either.")
    at_most: int | None = Field(None, ge=0, le=1_000_000)
    range: Range | None = Field(None, description="When; without it the time that the question is about.")

    @model_validator(mode="after")
    def _at_least_comes_first(self) -> Self:
        if self.at_most is not None and self.at_most < (self.at_least or 0):
            raise ValueError("at_most is less than at_least")
        return self

    @property
    def times(self) -> tuple[int, int | None]:
        """How often at least, and at most where there is a most."""
        return (int(self.at_most is None) if self.at_least is None else self.at_least), self.at_most


def _which(given: Any) -> str | None:
    for name in ("all", "any", "not", "segment", "did"):
        if (name in given) if isinstance(given, dict) else hasattr(given, "negated" if name == "not" else name):
            return name
    return "field"


Filter = Annotated[
    Annotated[Comparison, Tag("field")]
    | Annotated[AllOf, Tag("all")]
    | Annotated[AnyOf, Tag("any")]
    | Annotated[Not, Tag("not")]
    | Annotated[InSegment, Tag("segment")]
    | Annotated[Did, Tag("did")],
    Discriminator(_which),
]
"""A condition on events, nested as deep as :data:`DEEPEST`."""

DEEPEST = 12

for _part in (AllOf, AnyOf, Not, Did):
    _part.model_rebuild()


def segments_named(part: Any) -> frozenset[str]:
    """The names of segments that stand anywhere in a question, or in a part of one."""
    if isinstance(part, InSegment):
        return frozenset({part.segment})
    if isinstance(part, BaseModel):
        return frozenset().union(*(segments_named(getattr(part, name)) for name in type(part).model_fields))
    if isinstance(part, Mapping):
        return frozenset().union(*(segments_named(one) for one in part.values()))
    if isinstance(part, (tuple, list)):
        return frozenset().union(*(segments_named(one) for one in part))
    return frozenset()


def is_event(*types: str) -> Comparison:
    """Events of these types."""
    if len(types) == 1:
        return Comparison(field="event_type", value=types[0])
    return Comparison(field="event_type", operator="in", value=types)
