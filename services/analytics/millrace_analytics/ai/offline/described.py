"""People who are described by what they did, and the question of the metric layer that counts or lists them."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from millrace_analytics.ai.offline.carrying import fitted, types_of
from millrace_analytics.ai.offline.lexicon import Sense
from millrace_analytics.ai.offline.ranging import ANYTHING, never_before
from millrace_analytics.ai.offline.slots import NotUnderstood, Slots, all_of, both
from millrace_analytics.ai.offline.trends import Reader
from millrace_analytics.ai.plans import LastStep, Plan
from millrace_warehouse.metrics.filters import AllOf, Comparison, Did, Filter, InSegment, Not
from millrace_warehouse.metrics.measures import Count, Formula, Unique
from millrace_warehouse.metrics.parts import FieldName
from millrace_warehouse.metrics.questions import Funnel, Step, Trend
from millrace_warehouse.metrics.ranges import Between, Range, local, zone_of

_LISTED: Final = 1_000
_OF: Final[dict[str, Any]] = {"person": "person", "user_id": "user", "visitor_id": "visitor"}


@dataclass(slots=True)
class Clause:
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
class Described:
    """People, and what they did."""

    noun: str = ""
    clauses: list[Clause] = field(default_factory=list)
    values: list[tuple[Sense, ...]] = field(default_factory=list)
    excluded: list[tuple[Sense, ...]] = field(default_factory=list)
    segments: list[Filter] = field(default_factory=list)
    is_of_buyers: bool = False
    """Whether they are called customers."""
    counted: bool = False
    share: bool = False
    ordered: bool = False
    turned: bool = False
    """Whether what is named first came last (``bought after signing up``)."""


class Planner:
    """Makes the question of a description that is whole."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._found = Described()
        self._ranges: list[Range] = []

    def _planned(self) -> Plan:
        found = self._found
        if not found.clauses:
            raise NotUnderstood("what they did")
        noun = found.noun or "person"
        ranged = [clause for clause in found.clauses if clause.range is not None or clause.is_later]
        own = any(one.is_later or one.is_first or (one.negated and one.what == ANYTHING) for one in found.clauses)
        if found.share and found.is_of_buyers:
            found.segments.append(InSegment(segment="buyers"))
        asked = self._ranges[0] if len(self._ranges) == 1 and not own else None
        did = [self._filter(clause, at, shared=asked is not None) for at, clause in enumerate(found.clauses)]
        if len(self._ranges) > 1 and len(ranged) < len(self._ranges):
            raise NotUnderstood("which time belongs to what")
        general = self._reader.filters(Slots(values=found.values, excluded=found.excluded, segments=found.segments))
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

    def _counted(self, clauses: Sequence[Clause]) -> Filter | None:
        """Events to show beside each person: those that had to be there so many times, else the first thing done."""
        done = [clause for clause in clauses if not clause.negated]
        chosen = next((one for one in done if one.at_least is not None), done[0] if done else None)
        return self._what(chosen) if chosen is not None else None

    def _what(self, clause: Clause) -> Filter:
        assert clause.what is not None
        values = fitted(clause.values, types_of(clause.what), self._reader)
        of_values = self._reader.filters(Slots(values=values))
        whole = both(clause.what, of_values)
        assert whole is not None
        return whole

    def _filter(self, clause: Clause, at: int, *, shared: bool) -> Filter:
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

    def _first(self, clause: Clause, asked: Range | None) -> Filter:
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
