"""Tracking requests to Kafka: the ingestion service against the naive server on the same broker, and against itself on the
embedded log.

Per core means per second of processor time of the server; the broker's own is not part of it.
"""

from collections.abc import Iterator
from pathlib import Path

from tests.bench.bodies import write_bodies
from tests.bench.kafka.broker import SHARE, new_topic, running_broker
from tests.bench.processes import alone, measured, naive
from tests.bench.table import Row, ratio_row

_SECONDS = 10.0 * SHARE
_SINGLE, _BATCH = 64, 16
"""Connections."""


def measure(folder: Path) -> Iterator[Row]:
    """Single events and batches of 100, each to its durable answer."""
    single, batch = write_bodies(folder / "single", 1), write_bodies(folder / "batch", 100)
    with running_broker(folder) as broker:
        their_url, our_url = new_topic(broker, "naive"), new_topic(broker, "events")
        with (
            naive(folder / "naive", MILLRACE_LOG_URL=their_url) as theirs,
            alone(folder / "alone", MILLRACE_LOG_URL=our_url) as ours,
            alone(folder / "embedded") as embedded,
        ):
            naive_batch = measured(theirs, "/track/batch", batch, _BATCH, _SECONDS)
            our_batch = measured(ours, "/track/batch", batch, _BATCH, _SECONDS)
            embedded_batch = measured(embedded, "/track/batch", batch, _BATCH, _SECONDS)
            naive_single = measured(theirs, "/track", single, _SINGLE, _SECONDS)
            our_single = measured(ours, "/track", single, _SINGLE, _SECONDS)
            embedded_single = measured(embedded, "/track", single, _SINGLE, _SECONDS)
    what = f"ingestion to Kafka, batches of 100, {_BATCH} connections"
    per_core = "events/s of processor"
    yield ratio_row(f"{what}, per core, against naive", our_batch.per_core, naive_batch.per_core, 10, per_core)
    yield ratio_row("the same against the embedded log", our_batch.per_core, embedded_batch.per_core, 0.8, per_core)
    yield ratio_row("the same against naive, per second of the clock", our_batch.rate, naive_batch.rate, None, "events/s")
    what = f"single-event POST to Kafka, {_SINGLE} connections"
    yield ratio_row(f"{what}, per core, against naive", our_single.per_core, naive_single.per_core, 5, per_core)
    yield ratio_row("the same against the embedded log", our_single.per_core, embedded_single.per_core, None, per_core)
    yield ratio_row("the same against naive, per second of the clock", our_single.rate, naive_single.rate, None, "/s")
    latency = f"{our_batch.report['p50_ms']:.0f} and {our_batch.report['p99_ms']:.0f} ms"
    yield Row(f"durable answer to a batch of 100, {_BATCH} connections that never pause, p50 and p99", latency, "", None)
