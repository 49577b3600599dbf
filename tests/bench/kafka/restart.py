"""The broker is stopped or killed under load and comes back: how long after its port answers an event is accepted again, and
how long until such an event is in the warehouse."""

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from tests.bench.bodies import write_bodies
from tests.bench.freshness import event_of, is_visible
from tests.bench.kafka.broker import SHARE, running_broker
from tests.bench.kafka.platform import running_platform
from tests.bench.processes import load
from tests.bench.table import Row
from tests.support.distributed import Distributed
from tests.support.kafka_broker import KafkaBroker

_DOWN_SECONDS: Final = (1.0, 8.0, 25.0)
_BAR = 5.0
_GIVE_UP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Recovery:
    """Seconds since the broker's port answered."""

    accepted: float
    visible: float


def measure(folder: Path) -> Iterator[Row]:
    """Stopped and killed in turn, for a moment, for some seconds, and for long enough that everybody has given up waiting."""
    batch = write_bodies(folder / "batch", 100)
    found: dict[str, _Recovery] = {}
    with running_broker(folder) as broker, running_platform(folder, broker) as platform, ThreadPoolExecutor(1) as beside:
        for number, down in enumerate(_DOWN_SECONDS):
            kind = "stopped" if number % 2 else "killed"
            url = f"{platform.ingestion.url}/track/batch"
            loading = beside.submit(load, url, batch, connections=4, seconds=down + 15 * SHARE, rate=20)
            time.sleep(3)
            if number % 2:
                broker.stop()
            else:
                broker.kill()
            time.sleep(down)
            found[f"{kind} for {down:.0f} s"] = _recovery(platform, broker)
            loading.result()
            platform.consumer.wait_until_stored()
    for what, one in found.items():
        yield Row(
            f"broker {what} under load: an event accepted again, and one visible, after it is back",
            f"{one.accepted:.1f} s, {one.visible:.1f} s",
            f"<= {_BAR:.0f} s",
            one.visible <= _BAR,
        )


def _recovery(platform: Distributed, broker: KafkaBroker) -> _Recovery:
    broker.start()
    back = time.perf_counter()
    event_id = str(uuid.uuid4())
    with httpx.Client(timeout=30) as client:
        while not _is_accepted(client, platform.ingestion.url, event_id):
            assert time.perf_counter() - back < _GIVE_UP_SECONDS, platform.ingestion.tail()
            time.sleep(0.05)
        accepted = time.perf_counter() - back
        while not is_visible(client, platform.analytics.url, event_id):
            assert time.perf_counter() - back < _GIVE_UP_SECONDS, platform.consumer.tail()
            time.sleep(0.05)
        return _Recovery(accepted, time.perf_counter() - back)


def _is_accepted(client: httpx.Client, url: str, event_id: str) -> bool:
    return client.post(f"{url}/track", json=event_of(event_id)).status_code == 200
