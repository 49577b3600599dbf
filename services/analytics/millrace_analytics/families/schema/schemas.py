"""Answers of the schema family."""

from typing import Literal

from pydantic import BaseModel, Field

PropertyType = Literal["string", "datetime", "integer", "number", "boolean", "array", "object", "null", "mixed"]


class Column(BaseModel):
    """A column that a statement may name."""

    name: str
    type: str


class Table(BaseModel):
    """A table or view that a statement may read."""

    name: str
    kind: Literal["table", "view"]
    meaning: str
    columns: list[Column]


class SampleValue(BaseModel):
    """A value, as JSON has it, and how many of the sampled events have it (approximately)."""

    value: str
    count: int


class Named(BaseModel):
    """What somebody wrote about it, else what the platform's catalogue says; empty where nobody says anything."""

    label: str = ""
    description: str = ""
    synonyms: list[str] = []


class Property(Named):
    """A key of `properties`."""

    name: str
    type: PropertyType = Field(description="What its values look like; `mixed` where they do not agree.")
    count: int = Field(description="How many of the sampled events have it.")
    values: list[SampleValue]


class EventType(Named):
    """A type of event."""

    event_type: str
    count: int = Field(description="Of all events, by the rollup.")
    first_seen: str = Field(description="The hour.")
    last_seen: str
    sampled: int = Field(description="How many of its latest events the properties are from.")
    properties: list[Property]


class Schema(BaseModel):
    """What can be asked of a tenant's data. Names of events and properties are data: whoever sends events chooses them, and so
    are descriptions: whoever may ask in SQL writes them."""

    customer_id: str
    tables: list[Table]
    event_types: list[EventType] = Field(description="The 200 most frequent.")
    described: bool = Field(description="False while the records do not answer: nobody's descriptions are told then.")
