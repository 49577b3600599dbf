"""The log alone: appends a second from many callers, and what an event costs.

python -m tests.bench.log
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from millrace_core.ids import new_id
from millrace_core.time import now_ms
from millrace_eventlog.records import LogRecord, ReadLimit
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import open_log
from millrace_service.metrics import Metrics


def record() -> LogRecord:
    """A record of 650 bytes, the average of a shop's events."""
    event_id = new_id(now_ms())
    line = b'{"event_id":"%b","customer_id":"bench","pad":"%b"}' % (event_id.encode(), b"x" * 575)
    return LogRecord("bench", event_id, now_ms(), "native", "", line)


async def appended_per_second(callers: int, batch: int, seconds: float) -> tuple[float, float]:
    """(events a second, CPU microseconds an event) of so many callers, each awaiting one append after the other."""
    records = [record() for _ in range(batch)]
    count = 0
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        async with open_log(LogSettings(), Path(folder), Metrics()) as log:
            ends = time.perf_counter() + seconds

            async def caller() -> None:
                nonlocal count
                while time.perf_counter() < ends:
                    await log.writer.append(records)
                    count += batch

            async def consumer() -> None:
                start = 1
                while time.perf_counter() < ends:
                    entries = await log.reader.read(0, start, ReadLimit(50_000, 16 * 2**20, 0.2))
                    if entries:
                        start = entries[-1].offset + 1
                        await log.reader.commit(0, start)

            started, cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(consumer(), *(caller() for _ in range(callers)))
            return count / (time.perf_counter() - started), (time.process_time() - cpu) / count * 1e6


async def main() -> None:
    """Print the table."""
    for callers, batch in ((1, 1), (200, 1), (16, 100), (64, 100), (4, 5000)):
        rate, cost = await appended_per_second(callers, batch, 3.0)
        sys.stdout.write(f"{callers:4d} callers, batches of {batch:4d}: {rate:10,.0f} events/s, {cost:6.1f} µs CPU an event\n")


if __name__ == "__main__":
    uvloop.run(main())
