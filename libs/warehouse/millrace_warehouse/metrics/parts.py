"""What every part of a question is made of."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

NAME: Final = r"^[a-z][a-z0-9_]{0,62}$"
"""How names of measures, segments and steps are written."""

LONGEST_FIELD: Final = 200

Kind = Literal["text", "number", "boolean", "time"]
"""How a field's values are read and compared."""


class Part(BaseModel):
    """A piece of a question: it does not change, and knows what it may hold."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)


class FieldName(Part):
    """A column of the events, a computed field of the catalogue, or a property (``properties.plan``).

    Text that is not there is empty, a number or a time that is not there is null.
    """

    name: str = Field(
        min_length=1,
        max_length=LONGEST_FIELD,
        examples=["country", "properties.plan"],
        description="A column, a computed field of the catalogue, or `properties.` and the path of a property.",
    )
    type: Kind | None = Field(
        None, description="How its values are read; without it a column's own, and a property as what it is compared with."
    )


def _named(given: Any) -> Any:
    return {"name": given} if isinstance(given, str) else given


EventField = Annotated[FieldName, BeforeValidator(_named, json_schema_input_type=FieldName | str)]
"""A field, of which the name alone may be given."""

Name = Annotated[str, Field(pattern=NAME)]
