"""A batch: entries of one partition as the rows of one insert."""

import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from millrace_consumer.recent_ids import RecentIds
from millrace_core.time import warehouse_time
from millrace_eventlog.outcomes import OUTCOMES, Kind, of_event, row_of, row_of_record
from millrace_eventlog.records import Damaged, Entry, Intent, LogEntry, LogRecord, Missing, Position


class Batch:
    """Grows by whole entries, in their order. A row is named by its number, from 0. Records that tell outcomes have a number,
    too, and are no events.

    Rows are a pure function of the stored bytes and positions, so a replay builds the very same ones.
    """

    def __init__(self, log_id: str, partition: int, start: int) -> None:
        self.partition = partition
        self.start = start
        self.end = start
        """First offset behind the batch: what is committed once it is stored."""
        self.bytes = 0
        self.damaged: list[Damaged] = []
        self.missing: list[Missing] = []
        self.suspects: list[int] = []
        """Rows whose id may have been stored before."""
        self.repeated: list[int] = []
        """Rows with the identity of an earlier one of this batch."""
        self._log_id = log_id
        self._crc32 = 0
        self._entries: list[Entry] = []
        self._first_rows: list[int] = []
        self._pieces: list[bytes] = []
        """The rows of each entry's events."""
        self._count = 0
        self._outcomes: set[int] = set()
        """Records that tell outcomes."""
        self._told: dict[int, tuple[Kind, str]] = {}
        self._dropped: set[int] = set()
        self._seen: set[str] = set()

    def __len__(self) -> int:
        return self._count

    @property
    def empty(self) -> bool:
        """Whether there is nothing to commit."""
        return self.end == self.start

    def add(self, entry: Entry | Damaged | Missing, recent: RecentIds) -> None:
        """Append an entry; its ids become recent."""
        self.end = entry.end
        if isinstance(entry, Missing):
            self.missing.append(entry)
            return
        if isinstance(entry, Damaged):
            self.damaged.append(entry)
            self._crc32 = zlib.crc32(f"damaged {entry.offset} {entry.records}".encode(), self._crc32)
            return
        self._crc32 = entry.checksum(self._crc32)
        first, records = self._count, entry.records
        self._entries.append(entry)
        self._first_rows.append(first)
        self._count += len(records)
        numbers: Sequence[int] = range(len(records))
        told = [number for number, record in enumerate(records) if record.protocol == OUTCOMES]
        if told:
            self._outcomes.update([first + number for number in told])
            numbers = sorted(set(numbers).difference(told))
        rows = b"".join(_rows(self.partition, entry, numbers))
        self._pieces.append(rows)
        self.bytes += len(rows)
        ids = [records[number].event_id for number in numbers]
        self.suspects += [first + numbers[index] for index in recent.suspects(self.partition, ids)]
        recent.add(ids)
        self._find_repeated(first, numbers, ids, records)

    def intent(self, now: int) -> Intent:
        """What to write down before the insert."""
        return Intent(end=self.end, crc32=self._crc32, count=self._count, written_at=now)

    @property
    def crc32(self) -> int:
        """Of the entries' checksums: names the bytes that the rows were made of."""
        return self._crc32

    @property
    def token(self) -> str:
        """Names these very rows; the warehouse stores a token once. Without the checksum a log that begins again at the
        same offsets would be swallowed."""
        return f"v1:{self._log_id}:{self.partition}:{self.start}-{self.end}:{self._crc32:08x}"

    def traces(self, most: int) -> list[str]:
        """Of the requests that it has events of, at most so many."""
        found: dict[str, None] = {}
        for entry in self._entries:
            found.update(dict.fromkeys([record.trace for record in entry.records if record.trace]))
            if len(found) >= most:
                break
        return list(found)[:most]

    def record(self, row: int) -> tuple[Position, LogRecord]:
        """Where a row came from."""
        entry_number = bisect_right(self._first_rows, row) - 1
        entry = self._entries[entry_number]
        number = row - self._first_rows[entry_number]
        return entry.position(number), entry.records[number]

    def events(self) -> Iterable[int]:
        """The rows of events."""
        return [row for row in range(self._count) if row not in self._outcomes] if self._outcomes else range(self._count)

    def kept(self) -> list[int]:
        """The events that are to be stored."""
        if not self._dropped:
            return list(self.events())
        return [row for row in self.events() if row not in self._dropped]

    def drop(self, rows: Iterable[int]) -> int:
        """Leave these events out; how many were not left out before."""
        before = len(self._dropped)
        self._dropped.update(rows)
        return len(self._dropped) - before

    def tell(self, rows: Iterable[int], kind: Kind, reason: str = "") -> None:
        """What became of these events, which are not stored."""
        self._told.update(dict.fromkeys(rows, (kind, reason)))

    def outcomes(self) -> Iterator[bytes]:
        """Rows of ``ingest_outcomes``: those that came through the log, and those that were told of events. An event's is named
        by its position, so it is the same row however entries are cut into batches."""
        for row in sorted(self._outcomes):
            (offset, index), record = self.record(row)
            yield row_of_record(record, self.partition, offset, index)
        for row, (kind, reason) in sorted(self._told.items()):
            (offset, index), record = self.record(row)
            outcome = of_event(kind, record, f"{self.partition}/{offset}/{index}", reason)
            yield row_of(outcome, self.partition, offset, index)

    def payload(self, rows: Sequence[int] | None = None) -> Sequence[bytes]:
        """Newline-delimited JSON of the given events, or of all that are kept, in pieces."""
        if rows is None:
            if not self._dropped:
                return self._pieces
            rows = self.kept()
        pieces: list[bytes] = []
        for number, of_entry in groupby(rows, lambda row: bisect_right(self._first_rows, row) - 1):
            first = self._first_rows[number]
            pieces += _rows(self.partition, self._entries[number], [row - first for row in of_entry])
        return pieces

    def oldest_received_at(self) -> int | None:
        """Milliseconds since the epoch, None in a batch without events."""
        firsts = (next((each for each in entry.records if each.protocol != OUTCOMES), None) for entry in self._entries)
        return min((record.received_at for record in firsts if record is not None), default=None)

    def _find_repeated(self, first: int, numbers: Sequence[int], ids: Sequence[str], records: Sequence[LogRecord]) -> None:
        fresh = set(ids)
        if len(fresh) == len(ids) and self._seen.isdisjoint(fresh):
            self._seen |= fresh
            return
        # An id came twice; it repeats an event only where the tenant is the same.
        known = {(one.tenant, one.event_id) for entry in self._entries[:-1] for one in entry.records}
        for number in numbers:
            identity = (records[number].tenant, records[number].event_id)
            if identity in known:
                self.repeated.append(first + number)
            known.add(identity)
        self._seen |= fresh


def _rows(partition: int, entry: Entry, numbers: Iterable[int]) -> list[bytes]:
    """These records of an entry as rows. 0.4 µs a row: the line is never parsed, only its opening brace is replaced."""
    stored_at = warehouse_time(entry.stored_at).encode()
    if isinstance(entry, LogEntry):
        head, first = b'{"_p":%d,"_o":%d,"ingested_at":"%b","_i":' % (partition, entry.offset, stored_at), 0
    else:
        head, first = b'{"_p":%d,"ingested_at":"%b","_i":0,"_o":' % (partition, stored_at), entry.offset
    return [b"%b%d,%b\n" % (head, first + number, entry.records[number].line[1:]) for number in numbers]


def runs_of(hours: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbouring hours as (first, last)."""
    runs: list[tuple[int, int]] = []
    for hour in hours:
        if runs and hour == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], hour)
        else:
            runs.append((hour, hour))
    return runs
