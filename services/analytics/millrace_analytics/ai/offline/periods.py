"""Units of time in words: of a series, of a window, of the time before."""

from collections.abc import Sequence
from typing import Final

from millrace_analytics.ai.offline.words import Token, number_of
from millrace_warehouse.metrics.ranges import RangeUnit, Unit

_UNITS: Final[dict[str, RangeUnit]] = {
    "minut": "minute", "min": "minute", "hour": "hour", "hr": "hour", "day": "day", "week": "week", "wk": "week",
    "month": "month", "quarter": "quarter", "year": "year", "yr": "year", "h": "hour", "d": "day",
}  # fmt: skip
_GRAINS: Final[dict[str, Unit]] = {
    "hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month", "minutely": "minute",
}  # fmt: skip
UNITS: Final[dict[str, Unit]] = {"minut": "minute", "hour": "hour", "day": "day", "week": "week", "month": "month"}


def unit_at(tokens: Sequence[Token], at: int) -> RangeUnit | None:
    """The unit that a word names."""
    return _UNITS.get(tokens[at].stem) if at < len(tokens) else None


def texts_at(tokens: Sequence[Token], at: int, count: int) -> tuple[str, ...]:
    """So many words in lower case; fewer where the question ends."""
    return tuple(token.text for token in tokens[at : at + count])


def earlier_at(tokens: Sequence[Token], at: int) -> tuple[int, int, RangeUnit] | None:
    """``the 7 days before that``, ``the preceding 7 days``: where it ends, how many, and of what."""
    begin = at
    while begin < len(tokens) and begin - at < 2 and tokens[begin].text in ("the", "in", "during", "same"):
        begin += 1
    is_named_first = texts_at(tokens, begin, 1) in (("preceding",), ("prior",))
    begin += int(is_named_first)
    count = number_of(tokens[begin]) if begin < len(tokens) else None
    unit = unit_at(tokens, begin + 1)
    if count is None or unit is None:
        return None
    end = begin + 2
    if is_named_first:
        return end, count, unit
    if texts_at(tokens, end, 1) not in (("before",), ("prior",), ("earlier",), ("preceding",)):
        return None
    end += 1
    for more in (("to", "that"), ("to", "those"), ("that",), ("those",), ("it",)):
        if texts_at(tokens, end, len(more)) == more:
            return end + len(more), count, unit
    return end, count, unit


_SECONDS: Final = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}


def window_at(tokens: Sequence[Token], at: int) -> tuple[int, int] | None:
    """``within 2 hours``, ``within a day of``: where it ends, and how many seconds. Months are not alike, so they are none."""
    begin = at + 1 if tokens[at].text in ("within", "inside") else at + 2 if texts_at(tokens, at, 2) == ("in", "under") else at
    if begin == at or begin >= len(tokens):
        return None
    count = 1 if tokens[begin].text in ("a", "an") else number_of(tokens[begin])
    unit = unit_at(tokens, begin + 1)
    return None if count is None or unit not in _SECONDS else (begin + 2, count * _SECONDS[unit])


def grain_at(tokens: Sequence[Token], at: int) -> tuple[int, Unit] | None:
    """``daily``, ``per week``, ``by month``, ``each day``, ``a day``, ``over time`` (days); where it ends, and the unit."""
    word = tokens[at].text
    if (grain := _GRAINS.get(word)) is not None:
        return at + 1, grain
    if word in ("per", "by", "each", "every", "a") and at + 1 < len(tokens):
        after = at + 2 if word in ("by", "per") and tokens[at + 1].text in ("the", "calendar") else at + 1
        if after < len(tokens) and (unit := UNITS.get(tokens[after].stem)) is not None:
            return after + 1, unit
    if word in ("day", "week", "month", "hour") and texts_at(tokens, at + 1, 2) == ("by", word):
        return at + 3, UNITS[word]
    if word in ("for", "in") and texts_at(tokens, at + 1, 1) in (("each",), ("every",)):
        return grain_at(tokens, at + 1)
    return None


def period_words_at(tokens: Sequence[Token], at: int) -> tuple[int, Unit] | None:
    """``week over week``, ``month-on-month``, ``wow``, ``mom``."""
    short: dict[str, Unit] = {"wow": "week", "mom": "month", "dod": "day"}
    if (unit := short.get(tokens[at].text)) is not None:
        return at + 1, unit
    unit = UNITS.get(tokens[at].stem)
    if unit and at + 2 < len(tokens) and tokens[at + 1].text in ("over", "on", "to") and tokens[at + 2].stem == tokens[at].stem:
        return at + 3, unit
    return None
