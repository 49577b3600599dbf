"""The questions that can be asked."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from millrace_warehouse.metrics.filters import Filter
from millrace_warehouse.metrics.measures import Measure
from millrace_warehouse.metrics.parts import EventField, Name, Part
from millrace_warehouse.metrics.ranges import Range, Unit


class Asked(Part):
    """What every question says."""

    where: Filter | None = Field(None, description="Which events it is about; all without it.")
    range: Range | None = Field(None, description="When; without it all time.")
    time_zone: str | None = Field(
        None, max_length=64, examples=["Europe/Vienna"], description="IANA name; without it the tenant's own."
    )
    bots: Literal["exclude", "include", "only"] = Field("exclude", description="Events of bots, by their user agent.")
    segments: dict[Name, Filter] = Field({}, max_length=20, description="Filters with names, for `{segment: name}`.")


class Trend(Asked):
    """Measures of events, over time or not, by dimensions or not."""

    kind: Literal["trend"]
    measures: Annotated[tuple[Measure, ...], Field(min_length=1, max_length=10)]
    by: Annotated[tuple[EventField, ...], Field(max_length=5)] = Field((), description="Dimensions.")
    granularity: Unit | None = Field(None, description="A row for each of these; rows without events are there, with zeros.")
    compare: Literal["previous_period", "previous_year"] | None = Field(
        None, description="Answer the time before as well: as long, and where the range is whole months, as many months."
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


Question = Trend
