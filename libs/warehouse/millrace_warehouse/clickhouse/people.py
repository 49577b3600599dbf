"""What there is of single people: found, handed out, and deleted for good."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

from millrace_core.time import now_ms
from millrace_warehouse.clickhouse import person_sql as sql
from millrace_warehouse.clickhouse.engine import Engine
from millrace_warehouse.clickhouse.failures import EngineFailure, own_error
from millrace_warehouse.clickhouse.standing import StandingConnection
from millrace_warehouse.clickhouse.turns import WriteTurns
from millrace_warehouse.gate.tables import HIDDEN_COLUMNS
from millrace_warehouse.migrations.tables import LIVE, ROLLUPS
from millrace_warehouse.ports import Erased, Person, Rows

TABLES: Final = ("events_raw", "identity_links")
"""Those that name people."""

_HOUR_SECONDS: Final = 3_600
_DAY_SECONDS: Final = 24 * _HOUR_SECONDS
_LINKS_DEEP: Final = 16
_PAGE_ROWS: Final = 5_000
_SETTINGS: Final[Mapping[str, int | str]] = {
    "max_threads": 1,  # beside the service, as all of what operators ask
    "max_bytes_before_external_group_by": 128 * 2**20,
    "max_bytes_before_external_sort": 128 * 2**20,
    "max_execution_time": 3_600,
    "mutations_sync": 2,
    # rollups are filled with what was deleted just before: rows that the window may know
    "deduplicate_insert": "disable",
    "deduplicate_insert_select": "disable",
}
_COLUMNS: Final = (
    "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String} "
    "AND default_kind != 'MATERIALIZED' ORDER BY position"
)


class ClickHousePeople:
    """PersonData on an engine."""

    def __init__(self, engine: Engine, turns: WriteTurns, events_ttl_days: int = 0) -> None:
        self._ttl_days = events_ttl_days
        self._layout = engine.layout
        self._turns = turns
        self._connection = StandingConnection(lambda: engine.admin(_SETTINGS))

    async def linked(self, tenant: str, user: str) -> tuple[Sequence[str], Sequence[str]]:
        """See PersonData. Links of links, too, both ways: who got another id has both."""
        names, shared = {user}, set[str]()
        for _ in range(_LINKS_DEEP):
            found = (await self._query(sql.LINKED, {"tenant": tenant, "users": sorted(names)})).rows
            shared = {name for name, owner in found if owner not in names and name not in names}
            more = {one for name, owner in found if name in names or owner in names for one in (name, owner)}
            if more <= names:
                break
            names |= more
        return sorted(names - {user}), sorted(shared - names)

    async def count(self, whose: Person | Erased) -> Mapping[str, int]:
        """See PersonData."""
        counted = dict.fromkeys(TABLES, 0)
        for table, where, values in await self._parts(whose):
            counted[table] += int((await self._query(f"SELECT count() FROM {table} WHERE {where}", values)).rows[0][0])
        return counted

    async def rows(self, person: Person) -> AsyncIterator[tuple[str, Sequence[bytes]]]:
        """See PersonData. Page by page, so that nothing has to fit in memory."""
        for table, where, values in await self._parts(person):
            described = (await self._query(_COLUMNS, {"table": table})).rows
            columns = ", ".join(name for (name,) in described if name not in HIDDEN_COLUMNS)
            place = "(toUnixTimestamp64Milli(timestamp), toString(event_id))"
            after: tuple[int, str] = (-(2**62), "")
            while True:
                page = (
                    f"SELECT {place} AS place, formatRowNoNewline('JSONEachRow', {columns}) FROM {table} FINAL WHERE {where} "
                    f"AND {place} > ({{at:Int64}}, {{id:String}}) ORDER BY place LIMIT {_PAGE_ROWS}"
                )
                found = (await self._query(page, {**values, "at": after[0], "id": after[1]})).rows
                if not found:
                    break
                yield table, [text.encode() for _, text in found]
                after = (int(found[-1][0][0]), str(found[-1][0][1]))

    def question(self, person: Person) -> str:
        """See PersonData."""
        return sql.shown(person)

    async def hours(self, erased: Erased) -> Sequence[int]:
        """See PersonData."""
        found: set[int] = set()
        for table, where, values in await self._parts(erased):
            if table == "events_raw":
                asked = f"SELECT DISTINCT intDiv(toUnixTimestamp(timestamp), {_HOUR_SECONDS}) FROM events_raw WHERE {where}"
                found |= {int(hour) for (hour,) in (await self._query(asked, values)).rows}
        return sorted(found)

    async def erase(self, erased: Erased) -> None:
        """See PersonData. Links first: their times of arrival are those of their events. With no insert meanwhile."""
        for table, where, values in reversed(await self._parts(erased)):
            async with self._turns.rebuild():
                months = f"SELECT DISTINCT toYYYYMM(timestamp) AS month FROM {table} WHERE {where} ORDER BY month"
                for (month,) in (await self._query(months, values)).rows:
                    await self._command(
                        f"ALTER TABLE {self._layout.stored(table)} DELETE IN PARTITION '{int(month)}' WHERE {where}", values
                    )

    async def recount(self, tenant: str, hours: Sequence[int]) -> None:
        """See PersonData. Month by month, with no insert meanwhile; a rebuild hour by hour would rewrite every part for each of
        them."""
        oldest = (now_ms() // 1000 - self._ttl_days * _DAY_SECONDS) // _HOUR_SECONDS + 1 if self._ttl_days else 0
        kept = [hour for hour in hours if hour >= oldest]
        for month, of_month in groupby(sorted(kept), _month):
            values = {"tenant": tenant, "hours": list(of_month)}
            for rollup in ROLLUPS:
                async with self._turns.rebuild():
                    await self._command(sql.empty(rollup, self._layout, month), values)
                    await self._command(sql.refill(rollup, month), values)
        oldest = now_ms() // 1000 // _HOUR_SECONDS - 2 * LIVE.hours  # all that it may still have
        if recent := [hour for hour in kept if hour >= oldest]:
            async with self._turns.rebuild():
                await self._command(sql.empty(LIVE, self._layout), {"tenant": tenant, "hours": recent})
                await self._command(sql.refill(LIVE), {"tenant": tenant, "hours": recent})

    async def close(self) -> None:
        """Close the connection. Idempotent."""
        await self._connection.close()

    async def _parts(self, whose: Person | Erased) -> list[tuple[str, str, Mapping[str, Any]]]:
        """Table, condition and values, so that each row of theirs meets one of them."""
        parts: list[tuple[str, str, Mapping[str, Any]]] = []
        for where, values in sql.conditions(whose):
            parts.append(("events_raw", f"{where} AND {sql.BEFORE}", values))
        for where, values in sql.conditions(whose):
            newer = [row[0] for row in (await self._query(sql.newer_links(where), values)).rows]
            parts.append(("identity_links", f"{where} AND {sql.LINK_BEFORE}", {**values, "newer": newer}))
        return parts

    async def _query(self, text: str, values: Mapping[str, Any]) -> Rows:
        try:
            return await (await self._connection.get()).query(text, values)
        except EngineFailure as failure:
            raise own_error(failure) from failure

    async def _command(self, text: str, values: Mapping[str, Any]) -> None:
        try:
            await (await self._connection.get()).command(text, values)
        except EngineFailure as failure:
            raise own_error(failure) from failure


def _month(hour: int) -> int:
    """Of an hour numbered from the epoch, like 202602."""
    at = datetime.fromtimestamp(hour * _HOUR_SECONDS, UTC)
    return at.year * 100 + at.month
