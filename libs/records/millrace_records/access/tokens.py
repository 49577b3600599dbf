"""Tokens that prove themselves, of logins and of streams: JSON Web Tokens (RFC 7519) with HS256."""

import time
from dataclasses import dataclass
from typing import Any, Final, Literal

import jwt

from millrace_core.errors import Unauthorized

_ALGORITHM: Final = "HS256"

Purpose = Literal["user", "stream"]


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says."""

    purpose: Purpose
    who: str
    """Of a user's token the id of the user, of a stream's ``Caller.who``."""
    scope: str
    """Of a user's token the id of the session, of a stream's the tenant."""
    expires_at: float
    """Seconds since the epoch."""
    session: str
    """The id of the session that a token was made in; empty where a key was its credential."""


def token_of(secret: str, purpose: Purpose, who: str, scope: str, seconds: float, session: str = "") -> str:
    """A token that is good for so many seconds."""
    claims = {"aud": purpose, "sub": who, "scope": scope, "exp": time.time() + seconds, "sid": session}
    return jwt.encode(claims, secret, algorithm=_ALGORITHM)


def claims_of(secret: str, purpose: Purpose, token: str) -> Claims:
    """What a token says.

    Raises:
        Unauthorized: ``invalid_token``: it is none of ours, none for this, or its time is over.
    """
    try:
        told: dict[str, Any] = jwt.decode(
            token, secret, algorithms=[_ALGORITHM], audience=purpose, options={"require": ["aud", "sub", "scope", "exp"]}
        )
    except jwt.InvalidTokenError as error:
        raise Unauthorized("This token is not valid, or not any more.", code="invalid_token") from error
    return Claims(purpose, str(told["sub"]), str(told["scope"]), float(told["exp"]), str(told.get("sid", "")))
