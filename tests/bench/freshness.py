"""From a POST to the same event in ``/query``, while half of the sustained load runs."""

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from tests.bench.bodies import write_bodies
from tests.bench.processes import load, server
from tests.bench.table import Row

_SECONDS = 60.0
_RATE = 200


def measure(folder: Path) -> Iterator[Row]:
    """A marked event every half second, asked for every 20 ms until it is there."""
    batch = write_bodies(folder / "batch", 100)
    with server(folder) as ours, ThreadPoolExecutor(1) as beside:
        loading = beside.submit(load, f"{ours.url}/track/batch", batch, connections=32, seconds=_SECONDS, rate=_RATE)
        time.sleep(5)
        waits = sorted(_wait(ours.url) for _ in range(60) if not loading.done())
        report = loading.result()
    p50, p99 = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
    yield Row(
        f"POST to visible in /query at {report['events_per_second']:,.0f} events/s ({len(waits)} probes)",
        f"p50 {p50:.2f} s, p99 {p99:.2f} s, max {waits[-1]:.2f} s",
        "p50 <= 0.5 s, p99 <= 1.2 s",
        p50 <= 0.5 and p99 <= 1.2,
    )


def _wait(url: str) -> float:
    tenant = "probe"
    event_id = str(uuid.uuid4())
    event = {"customer_id": tenant, "visitor_id": "v", "event_type": "probe", "event_id": event_id}
    sql = f"SELECT count() FROM events_raw WHERE customer_id = '{tenant}' AND event_id = '{event_id}'"
    started = time.perf_counter()
    httpx.post(f"{url}/track", json=event, timeout=30).raise_for_status()
    while True:
        answer = httpx.post(f"{url}/query", json={"customer_id": tenant, "sql": sql}, timeout=30)
        if answer.status_code == 200 and answer.json()["data"][0]["count()"] == 1:
            waited = time.perf_counter() - started
            time.sleep(max(0.0, 0.5 - waited))
            return waited
        time.sleep(0.02)
