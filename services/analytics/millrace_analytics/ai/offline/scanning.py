"""A question cut into the parts that mean something: the fewest parts, the longest phrases, and no word left out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, Literal

from millrace_analytics.ai.offline import grammar
from millrace_analytics.ai.offline.clock import clock_at
from millrace_analytics.ai.offline.lexicon import DIMENSION, EVENT, LONGEST_PHRASE, METRIC, SEGMENT, VALUE, Lexicon, Sense
from millrace_analytics.ai.offline.periods import UNITS, earlier_at, grain_at, period_words_at, window_at
from millrace_analytics.ai.offline.times import Times, When
from millrace_analytics.ai.offline.words import Token, nearest, number_of, ordinal_of, stem_of, stems_of
from millrace_warehouse.metrics.filters import Comparison
from millrace_warehouse.metrics.ranges import Unit

Kind = Literal["phrase", "when", "grain", "period", "unit", "number", "sign", "stop", "unknown"]

_CONTENT: Final = frozenset({METRIC, DIMENSION, EVENT, SEGMENT, VALUE})


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of a question, and what they may mean."""

    kind: Kind
    text: str
    senses: tuple[Sense, ...] = ()
    when: When | None = None
    unit: Unit | None = None
    number: int = 0
    slip: str = ""
    """What was written, where a typing error was read as another word."""
    words: int = 1
    plural: bool = False
    is_ordinal: bool = False
    """Whether a number says which one, and not how many."""

    def sense(self, *kinds: str) -> Sense | None:
        """The first sense of one of these kinds, in the order of the kinds."""
        return next((one for kind in kinds for one in self.senses if one.kind == kind), None)

    def all(self, kind: str) -> list[Sense]:
        """Every sense of a kind."""
        return [one for one in self.senses if one.kind == kind]

    def is_a(self, *kinds: str) -> bool:
        """Whether it may mean one of these."""
        return any(one.kind in kinds for one in self.senses)

    @property
    def is_content(self) -> bool:
        """Whether it names something of the catalogue or of the tenant."""
        return any(one.kind in _CONTENT for one in self.senses)


@dataclass(slots=True)
class _Best:
    cost: float
    pieces: list[Piece] = field(default_factory=list)


def pieces_of(tokens: Sequence[Token], lexicon: Lexicon, times: Times) -> list[Piece]:
    """The pieces of a question, in order. What nothing knows is ``unknown``; stop words are left in."""
    return _cheapest(_corrected(tokens, lexicon, times), lexicon, times)


def _cheapest(tokens: Sequence[tuple[Token, str]], lexicon: Lexicon, times: Times) -> list[Piece]:
    words = [token for token, _ in tokens]
    best: list[_Best | None] = [None] * (len(words) + 1)
    best[len(words)] = _Best(0)
    for at in range(len(words) - 1, -1, -1):
        for end, piece, cost in _candidates(words, at, lexicon, times):
            rest = best[end]
            assert rest is not None, "every place has a piece that ends behind it"
            total = cost + rest.cost
            standing = best[at]
            if standing is None or total < standing.cost:
                slips = " ".join(slip for _, slip in tokens[at:end] if slip)
                plural = words[end - 1].text.endswith("s") and words[end - 1].stem != words[end - 1].text
                whole = replace(piece, slip=slips, words=end - at, plural=plural)
                best[at] = _Best(total, [whole, *rest.pieces])
    found = best[0]
    assert found is not None
    return found.pieces


_Candidate = tuple[int, Piece, float]


def with_views(pieces: Sequence[Piece]) -> list[Piece]:
    """``opened the pricing page``: a view of it. What else is opened, nobody knows; to look at it says nothing."""
    found: list[Piece] = []
    view = (Sense(METRIC, "page_views"), Sense(EVENT, "page_view"))
    for at, piece in enumerate(pieces):
        if not piece.is_a(grammar.SAW):
            found.append(piece)
            continue
        behind = next((one for one in pieces[at + 1 :] if one.kind != "stop"), None)
        is_page = behind is not None and not behind.is_a(METRIC) and any(one.name == "page_path" for one in behind.all(VALUE))
        says_nothing = piece.text.lower().endswith((" at", " to", " on"))
        rest = replace(piece, kind="stop" if says_nothing else "unknown", senses=())
        found.append(replace(piece, kind="phrase", senses=view) if is_page else rest)
    return found


def with_set_fields(pieces: Sequence[Piece]) -> list[Piece]:
    """``orders with a coupon``: those of which it is set."""
    found = list(pieces)
    for at, piece in enumerate(pieces):
        named = piece.sense(DIMENSION)
        before = [one.text.lower() if one.kind == "stop" else "" for one in pieces[max(at - 2, 0) : at]]
        is_with = before[-1:] == ["with"] and piece.plural
        is_with = is_with or (before[:1] in _WITH and before[-1] in ("a", "an", "any", "some"))
        if named is None or not named.name.startswith("properties.") or not is_with or piece.is_a(METRIC, EVENT, VALUE):
            continue
        behind = next((one for one in pieces[at + 1 :] if one.kind != "stop"), None)
        if behind is None or not (behind.kind == "number" or behind.is_a(VALUE, *_LIMITS)):
            where = Comparison.model_validate({"field": {"name": named.name, "type": named.detail}, "operator": "is_set"})
            found[at] = replace(piece, senses=(Sense(VALUE, named.name, where),))
    return found


_WITH: Final = (["with"], ["using"], ["used"], ["use"], ["had"])
_LIMITS: Final = (grammar.ABOVE, grammar.BELOW, grammar.EXACTLY, grammar.BETWEEN, grammar.TIME_LIMIT)
_UNKNOWN_COST: Final = 100.0
_PIECE_COST: Final = 1.0
_STOP_COST: Final = 1.05  # a word that says something is more than one that does not


def _candidates(tokens: Sequence[Token], at: int, lexicon: Lexicon, times: Times) -> list[_Candidate]:
    token = tokens[at]
    found: list[_Candidate] = [(at + 1, Piece("unknown", token.raw), _UNKNOWN_COST)]
    text = " ".join
    if (when := times.at(tokens, at)) is not None:
        shown = text(one.raw for one in tokens[at : when.end])
        found.append((when.end, Piece("when", shown, when=when), _PIECE_COST - 0.2))
    for kind, read in (("grain", grain_at), ("period", period_words_at)):
        if (unit := read(tokens, at)) is not None:
            shown = text(one.raw for one in tokens[at : unit[0]])
            found.append((unit[0], Piece("grain" if kind == "grain" else "period", shown, unit=unit[1]), _PIECE_COST - 0.1))
    if (bucket := UNITS.get(token.stem)) is not None:
        found.append((at + 1, Piece("unit", token.raw, unit=bucket), _PIECE_COST))
    if (clock := clock_at(tokens, at)) is not None:
        shown = text(one.raw for one in tokens[at : clock[0]])
        found.append((clock[0], Piece("phrase", shown, (clock[1],)), _PIECE_COST - 0.15))
    found += _phrases(tokens, at, lexicon)
    if (number := number_of(token)) is not None or (number := ordinal_of(token)) is not None:
        found.append((at + 1, Piece("number", token.raw, number=number, is_ordinal=number_of(token) is None), _PIECE_COST))
    found += [*_percentiles(tokens, at), *_earlier(tokens, at), *_windows(tokens, at), *_between(tokens, at)]
    found += [*_moving(tokens, at), *_limits(tokens, at, lexicon)]
    if (own := _own(tokens, at, lexicon)) is not None:
        found.append(own)
    if token.stem in lexicon.stops:
        found.append((at + 1, Piece("stop", token.raw), _STOP_COST))
    return found


def _own(tokens: Sequence[Token], at: int, lexicon: Lexicon) -> _Candidate | None:
    """What a word means as it is written."""
    token = tokens[at]
    if token.kind == "sign":
        return at + 1, _sign(token), _PIECE_COST
    if token.raw == "US" or (token.raw in lexicon.country_codes and not all(one.raw.isupper() for one in tokens)):
        code = Comparison(field="country", value=token.raw)  # "us" and "in" are words of their own
        return at + 1, Piece("phrase", token.raw, (Sense(VALUE, "country", code),)), _PIECE_COST - 0.1
    if token.text == "what" and at + 1 < len(tokens) and _may_be_listed(tokens[at + 1], lexicon):
        return at + 1, Piece("phrase", token.raw, (Sense(grammar.WHICH, ""),)), _PIECE_COST
    if token.kind == "path":
        return at + 1, Piece("phrase", token.raw, (Sense(VALUE, "page_path", _at_page(token.raw)),)), _PIECE_COST
    return None


def _may_be_listed(token: Token, lexicon: Lexicon) -> bool:
    """``what country``, ``what hour``: which one."""
    senses = lexicon.senses.get((token.stem,), []) + (
        lexicon.senses.get(stems_of("time of day"), []) if token.text == "time" else []
    )
    return token.stem in UNITS or any(one.kind == DIMENSION and one.detail != "time" for one in senses)


def _earlier(tokens: Sequence[Token], at: int) -> list[_Candidate]:
    """``the 7 days before``."""
    if (before := earlier_at(tokens, at)) is None:
        return []
    shown = " ".join(one.raw for one in tokens[at : before[0]])
    return [(before[0], Piece("phrase", shown, (Sense(grammar.PREVIOUS, "", before[1:]),)), _PIECE_COST - 0.1)]


def _windows(tokens: Sequence[Token], at: int) -> list[_Candidate]:
    """``within a day``, ``within 2 hours of``."""
    if (window := window_at(tokens, at)) is None:
        return []
    shown = " ".join(one.raw for one in tokens[at : window[0]])
    return [(window[0], Piece("phrase", shown, (Sense(grammar.WINDOW, "", window[1]),)), _PIECE_COST - 0.1)]


def _moving(tokens: Sequence[Token], at: int) -> list[_Candidate]:
    """``rolling 7-day average``."""
    unit = UNITS.get(tokens[at + 2].stem) if at + 3 < len(tokens) else None
    if unit is None or tokens[at].text not in ("rolling", "moving", "running", "trailing") or tokens[at + 3].text not in (
        "average", "mean", "avg"
    ):  # fmt: skip
        return []
    if (number := number_of(tokens[at + 1])) is None:
        return []
    shown = " ".join(one.raw for one in tokens[at : at + 4])
    return [(at + 4, Piece("phrase", shown, (Sense(grammar.MOVING, "", (number, unit)),)), _PIECE_COST - 0.2)]


def _limits(tokens: Sequence[Token], at: int, lexicon: Lexicon) -> list[_Candidate]:
    """``2 seconds to load``, ``500 ms``: of the one property that is a length of time, in its unit."""
    number, unit = number_of(tokens[at]), tokens[at + 1].stem if at + 1 < len(tokens) else ""
    if number is None or unit not in _MILLIS or len(lexicon.timed) != 1:
        return []
    ((field, millis),) = lexicon.timed.items()
    end = at + 2
    if end + 1 < len(tokens) and tokens[end].text == "to" and tokens[end + 1].stem == stem_of(field.split("_")[0]):
        end += 2
    shown = " ".join(one.raw for one in tokens[at:end])
    limit = (Sense(DIMENSION, f"properties.{field}", "number"), number * _MILLIS[unit] // millis)
    return [(end, Piece("phrase", shown, (Sense(grammar.TIME_LIMIT, "", limit),)), _PIECE_COST - 0.1)]


_MILLIS: Final = {"ms": 1, "millisecond": 1, "second": 1_000, "sec": 1_000, "s": 1_000}


def _between(tokens: Sequence[Token], at: int) -> list[_Candidate]:
    """``between 20 and 40``."""
    if tokens[at].text != "between" or at + 3 >= len(tokens) or tokens[at + 2].text not in ("and", "to"):
        return []
    low, high = number_of(tokens[at + 1]), number_of(tokens[at + 3])
    if low is None or high is None or low >= high:
        return []
    shown = " ".join(one.raw for one in tokens[at : at + 4])
    return [(at + 4, Piece("phrase", shown, (Sense(grammar.BETWEEN, "", (low, high)),)), _PIECE_COST)]


def _percentiles(tokens: Sequence[Token], at: int) -> list[_Candidate]:
    """``p95``, ``95th percentile``."""
    if (nth := re.fullmatch(r"([dwm])(\d{1,3})", tokens[at].text)) and int(nth[2]):  # "D7 retention"
        unit = {"d": "day", "w": "week", "m": "month"}[nth[1]]
        return [(at + 1, Piece("phrase", tokens[at].raw, (Sense(grammar.NTH, unit, int(nth[2])),)), _PIECE_COST)]
    if re.fullmatch(r"p\d\d", tokens[at].text):
        return [(at + 1, Piece("phrase", tokens[at].raw, (Sense(grammar.AGGREGATE, tokens[at].text),)), _PIECE_COST)]
    number = ordinal_of(tokens[at]) if tokens[at].kind == "ordinal" else number_of(tokens[at])
    if number is None or not 0 < number < 100 or at + 1 >= len(tokens) or tokens[at + 1].stem != "percentil":
        return []
    shown = f"{tokens[at].raw} {tokens[at + 1].raw}"
    return [(at + 2, Piece("phrase", shown, (Sense(grammar.AGGREGATE, f"p{number:02}"),)), _PIECE_COST)]


def _phrases(tokens: Sequence[Token], at: int, lexicon: Lexicon) -> list[_Candidate]:
    found: list[_Candidate] = []
    stems: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()
    for end in range(at, min(at + LONGEST_PHRASE, len(tokens))):
        token = tokens[end]
        if token.kind == "sign":
            break
        if end == at and token.kind == "path":
            break  # a path is a page, and nothing that is called so
        more = stems_of(token.raw) if token.kind in ("name", "quoted", "path") else (token.stem,)
        stems += more
        bare += () if bare and token.text in _ARTICLES else more
        if stems == _ORDER_BY and at and tokens[at - 1].text in _BEFORE_AN_ORDER:
            continue
        if stems in _AS_WRITTEN and tuple(one.text for one in tokens[at : end + 1]) != _AS_WRITTEN[stems]:
            continue
        if senses := lexicon.senses.get(stems) or (lexicon.senses.get(bare) if token.text not in _ARTICLES else None):
            shown = " ".join(one.raw for one in tokens[at : end + 1])
            kind: Kind = "stop" if senses[0].kind == grammar.FILLER else "phrase"
            found.append((end + 1, Piece(kind, shown, tuple(senses)), _PIECE_COST - 0.01 * (end - at)))
    return found


_AS_WRITTEN: Final = {stems_of(one): tuple(one.split()) for one in ("order by", "what are the", "what are our")}
"""``order by revenue`` ranks, and ``orders by country`` does not; ``what is the revenue`` lists nothing."""
_ORDER_BY: Final = stems_of("order by")
_BEFORE_AN_ORDER: Final = frozenset(
    "per each every of an the one single average avg mean median typical largest biggest highest smallest lowest".split()
)
"""Behind these an order is one: ``revenue per order by country``."""
_ARTICLES: Final = frozenset(
    {"a", "an", "the", "our", "my", "their", "your", "its", "some", "any", "something", "anything", "it", "items", "item",
     "products", "product", "things"}
)  # fmt: skip
"""What may stand inside of a phrase: ``put it in the cart``, ``view a page``."""


def _sign(token: Token) -> Piece:
    match token.text:
        case "&" | ",":
            return Piece("phrase", token.raw, (Sense(grammar.AND, ","),))
        case "+":
            return Piece("phrase", token.raw, (Sense(grammar.OR_MORE, ""), Sense(grammar.AND, "")))
        case "%":
            return Piece("phrase", token.raw, (Sense(grammar.SHARE, ""),))
        case ">":
            return Piece("phrase", token.raw, (Sense(grammar.ABOVE, "1"), Sense(grammar.THEN, "")))
        case "<":
            return Piece("phrase", token.raw, (Sense(grammar.BELOW, "1"),))
        case "->" | "→":
            return Piece("phrase", token.raw, (Sense(grammar.THEN, ""),))
        case _:
            return Piece("stop", token.raw)


def _at_page(path: str) -> Comparison:
    kept = path.rstrip(".") if len(path) > 1 else path
    return Comparison(field="page_path", value=kept)


def _corrected(tokens: Sequence[Token], lexicon: Lexicon, times: Times) -> list[tuple[Token, str]]:
    """Words that nobody knows, read as the one word that they are a typing error of."""
    plain = _cheapest([(token, "") for token in tokens], lexicon, times)
    unknown, at = set(), 0
    for piece in plain:
        if piece.kind == "unknown":
            unknown.add(at)
        at += piece.words
    corrected = []
    for place, token in enumerate(tokens):
        may_be = place in unknown and token.kind == "word" and token.stem not in _NO_SLIPS
        right = _right(token, lexicon) if may_be else None
        corrected.append((token, "") if right is None else (replace(token, text=right, stem=right), token.raw))
    return corrected


_NO_SLIPS: Final = frozenset({"fail"})
"""Words of their own that are one letter away from others (``fall``)."""
_LONG_STOP: Final = 7
"""Letters of a word that says nothing, from which on a slip in it is not a slip in one that says something."""


def _right(token: Token, lexicon: Lexicon) -> str | None:
    known = _known_words(lexicon)
    if token.text.endswith("s") and token.text[:-1] in lexicon.words:
        return token.text[:-1]  # "skus"
    found = nearest(token.stem, known)
    if not found and len(token.text) >= _LONG_STOP and (stops := nearest(token.text, grammar.long_stops(_LONG_STOP))):
        return stem_of(stops[0])  # "someting"
    if len(found) > 1 and token.text != token.stem:  # "uniqe" loses its last letter as "unique" does
        found = [one for one in nearest(token.text, known) if one in found]
    return found[0] if len(found) == 1 else None


@lru_cache(maxsize=64)
def _known_words(lexicon: Lexicon) -> tuple[str, ...]:
    times = """today yesterday week month hour quarter weekly monthly daily hourly january february march april june july august
september october november december""".split()
    return (*sorted(lexicon.words), *times)
