"""Questions about who is new, and about how long sessions are: what the metric layer answers by questions of its own."""

import itertools
from collections.abc import Sequence
from typing import Final

from millrace_analytics.ai.offline import grammar
from millrace_analytics.ai.offline.lexicon import METRIC, Sense
from millrace_analytics.ai.offline.people import never_before, noun_of
from millrace_analytics.ai.offline.placing import SlotReader
from millrace_analytics.ai.offline.scanning import Piece
from millrace_analytics.ai.offline.slots import NotUnderstood, Slots
from millrace_analytics.ai.offline.trends import Reader, both, field_of
from millrace_analytics.ai.plans import Plan
from millrace_warehouse.metrics.questions import Lifecycle, Sessions, Trend
from millrace_warehouse.metrics.ranges import Last, Range

_WEEKS: Final = 12
_MOST_GROUPS: Final = 100


def is_about_new(pieces: Sequence[Piece]) -> bool:
    """Whether it asks for new people: those who were there for the first time."""
    said = [piece for piece in pieces if piece.kind != "stop"]
    return any(one.is_a(grammar.NEW) and _is_somebody(other) for one, other in itertools.pairwise(said))


def _is_somebody(piece: Piece) -> bool:
    metric = piece.sense(METRIC)
    return bool(noun_of(piece)) and metric is not None and metric.name != "customers"  # those are new by what they bought


def new_plan(reader: Reader, pieces: Sequence[Piece]) -> Plan:
    """New people of a time, or of each day, week or month.

    Raises:
        NotUnderstood: a piece has no place, or it is about more than that.
    """
    slots = SlotReader([piece for piece in pieces if not piece.is_a(grammar.NEW)]).read()
    _only(slots, "new people are compared with")
    if len(slots.measures) != 1:
        raise NotUnderstood("how new people and others belong together")
    if slots.measures[0].name == "users":
        slots.measures[0] = Sense(METRIC, "people")  # who is new need not be signed in
    grain, asked = slots.grain, slots.ranges[0].range if slots.ranges else None
    if grain is None and slots.over_time:
        grain = "day"
    if grain is not None:
        if slots.by or slots.is_ranked or grain not in ("day", "week", "month"):
            raise NotUnderstood(f"new people for each {grain} and what else")
        return Plan(question=Lifecycle.model_validate(
            {"kind": "lifecycle", "range": _ranged(reader, asked), "unit": grain, "where": reader.filters(slots)}
        ))  # fmt: skip
    if asked is None:
        raise NotUnderstood("since when they are new: name a time, as in “in the last 7 days”")
    plan = reader.plan(slots)
    assert isinstance(plan.question, Trend), "slots make a trend"
    where = both(plan.question.where, never_before(asked, reader))
    return Plan(question=plan.question.model_copy(update={"where": where}), then=plan.then)


def is_about_stays(pieces: Sequence[Piece]) -> bool:
    """Whether it asks how long sessions are."""
    return any(piece.is_a(grammar.SESSION_LENGTH) for piece in pieces)


def stays_plan(reader: Reader, pieces: Sequence[Piece]) -> Plan:
    """The average length of sessions, in seconds.

    Raises:
        NotUnderstood: a piece has no place, or it asks for more than an average.
    """
    own = (grammar.SESSION_LENGTH, grammar.IN_SECONDS)
    slots = SlotReader([piece for piece in pieces if not piece.is_a(*own)]).read()
    _only(slots, "the length of sessions is compared with")
    is_more = slots.is_ranked or slots.unique or slots.counted or len(slots.by) > 1
    if slots.measures or slots.aggregate not in ("", "avg") or is_more:
        raise NotUnderstood("what of the length of sessions: their average is known")
    if slots.by and slots.grain is not None:
        raise NotUnderstood("the length of sessions by both")
    asked = Sessions(
        kind="sessions",
        range=_ranged(reader, slots.ranges[0].range if slots.ranges else None),
        where=reader.filters(slots),
        granularity=slots.grain,
        by=field_of(slots.by[0]) if slots.by else None,
        top=_MOST_GROUPS,
    )
    reader.assumptions.append("a session ends after 30 minutes without an event")
    return Plan(question=asked)


def _only(slots: Slots, what: str) -> None:
    """That nothing else is asked than something of a time."""
    more = (slots.share, slots.compare, slots.previous, slots.growth, slots.is_moving, slots.moving, slots.running, slots.per)
    if any(more) or slots.having is not None or slots.which_unit is not None or slots.numbers or len(slots.ranges) > 1:
        raise NotUnderstood(f"what {what}")


def _ranged(reader: Reader, asked: Range | None) -> Range:
    if asked is not None:
        return asked
    reader.assumptions.append(f"the last {_WEEKS} weeks, as no time is named")
    return Last(last=_WEEKS, unit="week", align="to_date")
