"""Requests and answers of saved statements."""

from typing import Annotated, Final

from fastapi import Path, Query
from pydantic import BaseModel, Field, JsonValue

from millrace_core.tenants import TENANT_PATTERN
from millrace_warehouse.statement_ports import FileForm

NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,63}$"

Tenant = Annotated[str, Path(pattern=TENANT_PATTERN, description="Whose statement it is, and whose rows it reads.")]
Name = Annotated[str, Path(pattern=NAME_PATTERN, description="Of the statement.")]
Before = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Older ones than this `id`.")]
Limit = Annotated[int, Query(ge=1, le=1_000, description="How many.")]
Form = Annotated[FileForm | None, Query(alias="format", description="Answer a file instead of JSON.")]
Seconds = Annotated[float | None, Query(gt=0, le=600, description="How long it may take.")]


class SaveRequest(BaseModel):
    """A statement to save."""

    sql: str = Field(
        min_length=1,
        max_length=100_000,
        pattern=r"^[^\x00]*$",
        examples=["SELECT count() AS views FROM events_raw WHERE event_type = {type:String}"],
        description="One SELECT. It reads this tenant's rows only. What changes stands in it as `{name:Type}`.",
    )
    description: str = Field("", max_length=1_000, pattern=r"^[^\x00]*$", examples=["How often something happened"])
    defaults: dict[str, JsonValue] = Field(
        default_factory=dict, examples=[{"type": "page_view"}], description="Values of placeholders that need not be given."
    )


class SavedStatement(BaseModel):
    """A saved statement."""

    name: str
    sql: str
    description: str
    parameters: dict[str, str] = Field(description="Names and types of its placeholders.")
    defaults: dict[str, JsonValue]
    saved_by: str
    saved_at: str


class SavedAnswer(BaseModel):
    """One."""

    success: bool = True
    statement: SavedStatement


class SavedLine(BaseModel):
    """A saved statement, in a list."""

    name: str
    description: str
    saved_by: str
    saved_at: str


class SavedList(BaseModel):
    """All of a tenant, by name."""

    success: bool = True
    statements: list[SavedLine]


class RunRequest(BaseModel):
    """Values for a saved statement."""

    parameters: dict[str, JsonValue] = Field(
        default_factory=dict, examples=[{"type": "purchase"}], description="By the names of its placeholders."
    )
    timeout_seconds: float | None = Field(None, gt=0, le=600, description="How long it may take.")
    format: FileForm | None = Field(None, description="Answer a file instead of JSON.")


class Removed(BaseModel):
    """It is gone."""

    success: bool = True


class AskedLine(BaseModel):
    """A statement that was asked. Values of placeholders and rows are not kept."""

    id: int
    asked_at: str = Field(description="When it had ended.")
    asked_by: str
    saved: str | None = Field(description="The name under which it is saved.")
    sql: str
    status: str = Field(description="`success`, `cancelled`, or the code of the error.")
    row_count: int
    execution_time_ms: float


class HistoryAnswer(BaseModel):
    """The newest first."""

    success: bool = True
    statements: list[AskedLine]
    next_before: int | None = Field(description="`before` of the next page; null on the last one.")
