"""What one person did, in SQL, and its rows made into an answer."""

from collections.abc import Sequence
from typing import Any, Final

from millrace_core.time import iso_time
from millrace_warehouse.metrics.answers import Column, Table
from millrace_warehouse.metrics.conditions import conjunction
from millrace_warehouse.metrics.funnels import NAMED
from millrace_warehouse.metrics.questions import Journey
from millrace_warehouse.metrics.statements import Statement, Writing

JOURNEY: Final = (
    Column("time", "time", "time"),
    Column("event_type", "dimension", "text"),
    Column("event_name", "dimension", "text"),
    Column("page_path", "dimension", "text"),
    Column("seconds_since_previous", "measure", "number", "s"),
)
"""Of the answer; the first event of the range has none before it."""


def compile_journey(asked: Journey, writing: Writing) -> Statement:
    """The statement whose columns are the answer's, the time in milliseconds, and who the person is; one row
    more than are shown.

    Raises:
        InvalidInput: the question names what there is not.
    """
    name = writing.text(asked.person)
    mine = f"{writing.person} = transform({name}, known.1, known.2, {name})"
    where = " AND ".join([*writing.within(), *filter(None, [conjunction(writing, asked.where)]), NAMED, mine])
    events = (
        "SELECT toUnixTimestamp64Milli(timestamp) AS at, event_id AS id, event_type, event_name, page_path, "
        f"{writing.person} AS who, "
        "row_number() OVER inorder AS number, lagInFrame(at, 1, at) OVER inorder AS last "
        f"FROM events_raw WHERE {where} "
        "WINDOW inorder AS (ORDER BY timestamp, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    )
    return writing.finished(
        f"SELECT at, event_type, event_name, page_path, if(number = 1, NULL, (at - last) / 1000), who FROM ({events}) "
        f"ORDER BY number DESC LIMIT {int(asked.limit) + 1}"
    )


def table_of(asked: Journey, rows: Sequence[Sequence[Any]]) -> Table:
    """The newest event first."""
    shown = [[iso_time(at), *rest] for at, *rest, _ in rows[: asked.limit]]
    return Table(shown, truncated=len(rows) > asked.limit)


def person_of(rows: Sequence[Sequence[Any]]) -> str | None:
    """Who it is, by the name that is theirs in all questions; None where they did nothing."""
    return str(rows[0][-1]) if rows else None
