"""What is asked of the metric layer for a question in plain language: one of its questions, and what is made of its answer."""

from typing import Annotated, Literal

from pydantic import Field

from millrace_warehouse.metrics.parts import Part
from millrace_warehouse.metrics.questions import Question


class Growth(Part):
    """The change of each value against the one before, in percent of it; null where there is none, or it is 0."""

    then: Literal["growth"] = "growth"


class MovingAverage(Part):
    """The average of each value and those before it: of fewer at the beginning of the series."""

    then: Literal["moving_average"] = "moving_average"
    periods: int = Field(7, ge=2, le=1_000)


class Plan(Part):
    """A question, and what follows it; only a trend with a granularity can be followed by something."""

    question: Question
    then: Annotated[Growth | MovingAverage, Field(discriminator="then")] | None = None
