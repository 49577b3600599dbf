"""From a POST to the same event in ``/query``, while half of the sustained load runs."""

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from tests.bench.bodies import write_bodies
from tests.bench.processes import load, server
from tests.bench.table import Row

_SECONDS = 60.0
_RATE = 200
_PROBES = 60
_TENANT = "probe"


def measure(folder: Path) -> Iterator[Row]:
    """A marked event every half second, asked for every 20 ms until it is there."""
    batch = write_bodies(folder / "batch", 100)
    with server(folder) as ours, ThreadPoolExecutor(1) as beside:
        loading = beside.submit(load, f"{ours.url}/track/batch", batch, connections=32, seconds=_SECONDS, rate=_RATE)
        time.sleep(5)
        waits = waits_of(ours.url, ours.url, loading)
        report = loading.result()
    p50, p99 = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
    yield Row(
        f"POST to visible in /query at {report['events_per_second']:,.0f} events/s ({len(waits)} probes)",
        f"p50 {p50:.2f} s, p99 {p99:.2f} s, max {waits[-1]:.2f} s",
        "p50 <= 0.5 s, p99 <= 1.2 s",
        p50 <= 0.5 and p99 <= 1.2,
    )


def waits_of(tracking: str, asking: str, loading: "Future[Any]") -> list[float]:
    """Seconds of each probe, ascending, while the load lasts.

    Args:
        tracking: URL of the service that takes events.
        asking: of the one that answers questions.
    """
    with httpx.Client(timeout=30) as client:
        return sorted(_wait(client, tracking, asking) for _ in range(_PROBES) if not loading.done())


def event_of(event_id: str) -> dict[str, str]:
    """A marked event."""
    return {"customer_id": _TENANT, "visitor_id": "v", "event_type": "probe", "event_id": event_id}


def is_visible(client: httpx.Client, url: str, event_id: str) -> bool:
    """Whether SQL sees it."""
    sql = f"SELECT count() FROM events_raw WHERE customer_id = '{_TENANT}' AND event_id = '{event_id}'"
    answer = client.post(f"{url}/query", json={"customer_id": _TENANT, "sql": sql}, headers={"Cache-Control": "no-cache"})
    return answer.status_code == 200 and bool(answer.json()["data"][0]["count()"] == 1)


def _wait(client: httpx.Client, tracking: str, asking: str) -> float:
    event_id = str(uuid.uuid4())
    started = time.perf_counter()
    client.post(f"{tracking}/track", json=event_of(event_id)).raise_for_status()
    while not is_visible(client, asking, event_id):
        time.sleep(0.02)
    waited = time.perf_counter() - started
    time.sleep(max(0.0, 0.5 - waited))
    return waited
