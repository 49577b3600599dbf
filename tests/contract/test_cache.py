"""What processes share for a while: the same contract in the process and on a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from millrace_core.errors import StartRefused
from millrace_records.cache.memory import MemoryCache
from millrace_records.cache.ports import CachePorts, Rate
from millrace_records.cache.wiring import open_cache
from millrace_records.settings import CacheSettings
from millrace_service.metrics import Metrics
from tests.support.redis import RedisServer, redis_server


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


_numbers = iter(range(1, 16))


def _settings(url: str) -> CacheSettings:
    """With the longest deadline: a busy machine is not what is tested here."""
    return CacheSettings(cache_url=url, cache_deadline_seconds=2.0)


@pytest.fixture(params=["memory", "redis"])
async def ports(request: pytest.FixtureRequest) -> AsyncIterator[CachePorts]:
    """Empty."""
    url = "memory://"
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("server")
        url = f"redis://127.0.0.1:{server.port}/{next(_numbers)}"
    async with open_cache(_settings(url), Metrics()) as opened:
        yield opened
        assert not opened.degraded()


async def test_a_value_is_kept_until_its_time_is_over(ports: CachePorts) -> None:
    cache = ports.cache
    assert await cache.get("a") is None
    await cache.put("a", b"\x00one\xff", 60)
    await cache.put("b", b"short", 0.05)
    assert await cache.get("a") == b"\x00one\xff"
    await cache.put("a", b"", 60)
    assert await cache.get("a") == b""
    await asyncio.sleep(0.1)
    assert await cache.get("b") is None


async def test_a_rate_gives_what_it_says_and_tells_how_long_to_wait(ports: CachePorts) -> None:
    rate = Rate(100, 60)
    assert [await ports.limits.take("t", 25, rate) for _ in range(4)] == [0.0] * 4
    waits = await ports.limits.take("t", 10, rate)
    assert 5.0 < waits <= 6.0
    assert await ports.limits.take("t", 10, rate) == pytest.approx(waits, abs=0.5)  # a refusal takes nothing
    assert await ports.limits.take("other", 100, rate) == 0.0


async def test_what_is_taken_comes_back_with_time(ports: CachePorts) -> None:
    rate = Rate(50, 0.5)
    assert await ports.limits.take("t", 50, rate) == 0.0
    waits = await ports.limits.take("t", 5, rate)
    assert waits > 0
    await asyncio.sleep(waits + 0.02)
    assert await ports.limits.take("t", 5, rate) == 0.0


async def test_more_than_the_rate_is_given_after_a_pause_and_waited_for_afterwards(ports: CachePorts) -> None:
    assert await ports.limits.take("t", 300, Rate(100, 60)) == 0.0
    assert 120.0 < await ports.limits.take("t", 1, Rate(100, 60)) < 121.0


async def test_takes_at_once_share_the_rate(ports: CachePorts) -> None:
    waits = await asyncio.gather(*(ports.limits.take("t", 10, Rate(100, 600)) for _ in range(30)))
    assert waits.count(0.0) == 10


async def test_what_is_taken_without_a_wait_counts_like_the_rest_and_is_taken_only_where_nobody_else_counts(
    ports: CachePorts,
) -> None:
    limits, rate = ports.limits, Rate(100, 600)
    here = [limits.take_here("t", 10, rate) for _ in range(20)]
    left = 10
    if isinstance(limits, MemoryCache):
        assert here.count(0.0) == left
        assert all(waits is not None and waits > 0 for waits in here[left:])
        left = 0
    else:
        assert here == [None] * 20
    assert [await limits.take("t", 10, rate) for _ in range(12)].count(0.0) == left


async def test_a_lock_is_one_holders_until_its_time_is_over(ports: CachePorts) -> None:
    assert (await asyncio.gather(*(ports.locks.acquire("audit", 0.2) for _ in range(5)))).count(True) == 1
    assert await ports.locks.acquire("other", 0.2) is True
    await asyncio.sleep(0.25)
    assert await ports.locks.acquire("audit", 0.2) is True


async def test_followers_are_told(ports: CachePorts) -> None:
    heard = [asyncio.Event(), asyncio.Event()]
    beside = asyncio.Event()

    async def follow(channel: str, told: asyncio.Event) -> None:
        async for _ in ports.messages.follow(channel):
            told.set()

    async with asyncio.TaskGroup() as tasks:
        following = [tasks.create_task(follow("tenants", told)) for told in heard]
        following.append(tasks.create_task(follow("beside", beside)))
        await asyncio.sleep(0.3)  # subscribing tells once: something may have been missed
        for each in (*heard, beside):
            each.clear()
        await ports.messages.publish("tenants")
        async with asyncio.timeout(10):
            await asyncio.gather(*(told.wait() for told in heard))
        assert not beside.is_set()
        for task in following:
            task.cancel()


async def test_two_processes_share_what_is_on_redis(server: RedisServer) -> None:
    async with AsyncExitStack() as stack:
        settings = _settings(f"redis://127.0.0.1:{server.port}/0")
        one, other = [await stack.enter_async_context(open_cache(settings, Metrics())) for _ in range(2)]
        await one.cache.put("shared", b"value", 60)
        assert await other.cache.get("shared") == b"value"
        assert await one.limits.take("shared", 100, Rate(100, 60)) == 0.0
        assert await other.limits.take("shared", 1, Rate(100, 60)) > 0
        assert [await each.locks.acquire("shared", 60) for each in (one, other)] == [True, False]


async def test_memory_is_bounded_and_forgets_what_nobody_asked_for() -> None:
    cache = MemoryCache(most_bytes=1_000)
    for name in "abc":
        await cache.put(name, b"x" * 100, 60)
    await cache.get("a")
    await cache.put("d", b"x" * 100, 60)
    assert [await cache.get(name) is not None for name in "abcd"] == [True, False, True, True]
    await cache.put("large", b"x" * 2_000, 60)
    assert [await cache.get(name) for name in ("a", "large")] == [None, None]


async def test_a_refused_password_stops_the_start_without_telling_it() -> None:
    with redis_server("right-secret") as server:
        for url in (server.url.replace("right", "wrong"), server.url.replace(":right-secret@", "")):
            with pytest.raises(StartRefused, match="Redis refuses the user or its password") as refused:
                async with open_cache(_settings(url), Metrics()):
                    pass
            assert "secret" not in refused.value.message
        async with open_cache(_settings(server.url), Metrics()) as ports:
            assert not ports.degraded()


@pytest.mark.parametrize("url", ["memcached://a:secret@b", "redis://", "localhost:6379", ""])
def test_a_url_of_nothing_known_is_refused(url: str) -> None:
    with pytest.raises(StartRefused, match=r"MILLRACE_CACHE_URL=.*allowed is memory:// or redis://") as refused:
        CacheSettings.load(cache_url=url)
    assert "secret" not in refused.value.message


class TestTrouble:
    async def _until(self, ports: CachePorts, *, degraded: bool) -> None:
        async with asyncio.timeout(20):
            while ports.degraded() is not degraded:
                await asyncio.sleep(0.02)

    async def test_redis_that_dies_is_done_without_and_used_again(self) -> None:
        with redis_server() as server:
            metrics = Metrics()
            async with open_cache(_settings(server.url), metrics) as ports:
                await ports.cache.put("kept", b"value", 60)
                server.kill()
                assert await ports.cache.get("kept") == b"value"
                assert ports.degraded()
                assert await ports.limits.take("t", 1, Rate(1, 60)) == 0.0
                assert (ports.limits.take_here("t", 1, Rate(1, 60)) or 0.0) > 0.0
                assert await ports.locks.acquire("audit", 60) is True
                await ports.messages.publish("tenants")
                counted = metrics.registry.get_sample_value
                for operation, count in (("get", 1), ("take", 2), ("acquire", 1), ("publish", 1)):
                    assert counted("millrace_cache_fallbacks_total", {"operation": operation}) == count
                server.start()
                await self._until(ports, degraded=False)
                assert await ports.cache.get("kept") is None  # the new one is empty, and it is the one that counts

    async def test_redis_that_hangs_is_waited_for_once(self) -> None:
        with redis_server() as server:
            async with open_cache(_settings(server.url), Metrics()) as ports:
                await ports.cache.put("kept", b"value", 60)
                server.freeze()
                try:
                    assert await asyncio.gather(*(ports.cache.get("kept") for _ in range(50))) == [b"value"] * 50
                    assert ports.degraded()
                finally:
                    server.thaw()
                await self._until(ports, degraded=False)
                for number in range(20):  # an answer that came too late is nobody else's
                    await ports.cache.put(f"key-{number}", b"%d" % number, 60)
                    assert await ports.cache.get(f"key-{number}") == b"%d" % number

    async def test_redis_that_is_not_there_yet_does_not_keep_the_process_from_starting(self) -> None:
        with redis_server() as server:
            server.kill()
            async with open_cache(_settings(server.url), Metrics()) as ports:
                assert ports.degraded()
                server.start()
                await self._until(ports, degraded=False)
