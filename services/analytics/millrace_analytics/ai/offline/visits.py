"""Questions about how sessions begin: their first events, one behind the other. The metric layer has no question for it, so it
becomes a statement, which passes the gate as everybody's does. Text of a question never stands in it: numbers and times do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from millrace_analytics.ai.describing import range_in_words
from millrace_analytics.ai.offline import grammar
from millrace_analytics.ai.offline.scanning import Piece
from millrace_analytics.ai.offline.slots import NotUnderstood
from millrace_analytics.ai.offline.trends import Reader
from millrace_analytics.ai.ports import InSql
from millrace_core.time import iso_time
from millrace_warehouse.metrics.ranges import EVERYTHING, Range, span_of, zone_of

_TOP: Final = 10
_MOST: Final = 1_000
_STEPS: Final = 3
_MOST_STEPS: Final = 10

_SEQUENCES: Final = """SELECT arrayStringConcat(arraySlice(seen, 1, {steps}), ' > ') AS path, count() AS sessions
FROM (
  SELECT session_id, arrayMap(one -> one.2, arraySort(one -> one.1, groupArray((timestamp, toString(event_type))))) AS seen
  FROM events_raw WHERE session_id != '' AND NOT is_bot{when} GROUP BY session_id
)
WHERE length(seen) >= {steps} GROUP BY path ORDER BY sessions {way}, path LIMIT {top}"""


@dataclass(slots=True)
class _Asked:
    range: Range | None = None
    top: int | None = None
    steps: int = _STEPS
    ascending: bool = False
    number: int | None = None


def is_about_visits(pieces: Sequence[Piece]) -> bool:
    """Whether it is about sequences of events within sessions."""
    return any(piece.is_a(grammar.PATHS) for piece in pieces) and not any(piece.is_a(grammar.AFTER) for piece in pieces)


def visits_in_sql(reader: Reader, pieces: Sequence[Piece]) -> InSql:
    """The statement.

    Raises:
        NotUnderstood: a piece has no place.
    """
    asked = _Asked()
    for piece in (one for one in pieces if one.kind != "stop"):
        _take(asked, piece)
    if asked.number is not None or not 2 <= asked.steps <= _MOST_STEPS:
        raise NotUnderstood("what a number stands for")
    when = time_in_sql(reader, asked.range)
    way, top = "ASC" if asked.ascending else "DESC", min(asked.top or _TOP, _MOST)
    said = range_in_words(asked.range)
    text = f"The first event types of sessions, one behind the other, and how many sessions begin so, {said}."
    return InSql(_SEQUENCES.format(when=when, way=way, top=top, steps=asked.steps), 0.8, text)


def _take(asked: _Asked, piece: Piece) -> None:
    if piece.kind == "when" and piece.when is not None and asked.range is None:
        asked.range = piece.when.range
    elif piece.kind == "number" and asked.number is None:
        asked.number = piece.number
    elif piece.is_a(grammar.STEP) and asked.number is not None:
        asked.steps, asked.number = asked.number, None
    elif piece.is_a(grammar.TOP, grammar.BOTTOM):
        asked.ascending = piece.is_a(grammar.BOTTOM)
        asked.top, asked.number = asked.number or asked.top, None
    elif asked.number is not None:  # "top 5 sequences", "10 paths"
        asked.top, asked.number = asked.number, None
        _take(asked, piece)
    elif not piece.is_a(*_SAYS_NOTHING) and not any(one.name in ("events", "event_type") for one in piece.senses):
        raise NotUnderstood(f"“{piece.text}”")


_SAYS_NOTHING: Final = (
    grammar.PATHS, grammar.WITHIN, grammar.BY, grammar.WHICH, grammar.ALL_TIME, grammar.HOW_MANY,
)  # fmt: skip


def time_in_sql(reader: Reader, asked: Range | None) -> str:
    """A condition on the time, behind others; none for all time."""
    span = span_of(asked, reader.now, zone_of(reader.time_zone))
    if span == EVERYTHING:
        reader.assumptions.append("all time, as no time is named")
        return ""
    first, end = (iso_time(at).removesuffix("Z").replace("T", " ") for at in (span.first, span.end))
    return f" AND timestamp >= toDateTime64('{first}', 3, 'UTC') AND timestamp < toDateTime64('{end}', 3, 'UTC')"
