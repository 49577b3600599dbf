"""Series without gaps: every minute, hour, day, week or month of a span, by the calendar of a time zone."""

import datetime
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from millrace_core.errors import InvalidInput
from millrace_core.time import iso_time
from millrace_warehouse.metrics.ranges import Span, Unit, floor, local, millis_of, shifted
from millrace_warehouse.metrics.statements import Writing

Key = int | str
"""A bucket as the engine says it: seconds since the epoch of minutes and hours, the first day of longer ones."""

_SECONDS = {"minute": 60, "hour": 3600}


def bucket_of(writing: Writing, unit: Unit, column: str = "timestamp") -> str:
    """The key of an event's bucket."""
    zone = writing.zone_name
    match unit:
        case "minute":
            return f"toUnixTimestamp(toStartOfMinute({column}, {zone}))"
        case "hour":
            return f"toUnixTimestamp(toStartOfHour({column}, {zone}))"
        case "day":
            return f"toString(toDate({column}, {zone}))"
        case "week":
            return f"toString(toStartOfWeek({column}, 1, {zone}))"
        case "month":
            return f"toString(toStartOfMonth({column}, {zone}))"


def buckets(span: Span, unit: Unit, zone: ZoneInfo, most: int) -> list[Key]:
    """The keys of every bucket of the span.

    Raises:
        InvalidInput: ``too_many_rows``: more than ``most``.
    """
    found: list[Key] = []
    for key in _keys(span, unit, zone):
        if len(found) == most:
            raise InvalidInput(f"there are more than {most:,} rows: ask for less time, or a larger unit", code="too_many_rows")
        found.append(key)
    return found


def _keys(span: Span, unit: Unit, zone: ZoneInfo) -> Iterator[Key]:
    if unit in _SECONDS:
        at = _begin(span.first // 1000, _SECONDS[unit], zone)
        while at * 1000 < span.end:
            yield at
            at = _begin(at + _SECONDS[unit], _SECONDS[unit], zone)
        return
    wall, last = floor(local(span.first, zone), unit), local(span.end - 1, zone)
    while wall <= last:
        yield wall.date().isoformat()
        wall = shifted(wall, unit, 1)


def _begin(at: int, size: int, zone: ZoneInfo) -> int:
    """Minutes and hours are counted from midnight, as the engine does: on a day on which clocks are set by half an hour
    (Australia/Lord_Howe) those behind the change begin at half past, and the last one is half as long."""
    midnight = millis_of(floor(local(at * 1000, zone), "day"), zone) // 1000
    return at - (at - midnight) % size


def shown(key: Key, zone: ZoneInfo) -> str:
    """A bucket as an answer says it: the day, or the time with its offset."""
    if isinstance(key, str):
        return key
    if zone.key == "UTC":
        return iso_time(key * 1000)
    return datetime.datetime.fromtimestamp(key, zone).isoformat()


def begin_of(key: Key, zone: ZoneInfo) -> int:
    """When a bucket begins, in milliseconds since the epoch."""
    return key * 1000 if isinstance(key, int) else millis_of(datetime.datetime.fromisoformat(key), zone)
