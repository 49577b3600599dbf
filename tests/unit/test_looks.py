"""What is looked at once in a while for everyone. The clock is the test's."""

import asyncio

import pytest

from millrace_analytics.asking.looks import Looks
from millrace_core.errors import WarehouseUnavailable


class World:
    """Something to look at, with the test's clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.seen = 0
        self.is_away = False
        self.looks = Looks(self.look, 1.0, clock=lambda: self.now)

    async def look(self, tenant: str) -> str:
        await asyncio.sleep(0)
        if self.is_away:
            raise WarehouseUnavailable("away")
        self.seen += 1
        return f"{tenant} {self.seen}"


async def test_everybody_who_asks_within_a_second_shares_one_look() -> None:
    world = World()
    assert await asyncio.gather(*(world.looks.of("t") for _ in range(3))) == ["t 1"] * 3
    world.now += 0.9
    assert await world.looks.of("t") == "t 1"
    assert await world.looks.of("another") == "another 2"
    world.now += 0.2
    assert await world.looks.of("t") == "t 3"


async def test_who_wants_nothing_from_before_looks_anew_for_the_others_as_well() -> None:
    world = World()
    await world.looks.of("t")
    assert await world.looks.of("t", is_fresh=True) == "t 2"
    assert await world.looks.of("t") == "t 2"


async def test_a_look_that_failed_is_not_remembered() -> None:
    world = World()
    world.is_away = True
    with pytest.raises(WarehouseUnavailable):
        await world.looks.of("t")
    world.is_away = False
    assert await world.looks.of("t") == "t 1"


async def test_who_leaves_does_not_end_the_look_of_the_others() -> None:
    world = World()
    leaving = asyncio.create_task(world.looks.of("t"))
    staying = asyncio.create_task(world.looks.of("t"))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == "t 1"


async def test_the_tenant_that_was_looked_at_longest_ago_makes_room_for_another() -> None:
    world = World()
    looks = Looks(world.look, 1.0, clock=lambda: world.now, most=2)
    for tenant in ("a", "b", "c"):
        await looks.of(tenant)
    assert [await looks.of(tenant) for tenant in ("c", "b")] == ["c 3", "b 2"]
    assert await looks.of("a") == "a 4"


async def test_one_tenant_is_forgotten_and_no_other() -> None:
    world = World()
    for tenant in ("a", "b"):
        await world.looks.of(tenant)
    world.looks.forget("a")
    assert [await world.looks.of(tenant) for tenant in ("a", "b")] == ["a 3", "b 2"]
