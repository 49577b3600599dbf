"""The ports of the log. Writers, the consumer and live streams need different things, so there are three, and one beside
them for dead letters. All methods are coroutines of one event loop; none of them blocks it."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from millrace_eventlog.records import (
    Damaged,
    DeadLetter,
    Entry,
    Granted,
    Intent,
    Lag,
    LogRecord,
    Missing,
    ReadLimit,
    Revoked,
    TailGap,
    TailItem,
    TailPosition,
)

Use = Literal["write", "consume", "follow", "set_aside", "look_up"]
"""What a process does with the log: append events, move them to the warehouse, feed live streams, keep dead letters only, look
for single events (among dead letters, too)."""

EVERY_USE: Final[frozenset[Use]] = frozenset({"write", "consume", "follow", "set_aside", "look_up"})

Durable = Literal["log", "local"]
"""Where accepted events are: in the log, or on this machine's disk until the log has them."""


class LogWriter(Protocol):
    """Where ingestion stores events."""

    async def append(self, records: Sequence[LogRecord]) -> Durable:
        """Store the records. Returning means that they survive a crash of this process and of the log's own; where they are.

        Records of one call stay in order. A cancelled call may still store them.

        Raises:
            LogUnavailable: they may or may not be stored; appending them again is safe.
            RecordTooLarge: a record can never be stored; none of the call was.
        """
        ...

    async def ping(self) -> None:
        """Return when an append would be accepted.

        Raises:
            LogUnavailable: it would not; the message says why.
        """
        ...

    async def close(self) -> None:
        """Store what was accepted, then refuse what comes with LogUnavailable. Idempotent."""
        ...


class LogReader(Protocol):
    """What the consumer reads, and where it writes down how far it is."""

    def assignments(self) -> AsyncIterator[Granted | Revoked]:
        """The partitions of this consumer as they come and go. Ends when the log closes."""
        ...

    async def read(self, partition: int, start: int, limit: ReadLimit) -> Sequence[Entry | Damaged | Missing]:
        """Entries from offset ``start`` on, in order, at least one if there is any within ``limit.wait_seconds``.

        Never splits an entry: the first may alone be larger than the limit. Offsets may have holes.

        Raises:
            LogUnavailable: try again later.
            PartitionLost: the partition is another consumer's by now.
        """
        ...

    async def end(self, partition: int) -> int:
        """First offset behind everything that is stored now.

        Raises:
            LogUnavailable: try again later.
            PartitionLost: the partition is another consumer's by now.
        """
        ...

    async def intend(self, partition: int, intent: Intent) -> None:
        """Write down durably which batch is about to be inserted. The committed offset stays.

        Raises:
            LogUnavailable: it may or may not be written; only the same intent may be tried again.
            PartitionLost: it was not written, the partition being another consumer's by now.
        """
        ...

    async def commit(self, partition: int, upto: int) -> None:
        """Everything below ``upto`` is in the warehouse; forget the intent. Durable on return.

        Raises:
            LogUnavailable: it may or may not be written; trying again is safe.
            PartitionLost: it was not written, the partition being another consumer's by now.
        """
        ...

    async def release(self, partition: int) -> None:
        """This consumer has done with a revoked partition, and another may have it."""
        ...

    async def lag(self, partition: int) -> Lag:
        """What is stored and not yet committed. Cheap: called at every scrape."""
        ...

    async def unread(self, partition: int) -> int:
        """How many offsets the log has behind the last one that a read has passed, as the log itself says when it is asked.

        Raises:
            LogUnavailable: it does not say.
            PartitionLost: the partition is another consumer's by now.
        """
        ...

    def unassigned(self) -> str | None:
        """Why this consumer has no partition, in words; None where others have them all, so that it has nothing to do. Only
        of a consumer that has none."""
        ...


class LogTail(Protocol):
    """What live streams follow, outside of any consumer group."""

    async def end(self) -> TailPosition:
        """The position of a follower that has seen everything that is durable now.

        Raises:
            LogUnavailable: try again later.
        """
        ...

    async def committed(self) -> TailPosition:
        """The position of a follower that has seen everything that the consumer has stored, and nothing else.

        Raises:
            LogUnavailable: try again later.
        """
        ...

    def follow(self, position: TailPosition | None) -> AsyncGenerator[TailItem | TailGap, None]:
        """New records as they become durable, from behind ``position`` or, without one, from now on.

        A position older than retention yields a TailGap first. A follower that is too slow to be fed from memory is fed
        from the log. Ends when the log closes.
        """
        ...


class DeadLetters(Protocol):
    """Where records go that the warehouse will never take."""

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Store them durably. A letter of the same position as a stored one is that one: nothing is doubled by a replay."""
        ...

    async def list(
        self,
        *,
        tenant: str | None = None,
        reason: str | None = None,
        event_ids: Collection[str] | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[DeadLetter]:
        """Stored letters in the order of their id, from behind id ``after``."""
        ...

    async def get(self, letter_id: int) -> DeadLetter:
        """One letter.

        Raises:
            NotFound: there is none of this id.
        """
        ...

    async def drop(self, ids: Sequence[int]) -> int:
        """Remove letters for good; the number that was there."""
        ...

    async def count(self) -> int:
        """How many are stored."""
        ...


@dataclass(frozen=True, slots=True)
class LogPorts:
    """The ports of one opened log."""

    writer: LogWriter
    reader: LogReader
    tail: LogTail
    dead_letters: DeadLetters
    bytes_on_disk: Callable[[], int]
    """Size of what this machine stores of the log; 0 where that is another machine's."""
    spilling: Callable[[], bool] | None = None
    """Whether events go to this machine's disk instead of the log; None where they never do."""
    forget: Callable[[int], Awaitable[bool]] | None = None
    """Remove for good what the warehouse has, and what dropped dead letters left in the file; whether nothing is left that was
    stored before a time (milliseconds since the epoch). Live streams cannot go on from there. Raises LogUnavailable. None where
    only the log's retention removes."""
    copy: Callable[[Path], Awaitable[None]] | None = None
    """Put everything that is stored into a file, while what comes in waits: a second for some hundred MB. No log is opened on
    it before ``wiring.complete_copied_log`` was told that what was copied with it is there. None where the log is another
    machine's. Raises LogUnavailable."""
