"""What keys and limits cost a request of one event, without a socket and without a disk.

python -m tests.bench.access_cost

The two applications take turns, there and back, and processor time is told: the least of many rounds, as a busy machine slows
both, and the median of what two neighbouring rounds differ by.
"""

import json
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping

import uvloop

from millrace_core.access import WRITE_PREFIX, digest_of, new_id, new_secret, shown_part
from millrace_ingestion.settings import IngestionSettings
from millrace_ingestion.wiring import build
from millrace_records.access.checking import AccessCheck
from millrace_records.access.ports import Key, Snapshot
from millrace_records.cache.memory import memory_ports
from millrace_service.health import Health
from millrace_service.metrics import Metrics
from tests.bench.bodies import event
from tests.bench.ingest_cost import NullLog, requester, say

_KEYS = 1000
_ROUNDS = 60
_REQUESTS = 250


Request = Callable[[], Awaitable[None]]


class Kept:
    """The records' part: this many keys of a tenant, of which the last one is used."""

    def __init__(self, tenant: str = "demo_tenant", *secrets: str) -> None:
        self._tenant = tenant
        self.secrets = [*(new_secret(WRITE_PREFIX) for _ in range(_KEYS)), *secrets]

    async def version(self) -> int:
        """Never grows."""
        return 1

    async def snapshot(self) -> Snapshot:
        """All keys."""
        keys = [Key(new_id(), self._tenant, "write", "", shown_part(one), digest_of(one), ("ingest",)) for one in self.secrets]
        return Snapshot(1, "s" * 64, keys, [], frozenset())

    async def used(self, keys: Mapping[str, int]) -> None:
        """Nobody asks."""


async def seconds(request: Request, count: int = _REQUESTS) -> float:
    """Of one request, the mean of a round."""
    began = time.thread_time()
    for _ in range(count):
        await request()
    return (time.thread_time() - began) / count


async def main() -> None:
    """Print what both cost, and the difference."""
    kept, ports = Kept(), memory_ports(2**20)
    access = AccessCheck(kept, ports.messages)
    await access.refresh()
    settings = IngestionSettings(ingest_events_a_minute=10**9)
    opened = build(IngestionSettings(), NullLog(), ports, Metrics(), Health())
    closed = build(settings, NullLog(), ports, Metrics(), Health(), access=access)
    sent = {**event(random.Random(1)), "customer_id": "demo_tenant"}
    body = json.dumps(sent).encode()
    # Both hear the header: an open server does, too, of a client that has a key.
    bare, keyed = (requester(one.app, "/track", body, key=kept.secrets[-1]) for one in (opened, closed))
    rounds = [await _round(bare, keyed, is_back=number % 2 == 1) for number in range(_ROUNDS)]
    without, with_both = min(one for one, _ in rounds), min(other for _, other in rounds)
    say("single, open: a request", without * 1e6)
    say("single, with a key and a limit: a request", with_both * 1e6)
    say("the key and the limit alone", (with_both - without) * 1e6)
    say("the same, the median of all rounds", statistics.median(other - one for one, other in rounds) * 1e6)
    sys.stdout.write(f"{'share of a request without a socket':56s} {(with_both - without) / without:8.1%}\n")


async def _round(bare: Request, keyed: Request, *, is_back: bool) -> tuple[float, float]:
    if is_back:
        of_keyed = await seconds(keyed)
        return await seconds(bare), of_keyed
    return await seconds(bare), await seconds(keyed)


if __name__ == "__main__":
    uvloop.run(main())
