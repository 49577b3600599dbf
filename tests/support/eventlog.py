"""The log's ports on a folder, and what tests read back from them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from millrace_eventlog.ports import LogPorts, LogTail
from millrace_eventlog.records import Damaged, Granted, LogEntry, LogRecord, ReadLimit, TailGap, TailItem, TailPosition
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import open_log
from millrace_service.metrics import Metrics

ALL = ReadLimit(records=1_000_000, bytes=2**40, wait_seconds=0.0)


@dataclass(frozen=True, slots=True)
class OpenLog:
    """A log that is open, and what its consumer was granted."""

    ports: LogPorts
    granted: Granted
    metrics: Metrics

    async def entries(self, start: int = 0) -> Sequence[LogEntry | Damaged]:
        """Everything from this offset on."""
        found: list[LogEntry | Damaged] = []
        while more := await self.ports.reader.read(0, found[-1].offset + 1 if found else start, ALL):
            found += more
        return found

    async def ids(self, start: int = 0) -> list[str]:
        """Event ids from this offset on, in order."""
        return [one.event_id for entry in await self.entries(start) if isinstance(entry, LogEntry) for one in entry.records]

    async def damaged(self) -> list[Damaged]:
        """Entries that cannot be read."""
        return [entry for entry in await self.entries() if isinstance(entry, Damaged)]


@asynccontextmanager
async def opened(folder: Path, settings: LogSettings | None = None) -> AsyncIterator[OpenLog]:
    """Open the log of a folder."""
    metrics = Metrics()
    async with open_log(settings or LogSettings(), folder, metrics) as ports:
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
