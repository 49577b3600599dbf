"""Questions about who is new, who had been there before, and who bought again."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

from millrace_analytics.ai.offline import grammar
from millrace_analytics.ai.offline.amounts import percent_of, plain
from millrace_analytics.ai.offline.lexicon import METRIC, Sense
from millrace_analytics.ai.offline.people import is_return, noun_of
from millrace_analytics.ai.offline.placing import SlotReader
from millrace_analytics.ai.offline.ranging import never_before
from millrace_analytics.ai.offline.scanning import Piece
from millrace_analytics.ai.offline.slots import PEOPLE, NotUnderstood, Slots, both, event_of
from millrace_analytics.ai.offline.trends import Reader
from millrace_analytics.ai.plans import Arrivals, Plan
from millrace_warehouse.metrics.catalogue import METRICS
from millrace_warehouse.metrics.filters import Did, Filter, Not
from millrace_warehouse.metrics.measures import Measure
from millrace_warehouse.metrics.questions import Lifecycle, Trend
from millrace_warehouse.metrics.ranges import Last, Range, Unit

_PERIODS: Final = {"day": 56, "week": 12, "month": 12}
"""That are looked back where no time is named."""
_Who = Literal["new", "returning", "both", "repeat"]


def is_about_new(pieces: Sequence[Piece]) -> bool:
    """Whether it asks for new people, or for those who had been there before."""
    said = [piece for piece in pieces if piece.kind != "stop" and not is_return(piece)]
    if any(piece.is_a(grammar.AGAIN) for piece in said):
        return not any(piece.is_a(grammar.WINDOW, grammar.AFTER, grammar.NOT, grammar.FIRST_SEEN) for piece in pieces)
    if any(one.is_a(grammar.NEW, grammar.RETURNING) and _is_somebody(other) for one, other in itertools.pairwise(said)):
        return True
    is_said_last = bool(said) and said[-1].is_a(grammar.NEW, grammar.RETURNING)  # "what share of visitors were new"
    return (_is_both(said) or is_said_last) and any(_is_somebody(piece) for piece in said)


def _is_somebody(piece: Piece) -> bool:
    return bool(noun_of(piece))


def _is_both(pieces: Sequence[Piece]) -> bool:
    """``new vs returning``."""
    return all(any(piece.is_a(kind) for piece in pieces) for kind in (grammar.NEW, grammar.RETURNING))


def new_plan(reader: Reader, pieces: Sequence[Piece]) -> Plan:
    """New people, those who had been there before, or both: of a time, or of each day, week or month.

    Raises:
        NotUnderstood: a piece has no place, or it is about more than that.
    """
    who = _who(pieces)
    if any(piece.is_a(grammar.AGAIN) for piece in pieces):
        pieces = _of_buyers(pieces)
    own = (grammar.NEW, grammar.RETURNING, *((grammar.COMPARE, grammar.AND) if who == "both" else ()))
    slots = SlotReader([piece for piece in pieces if not piece.is_a(*own)]).read()
    share, slots.share = slots.share, False
    _only(slots, "new people are compared with")
    if len(slots.measures) != 1 or slots.measures[0].kind != METRIC:
        raise NotUnderstood("how new people and others belong together")
    metric = slots.measures[0].name
    if metric == "users":
        slots.measures[0] = Sense(METRIC, "people")  # who is new need not be signed in
    if slots.grain is None and slots.over_time:
        slots.grain = "day"
    buying = METRICS["purchases"].measure.where if _are_buyers(pieces) else None
    of_customers = buying if metric == "customers" else None
    if slots.grain is not None and who != "repeat":
        if share or metric not in PEOPLE.keys() - {"sessions", "events", "page_views"}:
            raise NotUnderstood("what new people did over time, or their share")
        return _in_each(reader, slots, who, slots.grain, buying)
    if who == "repeat" or (who == "returning" and of_customers is not None and not slots.ranges):
        return _repeaters(reader, slots, of_customers, share=share)
    return _of_time(reader, slots, who, buying, share=share)


def _are_buyers(pieces: Sequence[Piece]) -> bool:
    """Whether those who are new are customers: they are by their first purchase, whatever is measured of them."""
    said = [piece for piece in pieces if piece.kind != "stop"]
    named = [other for one, other in itertools.pairwise(said) if one.is_a(grammar.NEW, grammar.RETURNING) and noun_of(other)]
    return any(one.name == "customers" for piece in named or filter(noun_of, said) for one in piece.all(METRIC))


def _of_buyers(pieces: Sequence[Piece]) -> list[Piece]:
    """``buyers who came back and bought again``: whoever buys again is a customer, and all of it says that once."""
    if any(event_of(one) is not None and not one.is_a(grammar.AGAIN) for one in pieces):
        raise NotUnderstood("whether what they did again is behind something else that they did")
    kept = [one for one in pieces if not (one.is_a(grammar.AGAIN, grammar.WHO, grammar.AND) or is_return(one)
)]  # fmt: skip
    buyers = Sense(METRIC, "customers")
    return [replace(one, senses=(buyers,)) if noun_of(one) else one for one in kept]


def _who(pieces: Sequence[Piece]) -> _Who:
    if _is_both(pieces):
        return "both"
    if any(one.is_a(grammar.NEW) for one in pieces):
        return "new"
    if any(one.is_a(grammar.AGAIN) for one in pieces):
        return "repeat"
    is_repeat = any(one.is_a(grammar.RETURNING) and one.text.lower().startswith("repeat") for one in pieces)
    return "repeat" if is_repeat else "returning"


def _of_time(reader: Reader, slots: Slots, who: _Who, buying: Filter | None, *, share: bool) -> Plan:
    """By what they did before the time that is named."""
    if not slots.ranges:
        raise NotUnderstood("since when they are new: name a time, as in “in the last 7 days”")
    never = never_before(slots.ranges[0].range, reader, *([buying] if buying is not None else []))
    filters: dict[str, Filter] = {"new": never, "returning": Not.model_validate({"not": never})}
    wanted = ["new", "returning"] if who == "both" else [who]
    if share and who == "both":
        raise NotUnderstood("the share of which of them")
    plan, question, whole = _counted(reader, slots)
    if len(wanted) == 1 and not share:
        where = both(question.where, filters[who])
        return Plan(question=question.model_copy(update={"where": where}), then=plan.then)
    measures: list[Measure] = [
        whole.model_copy(update={"where": both(whole.where, filters[one]), "name": one}) for one in wanted
    ]
    if share:
        measures = [percent_of(measures[0], whole)]
    return Plan(question=question.model_copy(update={"measures": tuple(measures)}), then=plan.then)


def _counted(reader: Reader, slots: Slots) -> tuple[Plan, Trend, Measure]:
    """What counts all of them."""
    plan = reader.plan(slots)
    assert isinstance(plan.question, Trend), "slots make a trend"
    return plan, plan.question, plain(plan.question.measures[0])


def _in_each(reader: Reader, slots: Slots, who: _Who, grain: Unit, buying: Filter | None) -> Plan:
    if slots.by or slots.is_ranked or grain not in ("day", "week", "month"):
        raise NotUnderstood(f"new people for each {grain} and what else")
    asked = slots.ranges[0].range if slots.ranges else None
    where = both(reader.filters(slots), buying)
    question = Lifecycle.model_validate(
        {"kind": "lifecycle", "range": _ranged(reader, asked, grain), "unit": grain, "where": where}
    )
    return Plan(question=question, then=Arrivals.model_validate({"who": who}))


def _repeaters(reader: Reader, slots: Slots, buying: Filter | None, *, share: bool) -> Plan:
    """Those who bought more than once, of all who bought where their share is asked for."""
    if buying is None or slots.grain is not None:
        raise NotUnderstood("who did what more than once")
    reader.assumptions.append("more than one purchase")
    plan, question, whole = _counted(reader, slots)
    again = whole.model_copy(update={"where": both(whole.where, Did(did=buying, at_least=2)), "name": "repeat_customers"})
    measure = percent_of(again, whole) if share else again
    return Plan(question=question.model_copy(update={"measures": (measure,)}), then=plan.then)


def _only(slots: Slots, what: str) -> None:
    """That nothing else is asked than something of a time."""
    if slots.bots:
        raise NotUnderstood("which bots are new")
    more = (slots.share, slots.compare, slots.previous, slots.growth, slots.is_moving, slots.moving, slots.running, slots.per)
    if any(more) or slots.having is not None or slots.which_unit is not None or slots.numbers or len(slots.ranges) > 1:
        raise NotUnderstood(f"what {what}")


def _ranged(reader: Reader, asked: Range | None, grain: Unit) -> Range:
    if asked is not None:
        return asked
    days = _PERIODS[grain]
    reader.assumptions.append(f"the last {days} {grain}s, as no time is named")
    return Last.model_validate({"last": days, "unit": grain, "align": "to_date"})
