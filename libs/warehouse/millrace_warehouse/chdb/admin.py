"""What operators need of the engine: schema, sizes, and the proof that rollups equal the events."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog

from millrace_core.time import now_ms
from millrace_warehouse.chdb import rollup_sql, schema
from millrace_warehouse.chdb.engine import Engine
from millrace_warehouse.chdb.failures import EngineFailure, own_error
from millrace_warehouse.chdb.standing import StandingConnection
from millrace_warehouse.chdb.turns import WriteTurns
from millrace_warehouse.migrations.tables import ROLLUPS, Rollup
from millrace_warehouse.ports import RollupDifference, Rows, TableSize

_log = structlog.get_logger("millrace.warehouse")

HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * HOUR_MS

# Work beside the service: one core at most, and what does not fit in memory goes to disk.
_SETTINGS: Final[Mapping[str, int | str]] = {
    "max_threads": 1,
    "max_bytes_before_external_group_by": 128 * 2**20,
    "max_bytes_before_external_sort": 128 * 2**20,
    "max_execution_time": 600,
    "mutations_sync": 1,
    "lightweight_deletes_sync": 1,
    # a rebuild inserts what it has deleted just before: rows that the window may know
    "deduplicate_insert": "disable",
    "deduplicate_insert_select": "disable",
}

_SIZES: Final = (
    "SELECT table, toUInt64(sum(rows)), toUInt64(sum(bytes_on_disk)), count() FROM system.parts "
    "WHERE database = currentDatabase() AND active GROUP BY table ORDER BY table"
)
_DUPLICATES: Final = (
    "SELECT toUInt64(sum(copies - 1)) FROM (SELECT count() AS copies FROM events_raw "
    "WHERE ingested_at >= now() - toIntervalHour({hours:UInt32}) GROUP BY customer_id, event_id HAVING copies > 1)"
)


class ChdbAdmin:
    """WarehouseAdmin of the engine in this process."""

    def __init__(self, engine: Engine, turns: WriteTurns, events_ttl_days: int) -> None:
        self._turns = turns
        self._ttl_days = events_ttl_days
        self._connection = StandingConnection(lambda: engine.admin(_SETTINGS))
        self._rebuilding: set[asyncio.Task[None]] = set()

    async def migrate(self) -> Sequence[str]:
        """See WarehouseAdmin. Sets the retention of events, too."""
        try:
            connection = await self._connection.get()
            done = await schema.migrate(connection)
            await schema.check_windows(connection)
            await schema.set_retention(connection, self._ttl_days)
        except EngineFailure as failure:
            raise own_error(failure) from failure
        return done

    async def sizes(self) -> Sequence[TableSize]:
        """See WarehouseAdmin."""
        return [TableSize(*row) for row in (await self._query(_SIZES)).rows]

    async def duplicates(self, hours: int) -> int:
        """See WarehouseAdmin."""
        return int((await self._query(_DUPLICATES, {"hours": hours})).rows[0][0])

    async def audit(self, hours: int) -> Sequence[RollupDifference]:
        """See WarehouseAdmin. A difference is reported when it is still there while no insert runs: between an insert's
        events and its rollups there are milliseconds."""
        end = now_ms() // HOUR_MS * HOUR_MS
        span = {"first": end - hours * HOUR_MS, "end": end}
        suspects = [rollup for rollup in ROLLUPS if await self._differences(rollup, span)]
        found: list[RollupDifference] = []
        for rollup in suspects:
            async with self._turns.rebuild():
                found += await self._differences(rollup, span)
        return found

    async def rebuild(self, first: int, last: int) -> int:
        """See WarehouseAdmin. The hours of both times are rebuilt, too; hours whose events may have expired are left alone.

        Hour by hour, with inserts in between and none meanwhile: the hour's rows of each rollup are deleted and computed
        again. When the caller is cancelled the hour is finished before. A crash in the middle leaves that hour short until
        the rebuild runs again.
        """
        hours = range(first // HOUR_MS, last // HOUR_MS + 1)
        if self._ttl_days:
            oldest = (now_ms() - self._ttl_days * _DAY_MS) // HOUR_MS + 1
            hours = range(max(hours.start, oldest), hours.stop)
        for hour in hours:
            span = {"first": hour * HOUR_MS, "end": (hour + 1) * HOUR_MS}
            task = asyncio.create_task(self._rebuild_hour(span), name="rebuild")
            self._rebuilding.add(task)
            task.add_done_callback(self._rebuilding.discard)
            await asyncio.shield(task)
        _log.info("rollups_rebuilt", first=first, last=last, hours=len(hours))
        return len(hours)

    async def close(self) -> None:
        """Let the hour that is being rebuilt end, then close the connection. Idempotent."""
        if self._rebuilding:
            await asyncio.wait(self._rebuilding)
        await self._connection.close()

    async def _rebuild_hour(self, span: Mapping[str, int]) -> None:
        async with self._turns.rebuild():
            for rollup in ROLLUPS:
                await self._replace(rollup, span)

    async def _replace(self, rollup: Rollup, span: Mapping[str, int]) -> None:
        if (await self._query(rollup_sql.has_rows(rollup), span)).rows:  # a delete costs a rewrite even of nothing
            await self._command(rollup_sql.delete(rollup), span)
        await self._command(rollup_sql.refill(rollup), span)

    async def _differences(self, rollup: Rollup, span: Mapping[str, int]) -> list[RollupDifference]:
        rows = (await self._query(rollup_sql.differences(rollup), span)).rows
        found = []
        for tenant, bucket, dimension, is_bot, stored, recomputed, visitors, recomputed_visitors in rows:
            name = f"{bucket} {dimension}{' bots' if is_bot else ''}"
            if stored != recomputed:
                found.append(RollupDifference(rollup.name, tenant, name, stored, recomputed))
            else:
                found.append(RollupDifference(rollup.name, tenant, f"{name} visitors", visitors, recomputed_visitors))
        return found

    async def _query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        try:
            return await (await self._connection.get()).query(sql, parameters)
        except EngineFailure as failure:
            raise own_error(failure) from failure

    async def _command(self, sql: str, parameters: Mapping[str, Any]) -> None:
        try:
            await (await self._connection.get()).command(sql, parameters)
        except EngineFailure as failure:
            raise own_error(failure) from failure
