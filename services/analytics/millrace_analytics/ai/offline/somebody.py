"""One person by a name of theirs: whose events a question is about, and what they did, one event behind the other."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from millrace_analytics.ai.offline import grammar
from millrace_analytics.ai.offline.lexicon import DIMENSION, EVENT, METRIC, VALUE, Sense
from millrace_analytics.ai.offline.people import noun_of
from millrace_analytics.ai.offline.scanning import Piece
from millrace_analytics.ai.offline.slots import NotUnderstood, both, event_of
from millrace_analytics.ai.offline.trends import Reader
from millrace_analytics.ai.plans import Plan
from millrace_warehouse.metrics.filters import AnyOf, Comparison, Filter
from millrace_warehouse.metrics.questions import Journey
from millrace_warehouse.metrics.ranges import Range

SOMEBODY: Final = "somebody"
"""The field of a value that is a name of one person, where nobody says of which kind."""
_ID: Final = re.compile(
    r"(?=.*\d)(?!(?:tenant|customer|org|account|shop|store|company)_?[a-z0-9]+$)[\w.@+-]{2,100}", re.IGNORECASE
)
_NAMED_BY: Final = {"user_id": "user_id", "visitor_id": "visitor_id", "session_id": "session_id"}
_NOUNS_OF_ONE: Final = frozenset({"user", "visitor", "customer", "session", "user_id", "visitor_id", "user id", "visitor id"})
_MOST: Final = 1_000
_SAYS_NOTHING: Final = (
    grammar.PATHS, grammar.WHICH, grammar.ALL_TIME, grammar.OVER_TIME, grammar.NEXT, grammar.AND, grammar.LATEST, grammar.ORDER,
    grammar.ACTIVE, grammar.WHO,
)  # fmt: skip
_IS_ASKED: Final = re.compile(
    r"\bwhat\b.*\b(?:do|did|done|doing|up to)\b|"
    r"\b(?:journey|timeline|history|activity|activities|actions?|events?|everything|path|trail|steps)\b|\b(?:show|list|all)\b",
    re.IGNORECASE,
)


def with_somebody(pieces: Sequence[Piece], text: str) -> list[Piece]:
    """The pieces, with what names one person (``user u_25``) as a value; the noun before it says of which field."""
    found: list[Piece] = []
    for piece in pieces:
        noun = next((one for one in reversed(found) if one.kind != "stop"), None)
        if not _is_name(piece, noun, text):
            found.append(piece)
            continue
        field = _field(noun) if noun is not None and found[-1] is noun else ""
        if field:
            found.remove(noun)  # type: ignore[arg-type]  # it is there
        found.append(replace(piece, kind="phrase", senses=(_named(piece.text, field),)))
    return found


def _is_name(piece: Piece, noun: Piece | None, text: str) -> bool:
    """An unknown word with a digit or an underscore in it, which stands by itself in the text; digits alone behind a noun."""
    is_whole = re.search(rf"(?<![\w@.+-]){re.escape(piece.text)}(?![\w@+-])", text) is not None
    if piece.kind == "number":
        return is_whole and len(piece.text) > 1 and piece.text.isdecimal() and noun is not None and _is_one(noun)
    return is_whole and piece.kind == "unknown" and piece.words == 1 and _ID.fullmatch(piece.text) is not None


def _is_one(noun: Piece) -> bool:
    return not noun.plural and noun.text.lower() in _NOUNS_OF_ONE


def _field(noun: Piece) -> str:
    if noun.plural or not (noun_of(noun) or any(one.name in _NAMED_BY for one in noun.all(DIMENSION))):
        return ""
    said = noun.text.lower()
    if "user" in said:
        return "user_id"
    return "visitor_id" if "visitor" in said else "session_id" if "session" in said or "visit" in said else SOMEBODY


def _named(name: str, field: str) -> Sense:
    if field in _NAMED_BY:
        return Sense(VALUE, field, Comparison.model_validate({"field": field, "value": name}))
    either = tuple(Comparison.model_validate({"field": one, "value": name}) for one in ("user_id", "visitor_id"))
    return Sense(VALUE, SOMEBODY, AnyOf(any=either))


def name_of_somebody(piece: Piece) -> str:
    """The name, where the piece is one of a user or a visitor."""
    sense = piece.sense(VALUE)
    is_one = sense is not None and sense.name in ("user_id", "visitor_id", SOMEBODY) and len(piece.senses) == 1
    return piece.text if is_one else ""


def is_journey(pieces: Sequence[Piece]) -> bool:
    """Whether it asks what one person did, and for no number."""
    if sum(bool(name_of_somebody(piece)) for piece in pieces) != 1:
        return False
    text = " ".join(piece.text for piece in pieces)
    counts = (grammar.HOW_MANY, grammar.SHARE, grammar.BY, grammar.HOW_OFTEN, grammar.AGGREGATE, grammar.COMPARE, grammar.NOT)
    is_counted = any(piece.is_a(*counts) or piece.kind == "grain" for piece in pieces) or _is_when(pieces)
    return not is_counted and _IS_ASKED.search(text) is not None and not any(_is_amount(piece) for piece in pieces)


def _is_when(pieces: Sequence[Piece]) -> bool:
    return any(piece.text.lower() == "when" for piece in pieces)


def _is_amount(piece: Piece) -> bool:
    metric = piece.sense(METRIC)
    return metric is not None and metric.name != "events" and event_of(piece) is None and not piece.is_a(grammar.LATEST)


@dataclass(slots=True)
class _Asked:
    person: str = ""
    range: Range | None = None
    number: int | None = None
    event: Filter | None = None
    where: Filter | None = None
    is_latest: bool = False


def journey_plan(reader: Reader, pieces: Sequence[Piece]) -> Plan:
    """What they did, the newest first.

    Raises:
        NotUnderstood: a piece has no place.
    """
    asked = _Asked()
    for piece in (one for one in pieces if one.kind != "stop"):
        _take(asked, piece)
    if asked.range is None:
        reader.assumptions.append("all time, as no time is named")
    limit = asked.number or (1 if asked.is_latest else _MOST)
    if not 1 <= limit <= _MOST:
        raise NotUnderstood(f"how many events: {_MOST} are the most")
    where = both(asked.event, asked.where)
    return Plan(question=Journey(kind="journey", person=asked.person, limit=limit, range=asked.range, where=where))


def _take(asked: _Asked, piece: Piece) -> None:
    if name := name_of_somebody(piece):
        asked.person = name
    elif piece.kind == "when" and piece.when is not None and asked.range is None:
        asked.range = piece.when.range
    elif piece.kind == "number" and asked.number is None and not piece.is_ordinal:
        asked.number = piece.number
    elif (latest := piece.sense(grammar.LATEST)) is not None and latest.name == "last":
        asked.is_latest = not asked.is_latest or asked.is_latest
    elif any(one.name in ("events", "event_type") for one in piece.senses):
        asked.is_latest = asked.is_latest and not piece.plural  # "the last events" are some, "the last event" is one
    elif piece.is_a(METRIC, EVENT) and (happened := event_of(piece)) is not None and asked.event is None:
        asked.event = happened
    elif (page := piece.sense(VALUE)) is not None and page.name == "page_path" and asked.where is None:
        asked.where = page.detail
    elif not piece.is_a(*_SAYS_NOTHING) or piece.is_a(grammar.LATEST):
        raise NotUnderstood(f"“{piece.text}”")
