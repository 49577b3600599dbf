"""A statement while it is written: its text is made of constants and of places for values, which are bound."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from zoneinfo import ZoneInfo

from millrace_core.errors import InvalidInput
from millrace_warehouse import linked_people
from millrace_warehouse.metrics.catalogue import SEGMENTS
from millrace_warehouse.metrics.filters import Filter
from millrace_warehouse.metrics.questions import Asked
from millrace_warehouse.metrics.ranges import EVERYTHING, Span

Bots = Literal["exclude", "include", "only"]

_PERSON = linked_people.person_of("known")
_PEOPLE = f"{linked_people.known('customer_id = {tenant:String}')} AS known"


@dataclass(frozen=True, slots=True)
class Moment:
    """When a question is asked, and what is settled for the tenant."""

    now: int
    """Milliseconds since the epoch."""
    time_zone: str = "UTC"
    """Of a tenant whose question does not name another."""
    segments: Mapping[str, Filter] = field(default_factory=dict)
    """The tenant's own, by name; those of the question and of the catalogue come before them."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Text with places, and the values of the places."""

    sql: str
    values: Mapping[str, Any]


@dataclass(slots=True)
class Writing:
    """What the parts of one statement share."""

    tenant: str
    span: Span
    zone: ZoneInfo
    now: int
    segments: Mapping[str, Filter] = field(default_factory=dict)
    """The question's own."""
    bots: Bots = "exclude"
    kept_segments: Mapping[str, Filter] = field(default_factory=dict)
    """The tenant's."""
    values: dict[str, Any] = field(default_factory=dict)
    conditions: int = 0
    """So many were written, to bound what segments of segments make of a few words."""
    names_people: bool = False
    """Whether somebody asked for :meth:`person`."""
    until: int = 0
    """No event from this time on is read (milliseconds since the epoch)."""
    one_in: int = 1
    """Of so many people one is looked at, with all of their events."""

    def __post_init__(self) -> None:
        self.until = max(self.until, self.span.end)
        self.values["tenant"] = self.tenant

    def bind(self, value: Any, kind: str) -> str:
        """The place of a value of this type of the engine; equal values have one."""
        for name, known in self.values.items():
            if type(known) is type(value) and known == value and name.startswith(f"v{kind[0]}"):
                return f"{{{name}:{kind}}}"
        name = f"v{kind[0]}{len(self.values)}"
        self.values[name] = value
        return f"{{{name}:{kind}}}"

    def text(self, value: str) -> str:
        """The place of a text."""
        return self.bind(value, "String")

    @property
    def zone_name(self) -> str:
        """The place of the time zone's name."""
        return self.text(self.zone.key)

    @property
    def person(self) -> str:
        """Who an event is of: the linked user of its visitor, else its user, else its visitor; empty where it names nobody."""
        self.names_people = True
        return _PERSON

    def segment(self, name: str) -> Filter:
        """A filter by its name.

        Raises:
            InvalidInput: ``unknown_segment``.
        """
        if name in self.segments:
            return self.segments[name]
        if name in SEGMENTS:
            return SEGMENTS[name].where
        if name in self.kept_segments:
            return self.kept_segments[name]
        raise InvalidInput(f"there is no segment {name}: keep it, or name it in segments", code="unknown_segment")

    @property
    def times(self) -> str:
        """Behind a number of people, or of what they did: makes it that of all of them."""
        return "" if self.one_in == 1 else f" * {self.bind(self.one_in, 'UInt32')}"

    def within(self, span: Span | None = None, *, with_nobody: bool = False) -> list[str]:
        """Conditions of ``events_raw``: the tenant's, of that time (else that of the question), of bots or not, of the sample.

        Args:
            with_nobody: events that name nobody are asked for as well; of these some are taken one by one.
        """
        span = self.span if span is None else span
        self.until = max(self.until, span.end)
        found = ["customer_id = {tenant:String}"]
        if span.first > EVERYTHING.first:
            found.append(f"timestamp >= fromUnixTimestamp64Milli({self.bind(span.first, 'Int64')}, 'UTC')")
        if span.end < EVERYTHING.end:
            found.append(f"timestamp < fromUnixTimestamp64Milli({self.bind(span.end, 'Int64')}, 'UTC')")
        if self.bots != "include":
            found.append("is_bot" if self.bots == "only" else "NOT is_bot")
        if self.one_in > 1:
            found.append(f"{self.lot(with_nobody=with_nobody)} % {self.bind(self.one_in, 'UInt32')} = 0")
        return found

    def lot(self, *, with_nobody: bool) -> str:
        """The number that decides whether an event is in the sample: SipHash-2-4 (Aumasson and Bernstein) of its person.

        The same in every question, so that funnels, retention and what is asked beside them are about the same people, and who
        is one of ten is also one of five. Of what names nobody it is that of the event's id.
        """
        person = self.person
        return f"sipHash64(if({person} = '', toString(event_id), {person}))" if with_nobody else f"sipHash64({person})"

    def finished(self, select: str) -> Statement:
        """The statement of this SELECT, which may have a WITH of its own before it as ``WITH …``."""
        if self.names_people:
            rest = select.removeprefix("WITH ")
            select = f"WITH {_PEOPLE}, {rest}" if rest != select else f"WITH {_PEOPLE} {select}"
        return Statement(select, dict(self.values))


def writing_of(tenant: str, question: Asked, moment: Moment, span: Span, zone: ZoneInfo) -> Writing:
    """A new statement of this question."""
    kept = moment.segments
    return Writing(tenant, span, zone, moment.now, question.segments, question.bots, kept, one_in=question.one_in)
