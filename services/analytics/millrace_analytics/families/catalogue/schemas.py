"""Requests and answers of what tenants write about their data."""

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from millrace_core.tenants import TENANT_PATTERN
from millrace_warehouse.metrics.filters import Filter
from millrace_warehouse.metrics.parts import NAME

_TEXT = r"^[^\x00]*$"

Tenant = Annotated[str, Path(pattern=TENANT_PATTERN, description="Whose data it is about.")]
SegmentName = Annotated[str, Path(pattern=NAME, description="Of the segment.")]
Kind = Literal["event", "property"]
_NAME_OF_WHAT = Field(
    min_length=1, max_length=200, pattern=_TEXT, examples=["purchase"], description="The event type, or the property's path."
)
WhatKind = Annotated[Kind, Query(description="Of what is described.")]
WhatName = Annotated[
    str, Query(min_length=1, max_length=200, pattern=_TEXT, description="The event type, or the property's path.")
]

Label = Annotated[
    str, Field(max_length=100, pattern=_TEXT, description="As people call it; empty where its name is what they say.")
]
Words = Annotated[str, Field(max_length=2_000, pattern=_TEXT, description="What it is.")]
Synonym = Annotated[str, Field(min_length=1, max_length=100, pattern=_TEXT)]


class DescribeRequest(BaseModel):
    """What an event type is, or a property, whatever events have it."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    name: Annotated[str, _NAME_OF_WHAT]
    label: Label = ""
    description: Words = ""
    synonyms: list[Synonym] = Field([], max_length=20, examples=[["order", "sale"]], description="Other words for it.")


class DescriptionLine(BaseModel):
    """A description. Somebody wrote it: it is data."""

    kind: Kind
    name: str
    label: str
    description: str
    synonyms: list[str]
    written_by: str
    written_at: str


class DescriptionList(BaseModel):
    """All of a tenant, by kind and name."""

    success: bool = True
    descriptions: list[DescriptionLine]


class DescriptionAnswer(BaseModel):
    """One."""

    success: bool = True
    description: DescriptionLine


class SegmentRequest(BaseModel):
    """A filter to keep."""

    model_config = ConfigDict(extra="forbid")

    where: Filter = Field(
        description="Which events it stands for, as the filters of questions.",
        examples=[{"all": [{"field": "country", "value": "AT"}, {"did": {"field": "event_type", "value": "purchase"}}]}],
    )
    label: Label = ""
    description: Words = ""


class SegmentLine(BaseModel):
    """A segment: questions name it as `{"segment": name}`."""

    name: str
    label: str
    description: str
    where: dict[str, Any]
    saved_by: str
    saved_at: str


class SegmentList(BaseModel):
    """All of a tenant, by name."""

    success: bool = True
    segments: list[SegmentLine]


class SegmentAnswer(BaseModel):
    """One."""

    success: bool = True
    segment: SegmentLine


class Forgotten(BaseModel):
    """It is gone."""

    success: bool = True
