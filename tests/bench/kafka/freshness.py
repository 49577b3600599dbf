"""From a POST to the same event in ``/query`` through three services, Kafka and a ClickHouse server, at half of what they take.

What they take is measured first: batches as fast as they are answered, until the last of them is stored.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bench.bodies import write_bodies
from tests.bench.freshness import waits_of
from tests.bench.kafka.broker import SHARE, running_broker
from tests.bench.kafka.platform import running_platform
from tests.bench.processes import load
from tests.bench.table import Row

_FULL_SECONDS = 20.0 * SHARE
_SECONDS = 45.0 * SHARE
_CONNECTIONS = 16


def measure(folder: Path) -> Iterator[Row]:
    """A marked event every half second, asked for every 20 ms until it is there."""
    batch = write_bodies(folder / "batch", 100)
    with running_broker(folder) as broker, running_platform(folder, broker) as platform, ThreadPoolExecutor(1) as beside:
        url = f"{platform.ingestion.url}/track/batch"
        began = time.perf_counter()
        full = load(url, batch, connections=_CONNECTIONS, seconds=_FULL_SECONDS)
        platform.consumer.wait_until_stored(120)
        taken = full["accepted"] / (time.perf_counter() - began)
        rate = taken / 2 / 100
        loading = beside.submit(load, url, batch, connections=_CONNECTIONS, seconds=_SECONDS, rate=rate)
        time.sleep(3)
        waits = waits_of(platform.ingestion.url, platform.analytics.url, loading)
        half = loading.result()
    assert set(half["statuses"]) == {"200"}, half
    yield Row("three services, from POST to stored, as fast as they take it", f"{taken:,.0f} events/s", "", None)
    p50, p99 = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
    yield Row(
        f"POST to visible in /query at half of that, {half['events_per_second']:,.0f} events/s ({len(waits)} probes)",
        f"p50 {p50:.2f} s, p99 {p99:.2f} s, max {waits[-1]:.2f} s",
        "p99 <= 2 s",
        p99 <= 2,
    )
