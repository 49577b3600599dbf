"""When: what people write of days, weeks and months, as ranges of the metric layer."""

import calendar
import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from millrace_analytics.ai.offline.clock import weekday_at
from millrace_analytics.ai.offline.days import MONTHS, Today, is_part, part_of, weekend_of
from millrace_analytics.ai.offline.periods import texts_at, unit_at
from millrace_analytics.ai.offline.words import Token, number_of, ordinal_of
from millrace_warehouse.metrics.ranges import Between, Last, Range, RangeUnit, local, zone_of

_PREPOSITIONS: Final = frozenset({"in", "during", "for", "over", "on", "within", "of", "from", "since", "the", "at"})
_LAST: Final = frozenset({"last", "past", "previous", "recent", "latest", "preceding", "prior", "trailing"})
_THIS: Final = frozenset({"this", "current"})


@dataclass(frozen=True, slots=True)
class When:
    """A range that some words of a question name."""

    first: int
    end: int
    """The words: from here up to, but not including, there."""
    range: Range
    named: str
    """``today``, ``last week``, …: as it was understood."""
    role: Literal["within", "since", "before"] = "within"
    text_says_previous: bool = False
    """Whether it was called the previous one."""


class Times:
    """Finds ranges, at one moment."""

    def __init__(self, now: int, time_zone: str) -> None:
        self._today = local(now, zone_of(time_zone)).date()
        self._begun_day = local(now - 1, zone_of(time_zone)).date()
        """The last day of which something has passed: at midnight that is yesterday."""
        self._near: Final = Today(self._today, self._begun_day)
        self._readers: Final = (
            self._spanned, self._since, self._week_of, self._weekend, self._part, self._relative, self._to_date, self._absolute,
            self._some_day,
        )  # fmt: skip

    def at(self, tokens: Sequence[Token], first: int) -> When | None:
        """The longest range whose words begin here."""
        begin = first
        while begin < len(tokens) and tokens[begin].text in _PREPOSITIONS - {"since", "from"}:
            begin += 1
        is_weekend = texts_at(tokens, begin, 2) == ("weekend", "of")
        if is_weekend:
            begin += 3 if texts_at(tokens, begin + 2, 1) == ("the",) else 2
        elif begin - first > 2:
            return None
        if begin >= len(tokens):
            return None
        for read in self._readers:
            if (found := read(tokens, begin)) is not None:
                end, given, named, role = found
                asked = self._begun(weekend_of(given) if is_weekend else given)
                said = {token.text for token in tokens[begin:end]}
                return When(first, end, asked, named, role, bool(said & {"previous", "prior", "preceding", "before"}))
        return None

    def _begun(self, asked: Range) -> Range:
        """What lies ahead is left out: it is not zero, it has not begun."""
        last = self._begun_day.isoformat()
        if isinstance(asked, Between) and asked.start <= last < asked.end:
            return Between(start=asked.start, end=last)
        return asked

    def _relative(self, tokens: Sequence[Token], at: int) -> "_Found | None":
        word = tokens[at].text
        if word in ("today", "yesterday"):
            align: Literal["to_date", "complete"] = "to_date" if word == "today" else "complete"
            return at + 1, Last(last=1, unit="day", align=align), word, "within"
        if word in ("this", "current") and (unit := unit_at(tokens, at + 1)):
            end = at + 2 + (2 if texts_at(tokens, at + 2, 2) == ("so", "far") else 0)
            return end, Last(last=1, unit=unit, align="to_date"), f"this {unit} up to now", "within"
        if word == "this" and texts_at(tokens, at + 1, 1) in (("past",), ("last",)):
            return self._relative(tokens, at + 1)
        if weekday_at(tokens, at) is not None:
            dated = self._absolute(tokens, at + (2 if texts_at(tokens, at + 1, 1) == (",",) else 1))
            if dated is not None:
                return dated  # "Sunday, March 15"
        if (near := self._near.near(tokens, at)) is not None:
            named = near[1].isoformat() if near[1] == near[2] else f"{near[1]} to {near[2]}"
            return near[0], _days(near[1], near[2]), named, "within"
        return self._past(tokens, at) if word in _LAST else None

    def _past(self, tokens: Sequence[Token], at: int) -> "_Found | None":
        """``last week``, ``past 30 days``, ``last 3 full weeks``."""
        word = tokens[at].text
        if texts_at(tokens, at + 1, 1) == ("fortnight",):
            return at + 2, Last(last=14, unit="day"), "the 14 days up to now", "within"
        if unit := unit_at(tokens, at + 1):
            if word in ("past", "recent", "latest") or unit in ("hour", "minute", "day"):
                return at + 2, Last(last=1, unit=unit), f"the {unit} up to now", "within"
            return at + 2, Last(last=1, unit=unit, align="complete"), f"the last whole {unit}", "within"
        count = number_of(tokens[at + 1]) if at + 1 < len(tokens) else None
        extra = 1
        if count is None and texts_at(tokens, at + 1, 2) == ("couple", "of"):
            count, extra = 2, 2
        after = at + 1 + extra
        whole = ("full", "complete", "whole", "calendar")
        if texts_at(tokens, at + 1, 1) and tokens[at + 1].text in whole and (unit := unit_at(tokens, at + 2)):
            return at + 3, Last(last=1, unit=unit, align="complete"), f"the last whole {unit}", "within"
        while after < len(tokens) and tokens[after].text in whole:
            if count and (unit := unit_at(tokens, after + 1)):
                return after + 2, Last(last=count, unit=unit, align="complete"), f"the last {count} whole {unit}s", "within"
            after += 1
        if count and (unit := unit_at(tokens, after)):
            return after + 1, Last(last=count, unit=unit), f"the {count} {unit}s up to now", "within"
        return None

    def _week_of(self, tokens: Sequence[Token], at: int) -> "_Found | None":
        """``week of March 2``: from its Monday on; ``week from March 3``: from that day on."""
        if texts_at(tokens, at, 1) != ("week",) or texts_at(tokens, at + 1, 1) not in (("of",), ("from",), ("starting",)):
            return None
        if (found := self._day(tokens, at + (3 if texts_at(tokens, at + 2, 1) == ("the",) else 2))) is None:
            return None
        begin = found[1] - datetime.timedelta(days=found[1].weekday() if tokens[at + 1].text == "of" else 0)
        return found[0], _days(begin, begin + datetime.timedelta(days=6)), f"the week from {begin}", "within"

    def _weekend(self, tokens: Sequence[Token], at: int) -> "_Found | None":
        """Saturday and Sunday of this week, or of the one before."""
        if texts_at(tokens, at, 3) == ("this", "past", "weekend"):
            at += 1
        if texts_at(tokens, at + 1, 1) != ("weekend",) or tokens[at].text not in _LAST | _THIS:
            return None
        week = self._today - datetime.timedelta(days=self._today.weekday() + (0 if tokens[at].text in _THIS else 7))
        saturday = week + datetime.timedelta(days=5)
        return at + 2, _days(saturday, saturday + datetime.timedelta(days=1)), f"the weekend of {saturday}", "within"

    def _to_date(self, tokens: Sequence[Token], at: int) -> "_Found | None":
        unit = unit_at(tokens, at)
        if unit and texts_at(tokens, at + 1, 2) == ("to", "date"):
            return at + 3, Last(last=1, unit=unit, align="to_date"), f"this {unit} up to now", "within"
        short: dict[str, RangeUnit] = {"ytd": "year", "mtd": "month", "qtd": "quarter", "wtd": "week"}
        if (named := short.get(tokens[at].text)) is not None:
            return at + 1, Last(last=1, unit=named, align="to_date"), f"this {named} up to now", "within"
        return None

    def _part(self, tokens: Sequence[Token], at: int) -> "_Found | None":
        """``first half of March``, ``first week of March``, ``first 10 days of March``."""
        said = tokens[at].text
        if not is_part(said):
            return None
        count, after = 1, at + 1
        if after < len(tokens) and (number := number_of(tokens[after])) is not None:
            count, after = number, after + 1
        if after >= len(tokens) or tokens[after].stem not in ("half", "week", "day"):
            return None
        unit = tokens[after].stem
        after += 1
        while after < len(tokens) and tokens[after].text in ("of", "in", "the"):
            after += 1
        month = self._month(tokens, after) or self._this_month(tokens, after)
        span = part_of(datetime.date(month[1], month[2], 1), said, count, unit) if month is not None else None
        return None if month is None or span is None else (month[0], _days(*span), f"{span[0]} to {span[1]}", "within")

    def _this_month(self, tokens: Sequence[Token], at: int) -> tuple[int, int, int] | None:
        """``this month``, ``last month``."""
        if texts_at(tokens, at, 2) not in (("this", "month"), ("last", "month"), ("current", "month")):
            return None
        begun = self._today.replace(day=1) - datetime.timedelta(days=1 if tokens[at].text == "last" else 0)
        return at + 2, begun.year, begun.month

    def _absolute(self, tokens: Sequence[Token], at: int) -> "_Found | None":
        if (one := self._day(tokens, at)) is not None:
            end, day = one
            return end, _days(day, day), day.isoformat(), "within"
        if at >= len(tokens):
            return None
        at += 2 if texts_at(tokens, at, 2) == ("month", "of") else 0
        if (month := self._month(tokens, at)) is not None:
            end, year, number = month
            first = datetime.date(year, number, 1)
            last = datetime.date(year, number, calendar.monthrange(year, number)[1])
            return end, _days(first, last), f"{calendar.month_name[number]} {year}", "within"
        return self._quarter(tokens, at) or self._year(tokens, at)

    def _quarter(self, tokens: Sequence[Token], at: int) -> "_Found | None":
        match = re.fullmatch("q([1-4])", tokens[at].text)
        spelt = (at + 1, int(match[1])) if match else self._near.quarter(tokens, at)
        if spelt is None:
            return None
        (end, number), year = spelt, self._today.year
        year_at = end + 1 if texts_at(tokens, end, 1) in (("of",), ("in",)) else end
        if year_at < len(tokens) and (said := _year_of(tokens[year_at])) is not None:
            year, end = said, year_at + 1
        elif 3 * number - 2 > self._today.month:
            year -= 1
        first = datetime.date(year, 3 * number - 2, 1)
        last = datetime.date(year, 3 * number, calendar.monthrange(year, 3 * number)[1])
        return end, _days(first, last), f"quarter {number} of {year}", "within"

    def _year(self, tokens: Sequence[Token], at: int) -> "_Found | None":
        year = _year_of(tokens[at])
        if year is None or at == 0 or tokens[at - 1].text not in _PREPOSITIONS | {"year", "between", "and", "to"}:
            return None
        return at + 1, _days(datetime.date(year, 1, 1), datetime.date(year, 12, 31)), str(year), "within"

    def _some_day(self, tokens: Sequence[Token], at: int) -> "_Found | None":
        """``on the 10th``."""
        if at == 0 or tokens[at - 1].text not in ("the", "on", "in") or (found := self._near.ordinal(tokens, at)) is None:
            return None
        if texts_at(tokens, found[0], 1) in (("percentile",), ("time",), ("purchase",), ("order",), ("most",), ("best",)):
            return None
        return found[0], _days(found[1], found[1]), found[1].isoformat(), "within"

    def _since(self, tokens: Sequence[Token], at: int) -> "_Found | None":
        word = tokens[at].text
        if word not in ("since", "until", "till", "before", "after", "from"):
            return None
        after = at + 1
        while after < len(tokens) and tokens[after].text in ("the", "on", "in"):
            after += 1
        if word == "from" and self._absolute(tokens, after) is None:
            return None  # "signups from yesterday" are those of that day
        if after >= len(tokens) or (found := self._since_what(tokens, after)) is None:
            return None
        end, asked, _, _ = found
        days = self._days_of(asked)
        if days is None:
            return None
        first, last = days
        if word in ("since", "from", "after"):
            if word == "from" and texts_at(tokens, end, 1) not in ((), ("on",), ("onwards",), ("onward",)):
                return None
            begin = last + datetime.timedelta(days=1) if word == "after" else first
            end += 1 if texts_at(tokens, end, 1) in (("on",), ("onwards",), ("onward",)) else 0
            until = max(self._begun_day, begin)
            return end, _days(begin, until), f"{begin} up to now", "since"
        stop = first - datetime.timedelta(days=1) if word == "before" else last
        return end, _days(datetime.date(2000, 1, 1), stop), f"up to {stop}", "before"

    def _since_what(self, tokens: Sequence[Token], at: int) -> "_Found | None":
        found = self._relative(tokens, at) or self._absolute(tokens, at)
        if found is not None:
            return found
        if (begin := self._near.begin_of(tokens, at)) is not None:
            return begin[0], _days(begin[1], begin[1]), begin[1].isoformat(), "within"
        day = self._near.ordinal(tokens, at)
        return None if day is None else (day[0], _days(day[1], day[1]), day[1].isoformat(), "within")

    def _dated(self, tokens: Sequence[Token], at: int) -> "_Found | None":
        """A day, month or year, or the 10th of a month that was named."""
        if (found := self._absolute(tokens, at)) is not None:
            return found
        if tokens[at].text in ("yesterday", "today"):
            return self._relative(tokens, at)
        if (near := self._near.near(tokens, at, with_weekdays=False)) is not None and near[1] == near[2]:
            return near[0], _days(near[1], near[2]), near[1].isoformat(), "within"
        day = self._near.ordinal(tokens, at)
        return None if day is None else (day[0], _days(day[1], day[1]), day[1].isoformat(), "within")

    def _spanned(self, tokens: Sequence[Token], at: int) -> "_Found | None":
        """``between A and B``, ``from A to B``, ``A to B``."""
        begin = at + 1 if tokens[at].text in ("between", "from") else at
        while begin < len(tokens) and begin > at and tokens[begin].text in ("the", "on"):
            begin += 1
        if begin >= len(tokens):
            return None
        if (days := self._days_of_a_month(tokens, begin)) is not None:
            return days
        one = self._dated(tokens, begin) if begin > at else self._absolute(tokens, begin)
        if one is None:
            return None
        middle, asked, _, _ = one
        if tokens[at].text != "between" and texts_at(tokens, middle, 1) == ("and",):
            return self._next_day(tokens, middle + 1, asked)
        joining = ("and",) if tokens[at].text == "between" else ("to", "until", "till", "through")
        if middle >= len(tokens) or tokens[middle].text not in joining:
            return None
        after = middle + 1
        while after < len(tokens) and tokens[after].text == "the":
            after += 1
        other = self._last_of_span(tokens, after, asked)
        if other is None:
            return None
        first, last = self._days_of(asked), self._days_of(other[1])
        if first is None or last is None or first[0] > last[1]:
            return None
        return other[0], _days(first[0], last[1]), f"{first[0]} to {last[1]}", "within"

    def _next_day(self, tokens: Sequence[Token], at: int, begun: Range) -> "_Found | None":
        """``March 3rd and 4th``: two days, one behind the other."""
        last = self._same_month(tokens, at, begun) if at < len(tokens) else None
        days = self._days_of(begun)
        if last is None or days is None or days[0] != days[1] or tokens[at].kind not in ("ordinal", "number"):
            return None
        span = self._days_of(last[1])
        return last if span is not None and span[1] == span[0] + datetime.timedelta(days=1) else None

    def _last_of_span(self, tokens: Sequence[Token], at: int, begun: Range) -> "_Found | None":
        if at >= len(tokens):
            return None
        if tokens[at].text in ("today", "now"):
            return at + 1, _days(self._today, self._today), "today", "within"
        return self._absolute(tokens, at) or self._same_month(tokens, at, begun) or self._dated(tokens, at)

    def _days_of_a_month(self, tokens: Sequence[Token], at: int) -> "_Found | None":
        """``21 to 22 March``."""
        first = number_of(tokens[at]) or ordinal_of(tokens[at])
        if first is None or texts_at(tokens, at + 1, 1) not in (("to",), ("and",), ("until",), ("through",)):
            return None
        last = self._day(tokens, at + (3 if texts_at(tokens, at + 2, 1) == ("the",) else 2))
        if last is None or not 1 <= first < last[1].day:
            return None
        begin = last[1].replace(day=first)
        return last[0], _days(begin, last[1]), f"{begin} to {last[1]}", "within"

    def _same_month(self, tokens: Sequence[Token], at: int, begun: Range) -> "_Found | None":
        """``March 1 to 7``."""
        days = self._days_of(begun)
        day = (ordinal_of(tokens[at]) or number_of(tokens[at])) if at < len(tokens) else None
        if days is None or day is None or not days[0].day <= day <= calendar.monthrange(days[0].year, days[0].month)[1]:
            return None
        last = days[0].replace(day=day)
        return at + 1, _days(days[0], last), f"{days[0]} to {last}", "within"

    def _day(self, tokens: Sequence[Token], at: int) -> tuple[int, datetime.date] | None:
        """``2026-03-05``, ``March 5th``, ``5 March 2026``."""
        if at >= len(tokens):
            return None
        if tokens[at].kind == "date":
            try:
                return at + 1, datetime.date.fromisoformat(tokens[at].text)
            except ValueError:
                return None
        number = ordinal_of(tokens[at]) if tokens[at].kind == "ordinal" else number_of(tokens[at])
        if number is not None:
            month_at = at + 2 if texts_at(tokens, at + 1, 1) == ("of",) else at + 1
            month = self._month(tokens, month_at)
            return None if month is None else self._date(month[0], month[1], month[2], number)
        month = self._month(tokens, at, with_year=False)
        if month is None or month[0] >= len(tokens):
            return None
        end = month[0] + (1 if tokens[month[0]].text == "the" else 0)
        number = (ordinal_of(tokens[end]) or number_of(tokens[end])) if end < len(tokens) else None
        if number is None or number > 31:
            return None
        year, end = month[1], end + 1
        behind = end + 1 if texts_at(tokens, end, 1) == (",",) else end  # "March 20, 2026"
        if behind < len(tokens) and (said := _year_of(tokens[behind])) is not None:
            year, end = said, behind + 1
        return self._date(end, year, month[2], number)

    def _date(self, end: int, year: int, month: int, day: int) -> tuple[int, datetime.date] | None:
        try:
            return end, datetime.date(year, month, day)
        except ValueError:
            return None

    def _month(self, tokens: Sequence[Token], at: int, *, with_year: bool = True) -> tuple[int, int, int] | None:
        """Where it ends, its year and its number; without a year the last one that has begun."""
        if at >= len(tokens) or (number := MONTHS.get(tokens[at].text)) is None:
            return None
        end = at + 1
        if tokens[at].text == "may" and not (at and tokens[at - 1].text in _PREPOSITIONS | {"between", "and", "to", "vs"}):
            return None
        if with_year and end < len(tokens):
            year_at = end + 1 if tokens[end].text in ("of", "in") and end + 1 < len(tokens) else end
            if (year := _year_of(tokens[year_at])) is not None:
                return year_at + 1, year, number
        return end, self._today.year - (1 if number > self._today.month else 0), number

    def _days_of(self, asked: Range) -> tuple[datetime.date, datetime.date] | None:
        if isinstance(asked, Between):
            return datetime.date.fromisoformat(asked.start), datetime.date.fromisoformat(asked.end)
        if asked.unit == "day" and asked.last == 1 and asked.align != "rolling":
            day = self._today - datetime.timedelta(days=1 if asked.align == "complete" else 0)
            return day, day
        if asked.unit == "month" and asked.last == 1 and asked.align != "rolling":
            first = self._today.replace(day=1)
            if asked.align == "complete":
                first = (first - datetime.timedelta(days=1)).replace(day=1)
            return first, first.replace(day=calendar.monthrange(first.year, first.month)[1])
        if asked.unit == "week" and asked.last == 1 and asked.align != "rolling":
            monday = self._today - datetime.timedelta(days=self._today.weekday() + (7 if asked.align == "complete" else 0))
            return monday, monday + datetime.timedelta(days=6)
        return None


_Found = tuple[int, Range, str, Literal["within", "since", "before"]]


def _year_of(token: Token) -> int | None:
    return int(token.text) if re.fullmatch(r"20[0-4]\d", token.text) else None


def _days(first: datetime.date, last: datetime.date) -> Between:
    return Between(start=first.isoformat(), end=last.isoformat())
