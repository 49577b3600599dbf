"""Questions about what people do next: the metric layer's paths, after an event or before it."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from millrace_analytics.ai.offline import grammar
from millrace_analytics.ai.offline.carrying import types_of
from millrace_analytics.ai.offline.lexicon import DIMENSION, METRIC, SEGMENT, VALUE, Sense
from millrace_analytics.ai.offline.people import noun_of
from millrace_analytics.ai.offline.scanning import Piece
from millrace_analytics.ai.offline.slots import NotUnderstood, Slots, both, event_of
from millrace_analytics.ai.offline.trends import Reader
from millrace_analytics.ai.plans import Plan
from millrace_warehouse.metrics.filters import Filter, InSegment, is_event
from millrace_warehouse.metrics.questions import Paths
from millrace_warehouse.metrics.ranges import Range

_SAYS_NOTHING: Final = (
    grammar.PATHS, grammar.NEXT, grammar.AND, grammar.WHICH, grammar.ALL_TIME, grammar.HOW_MANY, grammar.BY, grammar.WHO,
    grammar.AFTER, grammar.THEN, grammar.TOP, grammar.STEP,
)  # fmt: skip


@dataclass(slots=True)
class _Asked:
    event: Filter | None = None
    by_page: bool = False
    before: bool = False
    types: frozenset[str] = frozenset()
    """Types of events that the tenant has."""
    range: Range | None = None
    window: int | None = None
    number: int | None = None
    steps: int | None = None
    top: int | None = None
    values: list[tuple[Sense, ...]] = field(default_factory=list)
    segments: list[Filter] = field(default_factory=list)


def is_onward(pieces: Sequence[Piece]) -> bool:
    """Whether it asks what comes before or after something."""
    asks = any(piece.is_a(grammar.NEXT, grammar.PATHS) for piece in pieces)
    if not asks or any(piece.is_a(grammar.WITHIN) for piece in pieces):
        return False
    return any(_is_event(piece) for piece in pieces)


def _is_event(piece: Piece) -> bool:
    return event_of(piece) is not None or any(one.name == "page_path" for one in piece.all(VALUE))


def onward_plan(reader: Reader, pieces: Sequence[Piece]) -> Plan:
    """The paths.

    Raises:
        NotUnderstood: a piece has no place.
    """
    asked = _Asked(types=reader.events)
    said = [piece for piece in pieces if piece.kind != "stop"]
    if any(one.is_a(grammar.PATHS) and other.text.lower() in ("to", "into") for one, other in itertools.pairwise(said)):
        raise NotUnderstood("whether what leads there or what comes behind it: write “before” or “after”")
    asked.before = any(piece.text.lower() in ("before", "leading to", "lead to", "prior to") for piece in said)
    for piece in said:
        _take(asked, piece)
    if asked.event is None or asked.number is not None:
        raise NotUnderstood("what comes before or after what")
    is_single = any(piece.is_a(grammar.NEXT) for piece in said)
    steps = asked.steps or (1 if is_single else 3)
    if not 1 <= steps <= 10:
        raise NotUnderstood("how many steps: 10 are the most")
    if asked.range is None:
        reader.assumptions.append("all time, as no time is named")
    reader.assumptions.append(f"{'what comes' if steps == 1 else f'the {steps} events'} within 30 minutes")
    direction: Literal["after", "before"] = "before" if asked.before else "after"
    more: dict[str, Any] = {"window_seconds": asked.window} if asked.window is not None else {}
    more |= {"by": "page_path"} if asked.by_page else {}
    return Plan(question=Paths(
        kind="paths", event=asked.event, direction=direction, steps=steps, range=asked.range, top=asked.top or 10,
        where=reader.filters(Slots(values=asked.values, segments=asked.segments)), **more,
    ))  # fmt: skip


def _take(asked: _Asked, piece: Piece) -> None:
    metric = piece.sense(METRIC)
    pages = [one for one in piece.all(VALUE) if one.name == "page_path"]
    if piece.kind == "when" and piece.when is not None and asked.range is None:
        asked.range = piece.when.range
    elif piece.kind == "number" and asked.number is None and not piece.is_ordinal:
        asked.number = piece.number
    elif (window := piece.sense(grammar.WINDOW)) is not None and asked.window is None:
        asked.window = window.detail
    elif asked.number is not None and piece.is_a(grammar.STEP):
        asked.steps, asked.number = asked.number, None
    elif asked.number is not None and piece.is_a(grammar.TOP, grammar.PATHS):
        asked.top, asked.number = asked.number, None
    elif piece.is_a(*_SAYS_NOTHING):
        pass
    elif pages and not _happens(asked, piece) and (asked.event is None or asked.event == is_event("page_view")):
        asked.event = both(is_event("page_view"), pages[0].detail)
    elif any(one.name == "page_path" for one in piece.all(DIMENSION)) and not asked.by_page and asked.event is None:
        asked.by_page = True  # "which pages do people visit after …"
    elif (happened := event_of(piece)) is not None and asked.event is None:
        asked.event = happened
    else:
        _take_rest(asked, piece, metric)


def _happens(asked: _Asked, piece: Piece) -> bool:
    """Whether a page is called as an event is that the tenant has: ``after a search``, and not after the search page."""
    types = types_of(event_of(piece))
    return types is not None and bool(types & asked.types)


def _take_rest(asked: _Asked, piece: Piece, metric: Sense | None) -> None:
    if piece.is_a(VALUE):
        asked.values.append(tuple(piece.all(VALUE)))
    elif (segment := piece.sense(SEGMENT)) is not None:
        asked.segments.append(InSegment(segment=segment.name))
    elif not noun_of(piece) and not (metric is not None and metric.name == "events"):
        raise NotUnderstood(f"“{piece.text}”")
