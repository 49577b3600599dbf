"""Recent ids: an id that was added is always a suspect for 48 hours, whatever the memory."""

from collections.abc import AsyncIterator, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from millrace_consumer.recent_ids import WINDOW_MS, RecentIds

_HOUR = 3_600_000


class _Clock:
    def __init__(self) -> None:
        self.now = 1_770_000_000_000

    def __call__(self) -> int:
        return self.now


def _complete(clock: _Clock, memory: int = 8 * 2**20) -> RecentIds:
    recent = RecentIds(clock, memory)
    recent._complete.add(0)
    return recent


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
    assert recent.suspects(0, ["a", "b"]) == [0, 1]

    async def stored() -> AsyncIterator[Sequence[str]]:
        yield ["a"]
        yield ["c", "d"]

    assert await recent.load([0], stored()) == 3
    assert recent.suspects(0, ["a", "b", "d"]) == [0, 2]
    assert recent.suspects(1, ["a", "b"]) == [0, 1]
    recent.forget(0)
    assert recent.suspects(0, ["a", "b", "d"]) == [0, 1, 2]
