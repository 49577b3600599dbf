"""Hours of a clock and days of the week as times that come again: ``on Mondays``, ``between 9 am and 5 pm``."""

import calendar
from collections.abc import Sequence
from typing import Final

from millrace_analytics.ai.offline.lexicon import VALUE, Sense
from millrace_analytics.ai.offline.periods import texts_at
from millrace_analytics.ai.offline.words import Token, number_of
from millrace_warehouse.metrics.filters import AnyOf, Comparison, Filter

_DAYS: Final = {name.lower(): number for number, name in enumerate(calendar.day_name, 1)}
_PLURALS: Final = {f"{name}s": number for name, number in _DAYS.items()}
_EACH: Final = frozenset({"a", "any"})
_ON: Final = frozenset({"on", "during", "at", "for", "over"})
_TO: Final = frozenset({"to", "through", "until", "till"})
_BESIDE: Final = _ON | {"vs", "versus", "to", "with", "and", "or", "from", "between", "only", "of"}
_NAMED_HOURS: Final = {"noon": 12, "midday": 12, "midnight": 24}
_WEEKEND: Final = 6

Found = tuple[int, Sense]
"""Where it ends, and what it is."""


def clock_at(tokens: Sequence[Token], at: int) -> Found | None:
    """Hours or days of the week whose words begin here."""
    begin = at + 1 if tokens[at].text in _ON else at
    begin += 1 if begin > at and texts_at(tokens, begin, 1) == ("the",) else 0
    if begin >= len(tokens):
        return None
    return _days(tokens, begin) or _hours(tokens, at)


def weekday_at(tokens: Sequence[Token], at: int) -> int | None:
    """The number of a day of the week (1 is Monday) that is named, once."""
    return _DAYS.get(tokens[at].text) if at < len(tokens) else None


def _days(tokens: Sequence[Token], at: int) -> Found | None:
    word = tokens[at].text
    if word in _EACH and (number := weekday_at(tokens, at + 1)) is not None:
        return at + 2, _of_days(f"{tokens[at + 1].text}s", number, number)
    first = _PLURALS.get(word) or _DAYS.get(word)
    if first is not None and texts_at(tokens, at + 1, 1) and tokens[at + 1].text in _TO and at + 2 < len(tokens):
        last = _PLURALS.get(tokens[at + 2].text) or _DAYS.get(tokens[at + 2].text)
        is_generic = last == 5 or word in _PLURALS  # "from Monday to Wednesday" may be the last ones
        if last is not None and last > first and is_generic:
            return at + 3, _of_days(f"{word} to {tokens[at + 2].text}", first, last)
    if word in _PLURALS:
        return at + 1, _of_days(word, _PLURALS[word], _PLURALS[word])
    is_pair = _is_pair(tokens, at)
    if word == "weekends" or (word == "weekend" and (is_pair or _is_of_something(tokens, at))):
        return at + 1, _of_days("weekends", _WEEKEND, 7)
    if texts_at(tokens, at, 2) in (("working", "days"), ("business", "days"), ("week", "days")):
        return at + 2, _of_days("weekdays", 1, 5)
    is_these = word == "weekdays" and (at == 0 or tokens[at - 1].text in _BESIDE)
    if is_these or (word in ("weekday", "weekdays") and is_pair):
        return at + 1, _of_days("weekdays", 1, 5)
    return None


def _is_pair(tokens: Sequence[Token], at: int) -> bool:
    """``weekdays vs weekends``: neither is by which day it is."""
    is_listed = at > 0 and tokens[at - 1].text in ("by", "per", "each", "every", "which", "what")
    return not is_listed and {"weekday", "weekend"} <= {token.stem for token in tokens}


def _is_of_something(tokens: Sequence[Token], at: int) -> bool:
    """``weekend traffic``; ``on the weekend`` may be the last one or each."""
    behind = tokens[at + 1] if at + 1 < len(tokens) else None
    named = at > 0 and tokens[at - 1].text in ("last", "this", "past", "previous", "the")
    return behind is not None and behind.kind == "word" and behind.text not in ("of", "in", "and", "or") and not named


def _of_days(label: str, first: int, last: int) -> Sense:
    where = (
        Comparison.model_validate({"field": "day_of_week", "value": first})
        if first == last
        else Comparison.model_validate({"field": "day_of_week", "operator": "between", "value": (first, last)})
    )
    return Sense(VALUE, "day_of_week", where, label)


def _hours(tokens: Sequence[Token], at: int) -> Found | None:
    word = tokens[at].text
    if word in ("between", "from") and (first := _hour(tokens, at + 1)) is not None:
        joining = ("and",) if word == "between" else tuple(_TO)
        end, low, is_sure = first
        if texts_at(tokens, end, 1) and tokens[end].text in joining and (second := _hour(tokens, end + 1)) is not None:
            return _between(second[0], (low, is_sure), second[1:])
    if word in ("after", "from", "since") and (first := _hour(tokens, at + 1)) is not None and first[2]:
        end = first[0] + (1 if texts_at(tokens, first[0], 1) in (("on",), ("onward",), ("onwards",)) else 0)
        return end, _of_hours(f"from {first[1]} o'clock", first[1] % 24, 23)
    if word in ("before", "until", "till") and (first := _hour(tokens, at + 1)) is not None and first[2] and first[1] > 0:
        return first[0], _of_hours(f"before {first[1]} o'clock", 0, first[1] - 1)
    if word == "at" and (first := _hour(tokens, at + 1)) is not None and first[2]:
        return first[0], _of_hours(f"{first[1]} o'clock", first[1] % 24, first[1] % 24)
    return None


def _between(end: int, first: tuple[int, bool], second: tuple[int, bool]) -> Found | None:
    """``between 9 and 5 pm``: of two hours one says for both which clock they are of."""
    (low, low_is_sure), (high, high_is_sure) = first, second
    if not low_is_sure and not high_is_sure:
        return None
    if not low_is_sure and high > 12 > low and low + 12 < high:
        low += 12  # "2 to 5 pm"
    if not high_is_sure and low < 12 and high <= low:
        high += 12
    return (end, _of_hours(f"{low} to {high} o'clock", low % 24, (high - 1) % 24)) if low != high else None


def _hour(tokens: Sequence[Token], at: int) -> tuple[int, int, bool] | None:
    """Where an hour ends, which it is, and whether it can be nothing else: ``9 am``, ``17:00``, ``noon``, ``9``."""
    at += 1 if texts_at(tokens, at, 1) == ("the",) else 0
    if at >= len(tokens):
        return None
    if (named := _NAMED_HOURS.get(tokens[at].text)) is not None:
        return at + 1, named, True
    number = number_of(tokens[at])
    if number is None or not 0 <= number <= 24:
        return None
    end, is_sure = at + 1, False
    if texts_at(tokens, end, 1) == (":",) and end + 1 < len(tokens):
        if tokens[end + 1].text != "00":
            return None
        end, is_sure = end + 2, True
    half = texts_at(tokens, end, 1)
    if half in (("am",), ("pm",)) and 1 <= number <= 12:
        return end + 1, number % 12 + (12 if half == ("pm",) else 0), True
    if half in (("o'clock",), ("oclock",), ("h",), ("hrs",), ("hours",)):
        return end + 1, number, True
    return end, number, is_sure


def _of_hours(label: str, first: int, last: int) -> Sense:
    """From the one hour to the other, the last one whole; over midnight where it is earlier."""

    def within(low: int, high: int) -> Filter:
        if low == high:
            return Comparison.model_validate({"field": "hour_of_day", "value": low})
        return Comparison.model_validate({"field": "hour_of_day", "operator": "between", "value": (low, high)})

    where = within(first, last) if first <= last else AnyOf(any=(within(first, 23), within(0, last)))
    return Sense(VALUE, "hour_of_day", where, label)


def bare_hours(low: int, high: int) -> Sense | None:
    """``between 9 and 17``, where nothing else can be between: hours."""
    return _of_hours(f"{low} to {high} o'clock", low, high - 1) if 0 <= low < high <= 24 else None
