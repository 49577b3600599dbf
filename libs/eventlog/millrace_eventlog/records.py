"""What the log stores, and what it hands back."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec


class LogRecord(msgspec.Struct, frozen=True, gc=False):
    """One event on its way to the log: a small index beside the line that the warehouse will read."""

    tenant: str
    event_id: str
    received_at: int
    """Milliseconds since the epoch."""
    protocol: str
    key_id: str
    line: bytes
    """One JSON object in the columns of ``events_raw``, ``event_id`` first (``millrace_core.events``), no newline behind."""
    routing: str = ""
    """First of visitor, user, session and event id: keeps a person's events in one partition. Not stored by logs that have
    one partition."""
    trace: str = ""
    """The ``traceparent`` of the span that appended it, where it is traced. Stored by Kafka only."""


Position = tuple[int, int]
"""(offset, index): where a record stands in its partition."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One stored unit of the log that holds several records: a micro-batch in SQLite."""

    offset: int
    stored_at: int
    """Milliseconds since the epoch when the log took it; becomes ``ingested_at``."""
    crc32: int
    """Of the stored bytes. Part of the token of each batch that holds this entry."""
    records: Sequence[LogRecord]

    @property
    def end(self) -> int:
        """First offset behind it."""
        return self.offset + 1

    def position(self, number: int) -> Position:
        """Of the record of this number: the entry's offset, and the number as index."""
        return self.offset, number

    def checksum(self, before: int) -> int:
        """The checksum of everything up to here, ``before`` being that of what stands in front."""
        return zlib.crc32(self.crc32.to_bytes(4, "big"), before)


@dataclass(frozen=True, slots=True)
class LogRun:
    """Neighbouring stored units of one record each, as Kafka has them, stored at the same time. Where a run begins and ends
    says nothing: another read cuts elsewhere."""

    offset: int
    """Of the first record; the others follow without a hole."""
    stored_at: int
    """As of an entry."""
    records: Sequence[LogRecord]

    @property
    def end(self) -> int:
        """First offset behind it."""
        return self.offset + len(self.records)

    def position(self, number: int) -> Position:
        """Of the record of this number: an offset of its own, index 0."""
        return self.offset + number, 0

    def until(self, end: int) -> "LogRun":
        """The part of it in front of an offset."""
        return LogRun(self.offset, self.stored_at, self.records[: end - self.offset])

    def checksum(self, before: int) -> int:
        """As of an entry; the same however the records are cut into runs."""
        return zlib.crc32(b"".join([record.line for record in self.records]), before)


Entry = LogEntry | LogRun
"""What a read brings."""


@dataclass(frozen=True, slots=True)
class Intent:
    """The batch that a consumer is about to insert: entries from the committed offset up to ``end`` (exclusive)."""

    end: int
    crc32: int
    count: int
    written_at: int
    """Milliseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The partition is this consumer's: continue at ``start``; a pending ``intent`` is replayed first."""

    partition: int
    start: int
    intent: Intent | None
    log_id: str
    """Names the log for good: part of every deduplication token, so that a new log's offsets are not taken for an old one's."""
    unclean: bool
    """The machine stopped without a shutdown since the last commit, so what the warehouse acknowledged last may be gone."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """The partition is about to be another consumer's: finish what is being stored, begin nothing new, then release it."""

    partition: int
    within_seconds: float
    """How long that may take; then it is given up as it is."""


@dataclass(frozen=True, slots=True)
class ReadLimit:
    """How much one read may bring."""

    records: int
    bytes: int
    wait_seconds: float
    """How long to wait for the first entry when there is none."""


@dataclass(frozen=True, slots=True)
class Lag:
    """What is stored and not yet committed."""

    records: int
    bytes: int
    oldest_stored_at: int | None
    """Milliseconds since the epoch, None when there is nothing."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """Entries that the log can no longer read as they were written (their checksum differs)."""

    partition: int
    offset: int
    records: int
    reason: str

    @property
    def end(self) -> int:
        """First offset behind it."""
        return self.offset + 1


@dataclass(frozen=True, slots=True)
class Missing:
    """Entries that retention removed before the consumer had read them. This is loss, and is to be told as such."""

    partition: int
    offset: int
    """The first that is missing."""
    end: int
    """The first that is there again."""


@dataclass(frozen=True, slots=True)
class TailPosition:
    """Where a follower stands: for each partition the last (offset, index) that it has seen. After a whole entry that is
    (offset + 1, -1), so that equal places compare equal."""

    seen: dict[int, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class TailItem:
    """New records of one partition, in order: of an entry from ``first`` on."""

    partition: int
    entry: Entry
    first: int = 0

    @property
    def records(self) -> Sequence[LogRecord]:
        """The records, without those that were seen."""
        return self.entry.records[self.first :] if self.first else self.entry.records

    @property
    def end(self) -> int:
        """First offset behind them."""
        return self.entry.end

    def place(self, number: int) -> tuple[int, int, int]:
        """(partition, offset, index) of the record of this number."""
        return (self.partition, *self.entry.position(self.first + number))


@dataclass(frozen=True, slots=True)
class TailGap:
    """Records between two offsets that retention has removed (``first`` and ``last`` inclusive)."""

    partition: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that the warehouse will never take, with the reason."""

    partition: int
    offset: int
    index: int
    tenant: str
    event_id: str
    reason: str
    """One of ``DEAD_LETTER_REASONS``."""
    step: str
    """``insert`` or ``read``."""
    error: str
    """At most 500 characters, without the payload."""
    line: bytes
    attempt: int
    at: int
    """Milliseconds since the epoch."""
    id: int = 0
    """Given by the store."""


REFUSED = "refused_by_warehouse"

DEAD_LETTER_REASONS = (REFUSED, "damaged_in_log")
