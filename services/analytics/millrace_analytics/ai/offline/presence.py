"""Questions about on how many different days, weeks or months people were there: ``active on at least 10 different days``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from millrace_analytics.ai.offline import grammar
from millrace_analytics.ai.offline.lexicon import SEGMENT, VALUE, Sense
from millrace_analytics.ai.offline.people import noun_of
from millrace_analytics.ai.offline.scanning import Piece
from millrace_analytics.ai.offline.slots import NotUnderstood, Slots, both, bound_values, event_of
from millrace_analytics.ai.offline.trends import Reader
from millrace_analytics.ai.plans import OnSoMany, Plan
from millrace_warehouse.metrics.filters import Filter, InSegment
from millrace_warehouse.metrics.questions import Stickiness
from millrace_warehouse.metrics.ranges import Last, Range

_Unit = Literal["day", "week", "month"]
_Sign = Literal["gt", "ge", "lt", "le", "eq"]
_UNITS: Final[dict[str, _Unit]] = {"day": "day", "week": "week", "month": "month"}
_SIGNS: Final[dict[tuple[str, str], _Sign]] = {
    (grammar.ABOVE, "1"): "gt", (grammar.ABOVE, "0"): "ge", (grammar.BELOW, "1"): "lt", (grammar.BELOW, "0"): "le",
    (grammar.EXACTLY, ""): "eq",
}  # fmt: skip
_MOST: Final = 60
"""Periods that are looked back where no time is named: as many as the layer can tell apart, nearly."""
_SAYS_NOTHING: Final = (
    grammar.HOW_MANY, grammar.WHO, grammar.AND, grammar.ACTIVE, grammar.ALL_TIME, grammar.SHARE, grammar.UNIQUE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Limit:
    first: int
    end: int
    sign: _Sign
    number: int
    unit: _Unit


def is_presence(pieces: Sequence[Piece]) -> bool:
    """Whether a number of different days, weeks or months is a limit of who is asked for."""
    said = [piece for piece in pieces if piece.kind != "stop"]
    limit = _limit(said)
    if limit is None:
        return False
    before = said[: limit.first]
    return any(noun_of(piece) or piece.is_a(grammar.WHO) for piece in before) and not any(
        piece.is_a(grammar.RETENTION, grammar.FIRST_SEEN, grammar.AFTER, grammar.NOT) for piece in said
    )


def presence_plan(reader: Reader, pieces: Sequence[Piece]) -> Plan:
    """How many people were there on so many days, or their share of all.

    Raises:
        NotUnderstood: a piece has no place, or it asks for more than a number.
    """
    said = bound_values([piece for piece in pieces if piece.kind != "stop"])
    limit = _limit(said)
    assert limit is not None, "it is there"
    asked = _Asked()
    for piece in [*said[: limit.first], *said[limit.end :]]:
        _take(asked, piece)
    share = any(piece.is_a(grammar.SHARE) for piece in said)
    if not share and not any(piece.is_a(grammar.HOW_MANY) for piece in said):
        raise NotUnderstood("whether it asks who or how many: write “how many”")
    if asked.range is None:
        reader.assumptions.append(f"the last {_MOST} {limit.unit}s, as no time is named")
    where = both(reader.filters(Slots(values=asked.values, segments=asked.segments)), asked.event)
    looked_at = asked.range or Last(last=_MOST, unit=limit.unit, align="to_date")
    return Plan(
        question=Stickiness(kind="stickiness", range=looked_at, unit=limit.unit, where=where),
        then=OnSoMany(operator=limit.sign, number=limit.number, share=share),
    )


@dataclass(slots=True)
class _Asked:
    range: Range | None = None
    event: Filter | None = None
    values: list[tuple[Sense, ...]] = field(default_factory=list)
    segments: list[Filter] = field(default_factory=list)


def _take(asked: _Asked, piece: Piece) -> None:
    if piece.kind == "when" and piece.when is not None and asked.range is None:
        asked.range = piece.when.range
    elif (happened := event_of(piece)) is not None and asked.event is None and not piece.is_a(grammar.ACTIVE):
        asked.event = happened
    elif piece.is_a(VALUE):
        asked.values.append(tuple(piece.all(VALUE)))
    elif (segment := piece.sense(SEGMENT)) is not None and not noun_of(piece):
        asked.segments.append(InSegment(segment=segment.name))
    elif not noun_of(piece) and not piece.is_a(*_SAYS_NOTHING) and piece.text.lower() not in ("visited", "visit", "came back"):
        raise NotUnderstood(f"“{piece.text}”")


def _limit(said: Sequence[Piece]) -> _Limit | None:
    """``at least 10 different days``, ``on 3 or more days``, ``exactly 2 days``."""
    for at, piece in enumerate(said):
        if piece.kind != "number" or piece.is_ordinal or not piece.number:
            continue
        before, behind = said[at - 1] if at else None, said[at + 1] if at + 1 < len(said) else None
        bound = before.sense(grammar.ABOVE, grammar.BELOW, grammar.EXACTLY) if before is not None else None
        if bound is not None and (unit := _unit(behind)) is not None:
            return _Limit(at - 1, at + 2, _SIGNS[bound.kind, bound.name], piece.number, unit)
        more = behind.sense(grammar.OR_MORE, grammar.OR_LESS) if behind is not None else None
        if more is not None and (unit := _unit(said[at + 2] if at + 2 < len(said) else None)) is not None:
            return _Limit(at, at + 3, "ge" if more.kind == grammar.OR_MORE else "le", piece.number, unit)
        if behind is not None and behind.is_a(grammar.FEW_DAYS) and (unit := _unit(behind)) is not None:
            is_more = at + 2 < len(said) and said[at + 2].is_a(grammar.OR_MORE)  # "3 different days or more"
            return _Limit(at, at + 2 + int(is_more), "ge", piece.number, unit)
    return None


def _unit(piece: Piece | None) -> _Unit | None:
    if piece is None:
        return None
    named = piece.sense(grammar.FEW_DAYS)
    return _UNITS.get(named.name if named is not None else piece.unit or "") if named or piece.kind == "unit" else None
