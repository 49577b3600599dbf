"""What a question answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["time", "dimension", "measure", "step", "person"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the rows."""

    name: str
    role: Role
    type: Literal["text", "number", "boolean", "time"]
    unit: str = ""
    approximate: bool = False
    additive: bool = False
    """Whether the values of several groups, or times, can be added up: of counts and sums, not of people or averages."""


@dataclass(frozen=True, slots=True)
class Series:
    """One measure of one group over time, a value for every bucket."""

    name: str
    group: Mapping[str, Any]
    """Dimensions and their values; empty where there are none."""
    other: bool
    """Whether it is what was not among the largest."""
    values: Sequence[float | int | None]
    errors: Sequence[float | None] = ()
    """The standard error of each value, of a sample; null where there is none."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows, and the same as series where the question has a granularity."""

    rows: Sequence[Sequence[Any]]
    series: Sequence[Series] = ()
    times: Sequence[str] = ()
    """The buckets of the series."""
    truncated: bool = False
    """Whether there are more groups than are shown, measured nowhere."""
    errors: Sequence[Sequence[float | None]] = ()
    """Of a sample, for each value of each row its standard error; null of what is no total."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and what it rests on."""

    kind: str
    columns: Sequence[Column]
    table: Table
    range: tuple[str, str] | None
    """From and up to, as times; None is all time."""
    time_zone: str
    source: str
    """The table that answered: ``events_raw``, or a rollup."""
    statements: Sequence[Mapping[str, Any]]
    """Each ``sql`` with its bound ``values``, as it ran."""
    last_event_at: str | None
    """The newest stored event of the tenant: so far the answer can know."""
    previous: Table | None = None
    previous_range: tuple[str, str] | None = None
    sample: float | None = None
    """The share of people that was looked at; None is everybody."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What a kind has beside its rows."""
