"""The log's ports on a folder, and what tests read back from them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from millrace_core.time import now_ms
from millrace_eventlog.ports import LogPorts, LogTail
from millrace_eventlog.records import (
    Damaged,
    Entry,
    Granted,
    Intent,
    LogEntry,
    LogRecord,
    Missing,
    ReadLimit,
    TailGap,
    TailItem,
    TailPosition,
)
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.sqlite.database import Database
from millrace_eventlog.sqlite.log import SqliteLogReader
from millrace_eventlog.wiring import open_log
from millrace_service.metrics import Metrics

Seen = TypeVar("Seen")

ALL = ReadLimit(records=1_000_000, bytes=2**40, wait_seconds=0.0)


@dataclass(frozen=True, slots=True)
class OpenLog:
    """A log that is open, and what its consumer was granted."""

    ports: LogPorts
    granted: Granted
    metrics: Metrics

    async def entries(self, start: int = 0) -> Sequence[Entry | Damaged | Missing]:
        """Everything from this offset on."""
        found: list[Entry | Damaged | Missing] = []
        while more := await self.ports.reader.read(0, found[-1].end if found else start, ALL):
            found += more
        return found

    async def ids(self, start: int = 0) -> list[str]:
        """Event ids from this offset on, in order."""
        return [one.event_id for entry in await self.entries(start) if isinstance(entry, LogEntry) for one in entry.records]

    async def kept(self) -> list[int]:
        """Offsets that retention has left in the file, which reads of recent entries do not look into."""
        return await self._in_file(lambda file: [entry.offset for entry in file.read(0, ALL.records, ALL.bytes)])

    async def position(self) -> tuple[int, Intent | None]:
        """The consumer's position and intent as the file has them."""
        return await self._in_file(Database.cursor)

    async def _in_file(self, look: Callable[[Database], Seen]) -> Seen:
        assert isinstance(self.ports.reader, SqliteLogReader)
        return await self.ports.reader._thread.read(look)

    async def until_kept(self, offsets: Sequence[int]) -> None:
        """Return when exactly these are left, and still are some rounds of retention later."""
        async with asyncio.timeout(10):
            while await self.kept() != list(offsets):
                await asyncio.sleep(0.01)
        for _ in range(5):  # each call is a turn of the log's thread, and each turn ends with retention
            assert await self.kept() == list(offsets)

    async def damaged(self) -> list[Damaged]:
        """Entries that cannot be read."""
        return [entry for entry in await self.entries() if isinstance(entry, Damaged)]


@asynccontextmanager
async def opened(
    folder: Path, settings: LogSettings | None = None, clock: Callable[[], int] = now_ms
) -> AsyncIterator[OpenLog]:
    """Open the log of a folder. The clock is retention's."""
    metrics = Metrics()
    async with open_log(settings or LogSettings(), folder, metrics, clock=clock) as ports:
        granted = await anext(aiter(ports.reader.assignments()))
        assert isinstance(granted, Granted)
        yield OpenLog(ports, granted, metrics)


async def tailed(tail: LogTail, position: TailPosition | None, records: int) -> list[str | TailGap]:
    """Event ids (and gaps) that a follower sees from a position on, until so many records came."""
    seen: list[str | TailGap] = []
    async with asyncio.timeout(10):
        async for item in tail.follow(position):
            seen += [one.event_id for one in item.records] if isinstance(item, TailItem) else [item]
            if sum(isinstance(one, str) for one in seen) >= records:
                return seen
    return seen


def ids_of(records: Sequence[LogRecord]) -> list[str]:
    """Their event ids."""
    return [one.event_id for one in records]
