"""The ingestion service alone on a log of its own: what stands against ``naive``, which has no consumer either.

Run as a server:

python -m tests.bench.ingestion DATA_DIR PORT
"""

import sys
from pathlib import Path

import uvloop

from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import open_log
from millrace_ingestion import wiring as ingestion
from millrace_ingestion.settings import IngestionSettings
from millrace_records.cache.memory import memory_ports
from millrace_service.health import Health
from millrace_service.metrics import Metrics
from millrace_service.settings import ServerSettings
from millrace_web.server import listen, serve


async def run(data_dir: Path, port: int) -> None:
    """Serve until a signal comes."""
    metrics = Metrics()
    async with open_log(LogSettings(), data_dir, metrics) as log:
        service = ingestion.build(IngestionSettings(), log.writer, memory_ports(2**20), metrics, Health())
        await serve(service.app, listen(ServerSettings(port=port)), 1, 10, _nothing, lambda: None)


async def _nothing() -> None:
    """Nobody is told of the start: the benchmark asks the port."""


if __name__ == "__main__":
    uvloop.run(run(Path(sys.argv[1]), int(sys.argv[2])))
