"""Answers that are kept for a while: asked once for everyone who asks the same, and told when the warehouse is away
(docs/adr/0022-answers.md)."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

import msgspec

from millrace_analytics.asking.versions import Versions
from millrace_core import metrics as names
from millrace_core.errors import WarehouseUnavailable
from millrace_records.cache.ports import Cache, Messages
from millrace_records.ports import ERASURES_CHANGED
from millrace_service.metrics import Metrics

Outcome = Literal["hit", "miss", "stale", "bypass"]
"""Kept, or being asked by somebody else; asked; kept and too old, as the warehouse is away; asked, and never kept."""

_LARGEST: Final = 1 << 20
"""Bytes of an answer that is kept; larger ones are few, and would drive all others out."""
_HOUR: Final = 3600
BUSY: Final = 4
"""So many answers that are being found at once wait for each other more than for anything else: what is kept serves longer."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long an answer serves, in seconds.

    Attributes:
        open: where new events may change it: at least so long after it was found,
        open_most: and as long as it took to find, up to this; so long while :data:`BUSY` others are being found.
        closed: where only late events and erasures may, which are looked for.
        stale: while the warehouse is away.
    """

    open: float
    open_most: float
    closed: float
    stale: float


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        name: of the question: whoever asks the same says the same here. A kind, and the text that is run.
        until: no event from this time on changes its answer (seconds since the epoch); None where that is not known.
        is_kept: False for what has another answer each time.
        is_fresh: whether what is kept is not good enough for who asks.
        open_seconds: instead of the usual time.
    """

    tenant: str
    name: str
    until: int | None = None
    is_kept: bool = True
    is_fresh: bool = False
    open_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered, where it is from, and how old it is."""

    body: bytes
    outcome: Outcome
    age_seconds: float


class _Kept(msgspec.Struct, array_like=True):
    made_at: float
    took: float
    version: str
    body: bytes


@dataclass(slots=True)
class _Flight:
    task: "asyncio.Task[_Kept]"
    waiting: int = 0


class Answers:
    """One port for everything that is asked of the warehouse and may be shared.

    Args:
        clock: seconds since the epoch; what is kept is shared with other machines.
    """

    def __init__(
        self, cache: Cache, versions: Versions, keeping: Keeping, metrics: Metrics, clock: Callable[[], float] = time.time
    ) -> None:
        self._cache = cache
        self._versions = versions
        self._keeping = keeping
        self._metrics = metrics
        self._clock = clock
        self._flights: dict[str, _Flight] = {}
        self._nothing_before = 0.0

    async def get(self, question: Question, compute: Callable[[], Coroutine[Any, Any, bytes]]) -> Answer:
        """The answer: a kept one that is good enough, else the one that is being computed for somebody, else a new one. When
        nobody waits for it any more, its computation is cancelled.

        Raises:
            WarehouseUnavailable: it does not answer, and nothing that may be told instead is kept.
        """
        answer = await self._get(question, compute)
        self._metrics.counter(names.ANSWERS, answer.outcome).inc()
        return answer

    async def forget_erased(self, messages: Messages) -> None:
        """Tell nothing that was computed before somebody was erased; for ever."""
        async for _ in messages.follow(ERASURES_CHANGED):
            self._nothing_before = self._clock()
            self._versions.forget()

    async def _get(self, question: Question, compute: Callable[[], Coroutine[Any, Any, bytes]]) -> Answer:
        if not question.is_kept:
            return Answer(await compute(), "bypass", 0.0)
        key = f"answers:{question.tenant}:{hashlib.sha256(question.name.encode('utf-8', 'surrogatepass')).hexdigest()}"
        kept = await self._kept(key)
        try:
            if kept is not None and not question.is_fresh and await self._is_good(question, kept):
                return Answer(kept.body, "hit", self._age(kept))
            known = self._flights.get(key)
            if known is None or question.is_fresh or not known.waiting:  # without anybody it is being given up
                known = self._flights[key] = _Flight(asyncio.create_task(self._ask(key, question, compute), name="answer"))
                known.task.add_done_callback(partial(self._landed, key, known))
            joined = known.waiting > 0
            made = await _shared(known)
        except WarehouseUnavailable:
            if kept is None or question.is_fresh:
                raise
            return Answer(kept.body, "stale", self._age(kept))
        return Answer(made.body, "hit" if joined else "miss", 0.0)

    async def _kept(self, key: str) -> _Kept | None:
        found = await self._cache.get(key)
        kept = None if found is None else msgspec.msgpack.decode(found, type=_Kept)
        return None if kept is None or kept.made_at <= self._nothing_before else kept

    async def _is_good(self, question: Question, kept: _Kept) -> bool:
        age = self._age(kept)
        if self._is_closed(question):
            return age < self._keeping.closed and kept.version == await self._versions.of(question.tenant)
        usual = self._keeping.open if question.open_seconds is None else question.open_seconds
        most = self._keeping.open_most
        serves = max(usual, most if len(self._flights) >= BUSY else min(kept.took, most)) if usual else 0
        # Counted from when it was there: one that took longer would be too old for anybody else at once.
        return age - kept.took < serves

    def _is_closed(self, question: Question) -> bool:
        """Whether the hour of now is none of the question's: it, and those behind it, still fill."""
        return question.until is not None and question.until <= self._clock() // _HOUR * _HOUR

    async def _ask(self, key: str, question: Question, compute: Callable[[], Awaitable[bytes]]) -> _Kept:
        # Before it is computed: what comes meanwhile makes the answer old, not the version.
        began = self._clock()
        version = await self._versions.of(question.tenant) if self._is_closed(question) else ""
        body = await compute()
        kept = _Kept(began, self._clock() - began, version, body)
        if len(body) <= _LARGEST and began > self._nothing_before:
            await self._cache.put(key, msgspec.msgpack.encode(kept), max(self._keeping.stale, self._keeping.closed))
        return kept

    def _age(self, kept: _Kept) -> float:
        return max(0.0, self._clock() - kept.made_at)

    def _landed(self, key: str, flight: _Flight, _: "asyncio.Task[_Kept]") -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if not flight.task.cancelled():
            flight.task.exception()  # everyone who waits has it; maybe nobody does


async def _shared(flight: _Flight) -> _Kept:
    """Wait with others: the last one who leaves takes the computation along."""
    flight.waiting += 1
    try:
        return await asyncio.shield(flight.task)
    finally:
        flight.waiting -= 1
        if not flight.waiting and not flight.task.done():
            flight.task.cancel()
