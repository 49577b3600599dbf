"""What the log stores, and what it hands back."""

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


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One stored unit of the log: a micro-batch in SQLite, a single record on Kafka.

    The position of a record is (partition, offset of its entry, index in ``records``).
    """

    offset: int
    stored_at: int
    """Milliseconds since the epoch when the log took it; becomes ``ingested_at``."""
    crc32: int
    """Of the stored bytes. Part of the token of each batch that holds this entry."""
    records: Sequence[LogRecord]


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
    """The partition is no longer this consumer's; nothing may be inserted or committed for it from here on."""

    partition: int


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


@dataclass(frozen=True, slots=True)
class TailPosition:
    """Where a follower stands: for each partition the last (offset, index) that it has seen. After a whole entry that is
    (offset + 1, -1), so that equal places compare equal."""

    seen: dict[int, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class TailItem:
    """New records of one partition, in order; the first has index ``first_index`` in its entry."""

    partition: int
    offset: int
    first_index: int
    records: Sequence[LogRecord]


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


DEAD_LETTER_REASONS = ("refused_by_warehouse", "damaged_in_log")
