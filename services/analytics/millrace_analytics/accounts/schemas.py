"""Requests and answers of ``/auth/v1``."""

from typing import Annotated

from pydantic import BaseModel, Field

from millrace_core.tenants import TENANT_PATTERN

_Password = Annotated[str, Field(min_length=1, max_length=1024)]
_Email = Annotated[str, Field(min_length=3, max_length=320)]
_Token = Annotated[str, Field(min_length=1, max_length=256)]


class Login(BaseModel):
    """Who logs in."""

    email: _Email
    password: _Password


class Refresh(BaseModel):
    """A refresh token, which works once."""

    refresh_token: _Token


class NewPassword(BaseModel):
    """A password, with the token of the link to set it."""

    token: _Token
    password: _Password


class Forgotten(BaseModel):
    """Who forgot the password."""

    email: _Email


class StreamOf(BaseModel):
    """Whose stream is to be read."""

    customer_id: str | None = Field(None, pattern=TENANT_PATTERN)


class Tokens(BaseModel):
    """A pair: the access token goes into ``Authorization: Bearer``, the refresh token to ``/auth/v1/refresh``."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105 (RFC 6750)
    expires_in: int
    refresh_token: str


class StreamToken(BaseModel):
    """What ``?token=`` takes."""

    token: str
    expires_in: int


class Me(BaseModel):
    """Who asks, and what they may do."""

    who: str
    rights: dict[str, list[str]]


class Done(BaseModel):
    """It is done."""

    success: bool = True
