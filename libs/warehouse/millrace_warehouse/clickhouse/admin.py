"""What operators need of the engine: schema, sizes, and the proof that rollups equal the events."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from millrace_core.errors import InvalidInput, WarehouseUnavailable
from millrace_core.time import now_ms
from millrace_warehouse.clickhouse import copying, links_sql, rollup_sql, schema
from millrace_warehouse.clickhouse.engine import Engine
from millrace_warehouse.clickhouse.failures import EngineFailure, own_error
from millrace_warehouse.clickhouse.standing import StandingConnection
from millrace_warehouse.clickhouse.turns import WriteTurns
from millrace_warehouse.migrations.tables import LIVE, OUTCOMES, ROLLUPS, Rollup
from millrace_warehouse.ports import RollupDifference, Rows, TableSize

_log = structlog.get_logger("millrace.warehouse")

HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * HOUR_MS
_SETTLE_SECONDS: Final = 2.0
_LOOKS: Final = 3
_REBUILDS: Final = 5
_FIRST: Final = "events"
"""The migration that makes the tables of a new warehouse."""
_COUNTS_DIFFERENTLY: Final = "visitors"
"""The migration behind which rollups count otherwise than those that stand."""
_AUDITED_HOURS: Final = 3
_COUNTED: Final = (*ROLLUPS, LIVE)
"""What has to equal the events."""

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
    "SELECT name, toUInt64(sum(r)), toUInt64(sum(b)), sum(p), max(p) FROM ("
    "SELECT if({{suffix:String}} != '' AND endsWith(table, {{suffix:String}}), substring(table, 1, length(table) - "
    "length({{suffix:String}})), table) AS name, sum(rows) AS r, sum(bytes_on_disk) AS b, count() AS p FROM {parts} "
    "WHERE database = currentDatabase() AND active GROUP BY name, partition_id) GROUP BY name ORDER BY name"
)
_DUPLICATES: Final = (
    "SELECT toUInt64(sum(copies - 1)) FROM (SELECT count() AS copies FROM events_raw "
    "WHERE ingested_at >= now() - toIntervalHour({hours:UInt32}) GROUP BY customer_id, event_id HAVING copies > 1)"
)


_EXPIRING: Final = (
    *((table, "timestamp", "event_type") for table in ("events_raw", "identity_links")),
    # Rollups of pages count page views, and do not say so. What the live dashboard reads is over sooner than any retention.
    *((rollup.name, rollup.bucket, "event_type" if rollup.dimension == "event_type" else "'page_view'") for rollup in ROLLUPS),
    (OUTCOMES, "minute", "''"),  # of no type: they go with everything
)
"""Tables, with what says when and of which type a row is."""


class ClickHouseAdmin:
    """WarehouseAdmin on an engine."""

    def __init__(self, engine: Engine, turns: WriteTurns, events_ttl_days: int) -> None:
        self._is_shared = engine.is_shared
        self._files = engine.files
        self._layout = engine.layout
        self._turns = turns
        self._ttl_days = events_ttl_days
        self._connection = StandingConnection(lambda: engine.admin(_SETTINGS))
        self._rebuilding: set[asyncio.Task[None]] = set()
        self._repairing = asyncio.Lock()

    async def migrate(self) -> Sequence[str]:
        """See WarehouseAdmin. Sets the retention of events, too."""
        try:
            connection = await self._connection.get()
            done = await schema.migrate(connection, layout=self._layout)
            await schema.check_windows(connection, self._layout)
            await schema.set_retention(connection, self._ttl_days, self._layout)
        except EngineFailure as failure:
            raise own_error(failure) from failure
        if _FIRST in done:  # nothing was stored yet that could be counted
            return done
        if _COUNTS_DIFFERENTLY in done:  # what is audited next is to be counted in the new way, too
            now = now_ms()
            await self.repair(now - _AUDITED_HOURS * HOUR_MS, now)
        await self._begin_live()
        return done

    async def check(self) -> None:
        """Return when the schema is what this code needs.

        Raises:
            StartRefused: it is not; the message says what to do.
            WarehouseUnavailable: cannot tell now.
        """
        try:
            connection = await self._connection.get()
            await schema.check(connection)
            await schema.check_windows(connection, self._layout)
        except EngineFailure as failure:
            raise own_error(failure) from failure

    async def sizes(self) -> Sequence[TableSize]:
        """See WarehouseAdmin."""
        sizes = _SIZES.format(parts=self._layout.system("parts"))
        return [TableSize(*row) for row in (await self._query(sizes, {"suffix": self._layout.suffix})).rows]

    async def duplicates(self, hours: int) -> int:
        """See WarehouseAdmin."""
        return int((await self._query(_DUPLICATES, {"hours": hours})).rows[0][0])

    async def audit(self, hours: int) -> Sequence[RollupDifference]:
        """See WarehouseAdmin. A difference is reported when it is still there while no insert runs: between an insert's
        events and its rollups there are milliseconds. Inserts of other processes cannot be held; they are given time to end."""
        end = now_ms() // HOUR_MS * HOUR_MS
        span = {"first": end - hours * HOUR_MS, "end": end}
        suspects = [rollup for rollup in _COUNTED if await self._differences(rollup, span)]
        found: list[RollupDifference] = []
        for rollup in suspects:
            if self._is_shared:
                await asyncio.sleep(_SETTLE_SECONDS)
            async with self._turns.rebuild():
                found += await self._differences(rollup, span)
        return found + await self._missing_links(span)

    async def rebuild(self, first: int, last: int) -> int:
        """See WarehouseAdmin. The hours of both times are rebuilt, too; hours whose events may have expired are left alone.

        Hour by hour, with inserts in between and none meanwhile: the hour's rows of each rollup are deleted and computed
        again. When the caller is cancelled the hour is finished before. A crash in the middle leaves that hour short until
        the rebuild runs again. Inserts of other processes cannot be held: an hour that one of them changed meanwhile is rebuilt
        again, a few times.

        Raises:
            WarehouseUnavailable: ``rebuild_disturbed``, when others kept on changing an hour.
        """
        hours = self._hours(first, last)
        for hour in hours:
            await self._rebuild_whole(_span(hour, hour))
        _log.info("rollups_rebuilt", first=first, last=last, hours=len(hours))
        return len(hours)

    async def repair(self, first: int, last: int) -> int:
        """See WarehouseAdmin. Compares all hours at once, and each alone only where something differs. One call after the
        other: after a crash every partition asks for the same hours, and what one has mended the next finds whole. All at once
        each would rebuild what each saw broken."""
        hours = self._hours(first, last)
        repaired = 0
        async with self._repairing:
            if not hours or not await self._differs(_span(hours[0], hours[-1])):
                return 0
            for hour in hours:
                if await self._differs(_span(hour, hour)):
                    await self._rebuild_whole(_span(hour, hour))
                    repaired += 1
        _log.warning("rollups_repaired", first=first, last=last, hours=repaired)
        return repaired

    async def expire(self, tenant: str, before: int, *, only: str | None = None, but: Sequence[str] = ()) -> bool:
        """See WarehouseAdmin. With no insert meanwhile: a rebuild would see half of it."""
        values = {"tenant": tenant, "end": before // HOUR_MS * HOUR_MS, "only": only or "", "but": list(but)}
        expired = False
        for name, column, of_type in _EXPIRING:
            where = (
                f"WHERE customer_id = {{tenant:String}} AND {column} < fromUnixTimestamp64Milli({{end:Int64}}, 'UTC') "
                f"AND {of_type} {'NOT IN {but:Array(String)}' if only is None else '= {only:String}'}"
            )
            async with self._turns.rebuild():
                if (await self._query(f"SELECT 1 FROM {name} {where} LIMIT 1", values)).rows:
                    await self._command(f"DELETE FROM {self._layout.stored(name)} {where}", values)
                    expired = True
        return expired

    async def copy(self, target: Path, meanwhile: Callable[[], Awaitable[None]]) -> Mapping[str, int]:
        """See WarehouseAdmin."""
        if (files := self._files) is None:
            raise InvalidInput("A ClickHouse server makes backups of its own.", code="not_embedded")
        try:
            async with self._turns.rebuild():
                frozen = await copying.freeze(await self._connection.get())
                await asyncio.to_thread(copying.copy_beside_parts, files, target)
                await meanwhile()
            await asyncio.to_thread(copying.copy_frozen, files, frozen, target)
        except EngineFailure as failure:
            raise own_error(failure) from failure
        finally:
            await asyncio.to_thread(copying.forget_frozen, files)
        return frozen.rows

    async def close(self) -> None:
        """Let the hour that is being rebuilt end, then close the connection. Idempotent."""
        if self._rebuilding:
            await asyncio.wait(self._rebuilding)
        await self._connection.close()

    def _hours(self, first: int, last: int) -> range:
        """The hours of both times and between, numbered from the epoch, without those whose events may have expired."""
        hours = range(first // HOUR_MS, last // HOUR_MS + 1)
        if self._ttl_days:
            oldest = (now_ms() - self._ttl_days * _DAY_MS) // HOUR_MS + 1
            hours = range(max(hours.start, oldest), hours.stop)
        return hours

    async def _begin_live(self) -> None:
        """Count what the live dashboard reads where nothing is counted: it came with an upgrade, or everything of it is over.
        Where others store without a pause, what is wrong is over in an hour."""
        if (await self._query(f"SELECT 1 FROM {LIVE.name} LIMIT 1")).rows:
            return
        now = now_ms() // HOUR_MS
        try:
            await self._rebuild_whole(_span(now - LIVE.hours, now), (LIVE,))
        except WarehouseUnavailable as error:
            if error.code != "rebuild_disturbed":
                raise
            _log.warning("live_rollup_disturbed")

    async def _rebuild_whole(self, span: Mapping[str, int], rollups: Sequence[Rollup] = _COUNTED) -> None:
        """One hour, to its end even if the caller is cancelled."""
        task = asyncio.create_task(self._rebuild_hour(span, rollups), name="rebuild")
        self._rebuilding.add(task)
        task.add_done_callback(self._rebuilding.discard)
        await asyncio.shield(task)

    async def _rebuild_hour(self, span: Mapping[str, int], rollups: Sequence[Rollup]) -> None:
        for _ in range(_REBUILDS):
            async with self._turns.rebuild():
                for rollup in rollups:
                    await self._replace(rollup, span)
                await self._command(links_sql.COMPLETE, span)
            if not self._is_shared or not await self._differs(span, rollups):
                return
        raise WarehouseUnavailable("other processes keep storing events of this hour: try again", code="rebuild_disturbed")

    async def _differs(self, span: Mapping[str, int], rollups: Sequence[Rollup] = _COUNTED) -> bool:
        """Whether a rollup differs from the events while no insert is half done. Inserts of other processes cannot be held, and
        one that is half done looks like a difference: only what is found each time differs."""
        found: set[tuple[str, str, str]] | None = None
        for attempt in range(_LOOKS if self._is_shared else 1):
            if attempt:
                await asyncio.sleep(_SETTLE_SECONDS)
            async with self._turns.rebuild():
                differences = [each for rollup in rollups for each in await self._differences(rollup, span)]
                differences += await self._missing_links(span)
            seen = {(each.table, each.tenant, each.bucket) for each in differences}
            found = seen if found is None else found & seen
            if not found:
                return False
        return True

    async def _replace(self, rollup: Rollup, span: Mapping[str, int]) -> None:
        if (await self._query(rollup_sql.has_rows(rollup), span)).rows:  # a delete costs a rewrite even of nothing
            await self._command(rollup_sql.delete(rollup, self._layout), span)
        await self._command(rollup_sql.refill(rollup), span)

    async def _differences(self, rollup: Rollup, span: Mapping[str, int]) -> list[RollupDifference]:
        rows = (await self._query(rollup_sql.differences(rollup), _kept(rollup, span))).rows
        found = []
        for tenant, bucket, dimension, is_bot, stored, recomputed, visitors, recomputed_visitors in rows:
            name = f"{bucket} {dimension}{' bots' if is_bot else ''}"
            if stored != recomputed:
                found.append(RollupDifference(rollup.name, tenant, name, stored, recomputed))
            else:
                found.append(RollupDifference(rollup.name, tenant, f"{name} visitors", visitors, recomputed_visitors))
        return found

    async def _missing_links(self, span: Mapping[str, int]) -> list[RollupDifference]:
        rows = (await self._query(links_sql.MISSING, span)).rows
        return [RollupDifference("identity_links", tenant, hour, 0, missing) for tenant, hour, missing in rows]

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


def _kept(rollup: Rollup, span: Mapping[str, int]) -> Mapping[str, int]:
    """The hours of the span of which the rollup has everything, with an hour to spare: time passes while they are read."""
    if not rollup.hours:
        return span
    first = max(span["first"], (now_ms() // HOUR_MS - rollup.hours + 2) * HOUR_MS)
    return {"first": first, "end": max(first, span["end"])}


def _span(first: int, last: int) -> Mapping[str, int]:
    """Of these hours, both included, in milliseconds."""
    return {"first": first * HOUR_MS, "end": (last + 1) * HOUR_MS}
