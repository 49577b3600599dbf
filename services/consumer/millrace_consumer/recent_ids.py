"""Which event ids were stored lately: a pre-filter in memory, so that only suspects are looked up in the warehouse.

Bloom filters (Bloom 1970) in generations, each twice as large as the one before when the rate asks for it (scalable Bloom
filters, Almeida et al. 2007). They have no false negatives, so an id that was added is always a suspect. A false positive
costs a look-up and nothing else: the warehouse decides.

Memory follows the ids that are known, not how often they were told. Kafka takes every partition away in a rebalance and grants
it again, and each time the ids of 48 hours are loaded once more; an outage that interrupts a load has it begin again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rbloom import Bloom

WINDOW_MS: Final = 48 * 3600 * 1000
"""How long an id counts as recent; the warehouse keeps its ids as long."""

_GENERATION_MS: Final = 12 * 3600 * 1000
FIRST_CAPACITY: Final = 4_000_000
_FALSE_POSITIVES: Final = 0.0001  # of each generation, 19.2 bits an id: a look-up or two in a batch of 10,000
BYTES_PER_ID: Final = 2.4
_LOADED_AT_ONCE: Final = 5_000


@dataclass(slots=True)
class _Generation:
    filter: Bloom
    capacity: int
    used: int
    """Ids that it holds, each once."""
    opened_at: int
    last_added_at: int


class RecentIds:
    """Ids of the last 48 hours.

    Args:
        clock: milliseconds since the epoch.
        memory: bytes that the filters may take. Beyond it the newest keeps filling: more suspects, never a missed id.
    """

    def __init__(self, clock: Callable[[], int], memory: int) -> None:
        self._clock = clock
        self._memory = memory
        self._generations: list[_Generation] = []
        self._held: set[int] = set()
        self._loading: set[int] = set()
        self._complete: set[int] = set()

    @property
    def count(self) -> int:
        """How many ids are remembered."""
        return sum(each.used for each in self._generations)

    @property
    def bytes(self) -> int:
        """Memory that the filters take."""
        return sum(each.filter.size_in_bits for each in self._generations) // 8

    def hold(self, partition: int) -> None:
        """The partition is this consumer's; its ids are to be loaded."""
        self._held.add(partition)

    def suspects(self, partition: int, ids: Sequence[str]) -> list[int]:
        """Indexes of the ids that may be recent, ascending; of a partition that is not loaded yet all of them. An event that is
        sent again comes to the same partition, so it is enough to know those that came from there."""
        if partition not in self._complete:
            return list(range(len(ids)))
        found: set[int] = set()
        for generation in self._generations:
            seen = generation.filter
            found.update([index for index, one in enumerate(ids) if one in seen])
        return sorted(found)

    def add(self, ids: Sequence[str]) -> None:
        """Remember these ids for 48 hours. What is in the filter that is being filled takes no more of it (0.1 µs to know) and
        stays as long as what is new."""
        now = self._clock()
        if self._generations and now - self._generations[-1].opened_at <= _GENERATION_MS:
            newest = self._generations[-1]
            seen, newest.last_added_at = newest.filter, now
            ids = [one for one in ids if one not in seen]
        generation = self._open_generation(now, len(ids))
        generation.filter.update(ids)
        generation.used += len(ids)
        generation.last_added_at = now

    async def load(self, partitions: Iterable[int], stored: AsyncIterator[Sequence[str]]) -> int:
        """Take in what the warehouse holds of these partitions; the number of ids."""
        count = 0
        self._loading = self._held.intersection(partitions)
        async for ids in stored:
            for start in range(0, len(ids), _LOADED_AT_ONCE):
                self.add(ids[start : start + _LOADED_AT_ONCE])
                await asyncio.sleep(0)
            count += len(ids)
        self._complete |= self._loading
        return count

    def forget(self, partition: int) -> None:
        """The partition is another consumer's: what it stores there is not known here, also where a load of it is under way.

        Behind the last one every filter goes: what is granted next is loaded whole, and what is not written yet comes again in
        its batch."""
        for partitions in (self._held, self._loading, self._complete):
            partitions.discard(partition)
        if not self._held:
            self._generations = []

    def _open_generation(self, now: int, room: int) -> _Generation:
        self._generations = [each for each in self._generations if now - each.last_added_at <= WINDOW_MS]
        newest = self._generations[-1] if self._generations else None
        if newest is not None and newest.used + room <= newest.capacity and now - newest.opened_at <= _GENERATION_MS:
            return newest
        capacity = max(FIRST_CAPACITY, room)
        if newest is not None:
            full_early = newest.used + room > newest.capacity
            capacity = max(capacity, newest.capacity * 2 if full_early else newest.used)
        taken = sum(each.capacity for each in self._generations) * BYTES_PER_ID
        capacity = min(capacity, int((self._memory - taken) / BYTES_PER_ID))
        if newest is not None and capacity < FIRST_CAPACITY:
            return newest
        capacity = max(capacity, FIRST_CAPACITY // 10)
        made = _Generation(Bloom(capacity, _FALSE_POSITIVES), capacity, 0, now, now)
        self._generations.append(made)
        return made
