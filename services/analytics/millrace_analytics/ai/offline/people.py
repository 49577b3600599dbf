"""Questions about people by what they did: ``who bought but never clicked``, ``visitors with three or more purchases``."""

import datetime
from collections.abc import Sequence
from typing import Final

from millrace_analytics.ai.offline import grammar
from millrace_analytics.ai.offline.described import Clause, Planner
from millrace_analytics.ai.offline.lexicon import DIMENSION, EVENT, METRIC, SEGMENT, VALUE, Sense
from millrace_analytics.ai.offline.ranging import ANYTHING, time_before
from millrace_analytics.ai.offline.scanning import Piece
from millrace_analytics.ai.offline.slots import PEOPLE, PERSON_DIMENSIONS, NotUnderstood, bound_values, event_of
from millrace_analytics.ai.offline.trends import Reader
from millrace_analytics.ai.plans import Plan
from millrace_warehouse.metrics.catalogue import METRICS
from millrace_warehouse.metrics.filters import Filter, InSegment, is_event
from millrace_warehouse.metrics.ranges import Between, local, span_of, zone_of

_PEOPLE: Final = frozenset({"people", "users", "unique_visitors", "customers"})


def is_about_people(pieces: Sequence[Piece]) -> bool:
    """Whether it asks for people by what they did."""
    named = [at for at, piece in enumerate(pieces) if noun_of(piece) or piece.is_a(grammar.WHO) or piece.text.lower() == "who"]
    if not named:
        return False
    first = pieces[named[0]]
    before = pieces[named[0] - 1] if named[0] else None
    if not noun_of(first) and before is not None and _is_thing(before):
        return False  # "countries that have had signups", "products that sold 50 times"
    if _is_average(pieces) or any(piece.is_a(grammar.HOW_OFTEN, grammar.WINDOW) or piece.kind == "grain" for piece in pieces):
        return False
    behind = pieces[named[0] + 1 :]
    is_again = sum(piece.kind == "when" for piece in pieces) > 1  # "of the visitors of last week, who came back this week"
    did = [
        piece for piece in behind
        if event_of(piece) is not None or piece.is_a(grammar.ACTIVE, grammar.FIRST_SEEN) or (is_again and is_return(piece))
    ]  # fmt: skip
    if not did or any(
        piece.is_a(grammar.BY, grammar.TOP, grammar.BOTTOM, grammar.COMPARE)
        or (piece.is_a(grammar.RETENTION) and not is_return(piece))
        for piece in pieces
    ):
        return False
    noun = next((piece for piece in pieces if noun_of(piece)), None)
    is_list = noun is not None and not any(piece.is_a(grammar.AND) for piece in pieces[: pieces.index(did[0])])
    if is_again and noun is not None and any(is_return(piece) for piece in did):
        return True
    return is_list or any(piece.is_a(grammar.WHO) or piece.is_a(grammar.NOT, grammar.TIMES) for piece in pieces)


def _is_thing(piece: Piece) -> bool:
    of = piece.sense(DIMENSION)
    return of.name not in PERSON_DIMENSIONS if of is not None else piece.is_a(VALUE)


def _is_average(pieces: Sequence[Piece]) -> bool:
    """``how many orders does a buyer place on average``: so many for each of them, and nobody who did something."""
    nouns = [piece for piece in pieces if noun_of(piece)]
    is_average = any((one := piece.sense(grammar.AGGREGATE)) is not None and one.name == "avg" for piece in pieces)
    return is_average and len(nouns) == 1 and not nouns[0].plural and nouns[0].text.lower() != "people"


def noun_of(piece: Piece) -> str:
    """By which dimension the people are listed that a word names; empty where it names none."""
    metric = piece.sense(METRIC)
    said = piece.text.lower().split()
    if metric is not None and metric.name in _PEOPLE and said != ["unique"]:
        return "person" if metric.name == "users" and said[-1:] == said else PEOPLE[metric.name]
    return ""


def is_return(piece: Piece) -> bool:
    """``came back``: that somebody did something again."""
    said = piece.text.lower().split()
    return (piece.is_a(grammar.RETENTION) and said[-1] == "back") or (piece.is_a(grammar.RETURNING) and said[-1] == "returned")


def _is_page(piece: Piece) -> bool:
    return any(one.name == "page_path" for one in piece.all(VALUE))


class PeopleReader(Planner):
    """Reads such a question."""

    def __init__(self, reader: Reader, pieces: Sequence[Piece]) -> None:
        super().__init__(reader)
        self._pieces = bound_values([piece for piece in pieces if piece.kind != "stop"])
        self._clause = Clause()
        self._number: int | None = None
        self._bound = ""
        self._is_linked = False
        self._is_first = False
        self._next: Piece | None = None
        self._before: Piece | None = None
        self._is_left_out = False

    def plan(self) -> Plan:
        """The plan.

        Raises:
            NotUnderstood: a piece has no place.
        """
        for at, piece in enumerate(self._pieces):
            self._next = self._pieces[at + 1] if at + 1 < len(self._pieces) else None
            self._take(piece)
            self._before = piece
        self._close()
        if self._number is not None or self._bound or self._is_first:
            raise NotUnderstood("a number")
        if self._reader.text.lower().startswith(("what did ", "what do ", "what does ", "what have ", "what has ")):
            raise NotUnderstood("what it is that they did it with: write “purchases by …”")
        if self._is_named_alone():
            self._found.counted = True
            self._reader.assumptions.append("how many they are")
        return self._planned()

    def _is_named_alone(self) -> bool:
        """``visitors from Germany who never bought``: browsers without a name are a number, and users are somebody."""
        found, said = self._found, self._reader.text.lower().split()
        is_asked = found.counted or found.share or any(word in ("list", "id", "ids", "show") for word in said)
        return found.noun == "visitor_id" and not is_asked and said[0].startswith("visitor")

    def _take(self, piece: Piece) -> None:
        match piece.kind:
            case "unknown" | "unit" | "grain" | "period":
                raise NotUnderstood(f"“{piece.text}”")
            case "when":
                assert piece.when is not None
                self._ranges.append(piece.when.range)
                self._clause.range = piece.when.range
            case "number":
                self._take_number(piece)
            case _:
                self._take_phrase(piece)

    def _take_number(self, piece: Piece) -> None:
        if piece.text.lower() in ("once", "twice"):
            self._count(piece.number)
        elif piece.text.lower() in ("first", "1st"):
            self._is_first = True  # "made their first purchase"
        elif piece.is_ordinal:
            raise NotUnderstood(f"“{piece.text}”")
        else:
            self._number = piece.number

    def _take_phrase(self, piece: Piece) -> None:
        clause = self._clause
        if (happened := event_of(piece)) is not None and (self._found.noun or self._has_who):
            self._did(happened)
        elif (noun := noun_of(piece)) and not self._found.noun:
            self._found.noun = noun
            self._found.is_of_buyers = any(one.name == "customers" for one in piece.all(METRIC))
        elif piece.is_a(grammar.ABOVE, grammar.BELOW, grammar.EXACTLY):
            sense = piece.sense(grammar.ABOVE, grammar.BELOW, grammar.EXACTLY)
            assert sense is not None
            self._bound = f"{sense.kind}{sense.name}"
        elif piece.is_a(grammar.OR_MORE) and self._number is not None:
            self._bound = f"{grammar.ABOVE}0"
        elif piece.is_a(grammar.OR_MORE) and clause.at_least is not None and clause.at_least == clause.at_most:
            clause.at_most = None  # "twice or more"
        elif piece.is_a(grammar.TIMES) and self._number is not None:
            self._count(self._number)
        elif piece.is_a(VALUE):
            self._take_value(piece)
        else:
            self._take_grammar(piece)

    def _take_value(self, piece: Piece) -> None:
        values = tuple(piece.all(VALUE))
        if self._is_left_out:
            self._found.excluded.append(values)
            self._is_left_out = False
            return
        if self._clause.what is None and not (_is_page(piece) and self._is_seen()):
            self._found.values.append(values)
            return
        if self._is_another(piece):
            self._did_another()
        clause = self._clause
        is_seen = clause.what == ANYTHING and _is_page(piece)  # "who saw the pricing page"
        clause.what = is_event("page_view") if is_seen or clause.what is None else clause.what
        clause.values.append(values)

    def _take_grammar(self, piece: Piece) -> None:
        found = self._found
        if (segment := piece.sense(SEGMENT)) is not None and self._clause.what is None:
            found.segments.append(InSegment(segment=segment.name))
        elif piece.is_a(grammar.ACTIVE) or is_return(piece):
            if is_return(piece) and self._clause.what is None and self._clause.range is not None and not found.clauses:
                self._clause.what = ANYTHING  # "of the visitors of last week": they were there
            self._did(ANYTHING)
            self._clause.is_again = is_return(piece)
        elif piece.is_a(grammar.FIRST_SEEN):
            self._did(self._first_seen(piece))
            self._clause.is_first = True
        elif (beside := piece.sense(grammar.FOLLOWING, grammar.PREVIOUS)) is not None:
            self._beside(beside, piece)
        elif piece.is_a(grammar.NOT):
            self._negate(piece)
        elif self._is_since(piece):
            self._since()
        elif piece.is_a(grammar.AFTER, grammar.THEN):
            self._close()
            found.ordered = True
            found.turned = piece.text.lower() in ("after", "following")
        elif piece.is_a(grammar.HOW_MANY, grammar.SHARE):
            found.share = piece.is_a(grammar.SHARE)
            found.counted = not found.share
        else:
            self._take_rest(piece)

    def _first_seen(self, piece: Piece) -> Filter:
        """What they did for the first time: customers who are new bought."""
        if not self._found.is_of_buyers:
            return ANYTHING
        bought = METRICS["purchases"].measure.where
        if not piece.text.lower().startswith("new") or bought is None:
            raise NotUnderstood("whether their first visit or their first purchase is meant")
        return bought

    def _is_seen(self) -> bool:
        """Whether a page that is named is one that somebody saw (``who saw /pricing``), and none where all of it happens."""
        before = self._before
        return bool(self._found.clauses) or (before is not None and before.is_a(grammar.WHO))

    def _is_another(self, piece: Piece) -> bool:
        """``viewed the docs and the pricing page``: both, each by itself."""
        named = {one.name for senses in self._clause.values for one in senses}
        is_same = bool(named) and all(one.name in named for one in piece.all(VALUE))
        return is_same and self._before is not None and self._before.is_a(grammar.AND)

    def _did_another(self) -> None:
        """The same as in the clause before, of something else."""
        clause = self._clause
        if clause.negated or clause.at_least is not None or clause.at_most is not None:
            raise NotUnderstood("whether it is neither of them, or not both")
        what, asked = clause.what, clause.range
        self._close()
        self._clause.what, self._clause.range = what, asked

    def _negate(self, piece: Piece) -> None:
        behind = self._next
        is_value = behind is not None and behind.is_a(VALUE) and not behind.is_a(METRIC, EVENT) and not _is_page(behind)
        if is_value and not self._found.clauses:
            self._is_left_out = True  # "users not from Germany who purchased"
            return
        self._close()
        before = self._before
        is_joined = piece.text.lower().split()[0] in ("but", "and", "who") or piece.text.lower() in ("without", "never")
        self._is_linked = is_joined or (before is not None and before.is_a(grammar.AND, grammar.WHO))
        self._clause.negated = True  # "who add to cart" do not buy: it is said of those, and else of all

    def _since(self) -> None:
        """Something behind the time of the clause before: the same as that, where nothing else is said."""
        clause, clauses = self._clause, self._found.clauses
        if clause.what is None:
            clause.what = clauses[-1].what if clauses else ANYTHING
            clause.values = list(clauses[-1].values) if clauses else []
        clause.is_later = True

    def _is_since(self, piece: Piece) -> bool:
        """``not since``, ``but not afterwards``."""
        is_left = self._clause.negated and self._clause.what is None and piece.text.lower() in ("afterwards", "later")
        return is_left or (piece.is_a(grammar.SINCE) and not piece.is_a(grammar.AFTER))

    def _take_rest(self, piece: Piece) -> None:
        found = self._found
        if (of := piece.sense(DIMENSION)) is not None and of.name in PERSON_DIMENSIONS and found.noun in ("", of.name):
            found.noun = of.name  # "list the visitor ids"
        elif of is not None and any(one.name == of.name for senses in found.values for one in senses):
            pass  # "free plan users"
        elif piece.is_a(grammar.SAME) and self._ranges and not (self._next is not None and self._next.kind == "when"):
            pass  # every clause is of the one time that is named
        elif not piece.is_a(grammar.AND, grammar.WHO, grammar.WHICH, grammar.ALL_TIME, grammar.UNIQUE) or (
            piece.is_a(grammar.UNIQUE) and self._number is not None  # "at least 3 different pages"
        ):
            raise NotUnderstood(f"“{piece.text}”")
        self._is_linked = self._is_linked or piece.is_a(grammar.AND, grammar.WHO)

    @property
    def _has_who(self) -> bool:
        return any(piece.is_a(grammar.WHO) for piece in self._pieces)

    def _did(self, what: Filter) -> None:
        """A word of doing; a number that stood before it (``three purchases``) says how often."""
        if self._clause.what is not None:
            self._close()
        self._clause.what = what
        self._clause.is_told = bool(self._found.clauses) and not self._is_linked
        self._clause.is_first, self._is_first = self._is_first, False
        self._is_linked = False
        if self._number is not None:
            self._count(self._number)

    def _beside(self, sense: Sense, piece: Piece) -> None:
        """``in the week after``, ``the week before``."""
        if sense.kind == grammar.FOLLOWING:
            self._follow(sense.name, piece)
            return
        if not self._found.clauses or self._clause.range is not None or sense.name == "year":
            raise NotUnderstood(f"“{piece.text}”")
        self._clause.range = time_before(self._found.clauses[-1].range, self._reader)
        self._ranges.append(self._clause.range)

    def _follow(self, unit: str, piece: Piece) -> None:
        """``in the week after``: behind that of the clause before, which is as long."""
        before = self._found.clauses[-1].range if self._found.clauses else None
        if before is None or self._clause.what is None or self._clause.range is not None:
            raise NotUnderstood(f"“{piece.text}”")
        zone = zone_of(self._reader.time_zone)
        span = span_of(before, self._reader.now, zone)
        days = {"day": 1, "week": 7}[unit]
        first, end = (local(at, zone) for at in (span.first, span.end))
        if end - first != datetime.timedelta(days=days) or end.time() != datetime.time():
            raise NotUnderstood(f"after what “{piece.text}” is")
        last = end.date() + datetime.timedelta(days=days - 1)
        self._clause.range = Between(start=end.date().isoformat(), end=last.isoformat())
        self._ranges.append(self._clause.range)

    def _count(self, number: int) -> None:
        clause = self._clause
        low, high = {
            f"{grammar.ABOVE}1": (number + 1, None), f"{grammar.ABOVE}0": (number, None),
            f"{grammar.BELOW}1": (None, number - 1), f"{grammar.BELOW}0": (None, number),
            grammar.EXACTLY: (number, number),
        }.get(self._bound, (number, number))  # fmt: skip
        clause.at_least, clause.at_most = low, high
        self._number, self._bound = None, ""

    def _close(self) -> None:
        """The clause is whole; ``but not in March`` is about the same as the one before."""
        if self._clause.what is None and self._clause.negated and self._clause.range is not None and self._found.clauses:
            before = self._found.clauses[-1]
            self._clause.what, self._clause.values = before.what, list(before.values)
        if self._clause.what is not None:
            self._found.clauses.append(self._clause)
            self._clause = Clause(negated=False)
        elif self._clause.range is not None and self._found.clauses:
            raise NotUnderstood("when")
