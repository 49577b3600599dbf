"""Questions about people by what they did: ``who bought but never clicked``, ``visitors with three or more purchases``."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from millrace_analytics.ai.offline import grammar
from millrace_analytics.ai.offline.lexicon import DIMENSION, METRIC, SEGMENT, VALUE, Sense
from millrace_analytics.ai.offline.ranging import ANYTHING, never_before, time_before
from millrace_analytics.ai.offline.scanning import Piece
from millrace_analytics.ai.offline.slots import PEOPLE, PERSON_DIMENSIONS, NotUnderstood, Slots, event_of
from millrace_analytics.ai.offline.trends import Reader, all_of, both
from millrace_analytics.ai.plans import LastStep, Plan
from millrace_warehouse.metrics.filters import AllOf, Comparison, Did, Filter, InSegment, Not, is_event
from millrace_warehouse.metrics.measures import Count, Formula, Unique
from millrace_warehouse.metrics.parts import FieldName
from millrace_warehouse.metrics.questions import Funnel, Step, Trend
from millrace_warehouse.metrics.ranges import Between, Range, local, span_of, zone_of

_PEOPLE: Final = frozenset({"people", "users", "unique_visitors", "customers"})
_LISTED: Final = 1_000
_OF: Final[dict[str, Any]] = {"person": "person", "user_id": "user", "visitor_id": "visitor"}


@dataclass(slots=True)
class _Clause:
    """One thing that somebody did or did not."""

    negated: bool = False
    what: Filter | None = None
    values: list[tuple[Sense, ...]] = field(default_factory=list)
    at_least: int | None = None
    at_most: int | None = None
    range: Range | None = None
    is_later: bool = False
    """Whether it is about the time behind the clause before."""
    is_again: bool = False
    """Whether they came back: that is said of a time."""
    is_first: bool = False
    """Whether it was the first that they did at all."""
    is_told: bool = False
    """Whether it is said of those whom the clauses before describe (``visitors who signed up`` *bought*)."""


@dataclass(slots=True)
class _Described:
    """People, and what they did."""

    noun: str = ""
    clauses: list[_Clause] = field(default_factory=list)
    values: list[tuple[Sense, ...]] = field(default_factory=list)
    segments: list[Filter] = field(default_factory=list)
    counted: bool = False
    share: bool = False
    ordered: bool = False
    turned: bool = False
    """Whether what is named first came last (``bought after signing up``)."""


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
    did = [piece for piece in behind if event_of(piece) is not None or piece.is_a(grammar.ACTIVE, grammar.FIRST_SEEN)]
    if not did or any(
        piece.is_a(grammar.BY, grammar.TOP, grammar.BOTTOM, grammar.COMPARE)
        or (piece.is_a(grammar.RETENTION) and not is_return(piece))
        for piece in pieces
    ):
        return False
    noun = next((piece for piece in pieces if noun_of(piece)), None)
    is_list = noun is not None and not any(piece.is_a(grammar.AND) for piece in pieces[: pieces.index(did[0])])
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
    if metric is not None and metric.name in _PEOPLE:
        said = piece.text.lower().split()
        return "person" if metric.name == "users" and said[-1:] == said else PEOPLE[metric.name]
    return ""


def is_return(piece: Piece) -> bool:
    """``came back``: that somebody did something again."""
    return piece.is_a(grammar.RETENTION) and piece.text.lower().split()[-1] == "back"


def _is_page(piece: Piece) -> bool:
    return any(one.name == "page_path" for one in piece.all(VALUE))


class PeopleReader:
    """Reads such a question."""

    def __init__(self, reader: Reader, pieces: Sequence[Piece]) -> None:
        self._reader = reader
        self._pieces = [piece for piece in pieces if piece.kind != "stop"]
        self._found = _Described()
        self._clause = _Clause()
        self._number: int | None = None
        self._bound = ""
        self._is_linked = False
        self._is_first = False
        self._ranges: list[Range] = []

    def plan(self) -> Plan:
        """The plan.

        Raises:
            NotUnderstood: a piece has no place.
        """
        for piece in self._pieces:
            self._take(piece)
        self._close()
        if self._number is not None or self._bound or self._is_first:
            raise NotUnderstood("a number")
        return self._planned()

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
        elif piece.is_a(VALUE) and clause.what is None and not (self._found.clauses and _is_page(piece)):
            self._found.values.append(tuple(piece.all(VALUE)))
        elif piece.is_a(VALUE):
            clause.what = clause.what or is_event("page_view")  # "after the pricing page"
            clause.values.append(tuple(piece.all(VALUE)))
        else:
            self._take_grammar(piece)

    def _take_grammar(self, piece: Piece) -> None:
        found = self._found
        if (segment := piece.sense(SEGMENT)) is not None and self._clause.what is None:
            found.segments.append(InSegment(segment=segment.name))
        elif piece.is_a(grammar.ACTIVE) or is_return(piece):
            self._did(ANYTHING)
            self._clause.is_again = is_return(piece)
        elif piece.is_a(grammar.FIRST_SEEN):
            self._did(ANYTHING)
            self._clause.is_first = True
        elif (beside := piece.sense(grammar.FOLLOWING, grammar.PREVIOUS)) is not None:
            self._beside(beside, piece)
        elif piece.is_a(grammar.NOT):
            self._close()
            self._clause.negated = self._is_linked = True
        elif piece.is_a(grammar.SINCE) and not piece.is_a(grammar.AFTER):
            if self._clause.what is None:
                self._clause.what = ANYTHING
            self._clause.is_later = True
        elif piece.is_a(grammar.AFTER, grammar.THEN):
            self._close()
            found.ordered = True
            found.turned = piece.text.lower() in ("after", "following")
        elif piece.is_a(grammar.HOW_MANY, grammar.SHARE):
            found.share = piece.is_a(grammar.SHARE)
            found.counted = not found.share
        else:
            self._take_rest(piece)

    def _take_rest(self, piece: Piece) -> None:
        found = self._found
        if (of := piece.sense(DIMENSION)) is not None and of.name in PERSON_DIMENSIONS and found.noun in ("", of.name):
            found.noun = of.name  # "list the visitor ids"
        elif piece.is_a(grammar.SAME) and self._ranges:
            pass  # every clause is of the one time that is named
        elif not piece.is_a(grammar.AND, grammar.WHO, grammar.WHICH, grammar.ALL_TIME, grammar.UNIQUE):
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
            self._clause = _Clause(negated=False)
        elif self._clause.range is not None and self._found.clauses:
            raise NotUnderstood("when")

    # What it becomes

    def _planned(self) -> Plan:
        found = self._found
        if not found.clauses:
            raise NotUnderstood("what they did")
        noun = found.noun or "person"
        ranged = [clause for clause in found.clauses if clause.range is not None or clause.is_later]
        own = any(one.is_later or one.is_first for one in found.clauses)
        asked = self._ranges[0] if len(self._ranges) == 1 and not own else None
        did = [self._filter(clause, at, shared=asked is not None) for at, clause in enumerate(found.clauses)]
        if len(self._ranges) > 1 and len(ranged) < len(self._ranges):
            raise NotUnderstood("which time belongs to what")
        general = self._reader.filters(Slots(values=found.values, segments=found.segments))
        if found.ordered and (found.counted or found.share):
            return self._one_behind_the_other(general, asked)
        if found.ordered:
            self._reader.assumptions.append("what they did is taken in any order")
        if asked is None and not ranged:
            self._reader.assumptions.append("all time, as no time is named")
        if noun == "user_id":
            general = both(general, Comparison(field="user_id", operator="is_set"))
        where = both(general, did[0] if len(did) == 1 else AllOf(all=tuple(did)))
        counted = Unique(measure="unique", of=_OF[noun], name="people")
        if found.share:
            told = next((at for at, one in enumerate(found.clauses) if one.is_told), 0)
            whole = all_of([*([general] if general is not None else []), *did[:told]])
            parts: Any = {"part": counted.model_copy(update={"where": where, "name": None}),
                          "whole": counted.model_copy(update={"where": whole, "name": None})}  # fmt: skip
            share = Formula(measure="formula", formula="100 * part / whole", parts=parts, unit="%", name="share_percent")
            return Plan(question=Trend(kind="trend", measures=(share,), range=asked))
        if found.counted:
            return Plan(question=Trend(kind="trend", measures=(counted,), where=where, range=asked))
        events = Count(measure="count", name="events", where=self._counted(found.clauses))
        listed = Trend(
            kind="trend", measures=(events,), by=(FieldName(name=noun),), where=where, range=asked, top=_LISTED, other=False
        )
        return Plan(question=listed)

    def _one_behind_the_other(self, general: Filter | None, asked: Range | None) -> Plan:
        """How many, or which share of those who did the one, did the other later: a funnel's last step."""
        clauses = self._found.clauses
        is_plain = all(not one.negated and not one.is_later and one.at_least is None and one.at_most is None for one in clauses)
        if len(clauses) != 2 or not is_plain or any(one.range is not None and asked is None for one in clauses):
            raise NotUnderstood("in which order they did what")
        steps = [Step(where=self._what(one)) for one in clauses]
        if self._found.turned:
            if self._found.share:
                raise NotUnderstood("the share of what in what")
            steps.reverse()
        return Plan(
            question=Funnel(kind="funnel", steps=tuple(steps), where=general, range=asked),
            then=LastStep(share=self._found.share),
        )

    def _counted(self, clauses: Sequence[_Clause]) -> Filter | None:
        """Events to show beside each person: those that had to be there so many times, else the first thing done."""
        done = [clause for clause in clauses if not clause.negated]
        chosen = next((one for one in done if one.at_least is not None), done[0] if done else None)
        return self._what(chosen) if chosen is not None else None

    def _what(self, clause: _Clause) -> Filter:
        assert clause.what is not None
        of_values = self._reader.filters(Slots(values=clause.values))
        whole = both(clause.what, of_values)
        assert whole is not None
        return whole

    def _filter(self, clause: _Clause, at: int, *, shared: bool) -> Filter:
        asked = None if shared else clause.range
        if clause.is_later:
            asked = self._behind(at)
        if clause.is_again and (asked is None or not at):
            raise NotUnderstood("when they came back, and after what")
        if clause.is_first:
            return self._first(clause, asked)
        given: dict[str, Any] = {"did": self._what(clause), "range": asked}
        if clause.at_least is not None:
            given["at_least"] = clause.at_least
        if clause.at_most is not None:
            given["at_most"] = clause.at_most
            given.setdefault("at_least", 1 if clause.at_most > 0 else 0)
        done = Did(**given)
        if clause.negated and clause.at_least is None and clause.at_most is None:
            return Did(did=done.did, at_most=0, range=asked)
        return Not.model_validate({"not": done}) if clause.negated else done

    def _first(self, clause: _Clause, asked: Range | None) -> Filter:
        """Somebody did something then, and nothing before."""
        if asked is None or clause.negated or clause.at_least is not None or clause.at_most is not None:
            raise NotUnderstood("when they were first seen")
        return AllOf(all=(Did(did=self._what(clause), range=asked), never_before(asked, self._reader, self._what(clause))))

    def _behind(self, at: int) -> Range:
        """From the end of the time of the clause before up to today."""
        before = self._found.clauses[at - 1].range if at else None
        if not isinstance(before, Between):
            raise NotUnderstood("since when")
        today = local(self._reader.now, zone_of(self._reader.time_zone)).date()
        begin = datetime.date.fromisoformat(before.end[:10]) + datetime.timedelta(days=1)
        return Between(start=begin.isoformat(), end=max(begin, today).isoformat())
