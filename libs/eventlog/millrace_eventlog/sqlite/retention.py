"""Which consumed entries may go. Used by the log's thread."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from millrace_eventlog.sqlite.database import Consumed, Database

_ENTRIES_A_TURN: Final = 64  # deleting in small steps keeps appends from waiting


class Retention:
    """Keeps consumed entries while they are younger than ``keep_ms`` and all of them together no larger than ``keep_bytes``."""

    def __init__(self, keep_ms: int, keep_bytes: int, clock: Callable[[], int]) -> None:
        self._keep_ms = keep_ms
        self._keep_bytes = keep_bytes
        self._clock = clock
        self._consumed: deque[Consumed] = deque()
        self._bytes = 0

    def consumed(self, entries: Sequence[Consumed]) -> None:
        """These entries are in the warehouse."""
        self._consumed.extend(entries)
        self._bytes += sum(entry.bytes for entry in entries)

    def remove_some(self, database: Database) -> bool:
        """Remove what may go, a few entries at a time; whether there is more."""
        oldest_kept = self._clock() - self._keep_ms
        last = None
        for _ in range(_ENTRIES_A_TURN):
            if not self._consumed or (self._consumed[0].stored_at >= oldest_kept and self._bytes <= self._keep_bytes):
                break
            last = self._consumed.popleft()
            self._bytes -= last.bytes
        if last is None:
            return False
        database.remove_below(last.offset + 1)
        return True
