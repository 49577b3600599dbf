"""Questions about steps that people take one behind the other, and about who comes back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from millrace_analytics.ai.offline import grammar
from millrace_analytics.ai.offline.carrying import refuse_two_kinds
from millrace_analytics.ai.offline.lexicon import DIMENSION, EVENT, METRIC, SEGMENT, VALUE, Sense
from millrace_analytics.ai.offline.people import is_return, noun_of
from millrace_analytics.ai.offline.scanning import Piece
from millrace_analytics.ai.offline.slots import NotUnderstood, Slots, both, event_of, field_of
from millrace_analytics.ai.offline.trends import Reader
from millrace_analytics.ai.plans import LastStep, Plan
from millrace_warehouse.metrics.filters import Comparison, Filter, InSegment, is_event
from millrace_warehouse.metrics.questions import Funnel, Lifecycle, Retention, Step, Stickiness
from millrace_warehouse.metrics.ranges import Last, Range

_SHOP: Final[tuple[str, ...]] = ("product_view", "add_to_cart", "checkout", "purchase")
_BEGIN: Final = "page_view"
_WEEKS: Final = 12
_Unit = Literal["day", "week", "month"]
_SAYS_NOTHING: Final = (
    grammar.FUNNEL, grammar.THEN, grammar.AND, grammar.PROCESS, grammar.HOW_MANY, grammar.WHO, grammar.SHARE, grammar.ALL_TIME,
    grammar.STEP,
)  # fmt: skip


def is_funnel(pieces: Sequence[Piece]) -> bool:
    """Whether it is about steps: it says so, or names one event and then another."""
    if any(piece.is_a(grammar.RETENTION, grammar.PATHS, grammar.RATIO) for piece in pieces):
        return False
    if any(piece.is_a(grammar.FUNNEL) for piece in pieces):
        return True
    is_asked = any(_is_rate(piece) for piece in pieces)
    events = [at for at, piece in enumerate(pieces) if event_of(piece) is not None or (is_asked and _is_page(piece))]
    if len(events) < 2 or any(piece.is_a(grammar.NOT) for piece in pieces):
        return False
    if any(piece.is_a(grammar.WINDOW) for piece in pieces):
        is_list = any(piece.is_a(grammar.WHO) or noun_of(piece) for piece in pieces)
        is_number = any(piece.is_a(grammar.HOW_MANY, grammar.SHARE) for piece in pieces)
        return (is_number or not is_list) and not any(
            piece.is_a(grammar.AFTER) and piece.text.lower() in ("after", "following") for piece in pieces
        )
    is_then = any(piece.is_a(grammar.THEN) for piece in pieces[events[0] : events[-1]])
    return is_then or (len(events) == 2 and any(_is_later(piece) for piece in pieces[events[-1] + 1 :]))


def _is_later(piece: Piece) -> bool:
    """``and bought afterwards``; what stands before a name (``after the signup``) turns the order round."""
    return piece.text.lower() in ("later", "afterwards", "after that")


def _last(pieces: Sequence[Piece], steps: int) -> LastStep | None:
    """How many came to the end, where that is asked and not each step."""
    is_rate = any(_is_rate(piece) for piece in pieces)
    if steps < 2 or any(piece.is_a(grammar.STEP, grammar.PROCESS) or _is_table(piece) for piece in pieces):
        return None
    if is_rate:
        return LastStep(share=True)
    if any(piece.is_a(grammar.SHARE) for piece in pieces):
        return LastStep(share=True)
    return LastStep() if any(piece.is_a(grammar.HOW_MANY) for piece in pieces) else None


def _is_loss(piece: Piece) -> bool:
    said = piece.text.lower()
    return piece.is_a(grammar.FUNNEL) and any(word in said for word in ("drop", "lost", "lose"))


def _is_page(piece: Piece) -> bool:
    return any(one.name == "page_path" for one in piece.all(VALUE))


def _is_rate(piece: Piece) -> bool:
    """``conversion rate from A to B``, ``A to B conversion``: one share, and no table of steps."""
    metric = piece.sense(METRIC)
    said = piece.text.lower()
    return (metric is not None and metric.name == "conversion_rate") or said.startswith("conversion rate")


def _is_table(piece: Piece) -> bool:
    said = piece.text.lower()
    is_one = any(word in said for word in ("convert", "turn", "rate", "went", "go from", "move from"))
    return piece.is_a(grammar.FUNNEL) and not (is_one and "funnel" not in said)


@dataclass(slots=True)
class _Steps:
    names: list[str] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)
    values: list[tuple[Sense, ...]] = field(default_factory=list)
    segments: list[Filter] = field(default_factory=list)
    range: Range | None = None
    by: Sense | None = None
    window_seconds: int | None = None
    is_completed: bool = False
    """Whether steps stand in it that nobody named."""


def funnel_plan(reader: Reader, pieces: Sequence[Piece]) -> Plan:
    """The funnel.

    Raises:
        NotUnderstood: a piece has no place.
    """
    found = _Steps()
    is_grouping = False
    said = [one for one in pieces if one.kind != "stop"]
    _refuse_vague(reader, said)
    for at, piece in enumerate(said):
        if piece.kind == "number" and at + 1 < len(said) and said[at + 1].is_a(grammar.STEP):
            continue  # "3-step funnel"
        if is_grouping and piece.is_a(grammar.STEP):
            is_grouping = False  # "each step"
        elif is_grouping and (dimension := piece.sense(DIMENSION)) is not None:
            found.by, is_grouping = dimension, False
        elif piece.is_a(grammar.BY) and not piece.is_content:
            is_grouping = True
        elif piece.kind == "when" and piece.when is not None and found.range is None:
            found.range = piece.when.range
        else:
            _take(found, piece)
    if is_grouping:
        raise NotUnderstood("by what")
    _complete(found, reader)
    if found.range is None:
        reader.assumptions.append("all time, as no time is named")
    steps = tuple(Step(name=name, where=where) for name, where in zip(found.names, found.filters, strict=True))
    where = reader.filters(Slots(values=found.values, segments=found.segments))
    by = field_of(found.by) if found.by is not None else None
    then = _last(pieces, len(steps)) if not found.is_completed else None
    window = {"window_seconds": found.window_seconds} if found.window_seconds is not None else {}
    return Plan(question=Funnel(kind="funnel", steps=steps, where=where, range=found.range, by=by, **window), then=then)


def _refuse_vague(reader: Reader, said: Sequence[Piece]) -> None:
    if any(one.is_a(grammar.HOW_MANY, grammar.SHARE) for one in said) and any(map(_is_loss, said)):
        raise NotUnderstood("how many were lost: write “funnel from … to …”, which tells it of each step")
    for piece in said:
        refuse_two_kinds(piece.text, piece.all(VALUE) if event_of(piece) is None else (), reader)


def _take(found: _Steps, piece: Piece) -> None:
    metric = piece.sense(METRIC)
    pages = [one for one in piece.all(VALUE) if one.name == "page_path"]
    if piece.is_a(*_SAYS_NOTHING) or _is_later(piece) or (metric is not None and metric.name == "conversion_rate"):
        return
    if (happened := event_of(piece)) is not None:
        found.names.append(piece.text)
        found.filters.append(happened)
    elif pages:
        _on_page(found, piece, pages[0].detail)
    elif piece.is_a(VALUE):
        found.values.append(tuple(piece.all(VALUE)))
    elif (segment := piece.sense(SEGMENT)) is not None:
        found.segments.append(InSegment(segment=segment.name))
    elif (window := piece.sense(grammar.WINDOW)) is not None and found.window_seconds is None:
        found.window_seconds = window.detail
    elif not noun_of(piece) and piece.text.lower() not in ("sessions", "session"):
        raise NotUnderstood(f"“{piece.text}”")


def _on_page(found: _Steps, piece: Piece, where: Filter) -> None:
    """``view the pricing page`` is one step, ``pricing page`` alone is a view of it."""
    views = is_event(_BEGIN)
    if found.filters and found.filters[-1] == views:
        found.filters.pop()
        found.names.pop()
    page = both(views, where)
    assert page is not None
    found.names.append(piece.text)
    found.filters.append(page)


def _complete(found: _Steps, reader: Reader) -> None:
    """The steps before the one that is named alone: those that a shop has, else a page view."""
    if len(found.filters) > 1:
        return
    wanted: list[str]
    known: list[str] = [name for name in _SHOP if name in reader.events]
    last = known[-1] if known else ""
    if not found.filters and len(known) > 1:
        wanted = list(known)
    elif found.filters and found.filters[0] == is_event("purchase", "ticket_purchase", "order_completed") and len(known) > 1:
        wanted = [name for name in known if name != "purchase"] + [last]
    elif found.filters and isinstance(found.filters[0], Comparison) and found.filters[0].value != _BEGIN:
        wanted = [_BEGIN, str(found.filters[0].value)]
    else:
        raise NotUnderstood("which steps the funnel has: name them, as in “from page view to signup”")
    found.is_completed = True
    found.names, found.filters = wanted, [is_event(name) for name in wanted]
    reader.assumptions.append("the steps are " + ", ".join(wanted))


_HABITS: Final = (grammar.RETENTION, grammar.STICKINESS, grammar.LIFECYCLE)


def is_habit(pieces: Sequence[Piece]) -> bool:
    """Whether it is about who comes back, how often, and who is new or gone."""
    if any(is_return(piece) for piece in pieces) and (
        sum(piece.kind == "when" for piece in pieces) > 1
        or any(event_of(piece) is not None or piece.is_a(grammar.FIRST_SEEN, grammar.ACTIVE) for piece in pieces)
    ):
        return False  # that somebody came back then, after this
    return any(piece.is_a(*_HABITS) for piece in pieces)


def habit_plan(reader: Reader, pieces: Sequence[Piece]) -> Plan:
    """The table of cohorts, of days, or of who is new and gone.

    Raises:
        NotUnderstood: a piece has no place.
    """
    found = _Habit()
    for piece in (one for one in pieces if one.kind != "stop"):
        _take_habit(found, piece)
    if found.range is None:
        found.range = Last(last=_WEEKS, unit="week", align="to_date")
        reader.assumptions.append(f"the last {_WEEKS} weeks, as no time is named")
    where = reader.filters(Slots(values=found.values, segments=found.segments))
    question = _habit(reader, pieces, found.range, found.unit, where)
    if found.start is not None:
        if not isinstance(question, Retention):
            raise NotUnderstood("how they begin")
        question = question.model_copy(update={"start": found.start})
    return Plan(question=question)


@dataclass(slots=True)
class _Habit:
    unit: _Unit | None = None
    range: Range | None = None
    values: list[tuple[Sense, ...]] = field(default_factory=list)
    segments: list[Filter] = field(default_factory=list)
    start: Filter | None = None


def _take_habit(found: _Habit, piece: Piece) -> None:
    if piece.kind == "grain" and piece.unit in ("day", "week", "month") and found.unit is None:
        found.unit = piece.unit
    elif piece.kind == "when" and piece.when is not None and found.range is None:
        found.range = piece.when.range
    elif (happened := event_of(piece)) is not None and found.start is None and piece.is_a(EVENT) and not _is_page(piece):
        found.start = happened  # "by signup cohort", "of those who signed up"
    elif piece.is_a(VALUE):
        found.values.append(tuple(piece.all(VALUE)))
    elif (segment := piece.sense(SEGMENT)) is not None:
        found.segments.append(InSegment(segment=segment.name))
    elif not piece.is_a(*_HABITS, grammar.BY, grammar.ALL_TIME, grammar.WHO) and not noun_of(piece):
        raise NotUnderstood(f"“{piece.text}”")


def _habit(
    reader: Reader, pieces: Sequence[Piece], asked: Range, unit: _Unit | None, where: Filter | None
) -> Retention | Stickiness | Lifecycle:
    is_sticky = any(piece.is_a(grammar.STICKINESS) for piece in pieces)
    if unit is None:
        unit = "day" if is_sticky else "week"
        reader.assumptions.append(f"{unit}s")
    if is_sticky:
        return Stickiness(kind="stickiness", range=asked, unit=unit, where=where)
    if any(piece.is_a(grammar.LIFECYCLE) for piece in pieces):
        return Lifecycle(kind="lifecycle", range=asked, unit=unit, where=where)
    return Retention(kind="retention", range=asked, unit=unit, where=where)
