"""The newest entries in memory: the consumer and live streams read the file only when they are behind."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

from millrace_eventlog.records import LogEntry

_BYTES: Final = 32 * 2**20


class RecentEntries:
    """Committed entries without a hole, up to 32 MiB, for any number of readers on one event loop.

    Args:
        last: offset of the newest entry in the file.
    """

    def __init__(self, last: int) -> None:
        self.last = last
        """Offset of the newest committed entry."""
        self.closed = False
        self._entries: deque[tuple[LogEntry, int]] = deque()
        self._bytes = 0
        self._news = asyncio.Event()

    def add(self, entries: Sequence[LogEntry]) -> None:
        """Take in what was just committed, and wake who waits."""
        for entry in entries:
            size = sum([len(record.line) for record in entry.records])
            self._entries.append((entry, size))
            self._bytes += size
            self.last = entry.offset
        while self._bytes > _BYTES and len(self._entries) > 1:
            self._bytes -= self._entries.popleft()[1]
        self._wake()

    def close(self) -> None:
        """Wake who waits, for good."""
        self.closed = True
        self._wake()

    def forget(self, below: int) -> None:
        """Let go of the entries below this offset."""
        while self._entries and self._entries[0][0].offset < below:
            self._bytes -= self._entries.popleft()[1]

    def since(self, start: int, records: int, size: int) -> list[LogEntry] | None:
        """Entries from offset ``start`` on, at least one, until so many records or bytes are reached; None when they are not
        all here any more."""
        if not self._entries or self._entries[0][0].offset > start:
            return None
        found: list[LogEntry] = []
        # Readers stand near the end, so the way back from there is short.
        first = next(
            (back for back, (entry, _) in enumerate(reversed(self._entries)) if entry.offset < start), len(self._entries)
        )
        for number in range(len(self._entries) - first, len(self._entries)):
            entry, weight = self._entries[number]
            records, size = records - len(entry.records), size - weight
            if found and (records < 0 or size < 0):
                break
            found.append(entry)
        return found

    async def wait_behind(self, offset: int, seconds: float | None) -> bool:
        """Whether there is an entry behind ``offset``, after waiting so long for one."""
        try:
            async with asyncio.timeout(seconds):
                while self.last <= offset and not self.closed:
                    await self._news.wait()
        except TimeoutError:
            return False
        return self.last > offset

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
