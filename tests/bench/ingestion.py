"""The ingestion service alone on a log of its own: what stands against ``naive``, which has no consumer either.

Run as a server, with ``MILLRACE_BENCH_KEYS=1`` where it shall ask for keys and count a limit:

python -m tests.bench.ingestion DATA_DIR PORT
"""

import os
import sys
from pathlib import Path
from typing import Final

import uvloop

from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import open_log
from millrace_ingestion import wiring as ingestion
from millrace_ingestion.settings import IngestionSettings
from millrace_records.access.checking import AccessCheck
from millrace_records.cache.memory import memory_ports
from millrace_service.health import Health
from millrace_service.metrics import Metrics
from millrace_service.settings import ServerSettings
from millrace_web.server import listen, serve
from tests.bench.access_cost import Kept

SECRET: Final = "mrw_" + "b" * 32
"""The key of the tenant ``bench`` where keys are asked for."""


async def run(data_dir: Path, port: int) -> None:
    """Serve until a signal comes."""
    metrics = Metrics()
    async with open_log(LogSettings(), data_dir, metrics) as log:
        ports, access, settings = memory_ports(2**20), None, IngestionSettings()
        if os.environ.get("MILLRACE_BENCH_KEYS"):
            access = AccessCheck(Kept("bench", SECRET), ports.messages)
            settings = IngestionSettings(ingest_events_a_minute=10**9)
            await access.refresh()
        service = ingestion.build(settings, log.writer, ports, metrics, Health(), access=access)
        await serve(service.app, listen(ServerSettings(port=port)), 1, 10, _nothing, lambda: None)


async def _nothing() -> None:
    """Nobody is told of the start: the benchmark asks the port."""


if __name__ == "__main__":
    uvloop.run(run(Path(sys.argv[1]), int(sys.argv[2])))
