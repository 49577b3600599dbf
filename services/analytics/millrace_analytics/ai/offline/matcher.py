"""The offline matcher: it reads a question through the catalogue, and abstains where a word has no place in what it read."""

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, Literal

from pydantic import ValidationError

from millrace_analytics.ai.offline import grammar
from millrace_analytics.ai.offline.carrying import refuse_missing
from millrace_analytics.ai.offline.cohorts import day_n_plan, followed_plan, is_day_n, is_followed
from millrace_analytics.ai.offline.durations import duration_plan, is_duration
from millrace_analytics.ai.offline.funnels import funnel_plan, habit_plan, is_funnel, is_habit
from millrace_analytics.ai.offline.lexicon import DIMENSION, Lexicon
from millrace_analytics.ai.offline.moments import is_moment, moment_in_sql
from millrace_analytics.ai.offline.newcomers import is_about_new, new_plan
from millrace_analytics.ai.offline.onward import is_onward, onward_plan
from millrace_analytics.ai.offline.people import PeopleReader, is_about_people
from millrace_analytics.ai.offline.placing import SlotReader
from millrace_analytics.ai.offline.presence import is_presence, presence_plan
from millrace_analytics.ai.offline.rewording import UNREAD, days_apart, reworded
from millrace_analytics.ai.offline.scanning import Piece, pieces_of, with_set_fields, with_views
from millrace_analytics.ai.offline.slots import Ambiguous, NotUnderstood
from millrace_analytics.ai.offline.somebody import is_journey, journey_plan, with_somebody
from millrace_analytics.ai.offline.stays import is_about_stays, stays_plan
from millrace_analytics.ai.offline.times import Times
from millrace_analytics.ai.offline.trends import Reader
from millrace_analytics.ai.offline.visits import is_about_visits, visits_in_sql
from millrace_analytics.ai.offline.words import stems_of, tokens_of
from millrace_analytics.ai.plans import Plan
from millrace_analytics.ai.ports import Asked, Conversation, Planned, Reading, Unanswerable, Unclear, Usage, Vocabulary
from millrace_core.errors import InvalidInput
from millrace_warehouse.metrics.ranges import local, zone_of

_LONGEST: Final = 500
"""Characters. Whoever writes more tells a story, and each word of it would have to be placed."""
_MOST_WORDS: Final = 100
_LEXICONS: Final = 32
_SURE: Final = 0.9
_SLIP: Final = 0.1
_ASSUMED: Final = 0.05


class OfflineMatcher:
    """LanguageModel without a network."""

    source: Literal["offline"] = "offline"

    def __init__(self) -> None:
        self._lexicons: OrderedDict[str, Lexicon] = OrderedDict()

    def about(self, asked: Asked) -> Conversation:
        """See LanguageModel."""
        return _Talk(asked, self._lexicon(asked.tenant, asked.vocabulary))

    def _lexicon(self, tenant: str, known: Vocabulary) -> Lexicon:
        key = f"{tenant}:{known.version}"
        if (found := self._lexicons.get(key)) is None:
            found = self._lexicons[key] = Lexicon(known)
            if len(self._lexicons) > _LEXICONS:
                self._lexicons.popitem(last=False)
        self._lexicons.move_to_end(key)
        return found


class _Talk:
    """Conversation: one reading and no other."""

    def __init__(self, asked: Asked, lexicon: Lexicon) -> None:
        self._asked = asked
        self._lexicon = lexicon
        self._usage = Usage()

    @property
    def usage(self) -> Usage:
        """See Conversation."""
        return self._usage

    async def read(self) -> Reading:
        """See Conversation."""
        return reading_of(self._asked, self._lexicon)

    async def repair(self, problem: str) -> Reading | None:
        """See Conversation."""
        del problem
        return None

    async def phrase(self, facts: Sequence[str]) -> str | None:
        """See Conversation."""
        del facts
        return None


def reading_of(asked: Asked, lexicon: Lexicon) -> Reading:
    """What the question asks."""
    today = local(asked.now, zone_of(asked.time_zone)).date()
    if days := days_apart(asked.text[:_LONGEST], today):
        return Unclear("A day in digits may be one of two.", days)
    tokens = tokens_of(reworded(asked.text[: _LONGEST + 1], today))
    if not tokens:
        return Unanswerable("There is no question.")
    if len(tokens) > _MOST_WORDS or len(asked.text) > _LONGEST:
        return Unanswerable(f"Questions of more than {_MOST_WORDS} words are not read without a language model.")
    pieces = pieces_of(tokens, lexicon, Times(asked.now, asked.time_zone))
    known = asked.vocabulary
    reader = Reader(asked.text, asked.now, asked.time_zone, frozenset(known.event_types), lacking=known.lacking)
    understood = tuple(_understood(pieces))
    try:
        _refuse_personal(asked.text, lexicon)
        pieces = with_set_fields(with_views(with_somebody(pieces, asked.text)))
        _know_all(pieces)
        if is_moment(pieces) and not is_journey(pieces):
            return moment_in_sql(reader, pieces)
        if is_about_visits(pieces) and not is_onward(pieces) and not is_journey(pieces):
            return visits_in_sql(reader, pieces)
        plan = _plan(reader, pieces)
        refuse_missing(plan.question, reader)
    except Ambiguous as several:
        return several.unclear
    except NotUnderstood as missing:
        return Unanswerable(f"I cannot tell {_missing(str(missing))}.", understood)
    except (ValidationError, InvalidInput):
        return Unanswerable("The parts of the question do not fit together.", understood)
    slips = [f"{piece.slip} is read as {_shown(piece)}" for piece in pieces if piece.slip]
    doubt = _SLIP * len(slips) + _ASSUMED * len(reader.assumptions)
    return Planned(plan, round(max(_SURE - doubt, 0.3), 2), understood, (*slips, *reader.assumptions))


def _shown(piece: Piece) -> str:
    """What a word was taken for: the name of it, or the kind of word that it is."""
    first = piece.senses[0] if piece.senses else None
    if first is None:
        return piece.when.named if piece.when is not None else piece.text
    return (first.name or first.kind).removeprefix("properties.").replace("_", " ")


def _missing(what: str) -> str:
    if not what.startswith("“"):
        return what
    return f"what {what} {'mean' if '”, “' in what else 'means'} here"


def _know_all(pieces: Sequence[Piece]) -> None:
    unknown = [UNREAD.get(piece.text, piece.text) for piece in pieces if piece.kind == "unknown"]
    if unknown:
        raise NotUnderstood(", ".join(f"“{word[:60]}”" for word in unknown[:5]))


_PERSONAL: Final = re.compile(
    r"\b(?:(?:e-?mail|mail|postal|home|street|shipping|billing)\s+address(?:es)?|e-?mails? of|passwords?|credit cards?|"
    r"card numbers?|(?:phone|telephone|mobile|cell)\s+(?:number|no\.?)s?|(?:first|last|full|real|sur)[ -]?names?|"
    r"dates? of birth|birth(?:days?|dates?)|"
    r"names? of (?:\w+ ){0,3}(?:customer|user|buyer|people|person|visitor|everyone|those)s?)\b",
    re.IGNORECASE,
)


def _refuse_personal(text: str, lexicon: Lexicon) -> None:
    """What says who somebody is stands in no event, unless the tenant sends it: who they are by an id is another answer."""
    for found in _PERSONAL.finditer(text):
        sent = lexicon.senses.get(stems_of(found[0]), [])
        if not any(one.kind == DIMENSION for one in sent):
            raise NotUnderstood(f"who somebody is: there is no “{found[0]}” in your events")


def _plan(reader: Reader, pieces: Sequence[Piece]) -> Plan:
    for is_such, read in _KINDS:
        if is_such(pieces):
            return read(reader, pieces)
    return reader.plan(SlotReader(pieces).read())


def _people(reader: Reader, pieces: Sequence[Piece]) -> Plan:
    return PeopleReader(reader, pieces).plan()


_KINDS: Final[tuple[tuple[Callable[[Sequence[Piece]], bool], Callable[[Reader, Sequence[Piece]], Plan]], ...]] = (
    (is_journey, journey_plan),
    (is_duration, duration_plan),
    (is_day_n, day_n_plan),
    (is_presence, presence_plan),
    (is_followed, followed_plan),
    (is_onward, onward_plan),
    (is_about_stays, stays_plan),
    (is_about_new, new_plan),
    (is_habit, habit_plan),
    (is_funnel, funnel_plan),
    (is_about_people, _people),
)


def _understood(pieces: Sequence[Piece]) -> list[str]:
    """Each part of the question and what it was taken for."""
    said = []
    for piece in pieces:
        if piece.kind == "when" and piece.when is not None:
            said.append(f"{piece.text}: {piece.when.named}")
        elif piece.is_content:
            names = list(dict.fromkeys(f"{one.kind} {one.name}" for one in piece.senses if one.kind not in _GRAMMAR))
            said.append(f"{piece.text}: {' or '.join(names[:3])}")
    return said


_GRAMMAR: Final = frozenset(value for name, value in vars(grammar).items() if name.isupper() and isinstance(value, str))
