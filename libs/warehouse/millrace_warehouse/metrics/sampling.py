"""Answers from some of the people: what may be told from them, and how far off it may be (docs/adr/0029-sampling.md)."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from millrace_core.errors import InvalidInput
from millrace_warehouse.metrics.answers import Column, Table
from millrace_warehouse.metrics.arithmetic import Resolved, addend, aggregate
from millrace_warehouse.metrics.measures import Count, Number, Unique
from millrace_warehouse.metrics.questions import NAMES
from millrace_warehouse.metrics.statements import Writing

GROUPS: Final = 32
"""Into which the sampled are put by chance, to see how far these differ: an error so found is itself 13 % off."""


def check(one: Resolved) -> None:
    """Return where a sample can tell the measure.

    Raises:
        InvalidInput: ``no_sample``.
    """
    match one.measure:
        case Number(measure="min" | "max" as extreme):
            raise InvalidInput(f"{extreme} of a sample is not that of everybody: ask without sample", code="no_sample")
        case Unique(of=of) if not isinstance(of, str) and of.name not in NAMES:
            raise InvalidInput(
                f"how many different {of.name[:64]} there are cannot be told from a sample: ask without it", code="no_sample"
            )


def error(writing: Writing, one: Resolved, *, with_nobody: bool) -> str | None:
    """The standard error of a measure in SQL; None of what is no total.

    Of people it is that of a Bernoulli sample: a number of which one in ``n`` was seen is off by ``sqrt(number * (n - 1))``.
    Of what people did it is found by random groups (Wolter, *Introduction to Variance Estimation*): some do much and some
    little, and all that somebody did is in the sample or none of it.
    """
    match one.measure:
        case Unique(of="person"):
            return f"sqrt({aggregate(writing, one)} * {writing.bind(writing.one_in - 1, 'UInt32')})"
        case Count() | Unique() | Number(measure="sum"):
            return spread(writing, addend(writing, one), writing.lot(with_nobody=with_nobody))
    return None


def spread(writing: Writing, part: tuple[str, str], lot: str) -> str:
    """The standard error of a total.

    Args:
        part: the aggregate's name and its arguments, of what is sampled.
        lot: of each row's person.
    """
    name, arguments = part
    group = f"intDiv({lot}, {writing.bind(writing.one_in, 'UInt32')}) % {GROUPS}"
    made = f"{name}Resample(0, {GROUPS}, 1)({f'{arguments}, ' if arguments else ''}{group})"
    scale = writing.one_in * (writing.one_in - 1) * GROUPS
    return f"sqrt({writing.bind(float(scale), 'Float64')} * arrayReduce('varSamp', {made}))"


def estimated(columns: Sequence[Column]) -> list[Column]:
    """The columns, of which no measure is exact."""
    return [replace(column, approximate=column.approximate or column.role == "measure") for column in columns]


def of_people(columns: Sequence[Column], table: Table, one_in: int) -> Table:
    """The table with the standard errors of its numbers of people beside those that it has."""
    counted = [column.unit == "people" and column.role == "measure" for column in columns]
    names = {column.name for column, is_counted in zip(columns, counted, strict=True) if is_counted}
    known = table.errors or [[None] * len(columns)] * len(table.rows)
    errors = [
        [_off(value, one_in) if is_counted else own for value, own, is_counted in zip(row, owned, counted, strict=True)]
        for row, owned in zip(table.rows, known, strict=True)
    ]
    series = [
        replace(one, errors=[_off(value, one_in) for value in one.values] if one.name in names else one.errors)
        for one in table.series
    ]
    return replace(table, errors=errors, series=series)


def _off(number: Any, one_in: int) -> float | None:
    return None if number is None else math.sqrt(number * (one_in - 1))
