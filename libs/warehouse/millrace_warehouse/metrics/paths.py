"""Path questions in SQL, and their rows made into an answer."""

from collections.abc import Sequence
from typing import Any

from millrace_warehouse.metrics.answers import Column, Table
from millrace_warehouse.metrics.conditions import condition, conjunction
from millrace_warehouse.metrics.fields import expression
from millrace_warehouse.metrics.funnels import NAMED
from millrace_warehouse.metrics.questions import Paths
from millrace_warehouse.metrics.statements import Statement, Writing


def compile_paths(asked: Paths, writing: Writing) -> Statement:
    """The statement whose columns are a path (an array of texts), the people who took it, and those who took any.

    Raises:
        InvalidInput: the question names what there is not.
    """
    where = " AND ".join([*writing.within(), *filter(None, [conjunction(writing, asked.where)]), NAMED])
    event = f"(timestamp, event_id, {condition(writing, asked.event)}, {expression(writing, asked.by, 'text')})"
    people = (
        f"SELECT {writing.person} AS person, arraySort(one -> (one.1, one.2), groupArray({event})) AS mine, "
        f"arrayFirstIndex(one -> one.3, mine) AS place FROM events_raw WHERE {where} GROUP BY person HAVING place > 0"
    )
    steps, window = int(asked.steps), int(asked.window_seconds) * 1000
    around = f"arraySlice(mine, place + 1, {steps})"
    if asked.direction == "before":
        first = f"greatest(toInt64(place) - {steps}, 1)"
        around = f"arrayReverse(arraySlice(mine, {first}, toInt64(place) - {first}))"
    near = f"arrayFilter(one -> abs(dateDiff('millisecond', mine[place].1, one.1)) <= {window}, {around})"
    return writing.finished(
        f"SELECT arrayMap(one -> one.4, {near}) AS path, count(){writing.times} AS people, sum(people) OVER () AS everyone "
        f"FROM ({people}) GROUP BY path ORDER BY people DESC, path LIMIT {int(asked.top)}"
    )


def columns_of(asked: Paths) -> list[Column]:
    """The answer's: ``step_1`` is next to the event; null where nothing more came."""
    steps = [Column(f"step_{number}", "dimension", "text") for number in range(1, asked.steps + 1)]
    return [
        *steps,
        Column("other", "dimension", "boolean"),
        Column("people", "measure", "number", "people"),
        Column("share", "measure", "number"),
    ]


def table_of(asked: Paths, rows: Sequence[Sequence[Any]]) -> Table:
    """The most frequent paths, and the others in one row; ``share`` is of everyone, 0 to 1."""
    everyone = rows[0][2] if rows else 0
    found = [
        [*path, *[None] * (asked.steps - len(path)), False, people, round(people / everyone, 4)] for path, people, _ in rows
    ]
    rest = everyone - sum(row[1] for row in rows)
    if rest:
        found.append([*[None] * asked.steps, True, rest, round(rest / everyone, 4)])
    return Table(found)
