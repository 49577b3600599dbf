"""Two times of one question beside each other: one is the period before the other, or they are rows of one series."""

import re
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from millrace_analytics.ai.offline.slots import NotUnderstood
from millrace_analytics.ai.offline.times import When
from millrace_warehouse.metrics.ranges import (
    Between,
    Last,
    Range,
    Span,
    Unit,
    floor,
    local,
    millis_of,
    shifted,
    span_before,
    span_of,
)

_CALENDAR: Final = ("day", "week", "month")


@dataclass(frozen=True, slots=True)
class Compared:
    """A range, and how the other time is found in its answer."""

    range: Range
    unit: Unit | None = None
    """A row for each of these."""
    is_before: bool = False
    """Whether the other time is the period before."""
    assumptions: tuple[str, ...] = ()


def compared(one: When, other: When, now: int, zone: ZoneInfo) -> Compared:
    """How two times are compared.

    Raises:
        NotUnderstood: they do not lie behind each other.
    """
    first, second = _whole(one.range, now, zone), _whole(other.range, now, zone)
    if first == second and other.text_says_previous:
        return Compared(one.range, is_before=True)
    unit = _unit_of(one) if _unit_of(one) == _unit_of(other) else None
    earlier, later = sorted((first, second), key=lambda span: span.first)
    if unit is None and earlier.end == later.first and earlier.end - earlier.first == later.end - later.first:
        days = [_day(at, zone) for at in (later.first, later.end - 1)]  # as long as each other: one is the period before
        return Compared(Between(start=days[0], end=days[1]), is_before=True)
    if unit is None or earlier.end != later.first:
        raise NotUnderstood(f"how “{one.named}” and “{other.named}” are compared")
    days = [_day(at, zone) for at in (earlier.first, later.end - 1)]
    unfinished = (f"the last {unit} is not over",) if later.end > now else ()
    return Compared(Between(start=days[0], end=days[1]), unit, assumptions=(f"a row for each {unit}", *unfinished))


def same_part(one: When, other: When, now: int, zone: ZoneInfo) -> tuple[Span, Span]:
    """A time of this week (or day, or month), and the same part of the week before: ``the same days last week``.

    Raises:
        NotUnderstood: they are no parts of such units.
    """
    part, whole = (one, other) if isinstance(other.range, Last) and other.range.align == "complete" else (other, one)
    unit = _unit_of(whole)
    span = span_of(part.range, now, zone)
    is_last = isinstance(whole.range, Last) and whole.range.align == "complete"
    if unit is None or not is_last or floor(local(span.first, zone), unit) != floor(local(now, zone), unit):
        raise NotUnderstood(f"which part of “{whole.named}” is the same as “{part.named}”")
    before = span_before(Last(last=1, unit=unit, align="to_date"), span, "previous_period", zone)
    begin = millis_of(floor(local(span.first, zone), unit), zone)
    return span, Span(before.first, min(before.end, begin))


def _whole(asked: Range, now: int, zone: ZoneInfo) -> Span:
    """The span; of a unit that goes on its whole."""
    if not isinstance(asked, Last) or asked.align == "rolling":
        return span_of(asked, now, zone)
    current = floor(local(now, zone), asked.unit)
    begin = current if asked.align == "to_date" else shifted(current, asked.unit, -1)
    return Span(millis_of(shifted(begin, asked.unit, 1 - asked.last), zone), millis_of(shifted(begin, asked.unit, 1), zone))


def _day(millis: int, zone: ZoneInfo) -> str:
    return local(millis, zone).date().isoformat()


def _unit_of(when: When) -> Unit | None:
    """The calendar unit that a range is one of."""
    asked = when.range
    if isinstance(asked, Last):
        is_one = asked.last == 1 and asked.align != "rolling"
        return asked.unit if is_one and asked.unit in _CALENDAR else None
    if asked.start == asked.end:
        return "day"
    return "month" if re.fullmatch(r"[A-Z][a-z]+ \d{4}", when.named) else None
