"""Everything at once, for minutes: accepted, stored, in bounded memory."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.bench.bodies import write_bodies
from tests.bench.processes import MemoryWatch, cpu_seconds, load, server
from tests.bench.table import Row

_SECONDS = float(os.environ.get("MILLRACE_BENCH_SUSTAINED_SECONDS", "600"))
_RATE = 400  # batches of 100 a second
_BAR = 40_000


def measure(folder: Path) -> Iterator[Row]:
    """Batches of 100 at the rate of the bar; the lag at the end counts against it."""
    batch = write_bodies(folder / "batch", 100)
    with server(folder) as ours:
        cpu = cpu_seconds(ours.pid)
        with MemoryWatch(ours.pid) as memory:
            report = load(f"{ours.url}/track/batch", batch, connections=32, seconds=_SECONDS, rate=_RATE)
            lag = httpx.get(f"{ours.url}/health", timeout=30).json()["details"]["lag"]
            used = (cpu_seconds(ours.pid) - cpu) / report["seconds"]
            ours.wait_until_stored(_SECONDS)
    assert set(report["statuses"]) == {"200"}, report
    stored = (report["accepted"] - lag["events"]) / report["seconds"]
    third = max(1, len(memory.samples) // 3)
    early, late = max(memory.samples[:third]), max(memory.samples[-third:])
    yield Row(
        f"sustained end to end, batches of 100, {report['seconds']:.0f} s",
        f"{stored:,.0f} events/s stored, {used:.2f} cores, lag at the end {lag['events']:,}, answer p99 {report['p99_ms']} ms",
        f">= {_BAR:,} events/s",
        stored >= _BAR * 0.995,  # the generator itself sends 0.1 % less
    )
    yield Row(
        "memory while that lasts",
        f"at most {max(memory.samples):.0f} MB, first third {early:.0f}, last third {late:.0f}",
        "flat under 1 GB",
        max(memory.samples) < 1000,
    )
