"""What dashboards are made of: widgets on a grid, each with what it asks."""

import uuid
from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from millrace_analytics.families.saved.schemas import NAME_PATTERN
from millrace_warehouse.metrics.parts import NAME
from millrace_warehouse.metrics.questions import Question
from millrace_warehouse.metrics.ranges import Range, Unit

ID_PATTERN: Final = r"^[A-Za-z0-9_-]{1,64}$"
MOST_WIDGETS: Final = 50
LONGEST_SQL: Final = 20_000
LOWEST: Final = 1_000
"""The last row in which a widget may begin."""
_TEXT: Final = r"^[^\x00]*$"

WidgetType = Literal["metric", "chart", "table", "text"]
"""One number; a picture; rows; words."""
ChartType = Literal["auto", "line", "bar", "table", "number", "funnel", "cohorts"]
"""How the page draws it; ``auto`` is as its rows are best seen."""
Period = Literal["today", "yesterday", "hour", "day", "week", "month", "quarter", "year"]
"""Of a metric. Today and yesterday are days of the calendar, the others so long until now."""

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=_TEXT, examples=["Sales"])]
Words = Annotated[str, Field(max_length=2_000, pattern=_TEXT)]


class Strict(BaseModel):
    """Knows what it may hold, so that what is misspelt is told."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Layout(Strict):
    """The grid."""

    columns: int = Field(12, ge=1, le=24)
    rows: int = Field(8, ge=1, le=2 * LOWEST, description="As many as are needed, if there are more widgets.")


class Position(Strict):
    """A widget's place, in cells of the grid from the upper left."""

    x: int = Field(ge=0, le=23)
    y: int = Field(ge=0, le=LOWEST)
    width: int = Field(ge=1, le=24)
    height: int = Field(ge=1, le=50)


_SAYS: Final = ("question", "metric", "saved", "sql", "text")


class Config(Strict):
    """What a widget shows: exactly one of `question`, `metric`, `saved`, `sql` and `text`."""

    chart_type: ChartType = "auto"
    question: Question | None = Field(None, description="Of the metric layer, as `POST /api/v1/questions` takes it.")
    metric: str | None = Field(
        None, min_length=1, max_length=100, pattern=_TEXT, examples=["revenue"], description="Of the catalogue, by its name."
    )
    granularity: Unit | None = Field(None, description="With `metric`: over time, in these.")
    by: str | None = Field(None, min_length=1, max_length=200, pattern=_TEXT, description="With `metric`: a dimension.")
    period: Period | None = Field(None, description="With `metric`: when. Without it, and without a range, 30 days.")
    range: Range | None = Field(None, description="With `metric`, instead of `period`.")
    saved: str | None = Field(None, pattern=NAME_PATTERN, description="The name of a saved statement.")
    sql: str | None = Field(None, min_length=1, max_length=LONGEST_SQL, pattern=_TEXT, description="One SELECT.")
    parameters: dict[str, JsonValue] = Field(
        default_factory=dict, max_length=50, description="With `saved` and `sql`: values of placeholders."
    )
    text: str | None = Field(None, max_length=5_000, pattern=_TEXT)
    measure: str | None = Field(
        None, pattern=NAME, description="With a question that answers several: which one is shown; its first, without it."
    )
    opens: str | None = Field(
        None,
        max_length=8_000,
        pattern=r"^[a-z]+(\?[^\s\x00]*)?$",
        examples=["explore?m=metric%3Arevenue"],
        description="The page's view, with its state, where this is looked at more closely.",
    )

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        said = [name for name in _SAYS if getattr(self, name) is not None]
        if len(said) != 1:
            raise ValueError(f"say one of {', '.join(_SAYS)}" + (f", not {' and '.join(said)}" if said else ""))
        strange = [name for name in ("granularity", "by", "period", "range") if getattr(self, name) is not None]
        if strange and self.metric is None:
            raise ValueError(f"{strange[0]} is of a metric: a question says it itself")
        if self.period is not None and self.range is not None:
            raise ValueError("say a period or a range, not both")
        if self.measure is not None and self.question is None:
            raise ValueError("measure is of a question")
        if self.parameters and self.saved is None and self.sql is None:
            raise ValueError("parameters are of sql or saved")
        return self


class Widget(Strict):
    """A widget."""

    id: str = Field(default_factory=lambda: str(uuid.uuid4()), pattern=ID_PATTERN, description="Made, where there is none.")
    type: WidgetType = "chart"
    title: str = Field("", max_length=200, pattern=_TEXT)
    config: Config
    position: Position | None = Field(None, description="Without one it gets the first place that is free.")


_SIZES: Final[dict[WidgetType, tuple[int, int]]] = {"metric": (3, 2), "chart": (6, 4), "table": (6, 4), "text": (6, 2)}
"""Width and height in a grid of 12 columns, where no place is given."""


def placed(widgets: Sequence[Widget], columns: int) -> list[Widget]:
    """All of them with a place: those that have none come to the first one that is free, by lines."""
    taken = {cell for one in widgets if one.position is not None for cell in _cells(one.position)}
    found = []
    for one in widgets:
        place = one.position
        if place is None:
            width, height = _SIZES[one.type]
            place = _free(taken, min(width, columns), height, columns)
            taken.update(_cells(place))
        found.append(one.model_copy(update={"position": place}))
    return found


def bottom(widgets: Sequence[Widget]) -> int:
    """The row behind the lowest of those that have a place."""
    return max((one.position.y + one.position.height for one in widgets if one.position is not None), default=0)


def _free(taken: set[tuple[int, int]], width: int, height: int, columns: int) -> Position:
    y = 0
    while True:
        for x in range(columns - width + 1):
            place = Position.model_construct(x=x, y=y, width=width, height=height)
            if taken.isdisjoint(_cells(place)):
                return place
        y += 1


def _cells(place: Position) -> Iterator[tuple[int, int]]:
    return ((x, y) for x in range(place.x, place.x + place.width) for y in range(place.y, place.y + place.height))
