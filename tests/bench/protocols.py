"""Batches of a hundred in the words of Segment's and PostHog's SDKs, against the same events in Millrace's own, in turns."""

import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.bench.processes import Measured, Process, alone, measured
from tests.bench.protocol_bodies import BATCH, write_batches
from tests.bench.table import Row, ratio_row

_SECONDS = 4.0
_ROUNDS = 3
_CONNECTIONS = 8
_BAR = 0.7


def measure(folder: Path) -> Iterator[Row]:
    """Segment's plain, PostHog's (version 0) compressed; each to its durable answer."""
    plain = {name: write_batches(folder / name, name) for name in ("native", "segment")}
    packed = {name: write_batches(folder / f"{name}.gz", name, compressed=True) for name in ("native", "posthog")}
    with alone(folder / "alone") as process:
        turns = [("/track/batch", plain["native"]), ("/v1/batch", plain["segment"])]
        ours = [tuple(_load(process, *turn) for turn in turns) for _ in range(_ROUNDS)]
        yield from _rows("Segment batch of 100", ours, plain["segment"], plain["native"])
        turns = [("/track/batch", packed["native"]), ("/batch/", packed["posthog"])]
        ours = [tuple(_load(process, *turn, encoding="gzip") for turn in turns) for _ in range(_ROUNDS)]
        yield from _rows("PostHog v0 gzip batch of 100", ours, packed["posthog"], packed["native"])


def _load(process: Process, path: str, bodies: Path, encoding: str = "") -> Measured:
    headers = {"content-encoding": encoding} if encoding else {}
    return measured(process, path, bodies, _CONNECTIONS, _SECONDS, headers=headers, events=BATCH)


def _rows(what: str, rounds: list[tuple[Measured, ...]], bodies: Path, natives: Path) -> Iterator[Row]:
    """The median of the rounds, by the clock and by the processor."""
    bytes_ratio = bodies.stat().st_size / natives.stat().st_size
    told = f"{what} against native /track/batch, {_CONNECTIONS} connections ({bytes_ratio:.2f}x its bytes)"
    rates = [statistics.median(each.rate for each in side) for side in zip(*rounds, strict=True)]
    yield ratio_row(told, rates[1], rates[0], _BAR, "events/s")
    cores = [statistics.median(each.per_core for each in side) for side in zip(*rounds, strict=True)]
    yield ratio_row("the same, per core", cores[1], cores[0], None, "events/s of processor")
