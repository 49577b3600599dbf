"""Answers of the tenants family."""

from typing import Literal

from pydantic import BaseModel, Field


class TenantLine(BaseModel):
    """A tenant."""

    customer_id: str
    time_zone: str = Field(examples=["Europe/Vienna"], description="Whose days are those of its questions.")
    rights: list[Literal["admin", "ingest", "query", "view"]] = Field(description="What the caller may do with its data.")


class TenantAnswer(TenantLine):
    """One."""

    success: bool = True


class TenantList(BaseModel):
    """Who asks, and for whom."""

    success: bool = True
    auth: Literal["open", "required"] = Field(description="Whether a credential is asked for here at all.")
    who: str = Field(examples=["user:5f2c9d0e7a1b4c36"], description="As the trail of changes names the caller.")
    email: str | None = Field(description="Of a person who is signed in.")
    every_tenant: bool = Field(description="Whether the caller may look at any tenant, also at those that are not listed.")
    tenants: list[TenantLine] = Field(
        description="By name: the caller's own, and, where `every_tenant`, those for which something was settled."
    )
