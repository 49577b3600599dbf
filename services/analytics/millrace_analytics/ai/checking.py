"""Refuses a text with a number that was not computed.

Whoever words a text, a model or a template: each number in it has to be one of the answer's rows, of the facts that code
computed from them, or of the question. A number may be written rounded; so are words for one (``twice``, ``half``).
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

_NUMBER: Final = re.compile(
    r"(?<![\w.,])[-−+]?(\d{1,3}(?:[,\u202f ]\d{3})+|\d+)(\.\d+)?(?:\s?(k|K|M|bn|B|thousand|million|billion)\b)?"
)
_SCALES: Final = {"k": 1e3, "K": 1e3, "thousand": 1e3, "M": 1e6, "million": 1e6, "B": 1e9, "bn": 1e9, "billion": 1e9}
_ANY_DIGIT: Final = re.compile(r"\d")
_WORDS: Final = {
    word: number
    for number, word in enumerate(
        "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen".split(), 2
    )
} | {
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
    "hundred": 100,
}
_MULTIPLES: Final = re.compile(
    r"\b(twice|thrice|doubled?|doubles|doubling|tripled?|triples|quadrupled?|half|halved|thirds?|quarters?|fourths?|fifths?|dozens?|"
    r"hundreds|thousands|millions|billions|tenfold|\w+fold|majority|most of|nearly all|almost all|none|zero|no one|nobody)\b",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"\b(" + "|".join(_WORDS) + r")\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Computed:
    """What a text may say.

    Attributes:
        numbers: of rows and facts.
        texts: of rows and the question, which may stand in the text as they are: a page, a product's number, a day.
    """

    numbers: Sequence[float]
    texts: Sequence[str]


def computed_of(rows: Iterable[Sequence[Any]], question: str = "", facts: Iterable[str] = ()) -> Computed:
    """What rows, the question and facts of code allow."""
    numbers: list[float] = []
    texts = [question, *facts]
    for row in rows:
        for cell in row:
            if isinstance(cell, bool):
                continue
            if isinstance(cell, (int, float)):
                numbers.append(float(cell))
            elif isinstance(cell, str):
                texts.append(cell)
            elif isinstance(cell, (list, tuple)):
                texts.extend(str(part) for part in cell)
    for text in (question, *facts):
        numbers += [value for _, value, _ in _numbers_in(text)]
    return Computed(numbers, texts)


def unfounded(text: str, computed: Computed) -> list[str]:
    """The numbers of a text, as they stand there, that nothing computed."""
    left = text
    cells = {one for one in computed.texts if _ANY_DIGIT.search(one) and len(one) <= 200}
    for label in sorted(cells, key=len, reverse=True):
        left = re.sub(rf"(?<![\w]){re.escape(label)}(?![\w])", " ", left)
    found = [shown for shown, value, step in _numbers_in(left) if not _is_among(value, step, computed.numbers)]
    known = " ".join(computed.texts).lower()
    found += [
        word[0]
        for word in _WORD.finditer(left)
        if not _is_among(_WORDS[word[0].lower()], 1, computed.numbers) and word[0].lower() not in known
    ]
    found += [word[0] for word in _MULTIPLES.finditer(left) if word[0].lower() not in known]
    return found + _odd_digits(left)


def _numbers_in(text: str) -> list[tuple[str, float, float]]:
    """Each number as it stands there, its value, and the step that its last digit makes."""
    found = []
    for match in _NUMBER.finditer(text):
        whole, fraction, scale = match[1], match[2] or "", _SCALES.get(match[3] or "", 1.0)
        value = float(re.sub(r"[,\u202f ]", "", whole) + fraction) * scale
        found.append((match[0].strip(), value, scale * 10.0 ** -max(len(fraction) - 1, 0)))
    return found


def _odd_digits(text: str) -> list[str]:
    """Digits that are no number as people write them (``v2``, ``3x``, digits of other scripts)."""
    spans = [match.span() for match in _NUMBER.finditer(text)]
    return [
        word[0]
        for word in re.finditer(r"\S*\d\S*", text)
        if not all(
            any(first <= word.start() + at < end for first, end in spans) for at, sign in enumerate(word[0]) if sign.isdigit()
        )
    ]


def _is_among(value: float, step: float, numbers: Sequence[float]) -> bool:
    """Whether one of the numbers is this one when it is rounded as this one is; its sign may be told in words."""
    tolerance = step / 2 * (1 + 1e-9) + 1e-12
    return any(math.isfinite(one) and abs(abs(one) - value) <= tolerance for one in numbers)
