"""Everything that happens in the shop between two moments.

Each minute draws from a random generator of its own, seeded by the minute, so what happens at a moment does not depend on when
somebody began to look: two runs over the same time tell the same events with the same ids, and the platform stores them once.
"""

import heapq
import random
from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from typing import Final

from millrace_standalone.demo.rhythm import Pace, daily, steady
from millrace_standalone.demo.visitors import Person, bot, person
from millrace_standalone.demo.visits import EVENTS_PER_VISIT, LONGEST_VISIT_MINUTES, Happening, crawl, visit

_NEW_SHARE: Final = 0.62
_BOT_SHARE: Final = 0.025
_MEAN_RETURN_MINUTES: Final = 4 * 1440
_MINUTE_MS: Final = 60_000


class Shop:
    """A shop of one tenant.

    Args:
        customer: the tenant.
        seed: the same seed, the same shop.
        pace: expected visits by minute.
    """

    def __init__(self, customer: str, seed: str, pace: Pace) -> None:
        self._customer = customer
        self._seed = f"{seed}/{customer}"
        self._pace = pace
        self._people = lru_cache(maxsize=8192)(self._person)
        self._newcomers = lru_cache(maxsize=65_536)(self._count_newcomers)

    def events(self, start: int, end: int | None = None) -> Iterator[Happening]:
        """What happens from ``start`` to ``end`` (milliseconds since the epoch, ``end`` exclusive), in the order of time;
        without an end for ever."""
        underway: list[Happening] = []
        for minute in count(start // _MINUTE_MS - LONGEST_VISIT_MINUTES):
            while underway and underway[0].at < minute * _MINUTE_MS:
                event = heapq.heappop(underway)
                if end is not None and event.at >= end:
                    return
                yield event
            if end is not None and minute * _MINUTE_MS >= end:
                break
            for event in self._begun_in(minute):
                if event.at >= start:
                    heapq.heappush(underway, event)
        while underway and end is not None and underway[0].at < end:
            yield heapq.heappop(underway)

    def _begun_in(self, minute: int) -> Iterator[Happening]:
        """The events of the visits that begin in this minute."""
        chance = random.Random(f"{self._seed}/visits/{minute}")  # noqa: S311
        pace = self._pace(minute)
        newcomers = self._newcomers(minute)
        for number in range(newcomers):
            at = minute * _MINUTE_MS + chance.randrange(_MINUTE_MS)
            yield from visit(chance, self._customer, at, self._people(minute, number), is_first=True)
        for _ in range(_poisson(chance, pace * (1 - _NEW_SHARE - _BOT_SHARE))):
            at = minute * _MINUTE_MS + chance.randrange(_MINUTE_MS)
            who, is_first = self._returning(chance, minute)
            yield from visit(chance, self._customer, at, who, is_first=is_first)
        for number in range(_poisson(chance, pace * _BOT_SHARE)):
            at = minute * _MINUTE_MS + chance.randrange(_MINUTE_MS)
            yield from crawl(chance, self._customer, at, *bot(self._seed, minute, number))

    def _returning(self, chance: random.Random, minute: int) -> tuple[Person, bool]:
        """Someone who came for the first time some days ago, most likely not long ago."""
        for _ in range(4):
            earlier = minute - LONGEST_VISIT_MINUTES - int(chance.expovariate(1 / _MEAN_RETURN_MINUTES))
            if newcomers := self._newcomers(earlier):
                return self._people(earlier, chance.randrange(newcomers)), False
        return person(self._seed, minute, 1_000_000 + chance.randrange(1_000_000)), True

    def _count_newcomers(self, minute: int) -> int:
        return _poisson(random.Random(f"{self._seed}/new/{minute}"), self._pace(minute) * _NEW_SHARE)  # noqa: S311

    def _person(self, minute: int, number: int) -> Person:
        return person(self._seed, minute, number)


def past_shop(customer: str, seed: int, events_a_day: float) -> Shop:
    """The shop of the past, by day and week."""
    return Shop(customer, str(seed), daily(events_a_day / EVENTS_PER_VISIT, f"{seed}/{customer}"))


def live_shop(customer: str, seed: int, events_a_second: float) -> Shop:
    """The shop of now, at a steady pace. Its visits are others than those of the past at the same minute."""
    return Shop(customer, f"{seed}/live", steady(events_a_second * 60 / EVENTS_PER_VISIT))


def _poisson(chance: random.Random, mean: float) -> int:
    """A Poisson number: by counting arrivals (Knuth) while the mean is small, else by its normal approximation."""
    if mean > 60:
        return max(0, round(chance.gauss(mean, mean**0.5)))
    arrivals, waited = 0, chance.expovariate(1.0)
    while waited < mean:
        arrivals += 1
        waited += chance.expovariate(1.0)
    return arrivals
