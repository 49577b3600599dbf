"""Event ids: kept, derived or made (DATA: identity is the tenant and the id, never the id alone)."""

import hashlib
import os
import re
import uuid
from functools import lru_cache
from typing import Final

# The namespace of every derived id. Changing it changes the identity of every event whose client sends no UUID.
_NAMESPACE: Final = uuid.UUID("6d1f3a52-94c1-5f0e-9a7e-6f3b1c0d2e48")
ID_KINDS: Final = ("client_event_id", "message_id", "insert_id", "uuid", "cloudevent")
"""What clients' own ids are, as :func:`derived_id` takes it; whoever looks for one does not know which. A test holds it against
the protocols."""
_NO_IDS: Final = frozenset({"", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"})
# The digit that holds the variant keeps its two random bits (RFC 9562, 4.1).
_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_is_uuid = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z").match


def normal_uuid(text: str) -> str | None:
    """The UUID in lower case, or None when the text is not one of the form 8-4-4-4-12."""
    return text.lower() if len(text) == 36 and _is_uuid(text) else None


def is_no_id(text: str) -> bool:
    """Whether a client's id says nothing: empty, the nil UUID or the max UUID (RFC 9562, 5.9 and 5.10)."""
    return text in _NO_IDS or text.lower() in _NO_IDS


@lru_cache(maxsize=1024)
def _tenant_namespace(tenant: str) -> bytes:
    return uuid.uuid5(_NAMESPACE, tenant).bytes


def derived_id(tenant: str, kind: str, *parts: str) -> str:
    """The UUIDv5 of an id that is no UUID: the same for the same tenant, kind and parts, whoever computes it.

    Args:
        tenant: the tenant, so that two tenants' equal ids stay two events.
        kind: where the id comes from, for example ``client_event_id`` or ``idempotency_key``.
        parts: the id itself, in as many parts as it has.
    """
    # What uuid.uuid5 does, without the UUID object: 1.3 µs instead of 3.6 (tests/bench/ingest_cost.py).
    name = "\0".join((kind, *parts)).encode()
    text = hashlib.sha1(_tenant_namespace(tenant) + name, usedforsecurity=False).hexdigest()
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"


def stored_ids_of(tenant: str, given: str) -> list[str]:
    """The ids under which an event may be stored whose client calls it so: a UUID itself, else one of each kind.

    The two parts of a CloudEvent's id may stand with a space between, as ``client_event_id`` has them.
    """
    kept = normal_uuid(given)
    if kept is not None:
        return [kept]
    ids = [derived_id(tenant, kind, given) for kind in ID_KINDS]
    source, found, name = given.rpartition(" ")
    return [*ids, derived_id(tenant, "cloudevent", f"{source}\0{name}")] if found else ids


def new_id(now_ms: int) -> str:
    """A UUIDv7 (RFC 9562, 5.7) of this millisecond since the epoch with 74 random bits."""
    try:
        tail = _random_tails.pop()
    except IndexError:
        tail = _refill()
    return _uuid7_head(now_ms) + tail


# Random parts made ahead, 256 from one read of the system's generator: 0.2 µs an id instead of 1.7.
_random_tails: Final[list[str]] = []
os.register_at_fork(after_in_child=_random_tails.clear)  # or two processes would hand out the same ones


def _refill() -> str:
    digits = os.urandom(256 * 10).hex()
    tails = [
        f"7{part[:3]}-{_VARIANT[part[3]]}{part[4:7]}-{part[7:19]}"
        for part in (digits[at : at + 20] for at in range(0, len(digits), 20))
    ]
    _random_tails.extend(tails[1:])
    return tails[0]


@lru_cache(maxsize=64)
def _uuid7_head(now_ms: int) -> str:
    return f"{now_ms >> 16 & 0xFFFF_FFFF:08x}-{now_ms & 0xFFFF:04x}-"


def time_of_uuid7(text: str) -> int | None:
    """Milliseconds since the epoch inside a UUIDv7 in its normal form, or None for any other version."""
    if text[14] != "7":
        return None
    return int(text[:8] + text[9:13], 16)
