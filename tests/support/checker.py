"""The checker of every fault test: what the warehouse of a stopped server holds, against what its clients were promised.

Reads the engine's folder with plain SQL, past all code of the project, in a process of its own (an engine's folder can be open
in one process at a time):

    python -m tests.support.checker ENGINE_DIR events|totals

prints one JSON object, the fields of :class:`Stored` or of :class:`Totals`. A server that runs is asked over ClickHouse's HTTP
interface.
"""

import dataclasses
import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support import figures
from tests.support.writers import Sent

_EVENTS = "NOT startsWith(customer_id, 'canary.')"
"""What is not of the self-test of the row policies: a kill in the middle of one leaves its rows for ten minutes."""

_ROLLUPS = {
    "events_by_minute": ("minute", "toStartOfMinute(timestamp)", "event_type", "events", "1"),
    "events_by_hour": ("hour", "toStartOfHour(timestamp)", "event_type", "events", "1"),
    "pages_by_minute": (
        "minute",
        "toStartOfMinute(timestamp)",
        "page_path",
        "views",
        "event_type = 'page_view' AND page_path != ''",
    ),
    "pages_by_hour": ("hour", "toStartOfHour(timestamp)", "page_path", "views", "event_type = 'page_view' AND page_path != ''"),
}


@dataclass(frozen=True, slots=True)
class Stored:
    """What a warehouse holds."""

    rows: int
    unique_ids: int
    unique_positions: int
    recent_ids: int
    events: dict[str, list[Any]]
    """For each event id: tenant, event type, timestamp in milliseconds, page path."""
    rollup_differences: dict[str, int]
    """For each rollup: buckets that differ from the recomputed ones, in count, in unique visitors or in being there."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What a warehouse holds of events that are told by their numbers (``tests.support.steady``)."""

    rows: int
    unique_ids: int
    unique_positions: int
    recent_ids: int
    writers: dict[int, tuple[int, int, int]]
    """For each writer: how many events, the highest number, the sum of the checksums."""
    rollup_differences: dict[str, int]


def stored_in(data_dir: Path) -> Stored:
    """Read a stopped server's folder in a process of its own."""
    return stored_by_engine(data_dir / "warehouse" / "engine")


def stored_by_engine(engine: Path) -> Stored:
    """Likewise, the folder of an engine that no process has open."""
    return Stored(**_asked(engine, "events"))


def stored_by_server(url: str, user: str, password: str) -> Stored:
    """Likewise, a server's database, asked as a user who sees every row."""
    parameters = {"database": "analytics", "default_format": "JSONCompactEachRow"}
    with httpx.Client(auth=(user, password), params=parameters, timeout=120) as client:

        def ask(sql: str) -> list[list[Any]]:
            answer = client.post(url, content=sql)
            assert answer.status_code == 200, answer.text
            return [json.loads(line) for line in answer.text.splitlines()]

        found = _read(ask, "events")
    assert isinstance(found, Stored)
    return found


def totals_by_engine(engine: Path) -> Totals:
    """The totals of an engine's folder that no process has open."""
    found = _asked(engine, "totals")
    writers = {int(writer): tuple(counts) for writer, counts in found.pop("writers").items()}
    return Totals(**found, writers=writers)


def _asked(engine: Path, what: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.support.checker", str(engine), what]
    done = subprocess.run(command, check=True, capture_output=True, timeout=300)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def assert_exact(sent: Sent, stored: Stored) -> None:
    """Nothing acknowledged is lost, nothing is there twice, nothing was changed, and every rollup says the same.

    What was sent and never acknowledged is there once or not at all.
    """
    lost = sent.acknowledged - stored.events.keys()
    figures.outcome(
        acknowledged=len(sent.acknowledged), stored=stored.unique_ids, lost=len(lost), doubled=stored.rows - stored.unique_ids
    )
    assert stored.rows == stored.unique_ids == stored.unique_positions
    assert stored.recent_ids == stored.unique_ids
    assert not lost, f"{len(lost)} acknowledged events are lost, for example {sorted(lost)[:3]}"
    invented = stored.events.keys() - sent.events.keys()
    assert not invented, f"{len(invented)} stored events were never sent"
    for event_id, (tenant, event_type, timestamp, page) in stored.events.items():
        event = sent.events[event_id]
        expected = (event["customer_id"], event["event_type"], event["timestamp"], event["properties"]["page"])
        assert (tenant, event_type, timestamp, page) == expected, event_id
    assert set(stored.rollup_differences.values()) == {0}, stored.rollup_differences


def connect(url: str) -> Any:
    """A connection of chDB's own. Loading it starts the engine's threads: only in a process that is for this alone."""
    chdb: Any = importlib.import_module("chdb")  # two distributions bring its files, one with types and one without
    return chdb.connect(url)


def _read_engine(engine: Path, what: str) -> Stored | Totals:
    connection = connect(str(engine))

    def ask(sql: str) -> list[list[Any]]:
        text = connection.query(sql, "JSONCompactEachRow").bytes().decode()
        return [json.loads(line) for line in text.splitlines()]

    connection.query("USE analytics", "TSV")
    return _read(ask, what)


def _read(ask: Callable[[str], list[list[Any]]], what: str) -> Stored | Totals:
    counts = ask(f"SELECT count(), uniqExact(customer_id, event_id), uniqExact(_p, _o, _i) FROM events_raw WHERE {_EVENTS}")[0]
    recent = int(ask(f"SELECT uniqExact(customer_id, event_id) FROM event_ids WHERE {_EVENTS}")[0][0])
    differences = {name: int(ask(_difference(name))[0][0]) for name in _ROLLUPS}
    differences["live_by_minute"] = int(ask(_LIVE_DIFFERENCE)[0][0])
    rows, unique_ids, unique_positions = (int(count) for count in counts)
    if what == "totals":
        writers = {int(row[0]): (int(row[1]), int(row[2]), int(row[3])) for row in ask(_WRITERS)}
        return Totals(rows, unique_ids, unique_positions, recent, writers, differences)
    columns = "event_id, customer_id, event_type, toUnixTimestamp64Milli(timestamp), page_path"
    found = ask(f"SELECT {columns} FROM events_raw WHERE {_EVENTS}")
    events = {row[0]: [row[1], row[2], int(row[3]), row[4]] for row in found}
    return Stored(rows, unique_ids, unique_positions, recent, events, differences)


_WRITERS = f"""SELECT reinterpretAsUInt16(reverse(unhex(substring(toString(event_id), 10, 4)))) AS writer, uniqExact(event_id),
  max(reinterpretAsUInt64(reverse(unhex(substring(toString(event_id), 25, 12))))),
  sum(CRC32(concatWithSeparator('|', toString(event_id), customer_id, event_type,
    toString(toUnixTimestamp64Milli(timestamp)), page_path)))
FROM events_raw WHERE {_EVENTS} GROUP BY writer"""


_LIVE = f"minute >= toStartOfHour(now()) - INTERVAL 4 HOUR AND {_EVENTS}"
"""Of what it keeps those hours that are whole in it."""
_LIVE_DIFFERENCE = f"""SELECT count() FROM (
  SELECT customer_id, minute, page, is_bot, sumIf(n, stored) AS kept, sumIf(n, NOT stored) AS computed,
    uniqCombinedMergeIf(12)(v, stored) AS kept_visitors, uniqCombinedMergeIf(12)(v, NOT stored) AS computed_visitors
  FROM (
    SELECT customer_id, minute, page, is_bot, events AS n, visitors AS v, true AS stored FROM live_by_minute WHERE {_LIVE}
    UNION ALL
    SELECT customer_id, toStartOfMinute(timestamp) AS minute,
      arrayJoin(arrayDistinct(['', if(event_type = 'page_view', page_path, '')])) AS page, is_bot, count() AS n,
      uniqCombinedStateIf(12)(visitor_id, visitor_id != '') AS v, false AS stored
    FROM events_raw WHERE {_LIVE} GROUP BY customer_id, minute, page, is_bot)
  GROUP BY customer_id, minute, page, is_bot HAVING kept != computed OR kept_visitors != computed_visitors)"""


def _difference(rollup: str) -> str:
    bucket, rounded, dimension, count, where = _ROLLUPS[rollup]
    stored = (
        f"SELECT customer_id, {bucket}, {dimension}, is_bot, sum({count}) AS n, uniqMerge(visitors) AS v "
        f"FROM {rollup} WHERE {_EVENTS} GROUP BY customer_id, {bucket}, {dimension}, is_bot"
    )
    recomputed = (
        f"SELECT customer_id, {rounded} AS {bucket}, {dimension}, is_bot, count() AS n, "
        f"uniqIf(visitor_id, visitor_id != '') AS v FROM events_raw WHERE {where} AND {_EVENTS} "
        f"GROUP BY customer_id, {bucket}, {dimension}, is_bot"
    )
    return f"SELECT count() FROM (({stored} EXCEPT {recomputed}) UNION ALL ({recomputed} EXCEPT {stored}))"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(dataclasses.asdict(_read_engine(Path(sys.argv[1]), sys.argv[2]))))
