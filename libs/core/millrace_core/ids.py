"""Event ids: kept, derived or made (DATA: identity is the tenant and the id, never the id alone)."""

import re
import secrets
import uuid
from typing import Final

# The namespace of every derived id. Changing it changes the identity of every event whose client sends no UUID.
_NAMESPACE: Final = uuid.UUID("6d1f3a52-94c1-5f0e-9a7e-6f3b1c0d2e48")
_NIL: Final = "00000000-0000-0000-0000-000000000000"
_MAX: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"
_is_uuid = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z").match


def normal_uuid(text: str) -> str | None:
    """The UUID in lower case, or None when the text is not one of the form 8-4-4-4-12."""
    return text.lower() if len(text) == 36 and _is_uuid(text) else None


def is_no_id(text: str) -> bool:
    """Whether a client's id says nothing: empty, the nil UUID or the max UUID (RFC 9562, 5.9 and 5.10)."""
    return not text or text == _NIL or text.lower() == _MAX


def derived_id(tenant: str, kind: str, *parts: str) -> str:
    """The UUIDv5 of an id that is no UUID: the same for the same tenant, kind and parts, whoever computes it.

    Args:
        tenant: the tenant, so that two tenants' equal ids stay two events.
        kind: where the id comes from, for example ``client_event_id`` or ``idempotency_key``.
        parts: the id itself, in as many parts as it has.
    """
    return str(uuid.uuid5(uuid.uuid5(_NAMESPACE, tenant), "\0".join((kind, *parts))))


def new_id(now_ms: int) -> str:
    """A UUIDv7 (RFC 9562, 5.7) of this millisecond since the epoch with 74 random bits."""
    value = (now_ms & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | 0x2 << 62
    random = secrets.randbits(74)
    value |= (random >> 62) << 64 | (random & 0x3FFF_FFFF_FFFF_FFFF)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def time_of_uuid7(text: str) -> int | None:
    """Milliseconds since the epoch inside a UUIDv7 in its normal form, or None for any other version."""
    if text[14] != "7":
        return None
    return int(text[:8] + text[9:13], 16)
