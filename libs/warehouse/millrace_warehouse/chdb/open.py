"""Opens and closes the warehouse in this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from millrace_service.metrics import Metrics
from millrace_warehouse.chdb.engine import ChdbEngine


@asynccontextmanager
async def open_chdb(folder: Path, metrics: Metrics) -> AsyncIterator[ChdbEngine]:
    """The engine on this folder.

    Raises:
        StartRefused: another process has the folder, or it cannot be written.
    """
    engine = await ChdbEngine.open(folder, metrics)
    try:
        yield engine
    finally:
        await engine.close()
