"""Recent ids: an id that was added is always a suspect for 48 hours, whatever the memory."""

from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace_consumer.recent_ids import BYTES_PER_ID, FIRST_CAPACITY, WINDOW_MS, RecentIds

_HOUR = 3_600_000


class _Clock:
    def __init__(self) -> None:
        self.now = 1_770_000_000_000

    def __call__(self) -> int:
        return self.now


def _complete(clock: _Clock, memory: int = 8 * 2**20) -> RecentIds:
    recent = RecentIds(clock, memory)
    recent.hold(0)
    recent._complete.add(0)
    return recent


async def _told(ids: Sequence[str]) -> AsyncIterator[Sequence[str]]:
    """As the warehouse tells them."""
    for start in range(0, len(ids), 1_000):
        yield ids[start : start + 1_000]


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 30), st.lists(st.uuids().map(str), min_size=1, max_size=50)), max_size=12))
def test_what_was_added_within_the_window_is_a_suspect(steps: list[tuple[int, list[str]]]) -> None:
    clock = _Clock()
    recent = _complete(clock)
    added: list[tuple[int, list[str]]] = []
    for hours, ids in steps:
        clock.now += hours * _HOUR
        recent.add(ids)
        added.append((clock.now, ids))
        for at, old in added:
            if clock.now - at <= WINDOW_MS:
                assert recent.suspects(0, old) == list(range(len(old)))


def test_unknown_ids_are_seldom_suspects_and_old_ones_are_forgotten() -> None:
    clock = _Clock()
    recent = _complete(clock)
    stored = [f"stored-{number}" for number in range(20_000)]
    recent.add(stored)

    fresh = [f"fresh-{number}" for number in range(20_000)]
    assert len(recent.suspects(0, fresh)) < 200

    clock.now += 3 * 24 * _HOUR
    recent.add(["today"])
    assert len(recent.suspects(0, stored)) < 200


def test_beyond_its_memory_nothing_is_missed() -> None:
    recent = _complete(_Clock(), memory=2**20)
    ids = [f"id-{number}" for number in range(1_200_000)]
    for start in range(0, len(ids), 50_000):
        recent.add(ids[start : start + 50_000])

    asked = ids[::1000]
    assert recent.suspects(0, asked) == list(range(len(asked)))


async def test_until_the_stored_ids_are_loaded_every_id_is_a_suspect() -> None:
    recent = RecentIds(_Clock(), 2**20)
    recent.hold(0)
    assert recent.suspects(0, ["a", "b"]) == [0, 1]

    assert await recent.load([0], _told(["a", "c", "d"])) == 3
    assert recent.suspects(0, ["a", "b", "d"]) == [0, 2]
    assert recent.suspects(1, ["a", "b"]) == [0, 1]
    recent.forget(0)
    assert recent.suspects(0, ["a", "b", "d"]) == [0, 1, 2]


async def test_a_partition_that_goes_while_its_ids_are_loaded_is_not_known_when_it_comes_back() -> None:
    recent = RecentIds(_Clock(), 2**20)
    recent.hold(0)
    recent.hold(1)

    async def interrupted() -> AsyncIterator[Sequence[str]]:
        yield ["a"]
        recent.forget(0)
        recent.hold(0)  # another consumer had it in between, and what that one stored came too late for this load

    await recent.load([0, 1], interrupted())
    assert recent.suspects(0, ["stored by the other"]) == [0]
    assert recent.suspects(1, ["stored by the other"]) == []

    await recent.load([0], _told(["a", "stored by the other"]))
    assert recent.suspects(0, ["new", "stored by the other"]) == [1]


async def test_rebalances_take_no_memory_for_ids_that_were_known_before() -> None:
    recent = RecentIds(_Clock(), 128 * 2**20)
    ids = [f"id-{number}" for number in range(100_000)]
    sizes = []
    for _ in range(10):
        recent.hold(0)
        await recent.load([0], _told(ids))
        sizes.append((recent.count, recent.bytes))
        recent.forget(0)
    assert recent.bytes == 0
    assert len(set(sizes)) == 1
    assert 99_000 < sizes[0][0] <= 100_000


async def test_loads_that_are_interrupted_and_begin_again_take_the_memory_of_one() -> None:
    recent = RecentIds(_Clock(), 128 * 2**20)
    recent.hold(0)
    ids = [f"id-{number}" for number in range(100_000)]

    async def cut() -> AsyncIterator[Sequence[str]]:
        async for some in _told(ids):
            yield some
        raise ConnectionResetError

    for _ in range(10):
        with pytest.raises(ConnectionResetError):
            await recent.load([0], cut())
        assert recent.suspects(0, ["unknown"]) == [0]
    assert await recent.load([0], _told(ids)) == len(ids)
    assert recent.count <= len(ids)
    assert recent.bytes <= BYTES_PER_ID * FIRST_CAPACITY
    assert recent.suspects(0, ids) == list(range(len(ids)))
