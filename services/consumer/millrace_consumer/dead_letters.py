"""Finding the rows that the warehouse refuses, and when to stop setting rows aside."""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from millrace_consumer.batches import Batch

Probe = Callable[[bytes], Awaitable[str | None]]
"""The reason why the warehouse would refuse these rows, or None."""

_WINDOW: Final = 1000


async def judged_rows(batch: Batch, rows: Sequence[int], probe: Probe) -> AsyncIterator[tuple[Sequence[int], str | None]]:
    """All the rows in their order: those that the warehouse takes in stretches with None, each refused one with its reason.

    Found by halving until each refused row stands alone: two bad rows in 10,000 take 53 probes.
    """
    reason = await probe(b"".join(batch.payload(rows)))
    if reason is None or len(rows) == 1:
        yield rows, reason
        return
    middle = len(rows) // 2
    for half in (rows[:middle], rows[middle:]):
        async for judged in judged_rows(batch, half, probe):
            yield judged


class DeadLetterLimit:
    """Tells a few bad rows from a bad deployment, which must stop the consumer rather than empty the log into dead letters.

    Args:
        ratio: share of refused rows among the last 1,000 rows above which to stop.
        run: number of rows refused one after the other at which to stop.
    """

    def __init__(self, ratio: float, run: int) -> None:
        self._ratio = ratio
        self._run = run
        self._past = _Outcomes(deque(maxlen=_WINDOW), 0)

    def trial(self) -> "Trial":
        """A batch to be judged after those before it; forgotten unless it is kept."""
        return Trial(_Outcomes(self._past.last.copy(), self._past.run), self._ratio, self._run)

    def keep(self, trial: "Trial") -> None:
        """Its rows count from now on."""
        self._past = trial.outcomes

    def passed(self, rows: int) -> None:
        """So many rows were stored without a refusal."""
        self._past.add(refused=False, rows=rows)


class Trial:
    """The rows of one batch against the limit."""

    def __init__(self, outcomes: "_Outcomes", ratio: float, run: int) -> None:
        self.outcomes = outcomes
        self._ratio = ratio
        self._run = run

    def passes_limit(self, *, refused: bool, rows: int = 1) -> bool:
        """Whether these rows, after those before, are too many."""
        self.outcomes.add(refused=refused, rows=rows)
        if not refused:
            return False
        last = self.outcomes.last
        return self.outcomes.run >= self._run or (len(last) == _WINDOW and sum(last) > self._ratio * _WINDOW)


@dataclass
class _Outcomes:
    """The last rows (True: refused), and how many of the newest were refused without a break."""

    last: deque[bool]
    run: int

    def add(self, *, refused: bool, rows: int) -> None:
        self.last.extend([refused] * min(rows, _WINDOW))
        self.run = self.run + rows if refused else 0
