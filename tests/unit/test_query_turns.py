"""Whose turn it is to ask the warehouse."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from millrace_core.errors import TooManyRequests
from millrace_service.metrics import Metrics
from millrace_warehouse.clickhouse.query_turns import AskingTurns
from millrace_warehouse.query_settings import QuerySettings


def _turns(at_once: int = 4, of_a_tenant: int = 2, wait_seconds: float = 5.0) -> AskingTurns:
    settings = QuerySettings(
        query_concurrency=at_once, query_concurrency_per_tenant=of_a_tenant, query_wait_seconds=wait_seconds
    )
    return AskingTurns(settings, Metrics())


@asynccontextmanager
async def _waiting(turns: AskingTurns, *tenants: str) -> AsyncIterator[list[str]]:
    """Each tenant's statement waits, in this order; whose turn it was, in the order in which it came."""
    done: list[str] = []

    async def ask(tenant: str) -> None:
        async with turns.take(tenant):
            done.append(tenant)

    async with asyncio.TaskGroup() as group:
        for tenant in tenants:
            group.create_task(ask(tenant))
        await asyncio.sleep(0)
        yield done


async def test_a_statement_too_many_of_a_tenant_waits_for_its_turn() -> None:
    turns = _turns()
    async with AsyncExitStack() as running:
        for _ in range(2):
            await running.enter_async_context(turns.take("a"))
        async with _waiting(turns, "a", "b") as done:
            await asyncio.sleep(0)
            assert done == ["b"]
            await running.aclose()
    assert done == ["b", "a"]


async def test_who_asks_much_does_not_keep_others_waiting_for_all_of_it() -> None:
    turns = _turns(at_once=1, of_a_tenant=1)
    async with AsyncExitStack() as running:
        await running.enter_async_context(turns.take("z"))
        async with _waiting(turns, "a", "a", "a", "a", "b", "c") as done:
            await running.aclose()
    assert done[:3] == ["a", "b", "c"]
    assert done[3:] == ["a"] * 3


async def test_who_waited_too_long_is_told_to_come_again_and_leaves_the_queue() -> None:
    turns = _turns(at_once=1, of_a_tenant=1, wait_seconds=0.01)
    async with turns.take("a"):
        for tenant, message in (("a", "of this customer_id are running"), ("b", "queries are running")):
            with pytest.raises(TooManyRequests, match=message):
                async with turns.take(tenant):
                    pass
    for tenant in ("a", "b"):
        async with turns.take(tenant):
            pass


async def test_no_more_wait_than_there_is_room_for() -> None:
    turns = _turns()
    async with AsyncExitStack() as running:
        for _ in range(2):
            await running.enter_async_context(turns.take("a"))
        async with _waiting(turns, *["a"] * 20) as done:
            with pytest.raises(TooManyRequests, match="of this customer_id are waiting"):
                async with turns.take("a"):
                    pass
            assert not done
            await running.aclose()
    assert len(done) == 20


async def test_a_turn_lasts_until_the_engine_has_ended_the_statement() -> None:
    turns = _turns(of_a_tenant=1, wait_seconds=0.01)
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    async with turns.take("a") as turn:
        turn.until = ended
    with pytest.raises(TooManyRequests):
        async with turns.take("a"):
            pass
    ended.set_result(None)
    await asyncio.sleep(0)
    async with turns.take("a"):
        pass
