"""What is asked of the metric layer for a question in plain language: one of its questions, and what is made of its answer."""

from typing import Annotated, Literal, Self

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
    """The groups alone whose first measure keeps a limit."""

    then: Literal["kept"] = "kept"
    operator: Literal["gt", "ge", "lt", "le", "eq"]
    number: float


class LastStep(Part):
    """Of a funnel those who came to its end: how many, or how many of those who began."""

    then: Literal["last_step"] = "last_step"
    share: bool = False


Then = Annotated[Growth | MovingAverage | Largest | RunningTotal | Kept | LastStep, Field(discriminator="then")]


class Plan(Part):
    """A question, and what follows it: the last step a funnel, a limit a trend with groups, all else one with a granularity."""

    question: Question
    then: Then | None = None

    @model_validator(mode="after")
    def _follows_what_it_can(self) -> Self:
        if isinstance(self.then, LastStep):
            if self.question.kind != "funnel":
                raise ValueError("the last step is of a funnel")
        elif isinstance(self.then, Kept):
            if not getattr(self.question, "by", ()) or getattr(self.question, "granularity", None) is not None:
                raise ValueError("a limit is of the groups of a trend")
        elif self.then is not None and getattr(self.question, "granularity", None) is None:
            raise ValueError("then needs a trend with a granularity")
        return self
