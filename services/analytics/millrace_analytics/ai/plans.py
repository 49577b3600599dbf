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


Then = Annotated[Growth | MovingAverage | Largest, Field(discriminator="then")]


class Plan(Part):
    """A question, and what follows it; only a trend with a granularity can be followed by something."""

    question: Question
    then: Then | None = None

    @model_validator(mode="after")
    def _follows_a_series(self) -> Self:
        if self.then is not None and getattr(self.question, "granularity", None) is None:
            raise ValueError("then needs a trend with a granularity")
        return self
