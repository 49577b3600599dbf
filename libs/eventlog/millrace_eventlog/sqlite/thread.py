"""The one thread that owns the file: group commit, cursor, reads, retention, checkpoints.

Whatever arrived while the previous commit was syncing shares the next one: all appended records as one row (as few rows as the
caps allow), and all writes of the consumer beside them.
"""

import asyncio
import queue
import shutil
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from millrace_core.errors import LogUnavailable, MillraceError
from millrace_core.time import now_ms
from millrace_eventlog.records import LogEntry, LogRecord
from millrace_eventlog.sqlite.database import Database

_ROW_RECORDS: Final = 50_000
_ROW_BYTES: Final = 16 * 2**20
# Written twice, once to the write-ahead file and once to the main file: fewer, larger checkpoints write a page that
# changed often only once. 16 MiB take 40 ms (docs/bench.md, log).
_CHECKPOINT_BYTES: Final = 16 * 2**20
_VACUUM_PAGES: Final = 2048
_IDLE_SECONDS: Final = 0.5
_DISK_CHECK_SECONDS: Final = 1.0
_SWITCH_SECONDS: Final = 0.0005

Result = TypeVar("Result")

_log = structlog.get_logger("millrace.log")


@dataclass(frozen=True, slots=True)
class _Append:
    records: Sequence[LogRecord]
    bytes: int
    done: "asyncio.Future[None]"


@dataclass(frozen=True, slots=True)
class _Call:
    work: Callable[[Database], Any]
    done: "asyncio.Future[Any]"
    writes: bool


class LogThread:
    """Runs work on the file, in order of arrival.

    Args:
        on_commit: called on the event loop with the entries of each commit, before their writers go on.
        housekeeping: called in the thread after each turn; True when it would like another turn soon.
        on_step: called in the thread with the name of each step; fault tests end the process there.
    """

    def __init__(
        self,
        database: Database,
        loop: asyncio.AbstractEventLoop,
        *,
        pending_bytes: int,
        min_free_bytes: int,
        on_commit: Callable[[Sequence[LogEntry], float], None],
        housekeeping: Callable[[Database], bool],
        on_step: Callable[[str], None],
    ) -> None:
        self._database = database
        self._loop = loop
        self._pending_limit = pending_bytes
        self._min_free = min_free_bytes
        self._on_commit = on_commit
        self._housekeeping = housekeeping
        self._on_step = on_step
        self._queue: queue.SimpleQueue[_Append | _Call | None] = queue.SimpleQueue()
        self._pending = 0
        self._closed = False
        self._written_since_checkpoint = 0
        self._disk_checked_at = 0.0
        self._disk_full = False
        # The thread gives the interpreter up at every call into SQLite, some ten a commit, and beside a busy event loop each
        # costs it an interval before it goes on: batches of 100 went from 74,000 to 99,000 events/s (docs/bench.md, http).
        sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_SECONDS))
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    @property
    def refuses(self) -> str | None:
        """Why an append would be refused now, None when it would not."""
        if self._closed:
            return "the log is closing"
        if self._disk_full:
            return "the disk is full"
        if self._pending > self._pending_limit:
            return "too much waits to be written to the log"
        return None

    async def append(self, records: Sequence[LogRecord]) -> None:
        """Durable on return. On the event loop.

        Raises:
            LogUnavailable: unknown whether stored.
        """
        size = sum([len(record.line) for record in records])
        if (reason := self.refuses) is not None:
            raise LogUnavailable(f"Events cannot be accepted now: {reason}.")
        self._pending += size
        done: asyncio.Future[None] = self._loop.create_future()
        self._queue.put(_Append(records, size, done))
        try:
            await done
        finally:
            self._pending -= size

    async def write(self, work: Callable[[Database], Result]) -> Result:
        """Run work that changes the file; durable on return. On the event loop.

        Raises:
            LogUnavailable: unknown whether it was done.
        """
        return await self._call(work, writes=True)

    async def read(self, work: Callable[[Database], Result]) -> Result:
        """Run work that only reads the file. On the event loop.

        Raises:
            LogUnavailable: the file cannot be read now.
        """
        return await self._call(work, writes=False)

    async def close(self) -> None:
        """Finish what was begun, mark the shutdown as clean, close the file. Idempotent."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    async def _call(self, work: Callable[[Database], Result], *, writes: bool) -> Result:
        if self._closed or not self._thread.is_alive():  # behind the end in the queue nobody would answer
            raise LogUnavailable("The log is closed.")
        done: asyncio.Future[Result] = self._loop.create_future()
        self._queue.put(_Call(work, done, writes))
        return await done

    def _run(self) -> None:
        more = True
        while True:
            turn, closing = self._collect(0.0 if more else _IDLE_SECONDS)
            self._check_disk()
            self._turn(turn)
            more = self._keep_house(idle=not turn)
            if closing:
                break
        try:
            self._database.set_meta("clean", "1")
            self._database.checkpoint(truncate=True)
        except sqlite3.Error as error:
            _log.warning("log_close_incomplete", cause=str(error))
        self._database.connection.close()

    def _collect(self, wait: float) -> tuple[list[_Append | _Call], bool]:
        """Everything that has arrived, and whether the end has."""
        turn: list[_Append | _Call] = []
        try:
            item = self._queue.get(timeout=wait) if wait else self._queue.get_nowait()
            while item is not None:
                turn.append(item)
                item = self._queue.get_nowait()
        except queue.Empty:
            return turn, False
        return turn, True

    def _turn(self, turn: Sequence[_Append | _Call]) -> None:
        appends = [item for item in turn if isinstance(item, _Append)]
        writes = [item for item in turn if isinstance(item, _Call) and item.writes]
        if appends or writes:
            self._commit(appends, writes)
        for item in turn:
            if isinstance(item, _Call) and not item.writes:
                self._answer_read(item)

    def _commit(self, appends: Sequence[_Append], writes: Sequence[_Call]) -> None:
        started = time.perf_counter()
        connection = self._database.connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            at = now_ms()
            entries = [self._database.append(records, at) for records in micro_batches([item.records for item in appends])]
            results = [item.work(self._database) for item in writes]
            self._on_step("log.before-commit")
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 (whatever the work raises, the thread goes on: without it there is no log)
            self._roll_back(error)
            self._fail([*appends, *writes], error)
            return
        self._on_step("log.after-commit")
        self._written_since_checkpoint += sum(item.bytes for item in appends)
        took = time.perf_counter() - started
        self._loop.call_soon_threadsafe(self._resolve, entries, took, appends, [*zip(writes, results, strict=True)])

    def _roll_back(self, error: Exception) -> None:
        _log.error("log_commit_failed", cause=str(error))
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
            self._disk_full = True
            self._disk_checked_at = time.monotonic()
        if self._database.connection.in_transaction:
            try:
                self._database.connection.execute("ROLLBACK")
            except sqlite3.Error as failure:
                _log.error("log_rollback_failed", cause=str(failure))

    def _answer_read(self, item: _Call) -> None:
        try:
            result = item.work(self._database)
        except MillraceError as error:
            self._loop.call_soon_threadsafe(_refuse, [item.done], error)
        except Exception as error:  # noqa: BLE001 (as above)
            self._fail([item], error)
        else:
            self._loop.call_soon_threadsafe(_settle, item.done, result)

    def _fail(self, items: Sequence[_Append | _Call], error: Exception) -> None:
        failure = LogUnavailable("The log cannot be written or read now.")
        failure.__cause__ = error
        self._loop.call_soon_threadsafe(_refuse, [item.done for item in items], failure)

    def _resolve(
        self, entries: Sequence[LogEntry], took: float, appends: Sequence[_Append], writes: Sequence[tuple[_Call, Any]]
    ) -> None:
        if entries:
            self._on_commit(entries, took)
        for item in appends:
            _settle(item.done, None)
        for call, result in writes:
            _settle(call.done, result)

    def _keep_house(self, *, idle: bool) -> bool:
        """Retention and checkpoints; whether there is more of it to do."""
        try:
            more = self._housekeeping(self._database)
            if self._written_since_checkpoint >= _CHECKPOINT_BYTES or (idle and self._written_since_checkpoint):
                self._database.checkpoint(truncate=idle)
                self._written_since_checkpoint = 0
            elif idle and not more and self._database.free_pages() > _VACUUM_PAGES:
                self._database.vacuum(_VACUUM_PAGES)
                self._written_since_checkpoint += 1  # what vacuum moved is to be checkpointed, too
        except sqlite3.Error as error:
            _log.warning("log_housekeeping_failed", cause=str(error))
            return False
        return more

    def _check_disk(self) -> None:
        now = time.monotonic()
        if now - self._disk_checked_at < _DISK_CHECK_SECONDS:
            return
        self._disk_checked_at = now
        free = shutil.disk_usage(Path(self._database.path).parent).free
        full = free < self._min_free
        if full != self._disk_full:
            _log.warning("disk_full" if full else "disk_has_room", free_bytes=free, needed_bytes=self._min_free)
        self._disk_full = full


def micro_batches(calls: Sequence[Sequence[LogRecord]]) -> list[Sequence[LogRecord]]:
    """The records of these appends in as few rows as the caps allow, in order. A single append above a cap is split."""
    rows: list[list[LogRecord]] = []
    size = _ROW_BYTES
    for records in calls:
        weight = sum([len(record.line) for record in records])
        fits = rows and len(rows[-1]) + len(records) <= _ROW_RECORDS and size + weight <= _ROW_BYTES
        if fits:
            rows[-1].extend(records)
            size += weight
        elif len(records) <= _ROW_RECORDS and weight <= _ROW_BYTES:
            rows.append(list(records))
            size = weight
        else:
            rows.extend(_split(records))
            size = _ROW_BYTES
    return [row for row in rows if row]


def _split(records: Sequence[LogRecord]) -> list[list[LogRecord]]:
    rows: list[list[LogRecord]] = [[]]
    size = 0
    for record in records:
        if rows[-1] and (len(rows[-1]) >= _ROW_RECORDS or size + len(record.line) > _ROW_BYTES):
            rows.append([])
            size = 0
        rows[-1].append(record)
        size += len(record.line)
    return rows


def _settle(done: "asyncio.Future[Any]", result: Any) -> None:
    if not done.done():
        done.set_result(result)


def _refuse(waiting: "Sequence[asyncio.Future[Any]]", error: MillraceError) -> None:
    for done in waiting:
        if not done.done():
            done.set_exception(error)
