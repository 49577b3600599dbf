"""Words of a question: cut apart, brought to one form, compared in spite of typing errors."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_TOKEN: Final = re.compile(
    r"\"(?P<quoted>[^\"]{1,200})\"|(?P<path>(?<![\w])/[\w/.%-]*)|(?P<date>\d{4}-\d{2}-\d{2})|"
    r"(?P<ordinal>\d+(?:st|nd|rd|th)\b)|(?P<number>\d+(?:[.,]\d+)*)|(?P<name>[^\W_]+(?:[_.][^\W]+)+)|"
    r"(?P<mixed>[^\W\d_]+\d\w*)|(?P<word>[^\W\d_]+(?:'[^\W\d_]+)?)|"
    r"(?P<other>[^\W_]\w*)|(?P<sign>->|[+%>→&<=,;:?])"
)
"""What is none of these parts words and says nothing."""

_CONTRACTED: Final = re.compile(r"(?<=\w)'(?:d|ll|ve|re|m)\b")
"""``I'd like``, ``we've had``: what is cut off says nothing."""
_DASH: Final = re.compile(r"(?<=[\s\d])(?<!\d-\d\d)(?<!\d{4})\s*[-–—]\s*(?=\d{1,2}(?:st|nd|rd|th)?\b(?!-))", re.IGNORECASE)
"""Of ``March 1-14``; not of ``2026-03-01``."""

_OWNED: Final = re.compile(r"(?<=\w)'s\b|(?<=s)'(?=\s|$)")
"""``last week's``, ``visitors'``."""
_HALVES: Final = re.compile(r"(?<=\d)(\s*(?:am|pm|:00))\s*[-–—]\s*(?=\d)", re.IGNORECASE)
"""Of ``9am-5pm``."""

_ACTIVE: Final = re.compile(r"(?<![\w/])(?<!\bdau )[dwm]aus?\b(?!\s*(?:/|to|over|by)?\s*[wm]au\b)", re.IGNORECASE)
"""DAU, WAU and MAU, where they are not divided by each other."""
_ACTIVE_OF: Final = {"d": "daily", "w": "weekly", "m": "monthly"}

_IRREGULAR: Final = dict(
    pair.split(":")
    for pair in """
bought:buy made:make seen:see saw:see came:come spent:spend sold:sell left:leave paid:pay went:go gone:go did:do
done:do does:do has:have had:have was:be were:be is:be are:be been:be people:person persons:person countries:country
fell:fall fallen:fall rose:rise risen:rise grew:grow grown:grow shrank:shrink shrunk:shrink dropped:drop took:take
taken:take brought:bring led:lead
got:get children:child kept:keep began:begin begun:begin gave:give given:give sent:send fewer:few fewest:few
lowest:low highest:high most:most news:news status:status bounced:bounce address:address ios:ios os:os ms:ms sms:sms
css:css pros:pro ups:up ids:id ppl:person folks:person
""".split()
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word or number of a question."""

    text: str
    """In lower case."""
    stem: str
    kind: str
    """``word``, ``name`` (with an underscore in it), ``number``, ``ordinal``, ``date``, ``path``, ``quoted`` or ``sign``."""
    raw: str


def tokens_of(question: str) -> list[Token]:
    """The words of a question, in order."""
    text = unicodedata.normalize("NFKC", question).replace("’", "'").replace("“", '"').replace("”", '"')
    text = re.sub(r"n't\b", " not", text)
    text = _OWNED.sub("", text)
    text = _HALVES.sub(r"\1 to ", text)
    text = _CONTRACTED.sub(" ", text)
    text = _DASH.sub(" to ", text)
    text = _ACTIVE.sub(lambda found: f"{_ACTIVE_OF[found[0][0].lower()]} active people", text)
    return [_token(match) for match in _TOKEN.finditer(text)]


_WORDS: Final = frozenset({"word", "mixed", "other"})


def _token(match: re.Match[str]) -> Token:
    kind = match.lastgroup or "word"
    raw = match[kind]
    lower = raw.lower()
    return Token(lower, stem_of(lower) if kind in _WORDS else lower, "word" if kind in _WORDS else kind, raw)


@lru_cache(maxsize=20_000)
def stem_of(word: str) -> str:
    """One form for a word's plural, past and gerund; no word of any dictionary, the same for all of them."""
    if (known := _IRREGULAR.get(word)) is not None:
        return known[:-1] if len(known) > 3 and known.endswith("e") else known  # as "come" is cut where it is written so
    stem = _without_plural(word)
    for ending, shortest in (("ing", 6), ("ed", 5)):
        if stem.endswith(ending) and len(stem) >= shortest and re.search("[aeiouy]", stem[: -len(ending)]):
            stem = stem[: -len(ending)]
            if stem[-1] == stem[-2] and stem[-1] not in "ls":
                stem = stem[:-1]
            break
    return stem[:-1] if len(stem) > 3 and stem.endswith("e") else stem


def _without_plural(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def stems_of(phrase: str) -> tuple[str, ...]:
    """The stems of a phrase of the catalogue or of a name (``add_to_cart``, ``addToCart``)."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", phrase)
    return tuple(stem_of(word.lower()) for word in re.findall(r"[^\W_]+", apart))


_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SMALL: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen"
).split()
_COUNTS: dict[str, int] = {word: number for number, word in enumerate(_SMALL)} | {
    "once": 1,
    "twice": 2,
    "dozen": 12,
    "single": 1,
    "hundred": 100,
}
_COUNTS |= {word: 10 * number for number, word in enumerate(_TENS, 2)}
_ORDINALS: Final = {
    word: number for number, word in enumerate("first second third fourth fifth sixth seventh eighth ninth tenth".split(), 1)
}


def number_of(token: Token) -> int | None:
    """The whole number that a token says."""
    if token.kind == "number" and re.fullmatch(r"\d{1,9}|\d{1,3}(,\d{3})+", token.text):
        return int(token.text.replace(",", ""))
    return _COUNTS.get(token.text)


def ordinal_of(token: Token) -> int | None:
    """The number that ``1st`` or ``first`` says."""
    if token.kind == "ordinal":
        return int(token.text[:-2])
    return _ORDINALS.get(token.text)


def nearest(word: str, known: Iterable[str]) -> Sequence[str]:
    """The known words that a typing error makes of this one: all that are the nearest, none where every one is too far.

    By the restricted Damerau-Levenshtein distance (optimal string alignment): one slip in words of four to seven letters, two
    in longer ones; the first letter is right, as it nearly always is (Pollock & Zamora 1984).
    """
    from rapidfuzz.distance import OSA  # noqa: PLC0415 (a process that is asked nothing does without it)

    if len(word) < 4:
        return ()
    most = 1 if len(word) < 8 else 2
    best: list[str] = []
    for one in known:
        if len(one) < 4 or one[0] != word[0] or abs(len(one) - len(word)) > most:
            continue
        distance = OSA.distance(word, one, score_cutoff=most)
        if distance < most or (distance == most and not best):
            best, most = [one], distance
        elif distance == most:
            best.append(one)
    return best
