"""Trend questions: compiled, and their rows made into an answer without gaps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from millrace_warehouse.metrics.answers import Column, Series, Table
from millrace_warehouse.metrics.arithmetic import Resolved, aggregate, named, of_nothing
from millrace_warehouse.metrics.buckets import Key, begin_of, bucket_of, buckets, shown
from millrace_warehouse.metrics.conditions import conjunction
from millrace_warehouse.metrics.fields import expression, kind_of
from millrace_warehouse.metrics.parts import Kind
from millrace_warehouse.metrics.questions import Trend
from millrace_warehouse.metrics.ranges import EVERYTHING, Span
from millrace_warehouse.metrics.rollups import Source, of_rollup, simple, source_of
from millrace_warehouse.metrics.sampling import check, error
from millrace_warehouse.metrics.statements import Statement, Writing

MOST_ROWS: Final = 10_000
"""Of an answer; the engine's own limit is not lower by default."""
MOST_GROUPS: Final = 1_000
"""Shown of a question without ``top``; a series has at most :data:`SERIES`."""
SERIES: Final = 50


@dataclass(frozen=True, slots=True)
class CompiledTrend:
    """A trend in SQL, and what its columns are."""

    trend: Trend
    statement: Statement
    source: str
    measures: Sequence[Resolved]
    kinds: Sequence[Kind]
    """Of the dimensions."""
    top: int | None
    errors: Sequence[int] = ()
    """Of which measures there is a standard error, in the columns behind them."""
    sample: float | None = None
    """The share of people that it looks at; None is everybody."""

    @property
    def columns(self) -> list[Column]:
        """The answer's."""
        names = {one.name for one in self.measures}
        found = [Column("time", "time", "time")] if self.trend.granularity else []
        for dimension, kind in zip(self.trend.by, self.kinds, strict=True):
            plain = dimension.name.removeprefix("properties.")
            found.append(Column(dimension.name if plain in names else plain, "dimension", kind))
        if self.has_other:
            found.append(Column("other", "dimension", "boolean"))
        return found + [
            Column(one.name, "measure", "number", one.unit, one.is_approximate or self.sample is not None, one.is_additive)
            for one in self.measures
        ]

    @property
    def has_other(self) -> bool:
        """Whether rows say if they are what was not among the largest."""
        return self.top is not None and self.trend.other


def compile_trend(trend: Trend, writing: Writing, span: Span) -> CompiledTrend:
    """The statement whose columns are the bucket, the dimensions, whether it is the rest, and the measures.

    Args:
        span: of the rows; which groups are the largest is a matter of the question's own span.

    Raises:
        InvalidInput: the question names what there is not, or asks for too many rows.
    """
    measures, unit = named(trend.measures), trend.granularity
    top = trend.top if trend.top is not None or not (unit and trend.by) else SERIES
    if unit is not None and span != EVERYTHING:
        buckets(span, unit, writing.zone, MOST_ROWS // (1 if top is None else top + 1))
    kinds = [kind_of(dimension) for dimension in trend.by]
    source = source_of(writing, span, measures, trend.by, trend.where, unit)
    is_sampled = writing.one_in > 1 and not source.is_rollup
    made = [expression(writing, dimension, kind) for dimension, kind in zip(trend.by, kinds, strict=True)]
    keys = {"b": bucket_of(writing, unit)} if unit else {}
    where = " AND ".join([_where(writing, trend, source), *_only_measured(writing, trend, measures)])
    if top is not None:
        is_top = f"({', '.join(map(_as_text, made))}) IN ({_largest(writing, trend, measures, made, top)})"
        if trend.other:
            keys["other"] = f"NOT ({is_top})"
            made = [f"if(other, NULL, {one})" for one in made]
        else:
            where = f"{where} AND {is_top}"
    keys |= {f"d{number}": one for number, one in enumerate(made)}
    sums = {f"m{number}": _aggregate(writing, source, one) for number, one in enumerate(measures)}
    errors = _errors(writing, measures) if is_sampled else {}
    off = {f"e{number}": one for number, one in errors.items()}
    columns = ", ".join(f"{made} AS {name}" for name, made in (keys | sums | off).items())
    grouped = f" GROUP BY {', '.join(keys)}" if keys else ""
    way = "ASC" if trend.ascending else "DESC"
    order = ", ".join([*(["b"] if unit else []), *(["other"] if "other" in keys else []), f"m0 {way} NULLS LAST", *keys])
    limit = MOST_ROWS if unit or top is not None else MOST_GROUPS + 1
    select = f"SELECT {columns} FROM {source.table} WHERE {where}{grouped} ORDER BY {order} LIMIT {limit}"
    sample = 1 / writing.one_in if is_sampled else None
    return CompiledTrend(trend, writing.finished(select), source.name, measures, kinds, top, tuple(errors), sample)


def _errors(writing: Writing, measures: Sequence[Resolved]) -> dict[int, str]:
    """The standard errors of the measures that have one, by their numbers.

    Raises:
        InvalidInput: ``no_sample``: a sample says nothing of one of them.
    """
    for one in simple(measures):
        check(one)
    made = {number: error(writing, one, with_nobody=True) for number, one in enumerate(measures)}
    return {number: one for number, one in made.items() if one is not None}


def _where(writing: Writing, trend: Trend, source: Source) -> str:
    return " AND ".join([*source.where, *filter(None, [conjunction(writing, trend.where)])]) or "1"


def _only_measured(writing: Writing, trend: Trend, measures: Sequence[Resolved]) -> list[str]:
    """The condition that an event is in some measure, so that no other is read; only without groups, which it could empty."""
    if trend.by or not all(one.where for one in simple(measures)):
        return []
    return [f"({' OR '.join(dict.fromkeys(conjunction(writing, *one.where) for one in simple(measures)))})"]


def _largest(writing: Writing, trend: Trend, measures: Sequence[Resolved], made: Sequence[str], top: int) -> str:
    source = source_of(writing, writing.span, measures, trend.by, trend.where, None)
    texts = ", ".join(f"{_as_text(one)} AS k{number}" for number, one in enumerate(made))
    keys = ", ".join(f"k{number}" for number in range(len(made)))
    way = "ASC" if trend.ascending else "DESC"
    return (
        f"SELECT {texts} FROM {source.table} WHERE {_where(writing, trend, source)} GROUP BY {keys} "
        f"ORDER BY {_aggregate(writing, source, measures[0])} {way} NULLS LAST, {keys} LIMIT {top}"
    )


def _as_text(value: str) -> str:
    return f"ifNull(toString({value}), '\\0')"  # a null is in no list


def _aggregate(writing: Writing, source: Source, one: Resolved) -> str:
    return of_rollup(writing, one) if source.is_rollup else aggregate(writing, one)


@dataclass(slots=True)
class _Group:
    key: tuple[Any, ...]
    other: bool
    rows: dict[Key, Sequence[Any]] = field(default_factory=dict)
    errors: dict[Key, list[float | None]] = field(default_factory=dict)

    def weight(self, *, ascending: bool) -> tuple[bool, float, str]:
        """The largest first, what is the rest last."""
        total = sum(row[0] or 0 for row in self.rows.values())
        return self.other, total if ascending else -total, repr(self.key)


def table_of(compiled: CompiledTrend, rows: Sequence[Sequence[Any]], writing: Writing, span: Span) -> Table:
    """The answer of the statement's rows."""
    trend, dimensions = compiled.trend, len(compiled.trend.by)
    at = int(trend.granularity is not None)
    if trend.granularity is None:
        width = dimensions + int(compiled.has_other)
        shown_rows = [_row(compiled, row) for row in rows]
        truncated = compiled.top is None and len(rows) > MOST_GROUPS
        shown_rows = shown_rows[: None if compiled.top is not None else MOST_GROUPS]
        errors = [[*[None] * width, *_off(compiled, row)] for row in rows[: len(shown_rows)]] if compiled.sample else []
        return Table(shown_rows, truncated=truncated, errors=errors)
    groups: dict[tuple[Any, ...], _Group] = {}
    for row in rows:
        other = bool(compiled.has_other and row[1])
        values = tuple(row[at + int(compiled.has_other) :][:dimensions])
        group = groups.setdefault((other, *map(repr, values)), _Group(values, other))
        group.rows[row[0]] = _measures(compiled, row)
        group.errors[row[0]] = _off(compiled, row)
    keys = _all_keys(compiled, rows, writing, span)
    return _filled(compiled, sorted(groups.values(), key=lambda one: one.weight(ascending=trend.ascending)), keys, writing)


def _measures(compiled: CompiledTrend, row: Sequence[Any]) -> Sequence[Any]:
    end = len(row) - len(compiled.errors)
    return row[end - len(compiled.measures) : end]


def _off(compiled: CompiledTrend, row: Sequence[Any]) -> list[float | None]:
    """The standard error of each measure, null of what has none."""
    found = dict(zip(compiled.errors, row[len(row) - len(compiled.errors) :], strict=True))
    return [found.get(number) for number in range(len(compiled.measures))]


def _row(compiled: CompiledTrend, row: Sequence[Any]) -> list[Any]:
    """In the answer's order: dimensions, whether it is the rest, measures."""
    other = [bool(row[0])] if compiled.has_other else []
    dimensions = row[len(other) :][: len(compiled.trend.by)]
    return [*dimensions, *other, *_measures(compiled, row)]


def _all_keys(compiled: CompiledTrend, rows: Sequence[Sequence[Any]], writing: Writing, span: Span) -> list[Key]:
    assert compiled.trend.granularity is not None, "a series has one"
    seen = sorted({row[0] for row in rows})
    unit, zone = compiled.trend.granularity, writing.zone
    if span != EVERYTHING:
        return sorted({*buckets(span, unit, zone, MOST_ROWS), *seen})
    if not seen:
        return []
    ends = [begin_of(key, zone) for key in (seen[0], seen[-1])]
    return sorted({*buckets(Span(ends[0], ends[1] + 1), unit, zone, MOST_ROWS), *seen})


def _filled(compiled: CompiledTrend, groups: list[_Group], keys: list[Key], writing: Writing) -> Table:
    nothing = [of_nothing(one.measure) for one in compiled.measures]
    exact: list[float | None] = [0.0 if number in compiled.errors else None for number in range(len(nothing))]
    if not groups and not compiled.trend.by:
        groups = [_Group((), other=False)]
    series = []
    for group in groups:
        names: Mapping[str, Any] = {
            dimension.name: value for dimension, value in zip(compiled.trend.by, group.key, strict=True)
        }
        for number, one in enumerate(compiled.measures):
            values = [group.rows.get(key, nothing)[number] for key in keys]
            errors = [group.errors.get(key, exact)[number] for key in keys] if compiled.sample else []
            series.append(Series(one.name, names, group.other, values, errors))
    times = [shown(key, writing.zone) for key in keys]
    rows, off = [], []
    for at, key in enumerate(keys):
        for group in groups:
            label = [times[at], *group.key, *([group.other] if compiled.has_other else [])]
            rows.append([*label, *group.rows.get(key, nothing)])
            off.append([*[None] * len(label), *group.errors.get(key, exact)])
    return Table(rows, series, times, errors=off if compiled.sample else [])
