"""The file: its tables, and every statement on them. Used by one thread on one connection.

One connection only: SQLite before 3.51.3 can corrupt a WAL file that two connections reset at once (sqlite.org/wal.html,
"the WAL-reset bug"), and a single one cannot hit that.
"""

import sqlite3
import uuid
import zlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from millrace_core.errors import NotFound, StartRefused
from millrace_core.time import now_ms
from millrace_eventlog.records import Damaged, DeadLetter, Intent, LogEntry, LogRecord
from millrace_eventlog.sqlite.packing import pack, unpack

_VERSION: Final = 1
_CONSUMER: Final = "consumer"
_COPIED: Final = "copied"
"""A fact about a log whose events are in a warehouse that has to be copied, too: alone it is worth nothing."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, records INTEGER NOT NULL, bytes INTEGER NOT NULL,
  crc32 INTEGER NOT NULL, record_index BLOB NOT NULL, payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS cursor (
  name TEXT PRIMARY KEY, next INTEGER NOT NULL,
  intent_end INTEGER, intent_crc32 INTEGER, intent_count INTEGER, intent_at INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead_letters (
  id INTEGER PRIMARY KEY AUTOINCREMENT, log_offset INTEGER NOT NULL, log_index INTEGER NOT NULL, tenant TEXT NOT NULL,
  event_id TEXT NOT NULL, reason TEXT NOT NULL, step TEXT NOT NULL, error TEXT NOT NULL, line BLOB NOT NULL,
  attempt INTEGER NOT NULL, at_ms INTEGER NOT NULL, UNIQUE (log_offset, log_index));
"""


@dataclass(frozen=True, slots=True)
class Consumed:
    """What one entry weighs, for lag and retention."""

    offset: int
    stored_at: int
    records: int
    bytes: int


class Database:
    """One open file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # Transactions are begun and ended by the log's thread, so that many writes share one sync.
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        run = self.connection.execute
        run("PRAGMA auto_vacuum = INCREMENTAL")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        run("PRAGMA wal_autocheckpoint = 0")
        run(f"PRAGMA journal_size_limit = {64 * 2**20}")
        run("PRAGMA secure_delete = OFF")
        self._migrate()

    def _migrate(self) -> None:
        with closing(self.connection.execute("SELECT name FROM sqlite_master WHERE name = 'meta'")) as found:
            stored = self.meta("schema_version") if found.fetchone() else None
        if stored is not None and int(stored) > _VERSION:
            raise StartRefused(
                f"{self.path} was written by a newer version of millrace (schema {stored}, this one knows {_VERSION})"
            )
        if stored is not None and self.meta(_COPIED) == "1":
            raise StartRefused(
                f"{self.path} is of a backup, and what belongs to it may be missing: put the whole backup into a new folder "
                "with `millrace restore`"
            )
        self.connection.executescript(_TABLES)
        self.connection.execute("BEGIN")
        self.connection.execute("INSERT OR IGNORE INTO meta VALUES ('log_id', ?)", (uuid.uuid4().hex,))
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES ('schema_version', ?)", (str(_VERSION),))
        self.connection.execute("INSERT OR IGNORE INTO cursor (name, next) VALUES (?, 1)", (_CONSUMER,))
        self.connection.execute("COMMIT")

    def meta(self, name: str) -> str | None:
        """A fact about the log itself, None where it was never set."""
        row = self.connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, name: str, value: str) -> None:
        """Set a fact about the log itself."""
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def copy_to(self, path: Path) -> None:
        """Everything that is committed, in another file, which is not opened before ``complete_copy``. Who opens it then
        compares the newest events with the warehouse, as after a crash of the machine: what was copied of the warehouse may be
        of a moment before."""
        with closing(sqlite3.connect(path, isolation_level=None)) as target:
            self.connection.backup(target)
            target.execute("INSERT OR REPLACE INTO meta VALUES ('unclean', '1')")
            target.execute("INSERT OR REPLACE INTO meta VALUES (?, '1')", (_COPIED,))

    def append(self, records: Sequence[LogRecord], at_ms: int) -> LogEntry:
        """Write one micro-batch."""
        index, payload, crc32 = pack(records)
        done = self.connection.execute(
            "INSERT INTO log (at_ms, records, bytes, crc32, record_index, payload) VALUES (?, ?, ?, ?, ?, ?)",
            (at_ms, len(records), len(payload), crc32, index, payload),
        )
        assert done.lastrowid is not None
        return LogEntry(done.lastrowid, at_ms, crc32, records)

    def read(self, start: int, records: int, size: int) -> list[LogEntry | Damaged]:
        """Entries from offset ``start`` on, at least one if there is any, until so many records or bytes are reached."""
        query = "SELECT id, at_ms, records, bytes, crc32, record_index, payload FROM log WHERE id >= ? ORDER BY id"
        found: list[LogEntry | Damaged] = []
        try:
            with closing(self.connection.execute(query, (start,))) as rows:
                for row in rows:
                    records, size = records - row[2], size - row[3]
                    if found and (records < 0 or size < 0):
                        break
                    found.append(_entry(*row))
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            return found or self._skip_unreadable(start)
        return found

    def _skip_unreadable(self, start: int) -> list[LogEntry | Damaged]:
        """The entry at ``start``, whose page SQLite itself cannot read, as damaged; those behind it are read next time."""
        last = self.last_offset()
        return [Damaged(0, start, 0, "the file's page cannot be read")] if start <= last else []

    def last_offset(self) -> int:
        """Of the newest entry that was ever written, also if retention has removed it; 0 in a new log."""
        row = self.connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'log'").fetchone()
        return 0 if row is None else int(row[0])

    def oldest_offset(self) -> int | None:
        """Of the oldest entry that is still there."""
        row = self.connection.execute("SELECT min(id) FROM log").fetchone()
        return None if row[0] is None else int(row[0])

    def cursor(self) -> tuple[int, Intent | None]:
        """The consumer's next offset, and the batch it was about to insert."""
        row = self.connection.execute(
            "SELECT next, intent_end, intent_crc32, intent_count, intent_at FROM cursor WHERE name = ?", (_CONSUMER,)
        ).fetchone()
        return int(row[0]), None if row[1] is None else Intent(*row[1:])

    def set_intent(self, intent: Intent) -> None:
        """Write down the batch that is about to be inserted."""
        self.connection.execute(
            "UPDATE cursor SET intent_end = ?, intent_crc32 = ?, intent_count = ?, intent_at = ? WHERE name = ?",
            (intent.end, intent.crc32, intent.count, intent.written_at, _CONSUMER),
        )

    def set_next(self, upto: int) -> None:
        """Everything below is in the warehouse; forget the intent."""
        self.connection.execute(
            "UPDATE cursor SET next = ?, intent_end = NULL, intent_crc32 = NULL, intent_count = NULL, intent_at = NULL "
            "WHERE name = ?",
            (upto, _CONSUMER),
        )

    def weights(self, first: int, end: int | None = None) -> list[Consumed]:
        """What the entries from ``first`` up to ``end`` (exclusive) weigh, without reading them."""
        query = "SELECT id, at_ms, records, bytes FROM log WHERE id >= ? AND id < ? ORDER BY id"
        try:
            return [Consumed(*row) for row in self.connection.execute(query, (first, end or 2**62))]
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            return [one for offset in range(first, end or self.last_offset() + 1) for one in self._weight(query, offset)]

    def _weight(self, query: str, offset: int) -> list[Consumed]:
        """Of one entry; nothing where its page cannot be read."""
        try:
            return [Consumed(*row) for row in self.connection.execute(query, (offset, offset + 1))]
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            return []

    def stored_at_or_after(self, offset: int) -> int | None:
        """When the first entry from this offset on was stored."""
        query = "SELECT at_ms FROM log WHERE id >= ? ORDER BY id LIMIT 1"
        try:
            row = self.connection.execute(query, (offset,)).fetchone()
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            return now_ms()  # there is one, and nobody can tell since when
        return None if row is None else int(row[0])

    def remove_below(self, offset: int) -> None:
        """Let retention take the entries below this offset."""
        self.connection.execute("DELETE FROM log WHERE id < ?", (offset,))

    def put_letters(self, letters: Sequence[DeadLetter]) -> None:
        """Set records aside; those that are aside already stay as they are."""
        self.connection.executemany(
            "INSERT OR IGNORE INTO dead_letters "
            "(log_offset, log_index, tenant, event_id, reason, step, error, line, attempt, at_ms) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    one.offset,
                    one.index,
                    one.tenant,
                    one.event_id,
                    one.reason,
                    one.step,
                    one.error,
                    one.line,
                    one.attempt,
                    one.at,
                )
                for one in letters
            ],
        )

    def letters(self, where: str, values: Sequence[str | int], limit: int) -> list[DeadLetter]:
        """Records that were set aside. ``where`` is a condition of this package, never a request's text."""
        columns = "0, log_offset, log_index, tenant, event_id, reason, step, error, line, attempt, at_ms, id"
        query = f"SELECT {columns} FROM dead_letters WHERE {where} ORDER BY id LIMIT ?"
        return [DeadLetter(*row) for row in self.connection.execute(query, (*values, limit))]

    def letter(self, letter_id: int) -> DeadLetter:
        """One of them.

        Raises:
            NotFound: there is none of this id.
        """
        found = self.letters("id = ?", (letter_id,), 1)
        if not found:
            raise NotFound(f"there is no dead letter {letter_id}")
        return found[0]

    def drop_letters(self, ids: Sequence[int]) -> int:
        """Remove records that were set aside; how many were there."""
        return sum(self.connection.execute("DELETE FROM dead_letters WHERE id = ?", (one,)).rowcount for one in ids)

    def count_letters(self) -> int:
        """How many are set aside."""
        return int(self.connection.execute("SELECT count(*) FROM dead_letters").fetchone()[0])

    def forget_below(self, offset: int) -> None:
        """Remove the entries below this offset, with every trace that they and others have left in the file: deleted rows stay
        in its pages until something is written over them. Not within a transaction."""
        self.connection.execute("DELETE FROM log WHERE id < ?", (offset,))
        self.connection.execute("VACUUM")
        self.checkpoint(truncate=True)

    def checkpoint(self, *, truncate: bool) -> None:
        """Move what the write-ahead file holds into the main file."""
        self.connection.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if truncate else 'PASSIVE'})").fetchall()

    def vacuum(self, pages: int) -> None:
        """Give up to so many free pages back to the disk."""
        self.connection.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()

    def size(self) -> int:
        """Bytes of the main file."""
        return int(
            self.connection.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()[0]
        )

    def free_pages(self) -> int:
        """Pages that no row uses."""
        return int(self.connection.execute("PRAGMA freelist_count").fetchone()[0])


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file holds what SQLite did not write. Everything else (no memory, no descriptor) may pass."""
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _entry(offset: int, at_ms: int, count: int, _size: int, crc32: int, index: bytes, payload: bytes) -> LogEntry | Damaged:
    if zlib.crc32(payload, zlib.crc32(index)) != crc32:
        return Damaged(0, offset, count, "the checksum differs")
    try:
        return LogEntry(offset, at_ms, crc32, unpack(index, payload))
    except ValueError as error:
        return Damaged(0, offset, count, str(error))


def complete_copy(path: Path) -> None:
    """What was copied with this log is there: it may be opened.

    Raises:
        sqlite3.Error: the file cannot be written.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as copy:
        copy.execute("PRAGMA synchronous = FULL")
        copy.execute("INSERT OR REPLACE INTO meta VALUES (?, '0')", (_COPIED,))
