"""Questions about how long it takes from one event to another."""

from collections.abc import Sequence
from typing import Final, Literal

from millrace_analytics.ai.offline import grammar
from millrace_analytics.ai.offline.funnels import funnel_plan
from millrace_analytics.ai.offline.scanning import Piece
from millrace_analytics.ai.offline.slots import NotUnderstood, event_of
from millrace_analytics.ai.offline.trends import Reader
from millrace_analytics.ai.plans import Plan, Took
from millrace_warehouse.metrics.questions import Funnel

_How = Literal["average", "median", "p90"]
_HOW: Final[dict[str, _How]] = {"avg": "average", "median": "median", "p90": "p90"}


def is_duration(pieces: Sequence[Piece]) -> bool:
    """Whether it asks how long something takes."""
    return any(piece.is_a(grammar.DURATION) for piece in pieces)


def duration_plan(reader: Reader, pieces: Sequence[Piece]) -> Plan:
    """A funnel of the two events, and how long those took who came to its end.

    Raises:
        NotUnderstood: it does not name two events, or a piece has no place.
    """
    said = [piece for piece in pieces if piece.kind != "stop"]
    asked = [one.name for piece in said if (one := piece.sense(grammar.AGGREGATE)) is not None]
    if len(asked) > 1 or any(name not in _HOW for name in asked):
        raise NotUnderstood("what of how long it takes: the average, the median and the 90th percentile are known")
    steps = [piece for piece in said if event_of(piece) is not None]
    if len(steps) != 2:
        raise NotUnderstood("between which two events: name them, as in “from signup to purchase”")
    between = said[said.index(steps[0]) + 1 : said.index(steps[1])]
    is_turned = any(piece.text.lower() in ("after", "following", "since") for piece in between)
    kept = [piece for piece in said if not piece.is_a(grammar.DURATION, grammar.AGGREGATE, grammar.IN_SECONDS, grammar.AFTER)]
    if is_turned:  # "to purchase after signup"
        first, last = (next(at for at, one in enumerate(kept) if one is step) for step in steps)
        kept[first], kept[last] = kept[last], kept[first]
    plan = funnel_plan(reader, kept)
    question = plan.question
    assert isinstance(question, Funnel), "it is one"
    reader.assumptions.append("from the last time of the first before the other, at most 30 days")
    how = _HOW[asked[0]] if asked else "average"
    if not asked:
        reader.assumptions.append("the average")
    return Plan(question=question.model_copy(update={"times": True}), then=Took(how=how))
