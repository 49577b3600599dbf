"""Days and weeks by how far they lie from today, or by their place in a month: ``last Monday``, ``a week ago``, ``10th``."""

import calendar
import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from millrace_analytics.ai.offline.clock import weekday_at
from millrace_analytics.ai.offline.periods import texts_at, unit_at
from millrace_analytics.ai.offline.words import Token, number_of, ordinal_of
from millrace_warehouse.metrics.ranges import Between, Range

MONTHS: Final = (
    {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
    | {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name and name != "May"}
    | {"sept": 9}
)
_BEFORE: Final = frozenset({"last", "past", "previous"})
_BEGINS: Final = frozenset({"beginning", "start", "begin"})
_QUARTERS: Final = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4}
_PARTS: Final = {**_QUARTERS, "last": 0, "latter": 2, "early": 1}

Found = tuple[int, datetime.date, datetime.date]
"""Where it ends, its first day and its last."""


@dataclass(frozen=True, slots=True)
class Today:
    """The day of a question, and the last one of which something has passed."""

    date: datetime.date
    begun: datetime.date

    def near(self, tokens: Sequence[Token], at: int, *, with_weekdays: bool = True) -> Found | None:
        """Days and weeks that are so far from today."""
        day = self._weekday(tokens, at) if with_weekdays else None
        return day or self._ago(tokens, at) or self._before_last(tokens, at) or self._numbered(tokens, at)

    def _weekday(self, tokens: Sequence[Token], at: int) -> Found | None:
        """``Monday``, ``last Monday``: the last one that has begun; ``Monday of last week``."""
        said = tokens[at].text
        is_before, is_this = said in _BEFORE, said == "this"
        name_at = at + 1 if is_before or is_this else at
        number = weekday_at(tokens, name_at)
        if number is None:
            return None
        end = name_at + 1
        after = end + 1 if texts_at(tokens, end, 1) in (("of",), ("in",)) else end
        if not is_before and not is_this and unit_at(tokens, after + 1) == "week" and after < len(tokens):
            weeks = {"last": 1, "this": 0, "previous": 1}.get(tokens[after].text)
            if weeks is not None:
                monday = self.date - datetime.timedelta(days=self.date.weekday() + 7 * weeks)
                day = monday + datetime.timedelta(days=number - 1)
                return after + 2, day, day
        latest = self.begun if not is_before else min(self.begun, self.date - datetime.timedelta(days=1))
        day = latest - datetime.timedelta(days=(latest.isoweekday() - number) % 7)
        if is_this and day < self.date - datetime.timedelta(days=self.date.weekday()):
            return None  # it is still to come
        return end, day, day

    def _ago(self, tokens: Sequence[Token], at: int) -> Found | None:
        """``3 days ago``, ``the day before yesterday``: that day; ``two weeks ago``: that week."""
        if texts_at(tokens, at, 3) == ("day", "before", "yesterday"):
            return self._whole(at + 3, "day", 2)
        count = 1 if tokens[at].text in ("a", "one") else number_of(tokens[at])
        unit = unit_at(tokens, at + 1)
        if count is None or unit is None or texts_at(tokens, at + 2, 1) != ("ago",):
            return None
        return self._whole(at + 3, unit, count)

    def _before_last(self, tokens: Sequence[Token], at: int) -> Found | None:
        """``the week before last``."""
        unit = unit_at(tokens, at)
        if unit is None or texts_at(tokens, at + 1, 2) != ("before", "last"):
            return None
        return self._whole(at + 3, unit, 2)

    def _whole(self, end: int, unit: str, count: int) -> Found | None:
        if unit == "day":
            day = self.date - datetime.timedelta(days=count)
            return end, day, day
        if unit == "week":
            monday = self.date - datetime.timedelta(days=self.date.weekday() + 7 * count)
            return end, monday, monday + datetime.timedelta(days=6)
        if unit == "month":
            years, month = divmod(self.date.year * 12 + self.date.month - 1 - count, 12)
            first = datetime.date(years, month + 1, 1)
            return end, first, _last_of(first)
        return None

    def _numbered(self, tokens: Sequence[Token], at: int) -> Found | None:
        """``calendar week 10``, ``in week 10``: by ISO 8601."""
        named = texts_at(tokens, at, 2) == ("calendar", "week")
        if not named and not (tokens[at].text == "week" and at and tokens[at - 1].text in ("in", "during")):
            return None
        place = at + (2 if named else 1)
        number = number_of(tokens[place]) if place < len(tokens) else None
        if number is None or not 1 <= number <= 53:
            return None
        try:
            monday = datetime.date.fromisocalendar(self.date.year, number, 1)
        except ValueError:
            return None
        return place + 1, monday, monday + datetime.timedelta(days=6)

    def begin_of(self, tokens: Sequence[Token], at: int) -> tuple[int, datetime.date] | None:
        """``the beginning of the month``, ``start of this week``: its first day, and where it ends."""
        at += 1 if texts_at(tokens, at, 1) == ("the",) else 0
        if at >= len(tokens) or tokens[at].text not in _BEGINS or texts_at(tokens, at + 1, 1) != ("of",):
            return None
        place = at + 2
        while place < len(tokens) and tokens[place].text in ("the", "this", "current"):
            place += 1
        unit = unit_at(tokens, place)
        if unit == "week":
            return place + 1, self.date - datetime.timedelta(days=self.date.weekday())
        if unit in ("month", "quarter", "year"):
            months = {"month": 1, "quarter": 3, "year": 12}[unit]
            return place + 1, self.date.replace(month=(self.date.month - 1) // months * months + 1, day=1)
        if place < len(tokens) and (number := MONTHS.get(tokens[place].text)) is not None:
            year = self.date.year - (1 if number > self.date.month else 0)
            return place + 1, datetime.date(year, number, 1)
        return None

    def quarter(self, tokens: Sequence[Token], at: int) -> tuple[int, int] | None:
        """``first quarter``: where it ends, and its number."""
        if (number := _QUARTERS.get(tokens[at].text)) is None or texts_at(tokens, at + 1, 1) != ("quarter",):
            return None
        return at + 2, number

    def ordinal(self, tokens: Sequence[Token], at: int) -> tuple[int, datetime.date] | None:
        """``the 10th``: of the month that was named before, else of the last one in which it has begun."""
        if at >= len(tokens) or tokens[at].kind != "ordinal" or (number := ordinal_of(tokens[at])) is None or number > 31:
            return None
        named = [MONTHS[one.text] for one in tokens[:at] if one.text in MONTHS and one.text != "may"]
        first = self.begun.replace(day=1)
        if named:
            first = first.replace(year=first.year - (1 if named[-1] > first.month else 0), month=named[-1])
        elif number > self.begun.day:
            first = (first - datetime.timedelta(days=1)).replace(day=1)
        try:
            return at + 1, first.replace(day=number)
        except ValueError:
            return None


def part_of(first: datetime.date, said: str, count: int, unit: str) -> tuple[datetime.date, datetime.date] | None:
    """The ``second half``, ``third week`` or ``last 10 days`` of a month that begins on a day; a week has seven days, counted
    from the first of the month."""
    part, length = _PARTS[said], _last_of(first).day
    if unit == "half":
        days = {1: (1, 15), 2: (16, length), 0: (16, length)}.get(part)
    elif part == 0:
        days = (length - min(count * (7 if unit == "week" else 1), length) + 1, length)
    elif unit == "week" or part == 1 or count > 1:
        size = count * (7 if unit == "week" else 1)
        days = ((part - 1) * size + 1, min(part * size, length))
    else:
        days = (part, part)
    if days is None or days[0] > length:
        return None
    return first.replace(day=days[0]), first.replace(day=days[1])


def weekend_of(asked: Range) -> Range:
    """Saturday and Sunday of the week of a day; what is longer names its days itself."""
    if not isinstance(asked, Between) or asked.start != asked.end:
        return asked
    day = datetime.date.fromisoformat(asked.start)
    saturday = day + datetime.timedelta(days=5 - day.weekday())
    return Between(start=saturday.isoformat(), end=(saturday + datetime.timedelta(days=1)).isoformat())


def is_part(word: str) -> bool:
    """Whether a word says which part."""
    return word in _PARTS


def _last_of(first: datetime.date) -> datetime.date:
    return first.replace(day=calendar.monthrange(first.year, first.month)[1])
