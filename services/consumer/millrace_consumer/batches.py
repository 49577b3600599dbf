"""A batch: entries of one partition as the rows of one insert."""

import zlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from millrace_consumer.recent_ids import RecentIds
from millrace_core.time import warehouse_time
from millrace_eventlog.records import Damaged, Intent, LogEntry, LogRecord

Position = tuple[int, int]
"""(offset, index)."""


class Batch:
    """Grows by whole entries, in their order. A row is named by its number, from 0.

    Rows are a pure function of the stored bytes and positions, so a replay builds the very same ones.
    """

    def __init__(self, log_id: str, partition: int, start: int) -> None:
        self.partition = partition
        self.start = start
        self.end = start
        """First offset behind the batch: what is committed once it is stored."""
        self.bytes = 0
        self.damaged: list[Damaged] = []
        self.suspects: list[int] = []
        """Rows whose id may have been stored before."""
        self.repeated: list[int] = []
        """Rows with the identity of an earlier one of this batch."""
        self._log_id = log_id
        self._crc32 = 0
        self._entries: list[LogEntry] = []
        self._first_rows: list[int] = []
        self._rows: list[bytes] = []
        self._dropped: set[int] = set()
        self._seen: set[tuple[str, str]] = set()

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to commit."""
        return self.end == self.start

    def add(self, entry: LogEntry | Damaged, recent: RecentIds) -> None:
        """Append an entry; its ids become recent."""
        self.end = entry.offset + 1
        if isinstance(entry, Damaged):
            self.damaged.append(entry)
            self._crc32 = zlib.crc32(f"damaged {entry.offset} {entry.records}".encode(), self._crc32)
            return
        self._crc32 = zlib.crc32(entry.crc32.to_bytes(4, "big"), self._crc32)
        first = len(self._rows)
        self._entries.append(entry)
        self._first_rows.append(first)
        # 0.3 µs a row (python -m tests.bench consumer): the line is never parsed, only its opening brace is replaced.
        head = b'{"_p":%d,"_o":%d,"ingested_at":"%b","_i":' % (
            self.partition,
            entry.offset,
            warehouse_time(entry.stored_at).encode(),
        )
        self._rows += [head + b"%d," % index + record.line[1:] + b"\n" for index, record in enumerate(entry.records)]
        self.bytes += sum(map(len, self._rows[first:]))
        ids = [record.event_id for record in entry.records]
        self.suspects += [first + index for index in recent.suspects(ids)]
        recent.add(ids)
        self._drop_repeated(first, entry.records)

    def intent(self, now: int) -> Intent:
        """What to write down before the insert."""
        return Intent(end=self.end, crc32=self._crc32, count=len(self._rows), written_at=now)

    @property
    def crc32(self) -> int:
        """Of the entries' checksums: names the bytes that the rows were made of."""
        return self._crc32

    @property
    def token(self) -> str:
        """Names these very rows; the warehouse stores a token once. Without the checksum a log that begins again at the
        same offsets would be swallowed."""
        return f"v1:{self._log_id}:{self.partition}:{self.start}-{self.end}:{self._crc32:08x}"

    def record(self, row: int) -> tuple[Position, LogRecord]:
        """Where a row came from."""
        entry_number = bisect_right(self._first_rows, row) - 1
        entry = self._entries[entry_number]
        index = row - self._first_rows[entry_number]
        return (entry.offset, index), entry.records[index]

    def kept(self) -> list[int]:
        """The rows that are to be stored."""
        if not self._dropped:
            return list(range(len(self._rows)))
        return [row for row in range(len(self._rows)) if row not in self._dropped]

    def drop(self, rows: Iterable[int]) -> int:
        """Leave these rows out; how many were not left out before."""
        before = len(self._dropped)
        self._dropped.update(rows)
        return len(self._dropped) - before

    def payload(self, rows: Sequence[int] | None = None) -> bytes:
        """Newline-delimited JSON of the given rows, or of all that are kept."""
        if rows is None and not self._dropped:
            return b"".join(self._rows)
        return b"".join([self._rows[row] for row in (self.kept() if rows is None else rows)])

    def oldest_received_at(self) -> int | None:
        """Milliseconds since the epoch, None in a batch without rows."""
        return min((entry.records[0].received_at for entry in self._entries if entry.records), default=None)

    def _drop_repeated(self, first: int, records: Sequence[LogRecord]) -> None:
        identities = [(record.tenant, record.event_id) for record in records]
        fresh = set(identities)
        if len(fresh) == len(identities) and self._seen.isdisjoint(fresh):
            self._seen |= fresh
            return
        for index, identity in enumerate(identities):
            if identity in self._seen:
                self.repeated.append(first + index)
            self._seen.add(identity)
