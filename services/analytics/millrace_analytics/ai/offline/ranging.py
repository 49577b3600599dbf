"""When a question about measures is about: its range, the length of its steps, and what it is compared with."""

import datetime
from dataclasses import replace
from typing import Any, Final

from millrace_analytics.ai.describing import BEGINNING
from millrace_analytics.ai.offline.comparing import compared, same_part
from millrace_analytics.ai.offline.slots import Ambiguous, NotUnderstood, Slots, Told
from millrace_analytics.ai.ports import Unclear
from millrace_core.time import iso_time
from millrace_warehouse.metrics.filters import AllOf, Comparison, Did, Filter
from millrace_warehouse.metrics.ranges import Between, Last, Range, Span, Unit, local, span_before, span_of, zone_of

_DAY_MS: Final = 86_400_000
ANYTHING: Final = Comparison(field="event_type", operator="is_set")
_LONG_AGO: Final = datetime.date.fromisoformat(BEGINNING)


def asked_time(reader: Told, slots: Slots, grain: Unit | None, *, is_growing: bool) -> tuple[Range | None, Unit | None, Any]:
    """The range, the unit of a series, and what it is compared with.

    Raises:
        NotUnderstood, Ambiguous: the times do not fit together, or one is missing.
    """
    if len(slots.ranges) > 2:
        raise NotUnderstood("which times are compared")
    if len(slots.ranges) == 2:
        return _two_times(reader, slots, grain)
    asked = slots.ranges[0].range if slots.ranges else None
    compare = {"": None, "period": "previous_period", "year": "previous_year"}[slots.previous]
    if slots.growth and not is_growing and compare is None:
        compare = "previous_period"
    if slots.previous_is is not None and (not isinstance(asked, Last) or (asked.last, asked.unit) != slots.previous_is):
        raise NotUnderstood("how the times that are compared belong together")
    if compare is not None and asked is None:
        text = reader.text.rstrip(" ?.!")
        options = (f"{text} in the last 7 days", f"{text} this month", f"{text} week over week")
        raise Ambiguous(Unclear("It does not say which time is compared with the one before.", options))
    if slots.compare and compare is None and not slots.values and not slots.by and len(slots.measures) < 2:
        raise NotUnderstood("what is compared")
    if asked is None:
        reader.assumptions.append("all time, as no time is named")
    if grain is None and slots.over_time:
        grain = _fitting(reader, asked)
    return asked, grain, compare


def _fitting(reader: Told, asked: Range | None) -> Unit:
    span = span_asked(reader, asked)
    days = (span.end - span.first) / _DAY_MS
    found: Unit = "hour" if days <= 2 else "day" if days <= 120 or asked is None else "week" if days <= 730 else "month"
    reader.assumptions.append(f"a value for each {found}")
    return found


def times_apart(told: Told, slots: Slots) -> list[tuple[str, Filter]]:
    """Two times that are compared, and neither lie beside each other nor are units of one kind, as filters with names; the
    slots have the time around both then. Nothing where they are to be answered in another way."""
    more = (slots.grain, slots.previous, slots.growth, slots.which_unit, slots.share, slots.having, slots.running)
    if slots.is_with_same and len(slots.ranges) < 2 and not slots.previous:
        raise NotUnderstood("the same time of what it is compared with")
    is_same = slots.same_part and len(slots.ranges) == 2
    if is_same and (any(more) or slots.is_ranked):
        raise NotUnderstood("how the same parts of two times are told so")
    if len(slots.ranges) != 2 or any(more) or slots.is_ranked or not (is_same or slots.compare or slots.joined):
        return []
    spans = _two_spans(told, slots, is_same=is_same)
    if not spans or (spans[0].first < spans[1].end and spans[1].first < spans[0].end):
        return []  # one is in the other
    zone = zone_of(told.time_zone)
    days = [tuple(local(at, zone).date().isoformat() for at in (one.first, one.end - 1)) for one in spans]
    around = Between(start=min(first for first, _ in days), end=max(last for _, last in days))
    slots.ranges[:] = [replace(slots.ranges[0], range=around)]
    slots.compare = False
    names = [f"from_{first}_to_{last}".replace("-", "_") for first, last in days]
    return [(name, _between(one)) for name, one in zip(names, spans, strict=True)]


def _two_spans(told: Told, slots: Slots, *, is_same: bool) -> list[Span]:
    """Nothing where the one is the period before the other, or both are rows of one series."""
    zone = zone_of(told.time_zone)
    first, second = slots.ranges
    if is_same:
        spans = same_part(first, second, told.now, zone)
        told.assumptions.append(f"up to the same moment: {local(spans[1].end, zone):%Y-%m-%d %H:%M} of the time before")
        return list(spans)
    try:
        compared(first, second, told.now, zone)
    except NotUnderstood:
        return [span_asked(told, one.range) for one in slots.ranges]
    return []


def _between(span: Span) -> Filter:
    first, end = (iso_time(at) for at in (span.first, span.end))
    return AllOf(all=(
        Comparison(field="timestamp", operator="ge", value=first), Comparison(field="timestamp", operator="lt", value=end),
    ))  # fmt: skip


def _two_times(reader: Told, slots: Slots, grain: Unit | None) -> tuple[Range | None, Unit | None, Any]:
    if grain is not None or slots.previous:
        raise NotUnderstood("which times are compared")
    found = compared(slots.ranges[0], slots.ranges[1], reader.now, zone_of(reader.time_zone))
    reader.assumptions += found.assumptions
    return found.range, found.unit, "previous_period" if found.is_before else None


def span_asked(reader: Told, asked: Range | None) -> Span:
    """What a range is now."""
    return span_of(asked, reader.now, zone_of(reader.time_zone))


def never_before(asked: Range, told: Told, what: Filter = ANYTHING) -> Filter:
    """That somebody did nothing of the kind before a time.

    Raises:
        NotUnderstood: it has no begin.
    """
    zone = zone_of(told.time_zone)
    begin = local(span_of(asked, told.now, zone).first, zone)
    if begin.date() <= _LONG_AGO:
        raise NotUnderstood("since when they are new")
    before = Between(start=_LONG_AGO.isoformat(), end=begin.isoformat(timespec="milliseconds"))
    return Did(did=what, at_most=0, range=before)


def time_before(asked: Range | None, told: Told) -> Between:
    """As long as a time, just before it.

    Raises:
        NotUnderstood: there is no time.
    """
    if asked is None:
        raise NotUnderstood("before which time")
    zone = zone_of(told.time_zone)
    span = span_before(asked, span_of(asked, told.now, zone), "previous_period", zone)
    first, end = (local(at, zone).isoformat(timespec="milliseconds") for at in (span.first, span.end))
    return Between(start=first, end=end)
