"""What may be kept of an event: fields by name, and what a browser's objection means."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final, Literal

from millrace_core.errors import InvalidInput

Signals = Literal["ignore", "anonymous", "drop"]
"""What becomes of events of browsers that send ``Sec-GPC: 1`` or ``DNT: 1``."""

IDS: Final = ("user_id", "visitor_id", "session_id")
"""Columns that name somebody."""
COLUMNS: Final = (*IDS, "ip", "page_url", "referrer")
"""Columns that a rule may name."""
OBJECTS: Final = ("properties", "context")
"""Objects inside which a rule names a key, by its path with dots."""
QUERY: Final = "query"
"""Names a parameter of every address in an event: ``query.email``."""

ERASED_SECONDS: Final = 30 * 86_400.0
"""How long it is known when a tenant last erased somebody: longer than any answer is kept."""

MOST_FIELDS: Final = 200
"""In each list of a tenant."""
_LONGEST: Final = 512


def erased_key(tenant: str) -> str:
    """Where processes share until when (seconds since the epoch) answers of a tenant may hold somebody who is erased."""
    return f"erased:{tenant}"


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a rule names."""

    head: str
    """One of the columns or objects, or ``query``."""
    path: tuple[str, ...] = ()
    """Inside an object the keys, of ``query`` the parameter in lower case."""


def field_of(text: str, *, hashed: bool = False) -> Field:
    """The field that a rule names: ``user_id``, ``properties.contact.email``, ``query.token``.

    Args:
        hashed: it is to be hashed, which makes sense of ids and of values alone.

    Raises:
        InvalidInput: ``invalid_field``.
    """
    head, _, rest = text.partition(".")
    if rest and len(text) <= _LONGEST and text.isprintable():
        if head == QUERY:
            return Field(head, (rest.lower(),))
        path = tuple(rest.split("."))
        if head in OBJECTS and all(path):
            return Field(head, path)
    elif text in (IDS if hashed else COLUMNS):
        return Field(text)
    allowed = ", ".join(IDS if hashed else COLUMNS)
    raise InvalidInput(
        f"{text[:80]} names no field: allowed is {allowed}, properties.<path>, context.<path> or query.<parameter>",
        code="invalid_field",
    )


def hashed_value(secret: str, text: str) -> str:
    """What is stored instead of a value: HMAC-SHA256 in hexadecimal, under a tenant's secret (also in hexadecimal)."""
    return hmac.digest(bytes.fromhex(secret), text.encode(), "sha256").hex()


def digest_of(salt: str, name: str) -> str:
    """An id of somebody who was erased, as it is remembered: 32 hexadecimal digits of SHA-256. The warehouse computes
    the same."""
    return hashlib.sha256(f"{salt}{name}".encode()).hexdigest()[:32]
