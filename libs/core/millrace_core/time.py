"""Times as integers of milliseconds since the epoch, UTC."""

import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_ISO: Final = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|z|[+-]\d{2}:?\d{2})?)?\Z"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLIS: Final = tuple(f".{millis:03d}" for millis in range(1000))
_DAY_MS: Final = 86_400_000
_SECONDS_BELOW: Final = 100_000_000_000  # 1e11 seconds is the year 5138, 1e11 milliseconds is 1973


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def parse_time(value: str | float) -> int | None:
    """Milliseconds of a time as clients send it, or None when it is none.

    Takes ISO 8601 (a date alone is its midnight; without an offset it is UTC) and numbers of seconds or, from 1e11 on,
    of milliseconds, also as text.
    """
    if isinstance(value, str):
        # The usual form takes the interpreter's own parser: 0.5 µs instead of 2.9 (tests/bench/ingest_cost.py).
        if len(value) >= 19 and value[10] in "T " and value[4] == "-":
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                return _parse_text(value.strip())
            since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
            return since.days * _DAY_MS + since.seconds * 1000 + since.microseconds // 1000
        return _parse_text(value.strip())
    return _from_number(value)


_NUMBER: Final = re.compile(r"\s*[+-]?[0-9]{1,20}(\.[0-9]*)?\s*\Z", re.ASCII)


def _from_number(value: float) -> int | None:
    if not -1e15 < value < 1e15:  # also refuses NaN
        return None
    return round(value * 1000) if abs(value) < _SECONDS_BELOW else round(value)


def _parse_text(text: str) -> int | None:
    found = _ISO.match(text)
    if found is None:
        return _from_number(float(text)) if _NUMBER.match(text) else None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    leap = second == "60"  # a leap second is the first moment of the next minute
    try:
        whole = datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            59 if leap else int(second or 0),
            tzinfo=UTC,
        )
    except ValueError:
        return None
    millis = (whole - _EPOCH) // timedelta(milliseconds=1) + (1000 if leap else 0)
    if fraction:
        millis += int(fraction[:3].ljust(3, "0"))
    if zone and zone not in "Zz":
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        if hours > 18 or minutes > 59:  # no place on earth is further from UTC (ISO 8601-1)
            return None
        offset = hours * 60 + minutes
        millis -= (offset if zone[0] == "+" else -offset) * 60_000
    return millis


@lru_cache(maxsize=4096)
def _second_text(second: int) -> str:
    return str(_EPOCH + timedelta(seconds=second))[:19]


def warehouse_time(millis: int) -> str:
    """``2026-02-16 12:00:00.000``: how a DateTime64(3) stands in a line of the log. Always text: the engine reads a bare
    number of milliseconds as the year 9999."""
    return _second_text(millis // 1000) + _MILLIS[millis % 1000]


def iso_time(millis: int) -> str:
    """``2026-02-16T12:00:00.000Z``: how a time stands in an answer."""
    return f"{warehouse_time(millis).replace(' ', 'T')}Z"


def iso_of_warehouse(text: str) -> str:
    """The answer's form of a time in the warehouse's form."""
    return f"{text.replace(' ', 'T')}Z"
