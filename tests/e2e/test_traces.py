"""A trace goes from the request through the log to where its events can be found, in one process and in two."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import plain
from tests.support.distributed import Distributed
from tests.support.kafka_mock import mock_kafka
from tests.support.otlp import Collector, collector
from tests.support.server import Server, free_port

pytestmark = pytest.mark.minutes

_TRACE = "0af7651916cd43dd8448eb211c80319c"
_PARENT = "b7ad6b7169203331"
_EVENT = {"customer_id": "shop", "visitor_id": "v", "event_type": "page_view"}


@pytest.fixture
def collected() -> Iterator[Collector]:
    with collector() as running:
        yield running


def _until(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def _post(server: Server, sampled: str = "01") -> None:
    headers = {"traceparent": f"00-{_TRACE}-{_PARENT}-{sampled}"}
    assert plain.post(f"{server.url}/track", json=_EVENT, headers=headers, timeout=30).status_code == 200


def _follow(collected: Collector) -> None:
    """From the client's span to the stored events."""
    parts = ("POST /track", "append to the log", "events stored")  # each process sends its own when it likes
    _until(lambda: all(collected.named(part, _TRACE) for part in parts), "the trace has its parts")
    _until(lambda: any(span.links for span in collected.named("insert a batch")), "the batch is told")
    (request,) = collected.named("POST /track", _TRACE)
    (append,) = collected.named("append to the log", _TRACE)
    (stored,) = collected.named("events stored", _TRACE)
    assert request.parent_span_id.hex() == _PARENT
    assert append.parent_span_id == request.span_id
    assert stored.parent_span_id == append.span_id
    batch = next(span for span in collected.named("insert a batch") if span.links)
    assert [link.span_id for link in batch.links] == [append.span_id]
    assert [link.span_id for link in stored.links] == [batch.span_id]
    said = {one.key: one.value.string_value or one.value.int_value for one in request.attributes}
    assert (said["http.route"], said["http.response.status_code"]) == ("/track", 200)


def test_one_process_tells_all_of_it(tmp_path: Path, collected: Collector) -> None:
    server = Server(tmp_path / "data", {"MILLRACE_OTLP_ENDPOINT": collected.url, "MILLRACE_OTLP_RATIO": "1"})
    server.start()
    _post(server)
    _follow(collected)
    assert plain.get(f"{server.url}/dashboard/realtime/shop", timeout=30).status_code == 200
    _until(lambda: collected.named("GET /dashboard/realtime/{customer_id}"), "questions are traced by their route")
    assert server.stop() == 0
    assert collected.services == {"millrace-standalone"}
    assert not any("/ready" in span.name for span in collected.spans)


def test_what_its_client_does_not_trace_is_not_traced(tmp_path: Path, collected: Collector) -> None:
    server = Server(tmp_path / "data", {"MILLRACE_OTLP_ENDPOINT": collected.url, "MILLRACE_OTLP_RATIO": "1"})
    server.start()
    _post(server, sampled="00")
    server.wait_until_stored()
    assert server.stop() == 0  # and has sent what was left
    assert collected.named("insert a batch")
    assert [span for span in collected.spans if span.trace_id.hex() == _TRACE] == []


def test_a_collector_that_is_away_keeps_nobody_waiting(tmp_path: Path) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    server = Server(tmp_path / "data", {"MILLRACE_OTLP_ENDPOINT": away, "MILLRACE_OTLP_RATIO": "1"})
    server.start()
    for _ in range(20):
        _post(server)
    server.wait_until_stored()
    assert server.stop() == 0


def test_a_trace_passes_kafka_in_its_headers(tmp_path: Path, collected: Collector) -> None:
    with mock_kafka() as kafka:
        kafka.topic("events", 3)
        kafka.topic("events.dlq", 1)
        environment = {"MILLRACE_OTLP_ENDPOINT": collected.url, "MILLRACE_OTLP_RATIO": "1"}
        platform = Distributed(tmp_path, f"kafka://{kafka.brokers}/events", environment)
        try:
            platform.start()
            _post(platform.ingestion)
            _follow(collected)
            assert list(platform.stop()) == [0, 0, 0]
        finally:
            platform.kill()
    assert collected.services >= {"millrace-ingestion", "millrace-consumer"}
