"""From the arguments of ``track`` to the JSON text of one event."""

import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final, TypedDict

_LEVELS: Final = 64  # more than the server takes, so that its verdict tells
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Fields(TypedDict, total=False):
    """Fields that every event may have."""

    visitor_id: str | None
    """A browser or device."""
    session_id: str | None
    customer_id: str | None
    """The tenant, instead of the client's own."""
    event_name: str | None
    """For people; the type when not given."""
    page_url: str | None
    referrer: str | None
    context: Mapping[str, Any] | None
    """``userAgent``, ``ip``, ``locale``, … of the visitor, whose request this process serves."""
    timestamp: datetime | float | str | None
    """When it happened: a datetime (without a zone it is local time), seconds since the epoch, or ISO 8601; now when not
    given."""
    event_id: str | None
    """The event's identity; a new UUIDv7 when not given. The same id is stored once."""


class Common(Fields, total=False):
    """Those, and the user. One of ``visitor_id``, ``user_id`` and ``session_id`` has to be there."""

    user_id: str | None
    """Who is logged in."""


@dataclass(frozen=True, slots=True)
class Item:
    """One event on its way: its id and its JSON text, which stay the same however often it is sent."""

    event_id: str
    text: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The event as it was tracked."""
        return dict(json.loads(self.text))


def make_item(event_type: str, properties: Mapping[str, Any] | None, fields: Common) -> Item:
    """An event, ready to be sent. Values that JSON does not have are written as text, NaN and infinities as null.

    Raises:
        ValueError: something in it cannot be JSON at all, for example a list that holds itself.
    """
    now = time.time_ns() // 1_000_000
    event: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    event["event_id"] = event_id = str(event.get("event_id") or new_id(now))
    event["event_type"] = event_type
    event["timestamp"] = _time_of(event.get("timestamp"), now)
    if properties:
        event["properties"] = properties
    return Item(event_id, encode(event))


def new_id(now_ms: int) -> str:
    """A UUIDv7 (RFC 9562, 5.7) of this millisecond since the epoch."""
    random = int.from_bytes(os.urandom(10), "big")
    head = f"{now_ms & (1 << 48) - 1:012x}"
    tail = f"{random & (1 << 62) - 1 | 1 << 63:016x}"
    return f"{head[:8]}-{head[8:]}-7{random >> 68:03x}-{tail[:4]}-{tail[4:]}"


def iso(millis: int) -> str:
    """Milliseconds since the epoch as ISO 8601."""
    return (_EPOCH + timedelta(milliseconds=millis)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encode(value: Any) -> bytes:
    """The value as JSON.

    Raises:
        ValueError: it cannot be JSON.
    """
    try:
        return _text(value, _as_text)
    except (TypeError, ValueError, RecursionError):  # NaN, keys that are no text, lone surrogates, what holds itself
        return _text(_plain(value, _LEVELS), None)


def _text(value: Any, default: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=default).encode()


def _time_of(given: datetime | float | str | None, now: int) -> str | float:
    if given is None:
        return iso(now)
    if isinstance(given, datetime):
        return given.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return given


def _as_text(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (set, frozenset, Mapping)):
        return dict(value) if isinstance(value, Mapping) else list(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else None
    return str(value)


def _plain(value: Any, levels: int) -> Any:
    if levels == 0:
        raise ValueError("it is nested too deeply, or holds itself")
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):  # halves of surrogate pairs, which no UTF-8 text can hold, become U+FFFD
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_plain(str(_key(key)), levels): _plain(item, levels - 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, levels - 1) for item in value]
    return _plain(_as_text(value), levels - 1)


def _key(key: Any) -> Any:
    return key.value if isinstance(key, Enum) else key
