"""A long run of the distributed size on real neighbours, with random faults: exact at the end, in bounded memory.

``make faults`` runs an hour of it; MILLRACE_TEST_SOAK_SECONDS says another length. Each service is killed and restarted in the
first half only, so that its memory can be watched over the second, in which its neighbours go on failing.
"""

import asyncio
import contextlib
import os
import random
import re
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from millrace_consumer.recent_ids import BYTES_PER_ID, FIRST_CAPACITY
from millrace_core import metrics as names
from millrace_core.time import now_ms
from tests.support import figures
from tests.support.checker import totals_by_engine
from tests.support.clickhouse import ClickHouse
from tests.support.clickhouse_server import WRITER
from tests.support.distributed import Distributed
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres import Postgres
from tests.support.proxy import Proxy, proxy
from tests.support.redis import RedisServer
from tests.support.server import Server
from tests.support.steady import TENANTS, SteadyWriters, assert_all_there

pytestmark = [pytest.mark.faults, pytest.mark.brokers, pytest.mark.long]

_SECONDS = float(os.environ.get("MILLRACE_TEST_SOAK_SECONDS", "3600"))
_TELLING_SECONDS = 600.0
"""Memory of a shorter run is that of processes that have just started."""
_RATE = 1_000
_STREAMS = 10
_SAMPLE_SECONDS = 5.0
_REST_SECONDS = 60.0
_BACKLOG = 10 * _RATE
"""Events. A consumer that is further behind holds batches of them, which is told and is no growth."""
_LAG = re.compile(rf"^{names.CONSUMER_LAG_EVENTS.name}\{{[^}}]*\}} (\S+)$", re.MULTILINE)
_IDS = re.compile(rf"^{names.CONSUMER_RECENT_IDS_BYTES.name} (\S+)$", re.MULTILINE)

Killed = Server | ClickHouse | KafkaBroker | RedisServer | Postgres
Frozen = Server | ClickHouse | KafkaBroker | RedisServer
Fault = Callable[[], Awaitable[None]]


@dataclass
class _Watched:
    """What was seen of the processes meanwhile."""

    memory: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    """For each service: (process, MB), one after the other; without the consumer's recent ids, which grow with the events, and
    without what it had while it was behind."""
    behind: list[tuple[float, float]] = field(default_factory=list)
    """Of the consumer while it was behind: (events, MB)."""
    ids: list[float] = field(default_factory=list)
    """MB of the consumer's recent ids."""
    parts: list[int] = field(default_factory=list)
    """Active parts of the fullest table."""

    def settled(self, service: str) -> tuple[float, float]:
        """MB of the process that lived to the end: in the second and in the last quarter of its life."""
        seen = self.memory[service]
        of_last = [size for process, size in seen if process == seen[-1][0]]
        quarter = max(1, len(of_last) // 4)
        return statistics.median(of_last[quarter : 2 * quarter] or of_last), statistics.median(of_last[-quarter:])


class _Faults:
    """Breaks one thing after the other."""

    def __init__(self, platform: Distributed, neighbours: list[Killed], network: Proxy, chance: random.Random) -> None:
        self._chance = chance
        self._network = network
        services = list(platform.services)
        freezable: list[Frozen] = [one for one in neighbours if not isinstance(one, Postgres)]
        self._of_neighbours = [
            *(self._kill(one) for one in neighbours),
            *(self._freeze(one) for one in [*freezable, *services]),
            self._disturb_the_network,
            self._disturb_the_network,
        ]
        self._of_all = [
            *self._of_neighbours,
            *(self._kill(one) for one in services),
            *(self._restart(one) for one in services),
        ]

    async def inject(self, seconds: float, *, services: bool) -> None:
        """Faults for so long; the last one is mended at the end."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(left, self._chance.uniform(2.0, 30.0)))
            await self._chance.choice(self._of_all if services else self._of_neighbours)()

    def _kill(self, victim: Killed) -> Fault:
        async def fault() -> None:
            await asyncio.to_thread(victim.kill)
            await asyncio.sleep(self._chance.uniform(0.0, 5.0))
            await asyncio.to_thread(victim.start)

        return fault

    def _freeze(self, victim: Frozen) -> Fault:
        async def fault() -> None:
            victim.freeze()
            await asyncio.sleep(self._chance.uniform(0.5, 12.0))
            victim.thaw()

        return fault

    def _restart(self, service: Server) -> Fault:
        async def fault() -> None:
            assert await asyncio.to_thread(service.stop) == 0
            await asyncio.to_thread(service.start)

        return fault

    async def _disturb_the_network(self) -> None:
        figures.injected("bad network to the warehouse")
        self._network.delay_seconds, self._network.stalls, self._network.cuts = 0.2, 0.02, 0.1
        await asyncio.sleep(self._chance.uniform(2.0, 15.0))
        self._network.calm()
        figures.healed()


async def test_a_long_run_with_random_faults_is_exact_and_its_memory_and_parts_stay_bounded(
    broker: KafkaBroker, redis: RedisServer, postgresql: Postgres, tmp_path: Path
) -> None:
    seed = figures.seed()
    print(f"{_SECONDS:.0f} s")  # noqa: T201 (a failure is repeated with the same length)
    settings = {
        "MILLRACE_CACHE_URL": redis.url,
        "MILLRACE_RECORDS_URL": postgresql.url,
        "MILLRACE_CONSUMER_FLUSH_SECONDS": "0.25",
        "MILLRACE_CONSUMER_BACKOFF_SECONDS": "5",
    }
    platform = Distributed(tmp_path, f"kafka://{broker.address}/soak", settings)
    writers = SteadyWriters(platform.ingestion.url, tmp_path / "acked", seed, now_ms())
    watched, enough = _Watched(), asyncio.Event()
    async with proxy(platform.clickhouse.port, seed) as network:
        behind = platform.clickhouse.writer_url.replace(f":{platform.clickhouse.port}/", f":{network.port}/")
        platform.consumer = platform.service("consumer", MILLRACE_WAREHOUSE_URL=behind)
        neighbours: list[Killed] = [platform.clickhouse, broker, redis, postgresql]
        faults = _Faults(platform, neighbours, network, random.Random(seed))
        try:
            await asyncio.to_thread(platform.start)
            began = time.monotonic()
            writing = asyncio.create_task(writers.write(4, 100, _RATE, enough))
            async with _beside(_watch(platform, watched), *(_listen(platform, number) for number in range(_STREAMS))):
                await faults.inject(_SECONDS / 2, services=True)
                await faults.inject(_SECONDS / 2, services=False)
                enough.set()
                await asyncio.wait_for(writing, 300)
                elapsed = time.monotonic() - began
                await platform.until_stored(TENANTS, sum(one.events for one in writers.written))
                caught_up = time.monotonic() - began - elapsed
                await asyncio.sleep(_REST_SECONDS)
            assert list(await asyncio.to_thread(platform.stop)) == [0, 0, 0]
        finally:
            platform.kill()
    events = sum(one.events for one in writers.written)
    _note(writers, watched, elapsed, caught_up)
    assert_all_there(writers.written, await asyncio.to_thread(totals_by_engine, platform.clickhouse.engine_folder))
    assert max(watched.parts) < 300
    assert max(watched.ids) <= _most_of_ids(events), f"recent ids of {events} events take {max(watched.ids):.0f} MB"
    for service in watched.memory if _SECONDS >= _TELLING_SECONDS else ():
        early, late = watched.settled(service)
        assert late < 1.2 * early + 32, f"{service}: {early:.0f} MB, then {late:.0f} MB"


def _most_of_ids(events: int) -> float:
    """MB that recent ids of so many events may take: filters double, so all of them have room for twice the ids and one more of
    the first size; twice that where loads of them were cut and began again behind a filter that was full by then."""
    return BYTES_PER_ID * max(FIRST_CAPACITY, 4 * events) / 2**20


def _note(writers: SteadyWriters, watched: _Watched, elapsed: float, caught_up: float) -> None:
    events = sum(one.events for one in writers.written)
    figures.note(f"{elapsed:.0f} s, {events / elapsed:.0f} events/s, {writers.posts} posts, {writers.retries} sent again")
    figures.note(f"{writers.repeated} events sent twice, all stored {caught_up:.1f} s after the last")
    figures.note(f"at most {max(watched.parts)} active parts in a table")
    sizes = {service: watched.settled(service) for service in watched.memory}
    figures.note("memory " + ", ".join(f"{name} {early:.0f} -> {late:.0f} MB" for name, (early, late) in sizes.items()))
    figures.note(f"recent ids {max(watched.ids):.0f} MB at most")
    if watched.behind:
        lags, behind = zip(*watched.behind, strict=True)
        figures.note(f"consumer at most {max(behind):.0f} MB while it was behind, with {max(lags):,.0f} events at most")


@contextlib.asynccontextmanager
async def _beside(*work: Awaitable[None]) -> AsyncIterator[None]:
    """Do this meanwhile; what fails there fails here."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome


async def _watch(platform: Distributed, watched: _Watched) -> None:
    """Note the memory of each service and the parts of the warehouse, as often as the warehouse answers."""
    sql = (
        "SELECT max(n) FROM (SELECT count() AS n FROM system.parts WHERE active AND database = 'analytics' GROUP BY table) "
        "FORMAT TSV"
    )
    url = f"http://127.0.0.1:{platform.clickhouse.port}/"
    async with httpx.AsyncClient(auth=WRITER, timeout=15.0) as client:
        while True:
            await asyncio.sleep(_SAMPLE_SECONDS)
            for name, service in zip(("ingestion", "consumer", "analytics"), platform.services, strict=True):
                with contextlib.suppress(OSError, httpx.TransportError):
                    lag, of_ids = await _consumer_says(client, service) if name == "consumer" else (0.0, 0.0)
                    size = _memory_mb(service.pid) - of_ids
                    watched.ids += [of_ids] if of_ids else []
                    if lag > _BACKLOG:
                        watched.behind.append((lag, size))
                    else:
                        watched.memory.setdefault(name, []).append((service.pid, size))
            with contextlib.suppress(httpx.TransportError):
                answer = await client.post(url, params={"query": sql})
                if answer.status_code == 200:
                    watched.parts.append(int(answer.text))


async def _listen(platform: Distributed, number: int) -> None:
    """A live stream, opened again whenever it ends."""
    url = f"{platform.analytics.url}/events/stream/{TENANTS[number % len(TENANTS)]}"
    async with httpx.AsyncClient(timeout=30.0) as client:
        while True:
            with contextlib.suppress(httpx.TransportError):
                async with client.stream("GET", url) as stream:
                    async for _ in stream.aiter_bytes():
                        pass
            await asyncio.sleep(1.0)


async def _consumer_says(client: httpx.AsyncClient, consumer: Server) -> tuple[float, float]:
    """How many events it is behind, and how many MB its recent ids take: as it tells them, once a second."""
    answer = await client.get(f"{consumer.url}/metrics", timeout=_SAMPLE_SECONDS, auth=None)
    ids = _IDS.search(answer.text)
    return sum(float(lag) for lag in _LAG.findall(answer.text)), float(ids[1]) / 2**20 if ids else 0.0


def _memory_mb(process: int) -> float:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise OSError(f"process {process} has ended")
