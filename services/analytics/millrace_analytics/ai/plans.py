"""What is asked of the metric layer for a question in plain language: one of its questions, and what is made of its answer."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from millrace_warehouse.metrics.parts import Part
from millrace_warehouse.metrics.questions import Question


class Growth(Part):
    """The change of each value against the one before, in percent of it; null where there is none, or it is 0."""

    then: Literal["growth"] = "growth"


class MovingAverage(Part):
    """The average of each value and those before it: of fewer at the beginning of the series."""

    then: Literal["moving_average"] = "moving_average"
    periods: int = Field(7, ge=2, le=1_000)


class Largest(Part):
    """The times with the largest values alone, or those with the smallest, the most extreme first."""

    then: Literal["largest"] = "largest"
    count: int = Field(1, ge=1, le=1_000)
    smallest: bool = False


class RunningTotal(Part):
    """The sum of each value and all before it."""

    then: Literal["running_total"] = "running_total"


class Kept(Part):
    """The groups alone, or the times of a series without groups, whose first measure keeps a limit."""

    then: Literal["kept"] = "kept"
    operator: Literal["gt", "ge", "lt", "le", "eq"]
    number: float
    counted: bool = False
    """Whether it is told how many they are, and not which."""


class LastStep(Part):
    """Of a funnel those who came to its end: how many, or how many of those who began."""

    then: Literal["last_step"] = "last_step"
    share: bool = False


class Took(Part):
    """Of a funnel with times how long those took who came to its end, in seconds."""

    then: Literal["took"] = "took"
    how: Literal["average", "median", "p90"] = "average"


class Mean(Part):
    """The average of a series' values: one row, or one for each group."""

    then: Literal["mean"] = "mean"


class Shares(Part):
    """What each group is of all of them together, in percent: of measures that add up."""

    then: Literal["shares"] = "shares"


SessionMeasure = Literal["sessions", "events_per_session", "average_length", "median_length", "bounce_rate", "engagement_rate"]


class OfSessions(Part):
    """One measure of sessions, beside how many they were; of groups those with the highest or the lowest, in that order."""

    then: Literal["of_sessions"] = "of_sessions"
    measure: SessionMeasure
    order: Literal["", "highest", "lowest"] = ""
    count: int | None = Field(None, ge=1, le=1_000)


class Arrivals(Part):
    """Of a lifecycle who was there for the first time, and who had been there before (in the period before, or earlier)."""

    then: Literal["arrivals"] = "arrivals"
    who: Literal["new", "returning", "both"] = "both"


class Returned(Part):
    """Of retention how many came back so many periods later, of the cohorts together that began no later than a day and have
    lived so long; without a period, how many in each."""

    then: Literal["returned"] = "returned"
    period: int | None = Field(None, ge=1, le=366)
    until: str | None = Field(None, max_length=10)
    """The last day on which a cohort may begin, ``2026-03-07``."""


class OnSoMany(Part):
    """Of stickiness the people alone who were there in so many different periods: how many, or their share of all of them."""

    then: Literal["on_so_many"] = "on_so_many"
    operator: Literal["gt", "ge", "lt", "le", "eq"]
    number: int = Field(ge=1, le=366)
    share: bool = False


Then = Annotated[
    Growth
    | MovingAverage
    | Largest
    | RunningTotal
    | Kept
    | LastStep
    | Took
    | Mean
    | Shares
    | OfSessions
    | Arrivals
    | Returned
    | OnSoMany,
    Field(discriminator="then"),
]

_KINDS: Final[dict[str, str]] = {
    "last_step": "funnel", "took": "funnel", "of_sessions": "sessions", "arrivals": "lifecycle", "returned": "retention",
    "on_so_many": "stickiness",
}  # fmt: skip


class Plan(Part):
    """A question, and what follows it: some of one kind of question, a limit and shares of a trend with groups, all else of one
    with a granularity."""

    question: Question
    then: Then | None = None

    @model_validator(mode="after")
    def _is_about_everybody(self) -> Self:
        if self.question.one_in > 1:
            raise ValueError("what is said in words is exact: leave sample out")
        return self

    @model_validator(mode="after")
    def _follows_what_it_can(self) -> Self:
        if self.then is None:
            return self
        kind, granularity = _KINDS.get(self.then.then), getattr(self.question, "granularity", None)
        if kind is not None:
            if self.question.kind != kind:
                raise ValueError(f"{self.then.then} is of a {kind}")
            if isinstance(self.then, Took) and not getattr(self.question, "times", False):
                raise ValueError("took is of a funnel with times")
        elif isinstance(self.then, Shares) or (isinstance(self.then, Kept) and granularity is None):
            if not getattr(self.question, "by", ()) or granularity is not None or self.question.kind != "trend":
                raise ValueError("a limit and shares are of the groups of a trend")
        elif granularity is None or self.question.kind != "trend":
            raise ValueError(f"{self.then.then} needs a trend with a granularity")
        return self
