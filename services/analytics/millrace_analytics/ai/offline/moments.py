"""Questions about when something happened last or first, and about the last such events. The metric layer has no question for
them, so they become a statement, which passes the gate as everybody's does. Of the question only names stand in it that the
tenant's events have, and one of a person that has nothing but letters, digits, ``_``, ``-``, ``.``, ``+`` and ``@``."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from millrace_analytics.ai.describing import range_in_words
from millrace_analytics.ai.offline import grammar
from millrace_analytics.ai.offline.lexicon import DIMENSION, EVENT, METRIC, VALUE, Sense
from millrace_analytics.ai.offline.people import noun_of
from millrace_analytics.ai.offline.scanning import Piece
from millrace_analytics.ai.offline.slots import NotUnderstood, event_of
from millrace_analytics.ai.offline.somebody import name_of_somebody
from millrace_analytics.ai.offline.trends import Reader
from millrace_analytics.ai.offline.visits import time_in_sql
from millrace_analytics.ai.ports import InSql
from millrace_warehouse.metrics.filters import Comparison, Filter
from millrace_warehouse.metrics.ranges import Range

_MOST: Final = 1_000
_SHOWN: Final = "timestamp, event_type, event_name, visitor_id, user_id, session_id, page_path, properties"
_WHEN: Final = re.compile(
    r"^\W*(?:when|since when|how long ago|(?:at |on )?(?:what|which) (?:time|date|day)|"
    r"what (?:is|was) the (?:date|time|timestamp)|(?:date|time|timestamp) (?:and time )?of)\b",
    re.IGNORECASE,
)
_SAYS_NOTHING: Final = (
    grammar.TIMES,
    grammar.WHICH,
    grammar.ALL_TIME,
    grammar.WHO,
    grammar.ACTIVE,
    grammar.AND,
    grammar.OVER_TIME,
)
_COLUMNS: Final = ("event_type", "event_name", "page_path", "user_id", "visitor_id", "session_id")


def is_moment(pieces: Sequence[Piece]) -> bool:
    """Whether it asks for the last or the first of some events: when, or which."""
    said = [piece for piece in pieces if piece.kind != "stop"]
    is_of_one = is_asked_when(pieces) and any(name_of_somebody(piece) for piece in said)
    if not any(_is_end(piece) for piece in said) or not (is_of_one or any(_happens(piece) for piece in said)):
        return False
    if any(
        piece.is_a(grammar.HOW_MANY, grammar.SHARE, grammar.BY, grammar.RETENTION, grammar.NEXT, grammar.AFTER)
        for piece in said
    ):
        return False
    is_told = any(one.is_a(grammar.LATEST) for one in said) and not any(piece.kind == "grain" for piece in said)
    return is_asked_when(pieces) or (is_told and not any(_is_someones(piece) for piece in said))


def is_asked_when(pieces: Sequence[Piece]) -> bool:
    """Whether a time is asked for."""
    return _WHEN.match(" ".join(piece.text for piece in pieces)) is not None


def _is_someones(piece: Piece) -> bool:
    return bool(noun_of(piece)) or piece.is_a(grammar.WHO)


def _is_end(piece: Piece) -> bool:
    return piece.is_a(grammar.LATEST) or (piece.kind == "number" and piece.is_ordinal and piece.number == 1)


def _happens(piece: Piece) -> bool:
    return event_of(piece) is not None or any(one.name == "events" and one.kind == METRIC for one in piece.senses)


@dataclass(slots=True)
class _Asked:
    event: Filter | None = None
    named: str = "event"
    values: list[Filter] = field(default_factory=list)
    range: Range | None = None
    is_first: bool = False
    number: int | None = None
    is_plural: bool = False


def moment_in_sql(reader: Reader, pieces: Sequence[Piece]) -> InSql:
    """The statement.

    Raises:
        NotUnderstood: a piece has no place.
    """
    asked = _Asked()
    for piece in (one for one in pieces if one.kind != "stop"):
        _take(asked, piece)
    is_when = is_asked_when(pieces)
    count = 1 if is_when or (asked.number is None and not asked.is_plural) else asked.number or 10
    if count > _MOST or (is_when and asked.number is not None):
        raise NotUnderstood("how many events are asked for")
    where = [_written(one) for one in ([asked.event] if asked.event is not None else []) + asked.values]
    conditions = " AND ".join([*where, "NOT is_bot"]) + time_in_sql(reader, asked.range)
    which, way = ("first", "ASC") if asked.is_first else ("last", "DESC")
    columns = f"timestamp AS {which}_at" if is_when else _SHOWN
    sql = f"SELECT {columns} FROM events_raw WHERE {conditions} ORDER BY timestamp {way} LIMIT {count}"
    what = f"the {which} event" if count == 1 else f"the {which} {count} events"
    told = f"{'When there was ' if is_when else 'What is told of '}{what} of {asked.named}, {range_in_words(asked.range)}."
    return InSql(sql, 0.8, told)


def _take(asked: _Asked, piece: Piece) -> None:
    if piece.kind == "when" and piece.when is not None and asked.range is None:
        asked.range = piece.when.range
    elif _is_end(piece):
        latest = piece.sense(grammar.LATEST)
        asked.is_first = latest is None or latest.name == "first"
    elif piece.kind == "number" and asked.number is None and not piece.is_ordinal:
        asked.number = piece.number
    elif name_of_somebody(piece):
        asked.values.append(_of_somebody(piece))
    elif _happens(piece) and asked.event is None:
        asked.event, asked.is_plural = event_of(piece), piece.plural
        asked.named = piece.text if asked.event is not None else "any kind"
    elif (value := piece.sense(VALUE)) is not None and not piece.is_a(METRIC, EVENT) and value.name == "page_path":
        asked.values.append(value.detail)
    elif not _says_nothing(piece):
        raise NotUnderstood(f"“{piece.text}”")


def _says_nothing(piece: Piece) -> bool:
    is_time = any(one.kind == DIMENSION and one.name == "timestamp" for one in piece.senses)
    is_there = piece.is_a(grammar.FIRST_SEEN) or any(one.name == "sessions" for one in piece.all(METRIC))
    return (
        is_time
        or is_there
        or piece.is_a(*_SAYS_NOTHING)
        or (bool(noun_of(piece)) and piece.text.lower() in ("people", "person"))
    )


def _of_somebody(piece: Piece) -> Filter:
    sense: Sense | None = piece.sense(VALUE)
    assert sense is not None, "it is a name"
    found: Filter = sense.detail
    return found


def _written(where: Filter) -> str:
    """A condition on columns that say whose, where and of which kind an event is.

    Raises:
        NotUnderstood: it is another one.
    """
    if hasattr(where, "any"):
        return "(" + " OR ".join(_written(one) for one in where.any) + ")"
    if not isinstance(where, Comparison) or where.field.name not in _COLUMNS:
        raise NotUnderstood("the last of which events: by what they are and where they happened is known")
    values = where.value if isinstance(where.value, tuple) else (where.value,)
    if where.operator not in ("eq", "in"):
        raise NotUnderstood("the last of which events")
    return f"{where.field.name} IN ({', '.join(_quoted(str(one)) for one in values)})"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
