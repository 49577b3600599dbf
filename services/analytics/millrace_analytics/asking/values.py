"""How values of the warehouse stand in JSON."""

import datetime
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from millrace_core.time import iso_time


def to_json(value: Any) -> Any:
    """The JSON form of a value: times as ``2026-02-16T12:00:00.000Z``, days as ``2026-02-16``, what is no number as null,
    and what JSON has no form for as text."""
    match value:
        case None | bool() | str() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return float(value) if value.is_finite() else None
        case datetime.datetime():
            return iso_time(_millis(value))
        case datetime.date():
            return value.isoformat()
        case bytes():
            return value.decode("utf-8", "replace")
        case Mapping():
            return {str(key): to_json(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [to_json(item) for item in value]
        case _:
            return str(value)


def _millis(value: datetime.datetime) -> int:
    aware = value if value.tzinfo is not None else value.replace(tzinfo=datetime.UTC)
    return (aware - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(milliseconds=1)
