"""What keys and limits cost of the rate of single events over HTTP: ingestion with both against one without.

A shared machine gives and takes a tenth of its speed within seconds, and two processes of the same code differ by some percent
for as long as they live (where their memory lies, how their hashes fall). So the servers are started anew several times; each
time they take short turns, there and back: the one with keys between two without, against whose mean it stands. What the second
of these "costs" against the first says how far such a measurement can be believed.
"""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from math import comb
from pathlib import Path
from typing import Final, NamedTuple

from tests.bench.bodies import write_bodies
from tests.bench.ingestion import SECRET
from tests.bench.processes import Measured, Process, alone, measured
from tests.bench.table import Row

_STARTS: Final = 6
_TURNS: Final = 4
_SECONDS: Final = 1.5
_CONNECTIONS: Final = 64
_BAR: Final = 0.05
_KEY: Final = {"authorization": f"Bearer {SECRET}"}
"""All of them hear the header, so that reading it is in nobody's favour."""


class Turn(NamedTuple):
    """The three servers, one right after the other."""

    opened: Measured
    keyed: Measured
    twin: Measured
    """Another one like the first."""


class Cost(NamedTuple):
    """Shares of the first figure that the second is below it: the median of all turns, and between what it lies in 19 of 20
    measurements."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:.1%} ({self.least:.1%} to {self.most:.1%})"


def measure(folder: Path) -> Iterator[Row]:
    """A thousand keys, a limit that is not reached."""
    bodies = write_bodies(folder / "single", 1)
    turns = [turn for number in range(_STARTS) for turn in _turns(folder / str(number), bodies)]
    opened, keyed, twin = ([one.rate for one in side] for side in zip(*turns, strict=True))
    without = _means(opened, twin)
    yield _row("a key and a limit, of the single-event rate, 64 connections", without, keyed, "events/s", bar=_BAR)
    yield _row("a second server without them, of the rate of the first: what this can tell", opened, twin, "events/s")
    opened, keyed, twin = ([one.per_core for one in side] for side in zip(*turns, strict=True))
    yield _row("a key and a limit, per core", _means(opened, twin), keyed, "events/s of processor")
    yield _row("the second server, per core", opened, twin, "events/s of processor")


def _means(opened: Sequence[float], twin: Sequence[float]) -> list[float]:
    return [(one + other) / 2 for one, other in zip(opened, twin, strict=True)]


def _turns(folder: Path, bodies: Path) -> Iterator[Turn]:
    """Of servers that are started for them."""
    with ExitStack() as stack:
        keys: dict[str, dict[str, str]] = {"opened": {}, "keyed": {"MILLRACE_BENCH_KEYS": "1"}, "twin": {}}
        servers = {name: stack.enter_context(alone(folder / name, **more)) for name, more in keys.items()}
        for each in servers.values():
            _load(each, bodies)
        for number in range(_TURNS):
            names = list(servers) if number % 2 == 0 else list(reversed(servers))
            yield Turn(**{name: _load(servers[name], bodies) for name in names})


def _load(process: Process, bodies: Path) -> Measured:
    return measured(process, "/track", bodies, _CONNECTIONS, _SECONDS, headers=_KEY)


def cost_of(base: Sequence[float], other: Sequence[float]) -> Cost:
    """Of pairs that were measured together. The interval is that of the sign test, which takes nothing about them for
    granted."""
    costs = sorted(1 - theirs / ours for ours, theirs in zip(base, other, strict=True))
    outside, below = 0, 0.0
    while outside < len(costs) // 2 and below + comb(len(costs), outside) / 2 ** len(costs) <= 0.025:
        below += comb(len(costs), outside) / 2 ** len(costs)
        outside += 1
    at = max(0, outside - 1)
    return Cost(statistics.median(costs), costs[at], costs[-1 - at])


def _row(what: str, base: Sequence[float], other: Sequence[float], unit: str, *, bar: float | None = None) -> Row:
    cost = cost_of(base, other)
    figures = f"{statistics.median(other):,.0f} against {statistics.median(base):,.0f} {unit}: {cost}"
    return Row(what, figures, "", None) if bar is None else Row(what, figures, f"<= {bar:.0%}", cost.median <= bar)
