"""When: spans of time as people say them, and what they are at a given now."""

import datetime
import re
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Discriminator, Field, Tag, model_validator

from millrace_core.errors import InvalidInput
from millrace_core.time import parse_time
from millrace_warehouse.metrics.parts import Part

Unit = Literal["minute", "hour", "day", "week", "month"]
"""Weeks begin on Monday (ISO 8601)."""

RangeUnit = Literal["minute", "hour", "day", "week", "month", "quarter", "year"]

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_OF_A_MACHINE: Final = re.compile(r"(?:right|posix)/|(?:localtime|posixrules)\Z")
"""Zones that Python finds among a machine's files and the engine has not: with leap seconds, copies, and the machine's own."""
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_SECONDS: Final = {"minute": 60, "hour": 3600}
_DAYS: Final = {"day": 1, "week": 7}
_MINUTE_MS: Final = 60_000


class Between(Part):
    """From one moment to another. A date is the whole day in the question's time zone, the end date included; a time with
    hours is exact, and the end is not included."""

    start: str = Field(max_length=40, examples=["2026-01-01"])
    end: str = Field(max_length=40, examples=["2026-01-31"])

    @model_validator(mode="after")
    def _both_are_times(self) -> Self:
        for text in (self.start.strip(), self.end.strip()):
            if parse_time(text) is None or (re.fullmatch(r"[-+.\d]+", text) and not _DATE.match(text)):
                raise ValueError(f"{text[:40]!r} is no date or time (ISO 8601)")
        return self


class Last(Part):
    """The time before now; the minute of now counts whole.

    ``rolling``: so many units back from this moment. ``to_date``: calendar units up to now, the current one counts as one (one
    day is today). ``complete``: calendar units that are over (one month is last month).
    """

    last: int = Field(ge=1, le=10_000)
    unit: RangeUnit
    align: Literal["rolling", "to_date", "complete"] = "rolling"


def _which(given: Any) -> str:
    return "last" if (("last" in given) if isinstance(given, dict) else hasattr(given, "last")) else "between"


Range = Annotated[Annotated[Between, Tag("between")] | Annotated[Last, Tag("last")], Discriminator(_which)]


@dataclass(frozen=True, slots=True)
class Span:
    """From ``first`` up to, but not including, ``end``: milliseconds since the epoch."""

    first: int
    end: int


EVERYTHING: Final = Span(0, 4_102_444_800_000)
"""Until 2100: the warehouse takes no event from so far ahead."""


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its IANA name.

    Raises:
        InvalidInput: ``unknown_time_zone``.
    """
    try:
        if not _OF_A_MACHINE.match(name):
            return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        pass
    raise InvalidInput(f"{name[:64]!r} is no time zone: use a name like Europe/Vienna", code="unknown_time_zone")


def span_of(asked: Range | None, now: int, zone: ZoneInfo) -> Span:
    """The span that is meant at ``now`` (milliseconds since the epoch); without a range all time.

    Raises:
        InvalidInput: ``invalid_range``: it ends before it begins, or lies outside of what can be stored.
    """
    if asked is None:
        return EVERYTHING
    try:
        span = _between(asked, zone) if isinstance(asked, Between) else _last(asked, now, zone)
    except (OverflowError, ValueError) as error:
        raise InvalidInput("the range lies too far away", code="invalid_range") from error
    if span.first >= span.end:
        raise InvalidInput("the range ends before it begins", code="invalid_range")
    if span.first >= EVERYTHING.end or span.end <= EVERYTHING.first:
        raise InvalidInput("the range lies outside of 1970 to 2100", code="invalid_range")
    return Span(max(span.first, EVERYTHING.first), min(span.end, EVERYTHING.end))


def _between(asked: Between, zone: ZoneInfo) -> Span:
    return Span(_moment(asked.start, zone, days=0), _moment(asked.end, zone, days=1))


def _moment(text: str, zone: ZoneInfo, days: int) -> int:
    """Of a date its midnight, ``days`` later; of a time without an offset that of the zone."""
    text = text.strip()
    if _DATE.match(text):
        day = datetime.date.fromisoformat(text) + datetime.timedelta(days=days)
        return millis_of(datetime.datetime.combine(day, datetime.time()), zone)
    millis = parse_time(text)
    assert millis is not None, "the model has checked it"
    if re.search(r"(?:[Zz]|[+-]\d{2}:?\d{2})\Z", text[10:]):
        return millis
    return millis_of(datetime.datetime.fromtimestamp(millis / 1000, datetime.UTC).replace(tzinfo=None), zone)


def _last(asked: Last, now: int, zone: ZoneInfo) -> Span:
    now = -(-now // _MINUTE_MS) * _MINUTE_MS
    if asked.align == "rolling":
        return Span(_moved(now, asked.unit, -asked.last, zone), now)
    current = _begin_of(now, asked.unit, zone)
    if asked.align == "to_date":
        return Span(_moved(current, asked.unit, 1 - asked.last, zone), now)
    return Span(_moved(current, asked.unit, -asked.last, zone), current)


def span_before(asked: Range | None, span: Span, compare: str, zone: ZoneInfo) -> Span:
    """The time that a range, which is this span, is compared with.

    A year earlier, until the same last day; of calendar units up to now the same part of those before (this month until the
    27th with last month until the 27th); else as long just before it: as many months where it is whole months, as many hours
    where it is hours, else as much of the wall clock.
    """
    first, end = local(span.first, zone), local(span.end, zone)
    months = (end.year - first.year) * 12 + end.month - first.month
    is_months = months > 0 and floor(first, "month") == first and floor(end, "month") == end
    if compare == "previous_year":
        last = 0 if is_months else 1  # of February 2024 all, of a week up to its 28th none of the 29th
        return Span(_moved(span.first, "year", -1, zone), _moved(span.end - last, "year", -1, zone) + last)
    if isinstance(asked, Last) and asked.align == "to_date":
        return Span(*(_moved(at, asked.unit, -asked.last, zone) for at in (span.first, span.end)))
    if is_months:
        return Span(_moved(span.first, "month", -months, zone), span.first)
    if isinstance(asked, Last) and asked.unit in _SECONDS:
        return Span(2 * span.first - span.end, span.first)
    return Span(millis_of(first - (end - first), zone), span.first)


def _moved(millis: int, unit: RangeUnit, count: int, zone: ZoneInfo) -> int:
    """So many units later: of minutes and hours as they pass, of longer ones by the zone's calendar."""
    if unit in _SECONDS:
        return millis + count * _SECONDS[unit] * 1000
    return millis_of(shifted(local(millis, zone), unit, count), zone)


def _begin_of(millis: int, unit: RangeUnit, zone: ZoneInfo) -> int:
    """Of the calendar unit; of an hour that the clock shows twice its own."""
    here = local(millis, zone)
    begin = floor(here, unit)
    return millis - round((here - begin).total_seconds() * 1000) if unit in _SECONDS else millis_of(begin, zone)


def local(millis: int, zone: ZoneInfo) -> datetime.datetime:
    """The wall clock of the zone, without the zone."""
    whole, rest = divmod(millis, 1000)
    moment = datetime.datetime.fromtimestamp(whole, zone)
    return moment.replace(tzinfo=None, microsecond=rest * 1000)


def millis_of(wall: datetime.datetime, zone: ZoneInfo) -> int:
    """When a wall clock shows this: the first time where it does twice, and where it never does, as if the clock had not been
    set forward."""
    return round(wall.replace(tzinfo=zone).timestamp() * 1000)


def floor(wall: datetime.datetime, unit: RangeUnit) -> datetime.datetime:
    """The begin of the calendar unit."""
    if unit == "minute":
        return wall.replace(second=0, microsecond=0)
    if unit == "hour":
        return wall.replace(minute=0, second=0, microsecond=0)
    day = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "week":
        return day - datetime.timedelta(days=day.weekday())
    if unit in _MONTHS:
        return day.replace(day=1, month=(day.month - 1) // _MONTHS[unit] * _MONTHS[unit] + 1)
    return day


def shifted(wall: datetime.datetime, unit: RangeUnit, count: int) -> datetime.datetime:
    """So many units later by the calendar; the last day of a shorter month stands for days that it lacks."""
    if unit in _SECONDS:
        return wall + datetime.timedelta(seconds=_SECONDS[unit] * count)
    if unit in _DAYS:
        return wall + datetime.timedelta(days=_DAYS[unit] * count)
    months = wall.year * 12 + wall.month - 1 + _MONTHS[unit] * count
    year, month = divmod(months, 12)
    return wall.replace(year=year, month=month + 1, day=min(wall.day, _days_in(year, month + 1)))


def _days_in(year: int, month: int) -> int:
    begin = datetime.date(year, month, 1)
    return ((begin + datetime.timedelta(days=31)).replace(day=1) - begin).days
