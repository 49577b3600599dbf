"""Ways of saying a thing that words alone do not carry, brought to the way that the grammar has: ``do A spend more than B``
asks for both beside each other, ``didnt`` is ``did not``, ``3/20`` is a day."""

import datetime
import re
from collections.abc import Callable
from typing import Final

_FLAGS: Final = re.IGNORECASE
UNREAD: Final = {
    "own_costs": "we spend", "worst_first": "worst first", "live_now": "right now", "same_day_of": "same day of last week",
}  # fmt: skip
"""Words that stand for what has no reading, and how it was written."""
_MORE: Final = (
    r"(?:(?:more|less)(?! often| frequently)|fewer|better|worse|higher|lower|bigger|larger|greater|smaller|longer|"
    r"shorter|faster|slower|sooner)"
)
_ASKS: Final = r"(?:do|does|did|is|are|was|were|have|has|had)"
_EARN: Final = (
    r"(?:make|made|making|earn|earned|take|took|gross|grossed|bring in|brought in|take in|took in|pull in|generate|net)"
)
_EMPTY: Final = r"(?:missing|empty|blank|not set|unset|null|not there|unknown|not known|absent|not filled(?: in)?)"
_FIELD: Final = r"([a-z]+(?:_[a-z]+)*(?:\s(?:source|medium|campaign|id|system|type|domain))?)"

_OF_ONE: Final = r"(?:per|by|of|for each|of each|of a)\s+(?:the\s+)?(?:customer|buyer|client|shopper)s?\b"

_SAW_BOTH: Final = (
    r"\b(people|visitors|users|customers|buyers)\s+(?:(?:who|that)\s+)?(?:have\s+|had\s+)?"
    r"(?:visited|viewed|saw|seen|opened|read|looked at|went to|been to|hit)\s+both\s+(?:of\s+)?(?=[^,?.]{1,60}\sand\s)"
)
"""``how many people visited both /pricing and /docs``."""
_THIS_AND_LAST: Final = (
    r"\b(this|current) (week|month|quarter|year)\b([^?]*?)\b(compared (?:to|with)|vs\.?|versus|against|and|than)\s+(?:the\s+)?"
    r"(?:last|previous)(?: one)?(?=\s*[?.!]*\s*$)"
)
"""``this week compared to last``."""
_LEAST, _MOST = r"(?:smallest|lowest|cheapest)", r"(?:largest|highest|biggest|greatest)"
_AND_THE: Final = r"\s+(?:and|&)\s+(?:the\s+)?"
"""``the smallest and the largest order``: both ends, and no rank."""
_SAID: Final[tuple[tuple[str, str], ...]] = (
    (r"\b(did|do|does|was|were|has|have|had|is|are|would|could|should)'?n'?t\b", r"\1 not"),
    (r"\b(?:can'?t|cannot|can not)\b", "do not"),
    (r"\bhavnt\b", "have not"),
    (r"\bavg\b\.?", "average"),
    (rf"\b{_LEAST}{_AND_THE}{_MOST}\b", "minimum and maximum"),
    (rf"\b{_MOST}{_AND_THE}{_LEAST}\b", "maximum and minimum"),
    (r"\b(?:click[- ]?through[- ]rate|ctr)\b", "ratio of clicks to page views"),
    (_THIS_AND_LAST, r"\1 \2\3\4 last \2"),
    (r"\bdivided by (?:the )?(?:number of )?(?:unique )?(visitor|user|session|order|customer|visit|buyer|signup|page view)s\b",
     r"per \1"),
    (r"\b(?:top|biggest|best|highest|largest)\s+((?:\d+|three|five|ten)\s+)?spenders\b", r"top \1customers by revenue"),
    (r"\b(?:worst|best) first\b", "worst_first"),
    (r"\b(?:slowest|busiest|longest|priciest|most expensive) first\b", "highest first"),
    (r"\b(?:fastest|quietest|shortest|cheapest) first\b", "lowest first"),
    (r"\b(last|latest|first) (?:thing|action)\b", r"\1 event"),
    (r"\bhow(?:'s| is| are| was| were| did) (.{2,40}?) (?:doing|going|do|performing|perform)\b", r"\1"),
    (r"\bwhat (?:(?:did|do|have) (?:we|i) (?:sell|sold)|sells|sold) (?:the )?(?:most|best)(?: of)?\b",
     "which product has the most purchases"),
    (r"\b(?:the |our )?(?:repeat|repurchase|re-purchase)[- ](?:(?:purchase|customer|buyer|order|buying)s? )?rate\b",
     "share of repeat customers"),
    (r"\b(?:we|i) spen[dt]\b|\b(?:ads?|marketing|advertising|media) spend(?:ing)?\b", "own_costs"),
    (r"^\s*who (?:has |have |had )?(spent|spend|spends)\b(?=.*\b(?:more|less|over|under|above|below|least)\b)",
     r"which customers \1"),
    (_SAW_BOTH, r"\1 who viewed "),
    (r"\b(?:at )?what time(?: of (?:the )?day)?\s+(?=(?:do|does|are|is)\b(?!.*\b(?:last|first|latest)\b))",
     "which hour of day "),
    (r"\b(active|online|live)\b([^?]*)\b(?:right now|at the moment|currently|now)\b", r"\1\2 live_now"),
    (r"\btotal amount of (?=purchases|orders|sales)", "revenue of "),
    (r"\bboth\s+(?=[^,?.]{1,60}\sand\s)(?!days|times|weeks|months|of them)", ""),
    (r"\b(?:best|highest|top)[- ]converting\b", "highest conversion rate"),
    (r"\b(?:worst|lowest|least|poorest)[- ]converting\b", "lowest conversion rate"),
    (r"\bconvert(?:s|ed|ing)?\s+(?:the\s+)?(?:best|most|highest)\b", "with the highest conversion rate"),
    (r"\bconvert(?:s|ed|ing)?\s+(?:the\s+)?(?:worst|least|lowest|poorest|poorly)\b", "with the lowest conversion rate"),
    (r"\b(?:where|whose|with|when|that have|which have|having)\s+(?:the\s+|a\s+|an\s+)?" + _FIELD
     + r"\s+(?:is|are|was|were)?\s*" + _EMPTY + r"\b", r"without \1"),
    (r"\b(?:with|have|has|had|having)\s+(?:a\s+|an\s+|the\s+)?" + _EMPTY + r"\s+" + _FIELD + r"\b", r"without \1"),
    (r"\b(?:missing|lacking|lacks|lack)\s+(?:a\s+|an\s+|the\s+|any\s+)?(?=[a-z]+_[a-z]+)", "without "),
    (r"\b(?:the\s+)?(?:average|avg\.?|mean|typical)\s+(?:spend|spending|amount spent|money spent)\s+" + _OF_ONE,
     "revenue per customer"),
    (r"\bhow much (?:money\s+)?(?:did|do|does|have|has|had|are|is|was|were)\s+((?:(?!it\b|time\b)\S+\s+){1,5}?)" + _EARN
     + r"\b(?!\s+to\b)", r"revenue \1"),
    (r"\bwhat (?:did|do|have|has) (we|i|the shop|the store|our shop|our store) " + _EARN + r"\b", r"revenue \1"),
)  # fmt: skip
_SPOKEN: Final = tuple((re.compile(pattern, _FLAGS), wanted) for pattern, wanted in _SAID)

_VERSUS: Final = re.compile(
    rf"^\s*(?:so\s+)?{_ASKS}\s+(?P<one>[^,?]+?)\s+{_MORE}\b(?P<what>[^,?]*?)\s*\bthan\s+"
    r"(?!\d|usual|average|expected|before|ever|one\b|once|two|three|four|five|ten\b|the (?:average|usual))(?P<other>.+)$",
    _FLAGS,
)
"""``do mobile users spend more per order than desktop users?``"""
_EITHER: Final = re.compile(
    rf"^\s*(?:who|which(?:\s+(?:one|of (?:them|these|the two)))?|what|where)\s+(?P<what>[^,:?]*?\b{_MORE}\b[^,:?]*?)\s*"
    r"[,:?–—-]+\s*(?P<one>[^,?]+?)\s+or\s+(?P<other>[^,?]+)\??\s*$",
    _FLAGS,
)
"""``which brings more revenue, twitter or google?``"""
_BUY: Final = re.compile(r"\b(?:convert|buy|purchase|order|pay)s?\s*$", _FLAGS)
_LIKELY: Final = re.compile(r"\b(?:likely|inclined)\s+to\s+(?:buy|purchase|order|convert|pay)\b", _FLAGS)
_EARNING: Final = re.compile(rf"\b{_EARN}\s*$", _FLAGS)


def days_apart(text: str, today: datetime.date) -> tuple[str, ...]:
    """The question with each of the days that its digits may be (``1/2``), where there are two; nothing where there is one."""
    slashed = [one for one in _DATE.finditer(text) if one["a"] and _is_date(one, text)]
    orders = _orders(slashed, today) if slashed else []
    return tuple(_dated(text, today, order) for order in orders) if len(orders) > 1 else ()


def reworded(text: str, today: datetime.date) -> str:
    """The question as the grammar can read it; what it has no rule for stays as it is."""
    text = _dated(text.replace("’", "'"), today)
    text = _SAME_DAY.sub(_week_before(text, today), text)
    text = _compared(text)
    for pattern, wanted in _SPOKEN:
        text = pattern.sub(wanted, text)
    return _rate_between(text)


_SAME_DAY: Final = re.compile(r"\b(?:the )?same (?:week)?day (?:of )?(?:the )?(?:last|previous) week\b", _FLAGS)


def _week_before(text: str, today: datetime.date) -> str:
    """The day a week before the one that is named; a word that nobody knows where none is."""
    said = [day for day in ("yesterday", "today") if re.search(rf"\b{day}\b", text, _FLAGS)]
    if len(said) != 1:
        return "same_day_of"
    return (today - datetime.timedelta(days=7 + int(said == ["yesterday"]))).isoformat()


def _compared(text: str) -> str:
    """Two groups or times, of which it is asked which has more: both beside each other."""
    if (found := _VERSUS.match(text)) is not None:
        one, what, other = found["one"], found["what"], found["other"]
        if _LIKELY.search(what):
            return f"conversion rate of {one} versus {other}"
        if not what.strip() and re.search(r"\bconvert\s*$", one, _FLAGS):
            return f"conversion rate of {one.rstrip()[: -len('convert')]} versus {other}"
        if (earning := _EARNING.search(one)) is not None and not re.search(r"\w*(?:order|sale|purchase|signup)", what, _FLAGS):
            one = f"revenue {one[: earning.start()]}"
        return f"{one}{what} versus {other}"
    if (found := _EITHER.match(text)) is not None:
        what = re.sub(rf"\b{_MORE}\b", "", found["what"], count=1, flags=_FLAGS)
        if re.fullmatch(r"\s*converts?\s*", what, _FLAGS) or _LIKELY.search(what):
            what = "conversion rate"
        elif re.fullmatch(rf"\s*{_EARN}s?\s*(?:us)?\s*(?:money)?\s*", what, _FLAGS):
            what = "revenue"
        return f"{what} {found['one']} versus {found['other']}"
    return text


_RATE: Final = re.compile(
    r"^(?P<head>.*?)(?P<one>\b[a-z_ ]{3,40}?)\s*(?:→|->|>|-to-|\bto\b)\s*(?P<other>[a-z_]+(?: [a-z]+)?)\s+"
    r"(?:conversion\s+)?(?:rate|ratio)\b(?P<rest>.*)$",
    _FLAGS,
)
"""``add to cart → purchase rate``; the last arrow before it is the one."""


_STEP: Final = re.compile(
    r"view|visit|page|cart|basket|check ?out|purchas|order|buy|sign|regist|log|click|search|session|account|[a-z]_[a-z]", _FLAGS
)
"""What somebody does, in one word of it."""


def _rate_between(text: str) -> str:
    found = _RATE.match(text)
    if found is None or " > " in found["rest"]:
        return text
    before = found["head"] + found["one"]
    if re.search(r"\b(?:ratio|rate)\b|\badd(?:ed)?\s*$", before, _FLAGS):
        return text  # "add to cart rate"
    if not _STEP.search(found["one"]) or not _STEP.search(found["other"]):
        return text  # "compare mobile to desktop conversion rate"
    return f"conversion rate from {found['head']}{found['one']} → {found['other']}{found['rest']}"


_DATE: Final = re.compile(
    r"(?<![\w/.-])(?:(?P<iso>\d{4})/(?P<im>\d{1,2})/(?P<iday>\d{1,2})"
    r"|(?P<a>\d{1,2})(?P<sign>[/-])(?P<b>\d{1,2})(?:(?P=sign)(?P<year>\d{4}|\d{2}))?"
    r"|(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<dyear>\d{4})?)(?![\w/])"
)
_BEFORE_A_DATE: Final = re.compile(
    r"(?:^|\b(?:since|on|from|until|till|before|after|between|and|to|through|thru|for|of|starting|day)|[,(:–—-])\s*$",
    _FLAGS,
)


_Order = Callable[[re.Match[str]], datetime.date | None]


def _dated(text: str, today: datetime.date, order: _Order | None = None) -> str:
    """Days in digits, in the order of ISO 8601. With slashes the month comes first or last: whichever makes days of all of
    them; where both do they stay as they are, and nobody guesses."""
    found = [one for one in _DATE.finditer(text) if _is_date(one, text)]
    slashed = [one for one in found if one["a"]]
    if order is None and slashed and len(orders := _orders(slashed, today)) == 1:
        order = orders[0]

    def iso(one: re.Match[str]) -> str:
        if not _is_date(one, text):
            return one[0]
        if one["iso"]:
            day = _day(int(one["iso"]), int(one["im"]), int(one["iday"]))
        elif one["day"]:
            day = _with_year(one["dyear"], int(one["month"]), int(one["day"]), today)
        else:
            day = order(one) if order is not None else None
        return one[0] if day is None else day.isoformat()

    text = _DATE.sub(iso, text)
    return re.sub(r"(\d{4}-\d\d-\d\d)\s*[-–—]\s*(?=\d{4}-\d\d-\d\d)", r"\1 to ", text)


def _is_date(one: re.Match[str], text: str) -> bool:
    """``24/7``, ``50/50`` and ``1-2`` are none: without a year something has to stand before it that a day stands behind."""
    if one["iso"] or one["year"] or one["day"]:
        return True
    return (
        one["sign"] == "/"
        and one[0] != "24/7"
        and _BEFORE_A_DATE.search(text[max(0, one.start() - 20) : one.start()]) is not None
    )


def _orders(dates: list[re.Match[str]], today: datetime.date) -> list[_Order]:
    """In which order month and day may stand: those that make days of all, and not the same ones."""

    def month_first(one: re.Match[str]) -> datetime.date | None:
        return _with_year(one["year"], int(one["a"]), int(one["b"]), today)

    def day_first(one: re.Match[str]) -> datetime.date | None:
        return _with_year(one["year"], int(one["b"]), int(one["a"]), today)

    def is_past(order: _Order) -> bool:
        days = [day for one in dates if (day := order(one)) is not None]
        return days == sorted(days) and all(day <= today for day in days)

    whole: list[_Order] = [order for order in (month_first, day_first) if all(order(one) is not None for one in dates)]
    past = [order for order in whole if is_past(order)] or whole  # "from 3/1 to 3/7" does not run backwards
    return past[:1] if all(month_first(one) == day_first(one) for one in dates) else past


def _with_year(year: str | None, month: int, day: int, today: datetime.date) -> datetime.date | None:
    """Without a year the last one in which the month has begun."""
    if year:
        return _day(int(year) + (2000 if len(year) == 2 else 0), month, day)
    return _day(today.year - (1 if month > today.month else 0), month, day)


def _day(year: int, month: int, day: int) -> datetime.date | None:
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None
