"""Session questions in SQL, and their rows made into an answer. The rule is that of the view ``sessions``
(:mod:`millrace_warehouse.gate.views`): both take its numbers from one place."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from millrace_warehouse.gate.views import LONGEST_HOURS, PAUSE_MINUTES
from millrace_warehouse.metrics.answers import Column, Series, Table
from millrace_warehouse.metrics.buckets import Key, bucket_of, buckets, shown
from millrace_warehouse.metrics.catalogue import PURCHASES
from millrace_warehouse.metrics.conditions import condition
from millrace_warehouse.metrics.fields import expression, kind_of
from millrace_warehouse.metrics.filters import AllOf, AnyOf, Comparison, Did, Filter, Not
from millrace_warehouse.metrics.funnels import NAMED
from millrace_warehouse.metrics.questions import ENGAGED_SECONDS, Sessions
from millrace_warehouse.metrics.ranges import Span
from millrace_warehouse.metrics.sampling import spread
from millrace_warehouse.metrics.statements import Statement, Writing
from millrace_warehouse.metrics.trends import MOST_ROWS

_DAY_MS: Final = 86_400_000
LOOKED_BACK_DAYS: Final = 7
"""Before the range, for sessions that began there and for who has not paused since."""
_LONGEST_MS: Final = LONGEST_HOURS * 3_600_000

_MEASURES: Final = (
    Column("sessions", "measure", "number", "sessions"),
    Column("people", "measure", "number", "people"),
    Column("events_per_session", "measure", "number", "events"),
    Column("average_length", "measure", "number", "s"),
    Column("median_length", "measure", "number", "s"),
    Column("bounce_rate", "measure", "number", "%"),
    Column("engagement_rate", "measure", "number", "%"),
)
_NOTHING: Final = [0, 0, *[None] * (len(_MEASURES) - 2)]
_OFF: Final = len(_MEASURES)
"""Of a sample, where the standard error of the sessions stands behind the measures."""


def compile_sessions(asked: Sessions, writing: Writing) -> Statement:
    """The statement whose columns are the bucket of the begin, the group and whether it is the rest, and the measures.

    Raises:
        InvalidInput: the question names what there is not, or asks for too many rows.
    """
    if asked.granularity is not None:
        _keys(asked, writing)
    keys = {"b": bucket_of(writing, asked.granularity, "began")} if asked.granularity else {}
    if asked.by is not None:
        keys |= {"d": f"if(place > {int(asked.top)}, NULL, label)", "other": f"place > {int(asked.top)}"}
    times = writing.times
    sums = (
        f"count(){times}, uniqExact(person){times}, avg(happened), avg(took), quantileExactInclusive(0.5)(took), "
        f"100 * avg(happened = 1), 100 * avg(took >= {ENGAGED_SECONDS} OR viewed >= 2 OR bought)"
    )
    if writing.one_in > 1:
        sums = f"{sums}, {spread(writing, ('count', ''), 'sipHash64(person)')}"
    columns = "".join(f"{made} AS {name}, " for name, made in keys.items())
    grouped = f" GROUP BY {', '.join(keys)}" if keys else ""
    order = [*(["b"] if asked.granularity else []), *(["other"] if asked.by else []), "count() DESC", *keys]
    return writing.finished(
        f"SELECT {columns}{sums} FROM ({_placed(asked, writing)}){grouped} ORDER BY {', '.join(order)} LIMIT {MOST_ROWS}"
    )


def _placed(asked: Sessions, writing: Writing) -> str:
    """The sessions, with the place of their group among all of the range, the largest first."""
    sessions = _sessions(asked, writing)
    if asked.by is None:
        return sessions
    weighed = f"SELECT *, count() OVER (PARTITION BY label) AS weight FROM ({sessions})"
    return f"SELECT *, dense_rank() OVER (ORDER BY weight DESC, label) AS place FROM ({weighed})"


def _sessions(asked: Sessions, writing: Writing) -> str:
    first, end = (writing.bind(at, "Int64") for at in (writing.span.first, writing.span.end))
    label = ""
    if asked.by is not None:
        filled = "dimension != ''" if kind_of(asked.by) == "text" else "dimension IS NOT NULL"
        label = f"argMinIf(dimension, (at, id), {filled}) AS label, "
    having = f"began >= fromUnixTimestamp64Milli({first}, 'UTC') AND began < fromUnixTimestamp64Milli({end}, 'UTC')"
    return (
        f"SELECT person, min(at) AS began, dateDiff('millisecond', min(at), max(at)) / 1000 AS took, count() AS happened, "
        f"{label}sum(is_view) AS viewed, max(is_purchase) AS bought FROM ({_runs(asked, writing)}) "
        f"GROUP BY person, run, intDiv(dateDiff('millisecond', run_began, at), {_LONGEST_MS}) HAVING {having} AND max(fits)"
    )


def _runs(asked: Sessions, writing: Writing) -> str:
    """Events, numbered by the pauses of their person before them."""
    events = _events(asked, writing)
    begins = (
        f"SELECT *, at > lagInFrame(at, 1, toDateTime64(0, 3, 'UTC')) OVER (PARTITION BY person ORDER BY at, id "
        f"ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) + INTERVAL {PAUSE_MINUTES} MINUTE AS begins FROM ({events})"
    )
    runs = f"SELECT *, sum(begins) OVER (PARTITION BY person ORDER BY at, id ROWS UNBOUNDED PRECEDING) AS run FROM ({begins})"
    return f"SELECT *, min(at) OVER (PARTITION BY person, run) AS run_began FROM ({runs})"


def _events(asked: Sessions, writing: Writing) -> str:
    around = Span(max(0, writing.span.first - LOOKED_BACK_DAYS * _DAY_MS), writing.span.end + _LONGEST_MS)
    of_people = [condition(writing, one) for one in _about_people(asked.where)]
    where = " AND ".join([*writing.within(around), NAMED, *of_people])
    fits = "1" if asked.where is None else condition(writing, asked.where)
    bought = ", ".join(writing.text(name) for name in PURCHASES)
    dimension = "" if asked.by is None else f", {expression(writing, asked.by, kind_of(asked.by))} AS dimension"
    return (
        f"SELECT {writing.person} AS person, timestamp AS at, event_id AS id, event_type = 'page_view' AS is_view, "
        f"event_type IN ({bought}) AS is_purchase, {fits} AS fits{dimension} FROM events_raw WHERE {where}"
    )


def _about_people(where: Filter | None) -> list[Filter]:
    """What of a filter all events of a person keep, or none does: what does not is not read."""
    parts = where.all if isinstance(where, AllOf) else () if where is None else (where,)
    return [one for one in parts if _is_about_people(one)]


def _is_about_people(given: Filter) -> bool:
    match given:
        case Comparison(field=field):
            return field.name == "person"
        case Did():
            return True
        case Not(negated=inner):
            return _is_about_people(inner)
        case AllOf(all=parts) | AnyOf(any=parts):
            return all(_is_about_people(one) for one in parts)
        case _:
            return False


def columns_of(asked: Sessions) -> list[Column]:
    """The answer's."""
    found = [Column("time", "time", "time")] if asked.granularity else []
    if asked.by is not None:
        name = asked.by.name.removeprefix("properties.")
        found += [Column(name, "dimension", kind_of(asked.by)), Column("other", "dimension", "boolean")]
    return [*found, *_MEASURES]


def table_of(asked: Sessions, rows: Sequence[Sequence[Any]], writing: Writing) -> Table:
    """Rows; of a series one for every bucket and group, those without sessions with zeros."""
    at, width = int(asked.granularity is not None), 2 * int(asked.by is not None)
    if asked.granularity is None:
        return _apart(Table([_row(row[:width], row[width:]) for row in rows]), writing)
    groups: dict[tuple[Any, ...], dict[Key, list[Any]]] = {} if asked.by else {(): {}}
    for row in rows:
        group = (*row[at : at + width],)
        groups.setdefault(group, {})[row[0]] = _row((), row[at + width :])
    nothing = [*_NOTHING, *([0.0] if writing.one_in > 1 else [])]
    ordered = sorted(groups, key=lambda one: (bool(one and one[1]), -sum(row[0] for row in groups[one].values()), repr(one)))
    keys = sorted({*_keys(asked, writing), *(row[0] for row in rows)})
    times = [shown(key, writing.zone) for key in keys]
    filled = [
        [time, *_row(one, ()), *groups[one].get(key, nothing)] for time, key in zip(times, keys, strict=True) for one in ordered
    ]
    series = [
        Series(
            column.name,
            {} if asked.by is None else {asked.by.name: one[0]},
            other=bool(one and one[1]),
            values=[groups[one].get(key, nothing)[number] for key in keys],
            errors=[groups[one].get(key, nothing)[_OFF] for key in keys] if number == 0 and writing.one_in > 1 else [],
        )
        for one in ordered
        for number, column in enumerate(_MEASURES)
    ]
    return _apart(Table(filled, series, times), writing)


def _apart(table: Table, writing: Writing) -> Table:
    """The table of a sample, whose rows end with the standard error of their sessions."""
    if writing.one_in == 1:
        return table
    rows = [row[:-1] for row in table.rows]
    before, behind = [None] * (len(rows[0]) - _OFF if rows else 0), [None] * (_OFF - 1)
    return replace(table, rows=rows, errors=[[*before, row[-1], *behind] for row in table.rows])


def _row(group: Sequence[Any], measures: Sequence[Any]) -> list[Any]:
    """Of no sessions at all there are no averages: the engine says they are no numbers."""
    label = [group[0], bool(group[1])] if group else []
    if measures and not measures[0]:
        return [*label, *_NOTHING, *([0.0] * (len(measures) - _OFF))]
    return [*label, *measures[:2], *(round(one, 2) for one in measures[2:])]


def _keys(asked: Sessions, writing: Writing) -> list[Key]:
    assert asked.granularity is not None, "a series has one"
    most = MOST_ROWS // (1 if asked.by is None else asked.top + 1)
    return buckets(writing.span, asked.granularity, writing.zone, most)
