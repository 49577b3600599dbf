"""Whose turn it is to write to the warehouse."""

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import cast

import pytest

from millrace_core.errors import RowsRefused, WarehouseUnavailable
from millrace_warehouse.clickhouse import turns as module
from millrace_warehouse.clickhouse.engine import Engine
from millrace_warehouse.clickhouse.turns import INSERTS_AT_ONCE, WriteTurns
from millrace_warehouse.clickhouse.writer import ClickHouseWriter


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def _rebuild(turns: WriteTurns, done: list[str]) -> None:
    async with turns.rebuild():
        done.append("rebuilt")


async def test_so_many_inserts_run_at_once_and_each_has_a_place_of_its_own() -> None:
    turns = WriteTurns()
    async with AsyncExitStack() as running:
        places = [await running.enter_async_context(turns.insert()) for _ in range(INSERTS_AT_ONCE)]
        assert sorted(places) == list(range(INSERTS_AT_ONCE))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), turns.insert():
                pass
    async with turns.insert() as place:
        assert place in range(INSERTS_AT_ONCE)


class _Meeting:
    """An engine whose inserts end once as many run as may, each on a connection of its own."""

    is_shared = True

    def __init__(self) -> None:
        self.opened = 0
        self._barrier = asyncio.Barrier(INSERTS_AT_ONCE)

    async def admin(self, _settings: object = None) -> "_Meeting._Connection":
        self.opened += 1
        return self._Connection(self._barrier)

    class _Connection:
        closed = False

        def __init__(self, barrier: asyncio.Barrier) -> None:
            self._barrier = barrier

        async def insert(self, _table: str, _rows: object, _token: str) -> None:
            await self._barrier.wait()


async def test_the_writer_stores_batches_beside_each_other_over_connections_of_their_own() -> None:
    engine = _Meeting()
    writer = ClickHouseWriter(cast("Engine", engine), WriteTurns())
    async with asyncio.timeout(10):
        await asyncio.gather(*(writer.insert(b"{}\n", str(number)) for number in range(2 * INSERTS_AT_ONCE)))
    assert engine.opened == INSERTS_AT_ONCE


async def test_an_insert_that_runs_alone_takes_the_connection_that_is_open() -> None:
    turns = WriteTurns()
    for _ in range(3):
        async with turns.insert() as place:
            assert place == 0
    async with turns.rebuild():
        pass
    async with turns.insert() as place:
        assert place == 0


async def test_a_rebuild_has_its_turn_among_inserts_without_an_end_and_none_runs_meanwhile() -> None:
    turns, inside, most, begun, ended = WriteTurns(), 0, 0, 0, False

    async def insert_for_ever() -> None:
        nonlocal inside, most, begun
        while not ended:
            async with turns.insert():
                inside += 1
                begun += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        for _ in range(2 * INSERTS_AT_ONCE):
            group.create_task(insert_for_ever())
        await _settle()
        assert most == INSERTS_AT_ONCE
        before = begun
        async with turns.rebuild():
            assert begun <= before + 2 * INSERTS_AT_ONCE  # those that stood before it
            await _settle()
            assert not inside
        ended = True


async def test_two_rebuilds_do_not_wait_for_each_other_for_ever() -> None:
    turns, done = WriteTurns(), list[str]()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group, turns.insert():
        for _ in range(2):
            group.create_task(_rebuild(turns, done))
        await _settle()
        assert not done
    assert done == ["rebuilt", "rebuilt"]


async def test_a_rebuild_waits_until_one_that_began_behind_the_failed_insert_has_ended_well() -> None:
    turns, done = WriteTurns(), list[str]()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        async with turns.insert():  # of another partition, begun before the other fails
            with suppress(WarehouseUnavailable):
                async with turns.insert():
                    raise WarehouseUnavailable("gone")
            group.create_task(_rebuild(turns, done))
        await _settle()
        assert not done
        async with turns.insert():
            pass
    assert done == ["rebuilt"]


async def test_refused_rows_leave_nothing_half_done() -> None:
    turns, done = WriteTurns(), list[str]()
    with suppress(RowsRefused):
        async with turns.insert():
            raise RowsRefused("a row")
    await _rebuild(turns, done)
    assert done == ["rebuilt"]


async def test_a_rebuild_gives_up_where_an_insert_stays_half_done_and_inserts_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.05)
    turns = WriteTurns()
    with suppress(WarehouseUnavailable):
        async with turns.insert():
            raise WarehouseUnavailable("gone")
    with pytest.raises(WarehouseUnavailable, match="not finished"):
        await _rebuild(turns, [])
    async with AsyncExitStack() as running:
        for _ in range(INSERTS_AT_ONCE):
            await running.enter_async_context(turns.insert())
