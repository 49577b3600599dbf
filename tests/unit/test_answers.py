"""Answers that are kept: who is told what, and for how long. The clock is the test's."""

import asyncio

import pytest

from millrace_analytics.asking.answers import BUSY, Answers, Keeping, Question
from millrace_analytics.asking.versions import Versions
from millrace_core.errors import WarehouseUnavailable
from millrace_records.cache.memory import MemoryCache
from millrace_records.ports import ERASURES_CHANGED
from millrace_service.metrics import Metrics
from millrace_warehouse.breaking import FAILURES, REST_SECONDS, BreakingWarehouse, Circuit
from tests.support.scripted_warehouse import ScriptedWarehouse

_NOW = 1_000 * 3600.0 + 1_800  # half past an hour


class World:
    """Answers over a warehouse that says what the test wants, with the test's clock."""

    def __init__(self) -> None:
        self.now = _NOW
        self.warehouse = ScriptedWarehouse()
        self.cache = MemoryCache(2**20, clock=lambda: self.now)
        self.answers = self.another()
        self.computed = 0

    def another(self) -> Answers:
        """Of another process on the same cache."""
        versions = Versions(self.warehouse, 1.0, clock=lambda: self.now)
        return Answers(self.cache, versions, Keeping(1.0, 5.0, 3600.0, 7200.0), Metrics(), clock=lambda: self.now)

    async def compute(self) -> bytes:
        """Another answer each time."""
        if self.warehouse.is_away:
            raise WarehouseUnavailable("away")
        self.computed += 1
        return b"answer %d" % self.computed

    async def ask(self, question: Question | None = None, answers: Answers | None = None) -> tuple[str, str]:
        """The answer, and where it is from."""
        answer = await (answers or self.answers).get(question or Question("t", "q"), self.compute)
        return answer.body.decode(), answer.outcome


async def test_an_open_question_is_asked_once_a_second() -> None:
    world = World()
    assert await world.ask() == ("answer 1", "miss")
    world.now += 0.9
    assert await world.ask() == ("answer 1", "hit")
    assert await world.ask(answers=world.another()) == ("answer 1", "hit")
    world.now += 0.2
    assert await world.ask() == ("answer 2", "miss")


async def test_an_answer_that_took_long_serves_as_long_as_it_took_up_to_five_seconds() -> None:
    world = World()

    async def slow() -> bytes:
        world.now += 20
        return await world.compute()

    for number, question in enumerate((Question("t", "q"), Question("t", "dashboard", open_seconds=0.5)), 1):
        await world.answers.get(question, slow)
        found = world.now
        world.now = found + 4.9
        assert await world.ask(question) == (f"answer {2 * number - 1}", "hit")
        world.now = found + 5.1
        assert await world.ask(question) == (f"answer {2 * number}", "miss")


async def test_a_closed_question_is_asked_again_when_late_events_or_links_came() -> None:
    world, closed = World(), Question("t", "q", until=int(_NOW) - 3600)
    assert await world.ask(closed) == ("answer 1", "miss")
    world.now += 1200
    assert await world.ask(closed) == ("answer 1", "hit")
    for version in ((11, 0), (11, 1)):
        world.warehouse.version = version
        world.now += 2
        assert (await world.ask(closed))[1] == "miss"
        assert (await world.ask(closed))[1] == "hit"


async def test_what_reaches_into_the_hour_of_now_is_open() -> None:
    world, reaching = World(), Question("t", "q", until=int(_NOW) - 1)
    await world.ask(reaching)
    world.now += 2
    assert (await world.ask(reaching))[1] == "miss"


async def test_who_asks_the_same_at_once_waits_for_one_answer() -> None:
    world, release = World(), asyncio.Event()

    async def slow() -> bytes:
        await release.wait()
        return await world.compute()

    asked = [asyncio.create_task(world.answers.get(Question("t", "q"), slow)) for _ in range(5)]
    other = asyncio.create_task(world.answers.get(Question("another", "q"), slow))
    await asyncio.sleep(0)
    release.set()
    told = [await each for each in asked]

    assert [answer.body for answer in told] == [b"answer 1"] * 5
    assert sorted(answer.outcome for answer in told) == ["hit"] * 4 + ["miss"]
    assert (await other).outcome == "miss"
    assert world.computed == 2


async def test_the_last_one_who_leaves_takes_the_computation_along() -> None:
    world, ended = World(), asyncio.Event()

    async def endless() -> bytes:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return b""

    first, second = [asyncio.create_task(world.answers.get(Question("t", "q"), endless)) for _ in range(2)]
    for _ in range(3):
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert not ended.is_set()
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    async with asyncio.timeout(5):
        await ended.wait()
    assert await world.ask() == ("answer 1", "miss")


async def test_who_asks_while_a_computation_that_was_left_still_ends_has_one_of_their_own() -> None:
    world, may_end = World(), asyncio.Event()

    async def slow_to_end() -> bytes:
        try:
            await asyncio.Event().wait()
        finally:
            await may_end.wait()  # as a statement is, until the engine has given it up
        return b""

    left = asyncio.create_task(world.answers.get(Question("t", "q"), slow_to_end))
    for _ in range(3):
        await asyncio.sleep(0)
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    asked = asyncio.create_task(world.ask())
    await asyncio.sleep(0)
    may_end.set()
    assert await asked == ("answer 1", "miss")


async def test_chance_is_not_kept_and_who_wants_it_fresh_is_asked_anew() -> None:
    world = World()
    chance, fresh = Question("t", "q", is_kept=False), Question("t", "q", is_fresh=True)
    assert [await world.ask(chance) for _ in range(2)] == [("answer 1", "bypass"), ("answer 2", "bypass")]
    assert [await world.ask(fresh) for _ in range(2)] == [("answer 3", "miss"), ("answer 4", "miss")]
    assert await world.ask() == ("answer 4", "hit")


async def test_while_the_warehouse_is_away_an_old_answer_is_told_and_marked() -> None:
    world, closed = World(), Question("t", "closed", until=0)
    await world.ask()
    await world.ask(closed)
    world.warehouse.is_away = True
    world.now += 60
    assert await world.ask() == ("answer 1", "stale")
    assert await world.ask(closed) == ("answer 2", "stale")
    for question in (Question("t", "another"), Question("t", "q", is_fresh=True)):
        with pytest.raises(WarehouseUnavailable):
            await world.ask(question)
    world.warehouse.is_away = False
    assert await world.ask() == ("answer 3", "miss")


async def test_nothing_from_before_an_erasure_is_told() -> None:
    world = World()
    await world.ask()
    follower = asyncio.create_task(world.answers.forget_erased(world.cache))
    await asyncio.sleep(0)
    await world.cache.publish(ERASURES_CHANGED)
    for _ in range(3):
        await asyncio.sleep(0)
    world.warehouse.is_away = True
    with pytest.raises(WarehouseUnavailable):
        await world.ask()
    follower.cancel()
    await asyncio.gather(follower, return_exceptions=True)


async def test_an_error_is_everyones_who_waits_and_nobodys_after() -> None:
    world = World()
    world.warehouse.is_away = True
    asked = await asyncio.gather(*(world.ask() for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in asked] == [WarehouseUnavailable] * 3
    world.warehouse.is_away = False
    assert await world.ask() == ("answer 1", "miss")


async def test_the_circuit_opens_after_failures_in_a_row_and_lets_one_find_out() -> None:
    now = 0.0
    scripted = ScriptedWarehouse()
    circuit = Circuit(Metrics(), clock=lambda: now)
    tenant = BreakingWarehouse(scripted, circuit).of("t")
    scripted.is_away = True
    for _ in range(FAILURES):
        with pytest.raises(WarehouseUnavailable):
            await tenant.query("SELECT 1")
    asked = scripted.asked
    for _ in range(5):
        with pytest.raises(WarehouseUnavailable):
            await tenant.ask("SELECT 1")
    assert scripted.asked == asked

    now += REST_SECONDS
    with pytest.raises(WarehouseUnavailable):
        await tenant.query("SELECT 1")
    with pytest.raises(WarehouseUnavailable):
        await tenant.query("SELECT 1")
    assert scripted.asked == asked + 1

    now += REST_SECONDS
    scripted.is_away = False
    await tenant.query("SELECT 1")
    await tenant.query("SELECT 1")
    assert scripted.asked == asked + 3


async def test_while_many_are_being_found_what_is_kept_serves_up_to_five_seconds() -> None:
    world, release = World(), asyncio.Event()

    async def slow() -> bytes:
        await release.wait()
        return b""

    await world.ask()
    world.now += 4.9
    others = [asyncio.create_task(world.answers.get(Question("t", f"other {number}"), slow)) for number in range(BUSY)]
    await asyncio.sleep(0)
    assert await world.ask() == ("answer 1", "hit")
    assert (await world.ask(Question("t", "q", open_seconds=0)))[1] == "miss"
    world.now += 5.1
    assert await world.ask() == ("answer 3", "miss")
    world.now += 1.1
    release.set()
    await asyncio.gather(*others)
    assert await world.ask() == ("answer 4", "miss")
