"""Tracking requests against the naive server on the same log, one after the other in the same run.

First the ingestion service alone (the naive server has no consumer either), at several numbers of connections: with few of
them the naive batch waits for one commit after the other, with many its commits are shared. Then the whole platform.
"""

from collections.abc import Iterator
from pathlib import Path

from tests.bench.bodies import write_bodies
from tests.bench.processes import Measured, Process, alone, measured, naive, server
from tests.bench.table import Row, ratio_row

_SECONDS = 8.0


def measure(folder: Path) -> Iterator[Row]:
    """Single events and batches of 100, each to its durable answer."""
    single, batch = write_bodies(folder / "single", 1), write_bodies(folder / "batch", 100)
    with naive(folder / "naive") as theirs, alone(folder / "alone") as ours:
        naive_single, our_single = (_load(each, "/track", single, 64) for each in (theirs, ours))
        yield ratio_row(
            "single-event POST, durable, per core", our_single.per_core, naive_single.per_core, 5, "/s of processor"
        )
        yield ratio_row("the same, per second of the clock, 64 connections", our_single.rate, naive_single.rate, None, "/s")
        for connections in (1, 4, 16, 64):
            naive_batch, our_batch = (_load(each, "/track/batch", batch, connections) for each in (theirs, ours))
            what = f"batch of 100 to durable answer, {connections} connections"
            yield ratio_row(what, our_batch.rate, naive_batch.rate, 10, "events/s")
    with server(folder) as platform:
        process = Process(platform.url, platform.pid)
        with_consumer = _load(process, "/track", single, 64)
        platform.wait_until_stored()
        batches_with_consumer = _load(process, "/track/batch", batch, 16)
    yield ratio_row("single-event POST, the consumer running beside", with_consumer.rate, naive_single.rate, None, "/s")
    yield Row(
        "batch of 100, 16 connections, the consumer running beside", f"{batches_with_consumer.rate:,.0f} events/s", "", None
    )


def _load(process: Process, path: str, bodies: Path, connections: int) -> Measured:
    return measured(process, path, bodies, connections, _SECONDS)
