"""What keys and limits cost of the rate of single events over HTTP: ingestion with both against one without, in turns."""

import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.bench.bodies import write_bodies
from tests.bench.ingestion import SECRET
from tests.bench.processes import Measured, Process, alone, measured
from tests.bench.table import Row

_SECONDS = 5.0
_ROUNDS = 5
_CONNECTIONS = 64
_BAR = 0.05


def measure(folder: Path) -> Iterator[Row]:
    """A thousand keys, a limit that is not reached."""
    bodies = write_bodies(folder / "single", 1)
    with alone(folder / "open") as open_one, alone(folder / "closed", MILLRACE_BENCH_KEYS="1") as closed:
        key = {"authorization": f"Bearer {SECRET}"}
        # Both hear the header, so that reading it is in neither's favour.
        rounds = [(_load(open_one, bodies, key), _load(closed, bodies, key)) for _ in range(_ROUNDS)]
    rates = [statistics.median(each.rate for each in side) for side in zip(*rounds, strict=True)]
    yield _row("a key and a limit, of the single-event rate, 64 connections", rates, "events/s")
    cores = [statistics.median(each.per_core for each in side) for side in zip(*rounds, strict=True)]
    yield _row("the same, per core", cores, "events/s of processor")


def _load(process: Process, bodies: Path, headers: dict[str, str]) -> Measured:
    return measured(process, "/track", bodies, _CONNECTIONS, _SECONDS, headers=headers)


def _row(what: str, figures: list[float], unit: str) -> Row:
    cost = 1 - figures[1] / figures[0]
    return Row(what, f"{figures[1]:,.0f} against {figures[0]:,.0f} {unit}: {cost:.1%}", f"<= {_BAR:.0%}", cost <= _BAR)
