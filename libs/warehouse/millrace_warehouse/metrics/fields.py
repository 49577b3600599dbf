"""Fields as expressions of the engine. Names of columns come from the catalogue, names of properties are bound."""

from collections.abc import Mapping
from typing import Final

from millrace_core.errors import InvalidInput
from millrace_warehouse.metrics.catalogue import DIMENSIONS, Dimension
from millrace_warehouse.metrics.parts import FieldName, Kind
from millrace_warehouse.metrics.statements import Writing

_PROPERTY: Final = "properties."


def kind_of(field: FieldName, otherwise: Kind = "text") -> Kind:
    """How the field's values are read: as it says, as its column is, else as ``otherwise``.

    Raises:
        InvalidInput: ``unknown_field``.
    """
    if field.type is not None:
        return field.type
    return otherwise if field.name.startswith(_PROPERTY) else _dimension(field.name).kind


def expression(writing: Writing, field: FieldName, kind: Kind) -> str:
    """The field's value as text (empty where there is none), or as a nullable number, boolean or time.

    Raises:
        InvalidInput: ``unknown_field``, ``invalid_field``.
    """
    if field.name.startswith(_PROPERTY):
        return _as(_property(writing, field.name.removeprefix(_PROPERTY)), kind)
    dimension = _dimension(field.name)
    if (computed := _computed(writing, dimension, kind)) is not None:
        return computed
    if dimension.kind == kind == "text":
        first = _first_text(writing, dimension)
        return f"if({dimension.name} != '', toString({dimension.name}), {first})" if first else dimension.name
    if dimension.kind == kind:
        return f"toNullable({dimension.name})"
    if kind == "text":
        return f"toString({dimension.name})"
    if dimension.kind == "text":
        return _as(f"toString({dimension.name})", kind)
    raise InvalidInput(f"{field.name} is a {dimension.kind}, no {kind}", code="invalid_field")


def is_set(writing: Writing, field: FieldName) -> str:
    """The condition that the field has a value."""
    kind = kind_of(field)
    if kind == "text":
        return f"{expression(writing, field, kind)} != ''"
    return f"{expression(writing, field, kind)} IS NOT NULL"


def _dimension(name: str) -> Dimension:
    if name not in DIMENSIONS:
        raise InvalidInput(
            f"there is no field {name[:64]}: a property is written as properties.{name[:64]}", code="unknown_field"
        )
    return DIMENSIONS[name]


def _property(writing: Writing, path: str) -> str:
    if not path:
        raise InvalidInput("a property needs a name: properties.<name>", code="unknown_field")
    return f"ifNull(toString(getSubcolumn(props, {writing.text(path)})), '')"


def _number_property(writing: Writing, path: str) -> str:
    return _as(_property(writing, path), "number")


_READ: Final[Mapping[Kind, str]] = {
    "text": "{0}",
    # Text like nan and inf is no number: nothing could be added to it.
    "number": "if(isFinite(toFloat64OrNull({0})), toFloat64OrNull({0}), NULL)",
    "boolean": "multiIf({0} IN ('true', '1'), true, {0} IN ('false', '0'), false, NULL)",
    "time": "parseDateTime64BestEffortOrNull({0}, 3, 'UTC')",
}


def _as(text: str, kind: Kind) -> str:
    return _READ[kind].format(text)


def _first_text(writing: Writing, dimension: Dimension) -> str:
    found = [_property(writing, name) for name in dimension.properties]
    return found[0] if found else ""


def _computed(writing: Writing, dimension: Dimension, kind: Kind) -> str | None:
    match dimension.name:
        case "person":
            made = writing.person
        case "hour_of_day":
            made = f"toHour(timestamp, {writing.zone_name})"
        case "day_of_week":
            made = f"toDayOfWeek(timestamp, 0, {writing.zone_name})"
        case "order_value":
            made = f"coalesce({', '.join(_number_property(writing, name) for name in dimension.properties)})"
        case "order_quantity":
            made = f"coalesce({', '.join(_number_property(writing, name) for name in dimension.properties)}, 1)"
        case _:
            return None
    if kind == dimension.kind:
        return made if kind == "text" else f"toNullable({made})"
    if kind == "text":
        return f"ifNull(toString({made}), '')"
    raise InvalidInput(f"{dimension.name} is a {dimension.kind}, no {kind}", code="invalid_field")
