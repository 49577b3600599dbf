"""Events on their way from one warehouse to another: read in the order in which they came, page by page, and counted at the
other end."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from millrace_warehouse.clickhouse.engine import Connection, Engine
from millrace_warehouse.clickhouse.failures import EngineFailure, own_error
from millrace_warehouse.clickhouse.standing import StandingConnection
from millrace_warehouse.migrations.tables import FIRST_MOVED, MOVING, OUTCOMES
from millrace_warehouse.ports import EventPage, Rows

_SETTINGS: Final[Mapping[str, int | str]] = {
    "max_threads": 1,
    "max_bytes_before_external_sort": 128 * 2**20,
    "max_bytes_before_external_group_by": 128 * 2**20,
    "max_execution_time": 3_600,
    "max_table_size_to_drop": 0,
    "max_partition_size_to_drop": 0,
}

# A row is also an entry of ``event_ids``, which has a part for each hour of arrival: pages of sparse events end early.
_HOURS_A_PAGE: Final = 24

_MONTHS: Final = (
    "SELECT toUInt32(toYYYYMM(timestamp)) AS month, count() FROM events_raw FINAL "
    "WHERE {partition:Int32} IN (-1, _p) GROUP BY month ORDER BY month"
)
_EVERY: Final = -1
_LAST: Final = (
    "SELECT _o, _i FROM events_raw WHERE _p = {partition:UInt16} AND toYYYYMM(timestamp) = {month:UInt32} "
    "ORDER BY _o DESC, _i DESC LIMIT 1"
)
_PARTITIONS: Final = "SELECT DISTINCT _p FROM events_raw WHERE _p >= {first:UInt16} ORDER BY _p"
_PAGE: Final = (
    f"SELECT * REPLACE ({{partition:UInt16}} AS _p) FROM {MOVING} "
    "WHERE _o > {offset:UInt64} OR (_o = {offset:UInt64} AND _i > {index:Int32}) ORDER BY _o, _i LIMIT {rows:UInt32}"
)

# As wide as the table's order: an order that stays over pages.
_OUTCOMES_PAGE: Final = (
    "SELECT * REPLACE ({partition:UInt16} AS _p, replaceRegexpOne(outcome_id, '^[0-9]+/', {prefix:String}) AS outcome_id) "
    f"FROM {OUTCOMES} FINAL ORDER BY customer_id, minute, outcome, reason, protocol, key_id, outcome_id "
    "LIMIT {rows:UInt32} OFFSET {after:UInt64}"
)


class _Asking:
    def __init__(self, engine: Engine) -> None:
        self._connection = StandingConnection(lambda: engine.admin(_SETTINGS))

    async def close(self) -> None:
        """Close the connection. Idempotent."""
        await self._connection.close()

    async def _months(self, partition: int) -> Mapping[int, int]:
        rows = (await self._query(_MONTHS, {"partition": partition})).rows
        return {int(month): int(events) for month, events in rows}

    async def _query(self, sql: str, parameters: Mapping[str, Any]) -> Rows:
        try:
            return await (await self._open()).query(sql, parameters)
        except EngineFailure as failure:
            raise own_error(failure) from failure

    async def _open(self) -> Connection:
        return await self._connection.get()


class ClickHouseEventSource(_Asking):
    """EventSource on an engine. One month at a time stands on the disk a second time while it is read: the table itself is in
    the order of questions, and a page of it in the order of arrival would cost a read of the whole month."""

    async def months(self) -> Mapping[int, int]:
        """See EventSource."""
        return await self._months(_EVERY)

    async def stage(self, month: int) -> None:
        """See EventSource."""
        await self.unstage()
        await self._command(
            f"CREATE TABLE {MOVING} ENGINE = MergeTree ORDER BY (_o, _i) SETTINGS index_granularity = 1024 AS "
            "SELECT * FROM events_raw FINAL WHERE toYYYYMM(timestamp) = {month:UInt32}",
            {"month": month},
        )

    async def page(self, after: tuple[int, int] | None, rows: int, partition: int) -> EventPage | None:
        """See EventSource."""
        offset, index = after or (0, -1)
        values = {"partition": partition, "offset": offset, "index": index, "rows": rows}
        try:
            text = await (await self._open()).raw(_PAGE, "JSONEachRow", values)
        except EngineFailure as failure:
            raise own_error(failure) from failure
        return _page(text.splitlines(keepends=True)) if text else None

    async def outcomes(self, after: int, rows: int, partition: int) -> Sequence[bytes]:
        """See EventSource."""
        values = {"partition": partition, "prefix": f"{partition}/", "after": after, "rows": rows}
        try:
            text = await (await self._open()).raw(_OUTCOMES_PAGE, "JSONEachRow", values)
        except EngineFailure as failure:
            raise own_error(failure) from failure
        return text.splitlines(keepends=True)

    async def unstage(self) -> None:
        """See EventSource."""
        await self._command(f"DROP TABLE IF EXISTS {MOVING} SYNC", {})

    async def _command(self, sql: str, parameters: Mapping[str, Any]) -> None:
        try:
            await (await self._open()).command(sql, parameters)
        except EngineFailure as failure:
            raise own_error(failure) from failure


class ClickHouseEventTarget(_Asking):
    """EventTarget on an engine."""

    async def free_partition(self) -> int:
        """See EventTarget."""
        taken = {row[0] for row in (await self._query(_PARTITIONS, {"first": FIRST_MOVED})).rows}
        return next(number for number in range(FIRST_MOVED, 65_536) if number not in taken)

    async def months(self, partition: int) -> Mapping[int, int]:
        """See EventTarget."""
        return await self._months(partition)

    async def last(self, partition: int, month: int) -> tuple[int, int] | None:
        """See EventTarget."""
        rows = (await self._query(_LAST, {"partition": partition, "month": month})).rows
        return (rows[0][0], rows[0][1]) if rows else None


class _Arrival(msgspec.Struct):
    offset: int = msgspec.field(name="_o")
    index: int = msgspec.field(name="_i")
    ingested_at: str = ""

    @property
    def hour(self) -> str:
        """As ``2026-02-16 12``."""
        return self.ingested_at[:13]


def _page(lines: Sequence[bytes]) -> EventPage:
    decode = msgspec.json.Decoder(_Arrival).decode
    hours: set[str] = set()
    positions: list[tuple[int, int]] = []
    for line in lines:
        arrival = decode(line)
        hours.add(arrival.hour)
        if len(hours) > _HOURS_A_PAGE:
            break
        positions.append((arrival.offset, arrival.index))
    return EventPage(lines[: len(positions)], positions)
