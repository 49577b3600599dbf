"""What ingestion costs an event in each protocol, without a socket and without a disk.

python -m tests.bench.protocol_cost [--profile]
"""

import asyncio
import cProfile
import json
import pstats
import sys
from collections.abc import Awaitable, Callable

import uvloop

from millrace_ingestion.settings import IngestionSettings
from millrace_ingestion.wiring import build
from millrace_records.cache.memory import memory_ports
from millrace_service.health import Health
from millrace_service.metrics import Metrics
from tests.bench.access_cost import seconds
from tests.bench.ingest_cost import NullLog, requester, say
from tests.bench.protocol_bodies import BATCH, KEY, bodies_of

_ROUNDS = 12
_REQUESTS = 30
_PATHS = {"native": "/track/batch", "segment": "/v1/batch", "posthog": "/batch/"}


def _request(protocol: str, *, compressed: bool) -> Callable[[], Awaitable[None]]:
    service = build(IngestionSettings(), NullLog(), memory_ports(2**20), Metrics(), Health())
    bodies = bodies_of(protocol, compressed=compressed)
    return requester(service.app, _PATHS[protocol], *bodies, encoding="gzip" if compressed else "")


async def main() -> None:
    """Print what an event costs, the protocols in turns, and what share of native speed that is."""
    assert json.loads(bodies_of("segment")[0])["writeKey"] == KEY
    for compressed in (False, True):
        calls = {protocol: _request(protocol, compressed=compressed) for protocol in _PATHS}
        rounds = [{protocol: await seconds(call, _REQUESTS) for protocol, call in calls.items()} for _ in range(_ROUNDS)]
        least = {protocol: min(each[protocol] for each in rounds) for protocol in _PATHS}
        for protocol, cost in least.items():
            say(f"{protocol}{', gzip' if compressed else ''}: an event of {BATCH}", cost / BATCH * 1e6)
            sys.stdout.write(f"{'of native speed':56s} {least['native'] / cost:8.2f}x\n")


async def profile() -> None:
    """Print where the time of Segment's and PostHog's batches goes."""
    for protocol in ("native", "segment", "posthog"):
        call = _request(protocol, compressed=False)
        await call()
        profiler = cProfile.Profile()
        profiler.enable()
        await seconds(call, 100)
        profiler.disable()
        sys.stdout.write(f"{protocol}\n")
        pstats.Stats(profiler, stream=sys.stdout).sort_stats("tottime").print_stats(18)


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(profile() if "--profile" in sys.argv else main())
