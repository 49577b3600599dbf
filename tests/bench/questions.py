"""Funnels and retention of the metric layer against statements written by hand, over 10,000,000 events that the engine made.

Both have the same person rule, filters and result. By hand means twice: with the joins of docs/reference/events.md, and in the
quickest form that is known here; the ratio is to the quicker one.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

from millrace_service.metrics import Metrics
from millrace_warehouse.chdb.engine import ChdbEngine
from millrace_warehouse.clickhouse import schema
from millrace_warehouse.clickhouse.engine import Connection
from millrace_warehouse.metrics.asking import Moment, answer
from millrace_warehouse.metrics.filters import is_event
from millrace_warehouse.metrics.questions import Funnel, Question, Retention, Step
from millrace_warehouse.metrics.ranges import Between
from millrace_warehouse.ports import Rows
from tests.bench.table import Row
from tests.support.worlds import open_reads

_EVENTS: Final = 10_000_000
_BLOCK: Final = 1_000_000
_ROUNDS: Final = 5
_SECONDS: Final = 1.5
_RATIO: Final = 1.1

# Eight weeks of 300,000 visitors, a quarter of whom have an account.
_FILL: Final = (
    "INSERT INTO events_raw (customer_id, event_id, event_type, timestamp, visitor_id, user_id, properties, received_at, "
    "_o, _i) SELECT 'bench', generateUUIDv4(), ['page_view', 'page_view', 'page_view', 'page_view', 'click', 'product_view', "
    "'add_to_cart', 'checkout', 'purchase', 'identify'][h % 10 + 1] AS kind, toDateTime64('2026-01-05 00:00:00', 3, 'UTC') "
    "+ toIntervalMillisecond(number * 483), concat('v', toString(v)), "
    "if((kind = 'identify' OR h % 5 = 0) AND v % 4 = 0, concat('u', toString(v % 50000)), ''), '{{\"plan\":\"pro\"}}', "
    "now64(3), number, 0 FROM (SELECT number, cityHash64(number, 7) AS h, cityHash64(number, 11) % 300000 AS v "
    "FROM numbers({first}, {count}))"
)
_LINKS: Final = (
    "links AS (SELECT visitor_id, argMax(user_id, (timestamp, event_id)) AS linked FROM identity_links "
    "WHERE customer_id = 'bench' GROUP BY visitor_id), "
    "who AS (SELECT one.visitor_id AS id, if(again.linked = '', one.linked, again.linked) AS person "
    "FROM links AS one LEFT JOIN links AS again ON again.visitor_id = one.linked)"
)
_JOINED: Final = (
    "events_raw AS e LEFT JOIN who AS v ON v.id = e.visitor_id LEFT JOIN who AS u ON u.id = e.user_id "
    "WHERE e.customer_id = 'bench' AND NOT e.is_bot"
)
_BY_JOIN: Final = "multiIf(v.person != '', v.person, e.user_id = '', e.visitor_id, u.person != '', u.person, e.user_id)"
_MAPPED: Final = "(SELECT (groupArray(id), groupArray(person)) FROM who) AS known"
_BY_MAP: Final = (
    "transform(visitor_id, known.1, known.2, if(user_id = '', visitor_id, transform(user_id, known.1, known.2, user_id)))"
)
_STEPS: Final = ("page_view", "add_to_cart", "purchase")
_WINDOW: Final = (
    "windowFunnel(2592000000)(toUInt64(toUnixTimestamp64Milli(timestamp)), "
    "event_type = 'page_view', event_type = 'add_to_cart', event_type = 'purchase')"
)
_OF_STEPS: Final = "event_type IN ('page_view', 'add_to_cart', 'purchase')"
_WEEK: Final = "toUInt8(intDiv(toDate(timestamp) - toDate('2026-01-05'), 7))"
_IN_RANGE: Final = (
    "timestamp >= toDateTime64('2026-01-05 00:00:00', 3, 'UTC') AND timestamp < toDateTime64('2026-03-02 00:00:00', 3, 'UTC')"
)
_CAME: Final = (
    "SELECT cohort, count(), sumForEach(arrayMap(k -> has(weeks, cohort + k), range(8))) "
    f"FROM (SELECT {{who}} AS person, groupUniqArray({_WEEK}) AS weeks, min({_WEEK}) AS cohort "
    f"FROM {{rows}} AND {_IN_RANGE} GROUP BY person) GROUP BY cohort ORDER BY cohort"
)
_LEVELS: Final = (
    f"SELECT level, count() FROM (SELECT {{who}} AS person, {_WINDOW} AS level FROM {{rows}} AND {_OF_STEPS} GROUP BY person) "
    "GROUP BY level ORDER BY level"
)
_PLAIN: Final = "events_raw WHERE customer_id = 'bench' AND NOT is_bot"

_FUNNEL: Final = Funnel(kind="funnel", steps=tuple(Step(where=is_event(name)) for name in _STEPS))
_RETENTION: Final = Retention(kind="retention", range=Between(start="2026-01-05", end="2026-03-01"))
_BY_HAND: Final[dict[str, tuple[Question, tuple[str, str]]]] = {
    "funnel of three steps": (
        _FUNNEL,
        (
            f"WITH {_LINKS} {_LEVELS.format(who=_BY_JOIN, rows=_JOINED)}",
            f"WITH {_LINKS}, {_MAPPED} {_LEVELS.format(who=_BY_MAP, rows=_PLAIN)}",
        ),
    ),
    "retention, 8 weeks": (
        _RETENTION,
        (
            f"WITH {_LINKS} {_CAME.format(who=_BY_JOIN, rows=_JOINED)}",
            f"WITH {_LINKS}, {_MAPPED} {_CAME.format(who=_BY_MAP, rows=_PLAIN)}",
        ),
    ),
}


def measure(folder: Path) -> Iterator[Row]:
    """Each question against what is written by hand."""
    yield from asyncio.run(_measure(folder))


async def _measure(folder: Path) -> list[Row]:
    engine = await ChdbEngine.open(folder / "warehouse", Metrics())
    try:
        admin = await engine.admin()
        await schema.migrate(admin)
        await _fill(admin)
        await admin.close()
        async with open_reads(engine, query_memory_bytes=4 * 2**30, query_seconds=60.0) as reads:
            warehouse = reads.of("bench")

            async def asked(question: Question) -> Any:
                return (await answer(warehouse, question, Moment(_AFTER))).table.rows

            return [
                await _compared(name, question, by_hand, asked, warehouse.answer)
                for name, (question, by_hand) in _BY_HAND.items()
            ]
    finally:
        await engine.close()


_AFTER: Final = 1_775_000_000_000
"""The end of March 2026: every week is over."""


async def _compared(
    name: str,
    question: Question,
    by_hand: tuple[str, str],
    asked: Callable[[Question], Awaitable[Any]],
    run: Callable[[str], Awaitable[Rows]],
) -> Row:
    """In turns, so that what else the machine does meets all of them."""
    tenth = question.model_copy(update={"sample": 0.1})
    ways: dict[str, Callable[[], Awaitable[Any]]] = {
        "ours": lambda: asked(question),
        "join": lambda: run(by_hand[0]),
        "map": lambda: run(by_hand[1]),
        "tenth": lambda: asked(tenth),
    }
    took: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(_ROUNDS):
        for way, call in ways.items():
            began = time.perf_counter()
            await call()
            took[way].append(time.perf_counter() - began)
    ours, join, mapped, sampled = (statistics.median(took[way]) for way in ways)
    ratio = ours / min(join, mapped)
    bar, reached = f"<= {_RATIO}x", ratio <= _RATIO
    if isinstance(question, Funnel):
        bar, reached = f"{bar}, <= {_SECONDS} s", reached and ours <= _SECONDS
    measured = f"{ours:.2f} s; by hand {join:.2f} s with joins, {mapped:.2f} s without: {ratio:.2f}x"
    measured = f"{measured}; of a tenth of the people {sampled:.2f} s"
    return Row(f"{name}, {_EVENTS:,} events, median of {_ROUNDS}", measured, bar, reached)


async def _fill(admin: Connection) -> None:
    for first in range(0, _EVENTS, _BLOCK):
        await admin.command(_FILL.format(first=first, count=_BLOCK))
    await admin.command("OPTIMIZE TABLE events_raw FINAL")
