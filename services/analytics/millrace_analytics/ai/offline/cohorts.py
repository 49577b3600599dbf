"""Questions about one cohort: how many of those who began in a time came back so many days, weeks or months later."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from millrace_analytics.ai.offline import grammar
from millrace_analytics.ai.offline.lexicon import SEGMENT, VALUE, Sense
from millrace_analytics.ai.offline.people import noun_of
from millrace_analytics.ai.offline.ranging import ANYTHING, never_before
from millrace_analytics.ai.offline.scanning import Piece
from millrace_analytics.ai.offline.slots import NotUnderstood, Slots, both, event_of
from millrace_analytics.ai.offline.trends import Reader
from millrace_analytics.ai.plans import Plan, Returned
from millrace_warehouse.metrics.filters import Did, Filter, InSegment
from millrace_warehouse.metrics.questions import Retention
from millrace_warehouse.metrics.ranges import Between, Last, Range, local, span_of, zone_of

_Unit = Literal["day", "week", "month"]
_UNITS: Final[dict[str, _Unit]] = {"day": "day", "week": "week", "month": "month"}
_DAYS: Final = {"day": 1, "week": 7, "month": 31}
_USUAL: Final[dict[str, int]] = {"day": 8 * 7, "week": 12 * 7, "month": 365}
"""Days that are looked back where no time is named."""


@dataclass(slots=True)
class _Asked:
    unit: _Unit | None = None
    period: int | None = None
    range: Range | None = None
    start: Filter | None = None
    values: list[tuple[Sense, ...]] = field(default_factory=list)
    segments: list[Filter] = field(default_factory=list)


def is_day_n(pieces: Sequence[Piece]) -> bool:
    """Whether it asks for retention after so many days, weeks or months."""
    return any(piece.is_a(grammar.RETENTION) for piece in pieces) and _numbered(pieces) is not None


def is_followed(pieces: Sequence[Piece]) -> bool:
    """Whether it asks in which of the following weeks those came back who were first seen in one time."""
    is_cohort = any(piece.is_a(grammar.FIRST_SEEN) for piece in pieces)
    return is_cohort and any(_is_each_later(piece) for piece in pieces)


def _is_each_later(piece: Piece) -> bool:
    return piece.is_a(grammar.EACH_LATER) or (piece.is_a(grammar.FOLLOWING) and piece.plural)


def _numbered(pieces: Sequence[Piece]) -> tuple[int, int, _Unit, int] | None:
    """Where ``day 7``, ``7 day``, ``D7`` stands: from where, up to where, the unit and the number."""
    for at, piece in enumerate(pieces):
        if (short := piece.sense(grammar.NTH)) is not None:
            return at, at + 1, _UNITS[short.name], short.detail
        behind = pieces[at + 1] if at + 1 < len(pieces) else None
        if behind is None:
            return None
        one, other = (piece, behind) if piece.kind == "unit" else (behind, piece)
        unit = one.unit
        is_pair = one.kind == "unit" and other.kind == "number" and not (other.is_ordinal and one is piece)
        if is_pair and unit in ("day", "week", "month") and other.number:
            return at, at + 2, unit, other.number
    return None


def day_n_plan(reader: Reader, pieces: Sequence[Piece]) -> Plan:
    """Retention of all cohorts of a time together, in one later period.

    Raises:
        NotUnderstood: a piece has no place.
    """
    found = _numbered(pieces)
    assert found is not None, "it is there"
    first, end, unit, period = found
    asked = _Asked(unit=unit, period=period)
    for piece in [*pieces[:first], *pieces[end:]]:
        _take(asked, piece)
    return _plan(reader, asked)


def followed_plan(reader: Reader, pieces: Sequence[Piece]) -> Plan:
    """Retention of one cohort in each later period.

    Raises:
        NotUnderstood: a piece has no place, or no time is named.
    """
    each = next(piece for piece in pieces if _is_each_later(piece)).sense(grammar.EACH_LATER, grammar.FOLLOWING)
    assert each is not None, "it is there"
    asked = _Asked(unit=_UNITS[each.name])
    for piece in pieces:
        _take(asked, piece)
    if asked.range is None:
        raise NotUnderstood("when they were first seen")
    return _plan(reader, asked)


_SAYS_NOTHING: Final = (
    grammar.RETENTION, grammar.FIRST_SEEN, grammar.WHO, grammar.WHICH, grammar.HOW_MANY, grammar.SHARE, grammar.ALL_TIME,
    grammar.ACTIVE, grammar.BY, grammar.NEW, grammar.AND,
)  # fmt: skip


def _take(asked: _Asked, piece: Piece) -> None:
    if piece.kind == "stop":
        return
    if piece.kind == "when" and piece.when is not None and asked.range is None:
        asked.range = piece.when.range
    elif (happened := event_of(piece)) is not None and asked.start is None:
        asked.start = happened
    elif piece.is_a(VALUE):
        asked.values.append(tuple(piece.all(VALUE)))
    elif (segment := piece.sense(SEGMENT)) is not None:
        asked.segments.append(InSegment(segment=segment.name))
    elif not noun_of(piece) and not piece.is_a(*_SAYS_NOTHING, grammar.EACH_LATER, grammar.FOLLOWING):
        raise NotUnderstood(f"“{piece.text}”")


def _plan(reader: Reader, asked: _Asked) -> Plan:
    """The cohorts of the time, looked at until their period is over."""
    unit, until = asked.unit, None
    assert unit is not None, "it is known by now"
    where = reader.filters(Slots(values=asked.values, segments=asked.segments))
    zone = zone_of(reader.time_zone)
    today = local(reader.now, zone).date()
    if asked.range is None:
        reader.assumptions.append(f"who began in the last {_USUAL[unit]} days, as no time is named")
        looked_at: Range = Last(last=_USUAL[unit], unit="day")
    else:
        span = span_of(asked.range, reader.now, zone)
        first, last = local(span.first, zone).date(), local(span.end - 1, zone).date()
        until = last.isoformat()
        far = (asked.period or 1_000) + 1
        days = min((today - last).days, far * _DAYS[unit])
        end = last.fromordinal(last.toordinal() + max(days, 0))
        looked_at = Between(start=first.isoformat(), end=end.isoformat())
    began = {"what": asked.start} if asked.start is not None else {}
    where = both(where, never_before(looked_at, reader, **began))
    if asked.range is not None:  # a period of the cohort's may begin in the time and end behind it
        where = both(where, Did(did=asked.start or ANYTHING, range=asked.range))
    return Plan(
        question=Retention(kind="retention", range=looked_at, unit=unit, start=asked.start, where=where),
        then=Returned(period=asked.period, until=until),
    )
