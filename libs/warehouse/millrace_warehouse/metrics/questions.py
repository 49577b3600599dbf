"""The questions that can be asked."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from millrace_warehouse.metrics.filters import Filter
from millrace_warehouse.metrics.measures import Measure
from millrace_warehouse.metrics.parts import EventField, FieldName, Name, Part
from millrace_warehouse.metrics.ranges import Range, Unit

NAMES: Final = frozenset({"person", "visitor_id", "user_id", "session_id"})
"""Fields whose values are of one person each."""

_SMALLEST: Final = 0.0001


class Asked(Part):
    """What every question says."""

    where: Filter | None = Field(None, description="Which events it is about; all without it.")
    range: Range | None = Field(None, description="When; without it all time.")
    time_zone: str | None = Field(
        None, max_length=64, examples=["Europe/Vienna"], description="IANA name; without it the tenant's own."
    )
    bots: Literal["exclude", "include", "only"] = Field("exclude", description="Events of bots, by their user agent.")
    segments: dict[Name, Filter] = Field({}, max_length=20, description="Filters with names, for `{segment: name}`.")

    @property
    def one_in(self) -> int:
        """Of so many people one is looked at."""
        return 1


class Sampled(Asked):
    """What may be answered from some of the people."""

    sample: float | None = Field(
        None,
        gt=0,
        le=1,
        examples=[0.1],
        description="Look at this share of the people, with everything that they did, and estimate the rest: 0.1 is one of "
        "ten; one of a whole number. It is the same people in every question. What a rollup answers is not sampled.",
    )

    @property
    def one_in(self) -> int:
        """Of so many people one is looked at."""
        return 1 if self.sample is None else round(1 / self.sample)

    @model_validator(mode="after")
    def _sample_fits(self) -> Self:
        if self.sample is None:
            return self
        if self.sample < _SMALLEST or abs(1 / self.one_in - self.sample) > self.sample / 50:
            raise ValueError("sample is one of a whole number, up to 10,000: 0.5, 0.33, 0.25, 0.2, 0.1, 0.05, 0.01, 0.001")
        named = sorted(NAMES.intersection(one.name for one in self._grouped()))
        if named and self.one_in > 1:
            raise ValueError(f"a sample has some of the people only: it cannot be grouped by {named[0]}")
        return self

    def _grouped(self) -> tuple[FieldName, ...]:
        by = getattr(self, "by", None) or ()
        return (by,) if isinstance(by, FieldName) else tuple(by)


class Trend(Sampled):
    """Measures of events, over time or not, by dimensions or not."""

    kind: Literal["trend"]
    measures: Annotated[tuple[Measure, ...], Field(min_length=1, max_length=10)]
    by: Annotated[tuple[EventField, ...], Field(max_length=5)] = Field((), description="Dimensions.")
    granularity: Unit | None = Field(None, description="A row for each of these; rows without events are there, with zeros.")
    compare: Literal["previous_period", "previous_year"] | None = Field(
        None,
        description="Answer the time before as well: as long, where the range is whole months, as many months, and of calendar "
        "units up to now the same part of those before.",
    )
    top: int | None = Field(None, ge=1, le=1_000, description="Only the largest by the first measure, over the whole range.")
    other: Annotated[bool, Field(description="With `top`: what is not among them, measured together, is one more.")] = True
    ascending: Annotated[bool, Field(description="The smallest first.")] = False

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.top is not None and not self.by:
            raise ValueError("top needs a dimension in by")
        if self.compare is not None and self.range is None:
            raise ValueError("compare needs a range")
        return self


class Step(Part):
    """A step of a funnel."""

    name: str = Field("", max_length=100, description="As the answer names it; `step 1` and so on without it.")
    where: Filter = Field(description="Which events are this step.")


class WhoOf(Part):
    """People of a funnel, by name."""

    step: int = Field(ge=1, le=10)
    dropped: Annotated[bool, Field(description="Who came to the step before and no further; else who came to the step.")] = True
    limit: int = Field(100, ge=1, le=10_000)

    @model_validator(mode="after")
    def _nobody_drops_before_the_first(self) -> Self:
        if self.dropped and self.step == 1:
            raise ValueError("nobody drops out before the first step")
        return self


class Funnel(Sampled):
    """How many people come how far. Each counts once, with the furthest that they came; equal times count as in order.

    ``ordered``: the steps one behind the other, whatever is in between. ``strict``: nothing else of the question's events is in
    between (of events with equal times, those of earlier steps come first). ``any``: so many different steps in any order; an
    event may stand for several.
    """

    kind: Literal["funnel"]
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=10)]
    order: Literal["ordered", "strict", "any"] = "ordered"
    window_seconds: int = Field(30 * 86_400, ge=1, le=366 * 86_400, description="From the first step to the last.")
    by: EventField | None = Field(None, description="Its value at somebody's first event of step 1; not with `any`.")
    top: int = Field(10, ge=1, le=100, description="So many values of `by`; the others are together.")
    times: Annotated[bool, Field(description="How long it took from the first step to the last; only of `ordered`.")] = False
    people: WhoOf | None = Field(None, description="Who: at most so many names, in order.")

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.times and self.order != "ordered":
            raise ValueError("times are of ordered funnels")
        if self.by is not None and self.order == "any":
            raise ValueError("steps in any order have no first one to take by of")
        if self.people is not None and self.people.step > len(self.steps):
            raise ValueError(f"there is no step {self.people.step}")
        return self


class Retention(Sampled):
    """How many of those who began in a period came back in later ones, within the range; without periods that have not begun.

    ``fixed``: in that very period. ``rolling``: in it or any later one of the range.
    """

    kind: Literal["retention"]
    range: Range = Field(description="Who first did `start` in it, and what they did in it from then on.")
    start: Filter | None = Field(None, description="How somebody begins; without it by any event.")
    returning: Filter | None = Field(None, description="What counts as coming back; without it any event.")
    unit: Literal["day", "week", "month"] = "week"
    mode: Literal["fixed", "rolling"] = "fixed"
    by: EventField | None = Field(None, description="Its value at the event by which somebody begins.")
    top: int = Field(10, ge=1, le=100, description="So many values of `by`, by their people; the others are together.")


class Stickiness(Sampled):
    """In how many different periods of the range people were there: so many people in exactly so many of them."""

    kind: Literal["stickiness"]
    range: Range
    unit: Literal["day", "week", "month"] = "day"


class Lifecycle(Sampled):
    """Who is there in each period, and who is not any more.

    ``new`` was never there before, ``returning`` also in the period before, ``resurrecting`` not in that, but earlier;
    ``dormant`` was there in the one before and is not in this. Periods are whole, what was before the range counts as earlier,
    and periods that have not begun are left out.
    """

    kind: Literal["lifecycle"]
    range: Range
    unit: Literal["day", "week", "month"] = "day"


ENGAGED_SECONDS: Final = 10
"""A session that lasts so long is an engaged one, as Google Analytics 4 counts them."""


class Sessions(Sampled):
    """Sessions that began in the range: a person's events, until nothing happens for more than 30 minutes, cut each time it has
    lasted for 24 hours. Seven days before the range are read, too: who has not paused since then begins there.

    ``bounce_rate`` is the share of those with a single event; ``engagement_rate`` that of those which lasted at least 10
    seconds, or have two page views, or a purchase. ``average_length`` and ``median_length`` are from the first event to the
    last.
    """

    kind: Literal["sessions"]
    range: Range
    where: Filter | None = Field(None, description="Sessions with such an event, each with all of its events.")
    granularity: Unit | None = Field(None, description="A row for each of these, by the session's begin.")
    by: EventField | None = Field(None, description="Its value at the session's first event that has one.")
    top: int = Field(10, ge=1, le=100, description="So many values of `by`; the others are together.")


class Paths(Sampled):
    """What people do next to an event: each counts once, with the first such event of theirs in the range, and the events that
    come directly after it, or before it, in the range and the window. Equal times are in the order of ids."""

    kind: Literal["paths"]
    event: Filter = Field(description="Where the paths begin, or end where they are those before.")
    direction: Literal["after", "before"] = "after"
    steps: int = Field(3, ge=1, le=10, description="Events of a path beside that one.")
    by: EventField = Field(FieldName(name="event_type"), description="As what events stand in a path.")
    window_seconds: int = Field(1800, ge=1, le=366 * 86_400, description="From that event on, or up to it.")
    top: int = Field(10, ge=1, le=1_000, description="So many paths; who took another one is counted together.")


class Journey(Asked):
    """What one person did in the range, the newest first; any name of theirs finds them."""

    kind: Literal["journey"]
    person: str = Field(min_length=1, max_length=200, description="A `user_id` or `visitor_id`.")
    limit: int = Field(100, ge=1, le=1_000)


Question = Annotated[
    Trend | Funnel | Retention | Stickiness | Lifecycle | Sessions | Paths | Journey, Field(discriminator="kind")
]
