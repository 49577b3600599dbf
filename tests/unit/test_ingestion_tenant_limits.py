"""How many events a minute a tenant may send."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from millrace_core.errors import RecordsUnavailable, TooManyRequests
from millrace_eventlog.records import LogRecord
from millrace_ingestion.kept_tenants import KeptTenants
from millrace_ingestion.tenant_limits import TenantLimits
from millrace_records.cache.memory import MemoryCache
from millrace_records.ports import TENANTS_CHANGED, Records, Tenant
from millrace_records.settings import RecordsSettings
from millrace_records.wiring import open_records
from tests.support.ingestion import EVENT, tracker


def _events(tenant: str, count: int) -> list[LogRecord]:
    return [LogRecord(tenant, f"event-{number}", 0, "native", "", b"{}") for number in range(count)]


async def test_a_request_that_would_pass_the_limit_is_refused_whole_with_the_time_to_wait() -> None:
    client = tracker(ingest_events_a_minute=60)
    batch = {"events": [EVENT] * 40}
    assert (await client.post("/track/batch", batch)).status == 200
    refused = await client.post("/track/batch", batch)
    assert refused.status == 429
    assert refused.body["code"] == "tenant_rate_limited"
    assert refused.body["message"] == "demo may send 60 events a minute"
    assert 15 <= int(refused.header("retry-after") or 0) <= 20
    assert refused.header("x-ratelimit-limit") == "60"
    assert refused.header("x-ratelimit-remaining") == "0"
    assert refused.header("x-ratelimit-reset") == refused.header("retry-after")
    assert len(client.log.records) == 40
    assert (await client.post("/track/batch", {"events": [EVENT] * 20})).status == 200
    assert (await client.post("/track", {**EVENT, "customer_id": "other"})).status == 200
    assert client.counted("events_received_total", customer_id="demo", event_type="click") == 60


async def test_an_answer_that_is_repeated_counts_nothing() -> None:
    client = tracker(ingest_events_a_minute=10)
    for _ in range(3):
        assert (await client.post("/track/batch", {"events": [EVENT] * 10}, idempotency_key="once")).status == 200
    assert len(client.log.records) == 10


async def test_without_a_limit_nothing_is_counted() -> None:
    limits = TenantLimits(MemoryCache(10_000), default=0)
    for _ in range(10):
        await limits.take(_events("any", 100_000))


async def test_what_came_with_an_unmetered_key_is_not_counted() -> None:
    limits = TenantLimits(MemoryCache(10_000), default=10, unmetered={"imports"})
    imported = [LogRecord("any", f"event-{number}", 0, "native", "imports", b"{}") for number in range(100)]
    for _ in range(3):
        await limits.take(imported)
    await limits.take(_events("any", 10))
    with pytest.raises(TooManyRequests):
        await limits.take(_events("any", 1))


async def test_requests_that_come_at_once_get_what_the_limit_says_and_no_more() -> None:
    limits = TenantLimits(MemoryCache(10_000, clock=lambda: 7.0), default=60)  # one a second: no sum is rounded

    async def passes(events: int) -> bool:
        try:
            await limits.take(_events("shop", events))
        except TooManyRequests:
            return False
        return True

    assert sum(await asyncio.gather(*(passes(1) for _ in range(200)))) == 60
    assert await asyncio.gather(*(passes(1) for _ in range(2))) == [False] * 2


async def test_a_tenants_own_limit_holds_from_when_it_is_told(tmp_path: Path) -> None:
    cache = MemoryCache(10_000)
    limits = TenantLimits(cache, default=100)
    async with open_records(RecordsSettings(), tmp_path) as records:
        await records.put_tenant(Tenant("small", events_a_minute=10))
        following = asyncio.create_task(limits.follow(records, cache))
        await _until_refused(limits, "small", 11)
        await limits.take(_events("any", 100))
        await records.put_tenant(Tenant("any", events_a_minute=5))
        await cache.publish(TENANTS_CHANGED)
        await _until_refused(limits, "any", 1)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_limits_hold_while_the_records_do_not_answer(tmp_path: Path) -> None:
    async with open_records(RecordsSettings(), tmp_path) as records:
        await records.put_tenant(Tenant("small", events_a_minute=10))
        broken = _Broken(records)
        cache = MemoryCache(10_000)
        limits = TenantLimits(cache, default=0)
        following = asyncio.create_task(limits.follow(broken, cache))  # type: ignore[arg-type]
        await _until_refused(limits, "small", 11)
        broken.is_down = True
        asked = broken.asked
        await cache.publish(TENANTS_CHANGED)
        async with asyncio.timeout(10):
            while broken.asked == asked:
                await asyncio.sleep(0.01)
        await _until_refused(limits, "small", 11)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


class _Broken:
    def __init__(self, records: Records) -> None:
        self._records = records
        self.is_down = False
        self.asked = 0

    async def tenants(self) -> Sequence[Tenant]:
        self.asked += 1
        if self.is_down:
            raise RecordsUnavailable("down")
        return await self._records.tenants()


async def _until_refused(limits: TenantLimits, tenant: str, events: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                await limits.take(_events(tenant, events))
            except TooManyRequests:
                return
            await asyncio.sleep(0.01)


def test_a_refusal_names_the_tenant_and_its_limit() -> None:
    async def take() -> None:
        limits = TenantLimits(MemoryCache(10_000), default=1_000)
        await limits.take(_events("shop", 1_000))
        await limits.take(_events("shop", 1))

    with pytest.raises(TooManyRequests, match="shop may send 1,000 events a minute"):
        asyncio.run(take())


async def test_a_start_without_the_records_knows_what_was_settled_before(tmp_path: Path) -> None:
    told: list[list[str]] = []

    def limits() -> TenantLimits:
        return TenantLimits(
            MemoryCache(10_000), 0, told=lambda all_of: told.append([one.name for one in all_of]), kept=KeptTenants(tmp_path)
        )

    settled = Tenant("shop", denied=("properties.email",), hashed=("user_id",), event_days={"click": 3})
    async with open_records(RecordsSettings(), tmp_path) as records:
        await records.put_tenant(settled)
        await limits().read(records)
        settled = await records.tenant("shop")
    file = tmp_path / "tenants.json"
    assert file.stat().st_mode & 0o777 == 0o600
    silent: Any = _Broken(records)
    silent.is_down = True
    later = limits()
    await later.read(silent)
    assert told == [["shop"], ["shop"]]
    assert KeptTenants(tmp_path).load() == [settled]
    file.write_bytes(b"{")
    await limits().read(silent)
    assert told == [["shop"], ["shop"]], "a file that cannot be read says nothing"
