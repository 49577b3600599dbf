"""Questions about sessions as wholes: how long they are, how many are bounces, how many engaged. The metric layer's own
sessions answer them, by its rule (30 minutes without an event), whatever ids clients sent."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

from millrace_analytics.ai.describing import BEGINNING
from millrace_analytics.ai.offline import grammar
from millrace_analytics.ai.offline.lexicon import DIMENSION, METRIC, VALUE
from millrace_analytics.ai.offline.people import noun_of
from millrace_analytics.ai.offline.placing import SlotReader
from millrace_analytics.ai.offline.scanning import Piece
from millrace_analytics.ai.offline.slots import NotUnderstood, Slots, field_of
from millrace_analytics.ai.offline.trends import Reader
from millrace_analytics.ai.plans import OfSessions, Plan, SessionMeasure
from millrace_warehouse.metrics.parts import FieldName
from millrace_warehouse.metrics.questions import Sessions
from millrace_warehouse.metrics.ranges import Between, Last, Range, Unit, local, zone_of

_MOST_GROUPS: Final = 100
_TOP: Final = 10
_WEEKS: Final = 12
_OWN: Final = (grammar.SESSION_LENGTH, grammar.IN_SECONDS, grammar.BOUNCE, grammar.OF_SESSIONS)
_LENGTHS: Final[dict[str, SessionMeasure]] = {"": "average_length", "avg": "average_length", "median": "median_length"}


def is_about_stays(pieces: Sequence[Piece]) -> bool:
    """Whether it asks how sessions are."""
    return any(piece.is_a(grammar.SESSION_LENGTH, grammar.BOUNCE, grammar.OF_SESSIONS) for piece in pieces)


def stays_plan(reader: Reader, pieces: Sequence[Piece]) -> Plan:
    """One measure of sessions: of all of them, by the value that they begin with, over time.

    Raises:
        NotUnderstood: a piece has no place, or it asks for more than that.
    """
    kind = next(piece for piece in pieces if piece.is_a(grammar.SESSION_LENGTH, grammar.BOUNCE, grammar.OF_SESSIONS))
    slots = SlotReader(_others(pieces)).read()
    measure = _measure(kind, slots)
    _only(slots)
    by, grain = _by(slots), slots.grain
    if grain is None and slots.over_time:
        grain = "day"
    if (grain is not None and by is not None) or (slots.is_ranked and by is None):
        raise NotUnderstood("sessions by time and by something else" if grain else "which sessions are ranked")
    order: Literal["", "highest", "lowest"] = ""
    if by is not None and slots.is_ranked:
        order = "lowest" if slots.ascending else "highest"
    count = slots.top or (1 if slots.single else _TOP) if order and slots.is_superlative else None
    asked = Sessions(
        kind="sessions",
        range=slots.ranges[0].range if slots.ranges else _usual(reader, grain),
        where=reader.filters(slots),
        granularity=grain,
        by=by,
        top=_MOST_GROUPS,
        bots="include" if slots.bots else "exclude",
    )
    reader.assumptions.append("a session ends after 30 minutes without an event")
    if measure == "bounce_rate":
        reader.assumptions.append("a bounce is a session with a single event")
    return Plan(question=asked, then=OfSessions(measure=measure, order=order, count=count))


def _others(pieces: Sequence[Piece]) -> list[Piece]:
    """What stands beside the measure: words for people and sessions say nothing of their own here."""
    found: list[Piece] = []
    said = [piece for piece in pieces if piece.kind != "stop"]
    for at, piece in enumerate(said):
        before = said[at - 1] if at else None
        is_listing = before is not None and before.is_a(grammar.BY, grammar.WHICH, grammar.TOP, grammar.BOTTOM)
        if piece.is_a(*_OWN):
            continue
        if piece.is_a(grammar.SHARE, grammar.HOW_MANY) or (not is_listing and _is_whose(piece)):
            continue
        found.append(_as_page(piece))
    return found


def _is_whose(piece: Piece) -> bool:
    metric = piece.sense(METRIC)
    return not piece.is_a(VALUE) and metric is not None and (bool(noun_of(piece)) or metric.name in ("sessions", "events"))


def _as_page(piece: Piece) -> Piece:
    """``pages`` are those that sessions begin with."""
    named = [one for one in piece.all(DIMENSION) if one.name == "page_path"]
    return replace(piece, senses=tuple(named)) if named and piece.is_a(METRIC) else piece


def _measure(kind: Piece, slots: Slots) -> SessionMeasure:
    if kind.is_a(grammar.BOUNCE):
        wanted: SessionMeasure = "bounce_rate"
    elif (named := kind.sense(grammar.OF_SESSIONS)) is not None:
        wanted = "engagement_rate" if named.name == "engagement_rate" else "bounce_rate"
    elif (length := _LENGTHS.get(slots.aggregate)) is not None:
        return length
    else:
        raise NotUnderstood("what of the length of sessions: their average and their median are known")
    if slots.aggregate not in ("", "avg"):
        raise NotUnderstood(f"the {slots.aggregate} of a share")
    return wanted


def _by(slots: Slots) -> FieldName | None:
    named = [*slots.by, *(one for one in slots.measures if one.kind == DIMENSION and one.detail != "number")]
    if len(named) > 1 or any(one not in named for one in slots.measures):
        raise NotUnderstood("by what sessions are told apart")
    if not named and slots.compare:
        fields = {senses[0].name for senses in slots.values}
        if len(slots.values) < 2 or len(fields) != 1 or any(senses[0].label for senses in slots.values):
            raise NotUnderstood("which sessions are compared")
        return FieldName(name=fields.pop())  # "on mobile vs desktop"
    return field_of(named[0]) if named else None


def _only(slots: Slots) -> None:
    """That nothing else is asked."""
    more = (slots.share, slots.previous, slots.growth, slots.is_moving, slots.moving, slots.running, slots.per, slots.unique)
    if any(more) or slots.having is not None or slots.which_unit is not None or slots.numbers or len(slots.ranges) > 1:
        raise NotUnderstood("what sessions are compared with")


def _usual(reader: Reader, grain: Unit | None) -> Range:
    """Where no time is named: all of it, which has to have a begin here; of a series the last weeks."""
    if grain is not None:
        reader.assumptions.append(f"the last {_WEEKS} weeks, as no time is named")
        return Last(last=_WEEKS, unit="week", align="to_date")
    reader.assumptions.append("all time, as no time is named")
    return Between(start=BEGINNING, end=local(reader.now, zone_of(reader.time_zone)).date().isoformat())
