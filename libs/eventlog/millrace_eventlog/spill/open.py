"""Opens the spill beside a log on Kafka."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from millrace_core.errors import StartRefused
from millrace_eventlog.ports import LogPorts
from millrace_eventlog.records import Granted
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.spill.writer import SpillingWriter
from millrace_eventlog.sqlite.open import ignore_step, open_sqlite_log
from millrace_service.metrics import Metrics

FILE: Final = "spill.db"


@asynccontextmanager
async def spilling(
    log: LogPorts,
    settings: LogSettings,
    data_dir: Path,
    metrics: Metrics,
    on_step: Callable[[str], None] = ignore_step,
) -> AsyncIterator[LogPorts]:
    """The log with a writer that spills to ``spill.db`` in the data folder. What an earlier process left there is handed on,
    too.

    Args:
        on_step: of the spill's own log; fault tests end the process there.

    Raises:
        StartRefused: another process has the spill, or it cannot be opened.
    """
    kept = settings.model_copy(update={"log_keep_seconds": 0.0, "log_keep_bytes": 0, "log_max_bytes": settings.spill_bytes})
    async with open_sqlite_log(data_dir / FILE, kept, metrics, on_step=on_step) as spill:
        granted = await anext(aiter(spill.reader.assignments()))
        if not isinstance(granted, Granted):
            raise StartRefused(f"the spill {data_dir / FILE} cannot be read")
        writer = SpillingWriter(log.writer, spill, granted.start, settings.kafka_stalled_seconds, metrics)
        draining = asyncio.create_task(writer.drain(), name="spill-drain")
        try:
            yield replace(log, writer=writer, spilling=lambda: writer.degraded)
        finally:
            draining.cancel()
            await asyncio.gather(draining, return_exceptions=True)
