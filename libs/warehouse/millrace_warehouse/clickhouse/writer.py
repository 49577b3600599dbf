"""What the consumer needs of the engine: inserts that happen once, probes, and what is already stored."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import structlog

from millrace_core.errors import RowsRefused, WarehouseUnavailable
from millrace_core.ids import normal_uuid
from millrace_warehouse.clickhouse.engine import Engine
from millrace_warehouse.clickhouse.failures import EngineFailure, insert_error, own_error
from millrace_warehouse.clickhouse.standing import StandingConnection
from millrace_warehouse.clickhouse.turns import INSERTS_AT_ONCE, WriteTurns
from millrace_warehouse.migrations.tables import EVENT_IDS_HOURS, FIRST_MOVED, OUTCOMES
from millrace_warehouse.ports import StoredPosition

_log = structlog.get_logger("millrace.warehouse")

# One insert is one block, or a retry could cut it at another row and the engine would take the halves for new ones
# (docs/adr/0002-exactly-once-effect.md). The engine cuts at max_insert_block_size rows and, reading in parallel, at bytes.
MAX_ROWS: Final = 1_000_000
INSERT_SETTINGS: Final[Mapping[str, int | str]] = {
    "async_insert": 0,
    "deduplicate_insert": "enable",
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "max_insert_threads": 1,
    "max_insert_block_size": MAX_ROWS,
    "max_block_size": MAX_ROWS,  # of reading the rows: its default cuts at 65,409
    "max_insert_block_size_bytes": 0,
    "min_insert_block_size_rows": 0,
    "min_insert_block_size_bytes": 0,
    "input_format_parallel_parsing": 0,
    # Without it 23.7 us of CPU a row instead of 18.4 (docs/adr/0004-engine-settings.md): merges sort out what is equal.
    "optimize_on_insert": 0,
    # A batch with timestamps of over 100 months is slow, but it is not refused: no single row would be at fault.
    "max_partitions_per_insert_block": 0,
    "max_execution_time": 60,
}

_INSERT_SECONDS: Final = 120.0
_IDS_PER_QUERY: Final = 5_000

_RECENT: Final = {"hours": EVENT_IDS_HOURS + 1}  # a row stands at the beginning of the hour that it came in
_STORED_IDS: Final = (
    "SELECT customer_id, toString(event_id), _p, _o, _i FROM event_ids WHERE event_id IN {ids:Array(UUID)} "
    "AND ingested_hour >= now() - toIntervalHour({hours:UInt32})"
)
_RECENT_IDS: Final = (
    "SELECT event_id FROM event_ids WHERE ingested_hour >= now() - toIntervalHour({hours:UInt32}) "
    f"AND (_p IN {{partitions:Array(UInt16)}} OR _p >= {FIRST_MOVED})"
)
_STORED_POSITIONS: Final = (
    "SELECT DISTINCT _o, _i, toString(event_id) FROM events_raw "
    "WHERE _p = {partition:UInt16} AND _o BETWEEN {first:UInt64} AND {last:UInt64}"
)
_RESTORE_IDS: Final = (
    "INSERT INTO event_ids SELECT customer_id, event_id, toStartOfHour(ingested_at), _p, _o, _i FROM events_raw "
    "WHERE _p = {partition:UInt16} AND _o BETWEEN {first:UInt64} AND {last:UInt64} AND (_o, _i) NOT IN "
    "(SELECT _o, _i FROM event_ids WHERE _p = {partition:UInt16} AND _o BETWEEN {first:UInt64} AND {last:UInt64})"
)


class ClickHouseWriter:
    """WarehouseWriter on an engine."""

    def __init__(self, engine: Engine, turns: WriteTurns) -> None:
        self._engine = engine
        self._turns = turns
        self._inserts = [StandingConnection(lambda: engine.admin(INSERT_SETTINGS)) for _ in range(INSERTS_AT_ONCE)]
        self._outcomes = StandingConnection(lambda: engine.admin(INSERT_SETTINGS))
        self._probes = StandingConnection(lambda: engine.admin(INSERT_SETTINGS))
        self._probing = asyncio.Lock()  # a row that is refused may close its connection under who waits for it
        self._reads = StandingConnection(engine.admin)
        self._running: set[asyncio.Task[None]] = set()

    async def insert(self, rows: bytes | Sequence[bytes], token: str) -> None:
        """See WarehouseWriter. Goes on to its end when the caller is cancelled: half an insert helps nobody.

        Raises:
            ValueError: more rows than one block holds.
        """
        pieces = [rows] if isinstance(rows, bytes) else rows
        if sum(piece.count(b"\n") for piece in pieces) > MAX_ROWS:
            raise ValueError(f"an insert holds {MAX_ROWS} rows at most")
        await self._to_its_end(self._insert(pieces, token))

    async def insert_outcomes(self, rows: Sequence[bytes]) -> None:
        """See WarehouseWriter. Without a token: one that is spent would keep rows out that a kill has lost."""
        await self._to_its_end(self._load(self._outcomes, OUTCOMES, rows, ""))

    async def probe(self, rows: bytes) -> str | None:
        """See WarehouseWriter."""
        try:
            async with self._probing:
                await self._load(self._probes, "events_probe", [rows], "")
        except RowsRefused as refused:
            return refused.message
        return None

    async def stored_ids(self, ids: Sequence[tuple[str, str]]) -> Sequence[StoredPosition]:
        """See WarehouseWriter."""
        wanted = {(tenant, normal) for tenant, event_id in ids if (normal := normal_uuid(event_id)) is not None}
        distinct = iter({event_id for _, event_id in wanted})
        found: list[StoredPosition] = []
        while chunk := list(islice(distinct, _IDS_PER_QUERY)):
            found += [
                StoredPosition(*row)
                for row in await self._read(_STORED_IDS, {"ids": chunk, **_RECENT})
                if (row[0], row[1]) in wanted
            ]
        return found

    async def recent_ids(self, partitions: Sequence[int]) -> AsyncIterator[Sequence[str]]:
        """See WarehouseWriter."""
        try:
            # One of its own: a connection answers nothing else while it streams.
            connection = await self._engine.admin()
            try:
                async for block in connection.lines(_RECENT_IDS, {**_RECENT, "partitions": list(partitions)}):
                    yield block
            finally:
                await connection.close()
        except EngineFailure as failure:
            raise own_error(failure) from failure

    async def stored_positions(self, partition: int, first: int, last: int) -> Sequence[tuple[int, int, str]]:
        """See WarehouseWriter."""
        rows = await self._read(_STORED_POSITIONS, {"partition": partition, "first": first, "last": last})
        return [(row[0], row[1], row[2]) for row in rows]

    async def restore_ids(self, partition: int, first: int, last: int) -> None:
        """See WarehouseWriter."""
        values = {"partition": partition, "first": first, "last": last}
        try:
            async with self._turns.insert():
                connection = await self._reads.get()
                await connection.command(_RESTORE_IDS, {**values})
        except EngineFailure as failure:
            raise own_error(failure) from failure

    async def warm_up(self) -> None:
        """Take every step of an insert once without storing anything: the first one costs 150 to 250 ms more.

        Raises:
            WarehouseUnavailable: the engine does not take it.
        """
        line = (
            b'{"event_id":"%s","customer_id":"warm_up","event_type":"warm_up","timestamp":"2026-01-01 00:00:00.000",'
            b'"received_at":"2026-01-01 00:00:00.000","properties":{"warm":"up"}}\n'
        )
        await self.probe(b"".join(line % str(uuid.uuid4()).encode() for _ in range(100)))
        await self.stored_ids([("warm_up", str(uuid.uuid4()))])
        try:
            await self._inserts[0].get()
        except EngineFailure as failure:
            raise own_error(failure) from failure

    async def close(self) -> None:
        """Let a running insert end, then close. Idempotent."""
        if self._running:
            await asyncio.wait(self._running, timeout=_INSERT_SECONDS)
        for connection in (*self._inserts, self._outcomes, self._probes, self._reads):
            await connection.close()

    async def _to_its_end(self, work: Coroutine[Any, Any, None]) -> None:
        """Also when the caller is cancelled: what the engine reads has to stay until it has read it."""
        task = asyncio.create_task(work, name="warehouse_insert")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            async with asyncio.timeout(_INSERT_SECONDS):
                await asyncio.shield(task)
        except TimeoutError as error:
            raise WarehouseUnavailable("an insert takes too long") from error

    async def _insert(self, rows: Sequence[bytes], token: str) -> None:
        async with self._turns.insert() as place:
            await self._load(self._inserts[place], "events_raw", rows, token)

    async def _load(self, connections: StandingConnection, table: str, rows: Sequence[bytes], token: str) -> None:
        try:
            connection = await connections.get()
            await connection.insert(table, rows, token)
        except EngineFailure as failure:
            refused = insert_error(failure)
            if token:
                _log.warning("insert_failed", code=failure.code, refused=isinstance(refused, RowsRefused))
            raise refused from failure

    async def _read(self, sql: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        try:
            connection = await self._reads.get()
            return (await connection.query(sql, parameters)).rows
        except EngineFailure as failure:
            raise own_error(failure) from failure
