"""Tracking requests against the naive server on the same log, one after the other in the same run."""

from collections.abc import Iterator
from pathlib import Path

from tests.bench.bodies import write_bodies
from tests.bench.processes import load, naive, server
from tests.bench.table import Row, ratio_row

_SECONDS = 8.0


def measure(folder: Path) -> Iterator[Row]:
    """Single events and batches of 100, each to its durable answer, the consumer running."""
    single, batch = write_bodies(folder / "single", 1), write_bodies(folder / "batch", 100)
    with naive(folder / "naive") as url:
        naive_single = load(f"{url}/track", single, connections=64, seconds=_SECONDS)
        naive_batch = load(f"{url}/track/batch", batch, connections=16, seconds=_SECONDS)
    with server(folder) as ours:
        our_single = load(f"{ours.url}/track", single, connections=64, seconds=_SECONDS)
        ours.wait_until_stored()
        our_batch = load(f"{ours.url}/track/batch", batch, connections=16, seconds=_SECONDS)
    for report in (naive_single, naive_batch, our_single, our_batch):
        assert set(report["statuses"]) == {"200"}, report
    yield ratio_row(
        "single-event POST, durable, 64 connections",
        our_single["requests_per_second"],
        naive_single["requests_per_second"],
        5,
        "/s",
    )
    yield ratio_row(
        "batch of 100 to durable answer, 16 connections",
        our_batch["events_per_second"],
        naive_batch["events_per_second"],
        10,
        "events/s",
    )
