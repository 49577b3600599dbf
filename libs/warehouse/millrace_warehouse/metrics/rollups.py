"""Which questions a rollup answers as the events would, and the rows that stand for them then."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from millrace_warehouse.metrics.arithmetic import Resolved, resolved, written
from millrace_warehouse.metrics.conditions import conjunction
from millrace_warehouse.metrics.filters import AllOf, AnyOf, Comparison, Did, Filter, InSegment, Not
from millrace_warehouse.metrics.measures import Count, Formula, Unique
from millrace_warehouse.metrics.parts import FieldName
from millrace_warehouse.metrics.ranges import EVERYTHING, Span, Unit
from millrace_warehouse.metrics.statements import Writing

_CLOCK: Final = frozenset({"hour_of_day", "day_of_week"})
_EVENTS: Final = frozenset({"event_type", "is_bot"}) | _CLOCK
_PAGES: Final = frozenset({"event_type", "page_path"}) | _CLOCK
_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Source:
    """Where the rows come from."""

    name: str
    """As the answer says it."""
    table: str
    """What stands behind FROM."""
    where: tuple[str, ...]
    """Conditions that are not in ``table`` already."""
    is_rollup: bool


def events_of(writing: Writing, span: Span) -> Source:
    """The events themselves."""
    return Source("events_raw", "events_raw", tuple(writing.within(span, with_nobody=True)), is_rollup=False)


def source_of(
    writing: Writing, span: Span, measures: Sequence[Resolved], by: Sequence[FieldName], where: Filter | None, unit: Unit | None
) -> Source:
    """A rollup where one has everything that the question asks for, else the events."""
    kind = _kind(writing, measures, by, where)
    if kind is None or not _is_aligned(span, _MINUTE_MS):
        return events_of(writing, span)
    clock = any(field.name in _CLOCK for field in _fields(writing, measures, by, where))
    hours = unit != "minute" and ((unit is None and not clock) or _has_whole_hours(span, writing.zone))
    rows = _rows(writing, kind, span, whole_hours=hours)
    return Source(rows[0], f"({rows[1]})", (), is_rollup=True)


def of_rollup(writing: Writing, one: Resolved) -> str:
    """A measure over rows of a rollup."""
    if isinstance(one.measure, Formula):
        parts = {name: of_rollup(writing, resolved(part, one.where)) for name, part in one.measure.parts.items()}
        return written(one.measure.formula, lambda name: f"toFloat64({parts[name]})")
    when = conjunction(writing, *one.where) or "1"
    return f"sumIf(events, {when})" if isinstance(one.measure, Count) else f"uniqMergeIf(visitors, {when})"


def _kind(writing: Writing, measures: Sequence[Resolved], by: Sequence[FieldName], where: Filter | None) -> str | None:
    if not all(_is_kept(one) for one in measures):
        return None
    fields = list(_fields(writing, measures, by, where))
    if any(field.type not in (None, "boolean" if field.name == "is_bot" else None) for field in fields):
        return None
    names = {field.name for field in fields}
    if names <= _EVENTS:
        return "events"
    if names <= _PAGES and all(_is_of_pages(writing, (where, *one.where)) for one in simple(measures)):
        return "pages"
    return None


def _is_kept(one: Resolved) -> bool:
    if isinstance(one.measure, Formula):
        return all(_is_kept(resolved(part)) for part in one.measure.parts.values())
    return isinstance(one.measure, Count) or (
        isinstance(one.measure, Unique) and one.measure.of == "visitor" and not one.measure.exact
    )


def simple(measures: Sequence[Resolved]) -> Iterator[Resolved]:
    """The measures that formulas are made of, and those that are none."""
    for one in measures:
        if isinstance(one.measure, Formula):
            yield from simple([resolved(part, one.where) for part in one.measure.parts.values()])
        else:
            yield one


def _fields(
    writing: Writing, measures: Sequence[Resolved], by: Sequence[FieldName], where: Filter | None
) -> Iterator[FieldName]:
    yield from by
    for given in (where, *(each for one in simple(measures) for each in one.where)):
        if given is not None:
            yield from _compared(writing, given)


def _compared(writing: Writing, given: Filter) -> Iterator[FieldName]:
    """Looks into each segment once: that they end is known when their conditions are written, which is later."""
    left, segments = [given], set[str]()
    while left:
        match left.pop():
            case Comparison(field=field):
                yield field
            case AllOf(all=inner) | AnyOf(any=inner):
                left += inner
            case Not(negated=inside):
                left.append(inside)
            case InSegment(segment=name) if name not in segments:
                segments.add(name)
                left.append(writing.segment(name))
            case Did():
                yield FieldName(name="person")  # no rollup knows people


def _is_of_pages(writing: Writing, filters: Sequence[Filter | None]) -> bool:
    """Whether only page views with a path can pass."""
    sure = [one for given in filters if given is not None for one in _conjuncts(writing, given)]
    views = any(one.field.name == "event_type" and one.operator == "eq" and one.value == "page_view" for one in sure)
    paths = any(
        one.field.name == "page_path" and (one.operator == "is_set" or (one.operator in ("eq", "starts_with") and one.value))
        for one in sure
    )
    return views and paths


def _conjuncts(writing: Writing, given: Filter) -> Iterator[Comparison]:
    left, segments = [given], set[str]()
    while left:
        match left.pop():
            case Comparison() as found:
                yield found
            case AllOf(all=inner):
                left += inner
            case InSegment(segment=name) if name not in segments:
                segments.add(name)
                left.append(writing.segment(name))


def _is_aligned(span: Span, size: int) -> bool:
    return span.first % size == 0 and span.end % size == 0


def _has_whole_hours(span: Span, zone: ZoneInfo) -> bool:
    """Whether hours of the zone are hours of UTC all the time: looked at every week and at the end, as zones change at
    most twice a year."""
    if zone.key == "UTC":
        return True
    first = span.first // 1000
    last = min(span.end // 1000, first + 20 * 366 * 86_400)
    offsets = (datetime.fromtimestamp(at, zone).utcoffset() for at in (*range(first, last, 7 * 86_400), last))
    return all(offset is not None and offset % timedelta(hours=1) == timedelta() for offset in offsets)


def _rows(writing: Writing, kind: str, span: Span, *, whole_hours: bool) -> tuple[str, str]:
    """The name, and a SELECT of ``timestamp``, the dimension, ``is_bot``, ``events`` and ``visitors``: whole hours from the
    rollup by hour, what is over at both ends from that by minute."""
    if not whole_hours:
        return f"{kind}_by_minute", _select(writing, kind, "minute", span)
    first, end = -(-span.first // _HOUR_MS) * _HOUR_MS, span.end // _HOUR_MS * _HOUR_MS
    if first >= end:
        return f"{kind}_by_minute", _select(writing, kind, "minute", span)
    edges = [edge for edge in (Span(span.first, first), Span(end, span.end)) if edge.first < edge.end]
    selects = [_select(writing, kind, "hour", Span(first, end)), *(_select(writing, kind, "minute", edge) for edge in edges)]
    return f"{kind}_by_hour", " UNION ALL ".join(selects)


def _select(writing: Writing, kind: str, bucket: str, span: Span) -> str:
    columns = {"events": "event_type, is_bot, events", "pages": "'page_view' AS event_type, page_path, is_bot, views AS events"}
    where = ["customer_id = {tenant:String}"]
    if span.first > EVERYTHING.first:
        where.append(f"{bucket} >= toDateTime({writing.bind(span.first // 1000, 'Int64')}, 'UTC')")
    if span.end < EVERYTHING.end:
        where.append(f"{bucket} < toDateTime({writing.bind(span.end // 1000, 'Int64')}, 'UTC')")
    if writing.bots != "include":
        where.append("is_bot" if writing.bots == "only" else "NOT is_bot")
    return f"SELECT {bucket} AS timestamp, {columns[kind]}, visitors FROM {kind}_by_{bucket} WHERE {' AND '.join(where)}"
