"""The four ports on one SQLite file."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Self

from millrace_core import metrics as names
from millrace_core.errors import LogUnavailable, RecordTooLarge
from millrace_eventlog.ports import Durable
from millrace_eventlog.records import (
    Damaged,
    DeadLetter,
    Granted,
    Intent,
    Lag,
    LogEntry,
    LogRecord,
    ReadLimit,
    Revoked,
    TailGap,
    TailItem,
    TailPosition,
)
from millrace_eventlog.sqlite.database import Consumed, Database
from millrace_eventlog.sqlite.recent import RecentEntries
from millrace_eventlog.sqlite.retention import Retention
from millrace_eventlog.sqlite.thread import LogThread
from millrace_service.metrics import Metrics

_PARTITION = 0
_LARGEST_RECORD = 64 * 2**20
_LARGEST_REWRITE = 2**30
_TAIL_LIMIT = ReadLimit(records=5_000, bytes=4 * 2**20, wait_seconds=0)


class Backlog:
    """What is stored and not yet committed, kept up to date on the event loop."""

    def __init__(self, records: int, size: int, oldest: int | None) -> None:
        self.records = records
        self.bytes = size
        self.oldest_stored_at = oldest

    @classmethod
    def of(cls, waiting: Sequence[Consumed]) -> Self:
        """The backlog of a log that was just opened."""
        oldest = waiting[0].stored_at if waiting else None
        return cls(sum(entry.records for entry in waiting), sum(entry.bytes for entry in waiting), oldest)

    def grow(self, entries: Sequence[LogEntry]) -> None:
        """These entries were stored."""
        self.records += sum(len(entry.records) for entry in entries)
        self.bytes += sum(sum([len(record.line) for record in entry.records]) for entry in entries)
        if self.oldest_stored_at is None:
            self.oldest_stored_at = entries[0].stored_at

    def shrink(self, records: int, size: int, oldest: int | None) -> None:
        """So much was committed; ``oldest`` is when the first entry behind it was stored."""
        self.records -= records
        self.bytes -= size
        self.oldest_stored_at = oldest


class SqliteLogWriter:
    """LogWriter."""

    def __init__(self, thread: LogThread, backlog: Backlog, max_bytes: int) -> None:
        self._thread = thread
        self._backlog = backlog
        self._max_bytes = max_bytes

    async def append(self, records: Sequence[LogRecord]) -> Durable:
        """See LogWriter."""
        await self.ping()
        if any(len(record.line) > _LARGEST_RECORD for record in records):
            raise RecordTooLarge("The event is larger than the log can store.")
        if records:
            await self._thread.append(records)
        return "log"

    async def ping(self) -> None:
        """See LogWriter."""
        if (reason := self._thread.refuses) is not None:
            raise LogUnavailable(f"Events cannot be accepted now: {reason}.")
        if self._backlog.bytes > self._max_bytes:
            raise LogUnavailable("Events cannot be accepted now: too much waits for the warehouse.")

    async def close(self) -> None:
        """See LogWriter."""
        await self._thread.close()


class SqliteLogReader:
    """LogReader, of the one partition 0."""

    def __init__(
        self,
        thread: LogThread,
        recent: RecentEntries,
        backlog: Backlog,
        granted: Granted,
        retention: Retention,
        metrics: Metrics,
    ) -> None:
        self._thread = thread
        self._recent = recent
        self._backlog = backlog
        self._granted = granted
        self._committed = granted.start
        self._passed = granted.start
        self._retention = retention
        self._damaged = metrics.counter(names.LOG_DAMAGED)

    async def assignments(self) -> AsyncIterator[Granted | Revoked]:
        """See LogReader."""
        yield self._granted
        while not self._recent.closed:
            await self._recent.wait_behind(2**62, None)

    async def read(self, _partition: int, start: int, limit: ReadLimit) -> Sequence[LogEntry | Damaged]:
        """See LogReader."""
        if not await self._recent.wait_behind(start - 1, limit.wait_seconds):
            return []
        entries: Sequence[LogEntry | Damaged] | None = self._recent.since(start, limit.records, limit.bytes)
        if entries is None:
            entries = await self._thread.read(lambda database: database.read(start, limit.records, limit.bytes))
            self._damaged.inc(sum(max(1, entry.records) for entry in entries if isinstance(entry, Damaged)))
        self._passed = entries[-1].end if entries else start
        return entries

    async def end(self, _partition: int) -> int:
        """See LogReader."""
        return self._recent.last + 1

    async def intend(self, _partition: int, intent: Intent) -> None:
        """See LogReader."""
        await self._thread.write(lambda database: database.set_intent(intent))

    async def commit(self, _partition: int, upto: int) -> None:
        """See LogReader."""
        start = self._committed
        upto = max(start, upto)  # what is in the warehouse stays there, whatever is tried again

        def work(database: Database) -> tuple[list[Consumed], int | None]:
            done = database.weights(start, upto)
            database.set_next(upto)
            if self._granted.unclean:
                database.set_meta("unclean", "0")
            return done, database.stored_at_or_after(upto)

        done, oldest = await self._thread.write(work)
        self._committed = upto
        self._backlog.shrink(sum(entry.records for entry in done), sum(entry.bytes for entry in done), oldest)
        # Not within the work: retention may remove these at once, and a commit that fails has consumed nothing.
        await self._thread.read(lambda _: self._retention.consumed(done))

    async def forget(self, before: int) -> bool:
        """See LogPorts. A file that is large because much waits is left alone: rewriting it would hold up what comes in."""

        def work(database: Database) -> bool:
            if database.size() > _LARGEST_REWRITE:
                return False
            database.forget_below(self._committed)
            oldest = database.stored_at_or_after(0)
            return oldest is None or oldest >= before

        forgotten = await self._thread.read(work)
        self._recent.forget(self._committed)
        return forgotten

    async def copy(self, target: Path) -> None:
        """See LogPorts."""
        await self._thread.read(lambda database: database.copy_to(target))

    async def release(self, _partition: int) -> None:
        """See LogReader. The one partition is never revoked."""

    async def lag(self, _partition: int) -> Lag:
        """See LogReader."""
        return Lag(self._backlog.records, self._backlog.bytes, self._backlog.oldest_stored_at)

    async def unread(self, _partition: int) -> int:
        """See LogReader."""
        return max(0, self._recent.last + 1 - self._passed)

    def unassigned(self) -> str | None:
        """See LogReader. The one partition is granted as soon as it is asked for."""
        return "no partition is assigned yet"


class SqliteLogTail:
    """LogTail."""

    def __init__(self, thread: LogThread, recent: RecentEntries) -> None:
        self._thread = thread
        self._recent = recent

    async def end(self) -> TailPosition:
        """See LogTail."""
        return TailPosition({_PARTITION: (self._recent.last + 1, -1)})

    async def committed(self) -> TailPosition:
        """See LogTail."""
        committed, _ = await self._thread.read(Database.cursor)
        return TailPosition({_PARTITION: (committed, -1)})

    async def follow(self, position: TailPosition | None) -> AsyncGenerator[TailItem | TailGap, None]:
        """See LogTail."""
        offset, index = (self._recent.last + 1, 0) if position is None else _behind(position, self._recent.last)
        if offset <= self._recent.last:
            oldest = await self._thread.read(Database.oldest_offset)
            kept = self._recent.last + 1 if oldest is None else oldest
            if kept > offset:
                yield TailGap(_PARTITION, offset, kept - 1)
                offset, index = kept, 0
        while await self._recent.wait_behind(offset - 1, None):
            entries: Sequence[LogEntry | Damaged] | None
            entries = self._recent.since(offset, _TAIL_LIMIT.records, _TAIL_LIMIT.bytes)
            if entries is None:
                entries = await self._thread.read(partial(_read_for_tail, offset))
            if not entries:
                offset = self._recent.last + 1
            for entry in entries:
                skipped = index if entry.offset == offset else 0
                if entry.offset > offset and not isinstance(entry, Damaged):
                    yield TailGap(_PARTITION, offset, entry.offset - 1)
                if isinstance(entry, LogEntry) and len(entry.records) > skipped:
                    yield TailItem(_PARTITION, entry, skipped)
                offset, index = entry.offset + 1, 0


def _read_for_tail(start: int, database: Database) -> Sequence[LogEntry | Damaged]:
    return database.read(start, _TAIL_LIMIT.records, _TAIL_LIMIT.bytes)


def _behind(position: TailPosition, last: int) -> tuple[int, int]:
    """The (offset, index) that a follower wants next; the end of the log for a position that is not of this log."""
    offset, index = position.seen.get(_PARTITION, (last + 1, -1))
    return (offset, index + 1) if offset <= last else (last + 1, 0)


class SqliteDeadLetters:
    """DeadLetters."""

    def __init__(self, thread: LogThread) -> None:
        self._thread = thread

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """See DeadLetters."""
        await self._thread.write(lambda database: database.put_letters(letters))

    async def list(
        self,
        *,
        tenant: str | None = None,
        reason: str | None = None,
        event_ids: Collection[str] | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[DeadLetter]:
        """See DeadLetters."""
        where, values = "id > ?", [after]
        conditions: list[str | int] = [*values]
        for column, value in (("tenant", tenant), ("reason", reason)):
            if value is not None:
                where += f" AND {column} = ?"
                conditions.append(value)
        if event_ids is not None:
            where += f" AND event_id IN ({', '.join('?' for _ in event_ids)})"
            conditions += event_ids
        return await self._thread.read(lambda database: database.letters(where, conditions, limit))

    async def get(self, letter_id: int) -> DeadLetter:
        """See DeadLetters."""
        return await self._thread.read(lambda database: database.letter(letter_id))

    async def drop(self, ids: Sequence[int]) -> int:
        """See DeadLetters."""
        return await self._thread.write(lambda database: database.drop_letters(ids))

    async def count(self) -> int:
        """See DeadLetters."""
        return await self._thread.read(Database.count_letters)
