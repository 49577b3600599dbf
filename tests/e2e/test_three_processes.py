"""The distributed size as its users run it: three processes, which only their neighbours' addresses connect."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import plain
from tests.support.analytics import post, streaming, view
from tests.support.commands import millrace
from tests.support.distributed import Distributed
from tests.support.kafka_mock import MockKafka, mock_kafka

pytestmark = pytest.mark.minutes


@pytest.fixture(scope="module")
def kafka() -> Iterator[MockKafka]:
    with mock_kafka() as cluster:
        yield cluster


def _on(kafka: MockKafka, folder: Path, topic: str) -> Distributed:
    """The services on new topics of the mock cluster, which makes none by request."""
    kafka.topic(topic, 3)
    kafka.topic(f"{topic}.dlq", 1)
    return Distributed(folder, f"kafka://{kafka.brokers}/{topic}")


@pytest.fixture(scope="module")
def platform(kafka: MockKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Distributed]:
    running = _on(kafka, tmp_path_factory.mktemp("distributed"), "events")
    try:
        running.start()
        yield running
        assert list(running.stop()) == [0, 0, 0]
    finally:
        running.kill()


async def test_an_event_passes_three_processes(platform: Distributed) -> None:
    async with streaming(platform.analytics, "shop") as stream:
        post(platform.ingestion, view("shop", "v1", "/"), view("shop", "v2", "/docs"), view("other"))
        seen: set[str] = set()
        while seen != {"v1", "v2"}:  # each comes from a partition of its own
            seen |= {event["visitor_id"] for event in (await stream.next()).events}
    await platform.until_stored(["shop"], 2)
    sql = "SELECT page_path, count() AS n FROM events_raw WHERE customer_id = 'shop' GROUP BY page_path ORDER BY page_path"
    assert platform.ask("shop", sql) == [{"page_path": "/", "n": 1}, {"page_path": "/docs", "n": 1}]
    board = plain.get(f"{platform.analytics.url}/dashboard/realtime/shop", timeout=30).json()
    assert sum(one["event_count"] for one in board["events_timeline"]) == 2


def test_what_became_of_events_is_told_by_a_process_that_neither_took_nor_stored_them(platform: Distributed) -> None:
    event = view("outcomes", event_id="mine")
    for _ in range(2):
        post(platform.ingestion, event)
        _until(platform, "/events/mine", lambda found: found.get("status") == "stored")
    refused = plain.post(f"{platform.ingestion.url}/track", json={**event, "event_id": "bad", "timestamp": "soon"})
    assert refused.status_code == 400

    found = _until(platform, "/events/mine", lambda found: found["duplicates"]["times"] == 1)
    assert (found["client_event_id"], found["log_position"]["index"]) == ("mine", 0)
    assert _until(platform, "/events/bad", lambda found: "status" in found)["reason"] == "invalid_timestamp"
    totals = _until(platform, "/ingest/report/outcomes", lambda report: report["totals"]["received"] == 3)["totals"]
    assert (totals["accepted"], totals["duplicate"], totals["rejected"]) == (1, 1, {"invalid_timestamp": 1})
    nobody = plain.get(f"{platform.analytics.url}/events/nobody", params={"customer_id": "outcomes"}, timeout=30)
    assert (nobody.status_code, nobody.json()["detail"]["log"]["whole"]) == (404, True)


def _until(platform: Distributed, path: str, enough: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + 60
    while True:
        answer = plain.get(f"{platform.analytics.url}{path}", params={"customer_id": "outcomes"}, timeout=30).json()
        if enough(answer):
            return answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)


def test_each_service_tells_who_it_is_and_answers_its_own_routes_only(platform: Distributed) -> None:
    names = [plain.get(f"{service.url}/").json()["service"] for service in platform.services]
    assert names == ["real-time-analytics-ingestion", "real-time-analytics-consumer", "real-time-analytics-api"]
    event = view("routes")
    answers = [plain.post(f"{service.url}/track", json=event).status_code for service in platform.services]
    assert answers == [200, 404, 404]
    question = {"customer_id": "routes", "sql": "SELECT 1 AS one"}
    answers = [plain.post(f"{service.url}/query", json=question).status_code for service in platform.services]
    assert answers == [404, 404, 200]
    checks = [set(plain.get(f"{service.url}/ready").json()["checks"]) for service in platform.services]
    assert checks == [{"ingestion"}, {"consumer", "records"}, {"warehouse"}]


def test_commands_ask_the_consumer_of_their_folder(platform: Distributed) -> None:
    told = millrace("status", "--data-dir", platform.consumer.data_dir)
    assert told.code == 0, told.err
    assert "consumer ok" in told.out
    assert millrace("audit", "--data-dir", platform.consumer.data_dir).code == 0
    assert millrace("dlq", "list", "--data-dir", platform.consumer.data_dir).code == 0


@pytest.mark.parametrize("command", ["ingestion", "analytics", "consumer"])
def test_a_service_alone_refuses_an_engine_that_is_of_one_process(tmp_path: Path, command: str) -> None:
    refused = millrace(command, "--port", "0", "--data-dir", tmp_path)
    assert refused.code == 2
    assert refused.err.startswith("millrace: MILLRACE_LOG_URL has to be kafka://")
    assert ("MILLRACE_WAREHOUSE_URL has to be clickhouse://" in refused.err) == (command != "ingestion")


def test_somebody_is_handed_out_and_erased_by_the_process_that_stores(platform: Distributed) -> None:
    events = [
        view("people", "laptop", "/ada"),
        {**view("people", "laptop"), "event_type": "identify", "user_id": "ada"},
        view("people", "other", "/"),
    ]
    post(platform.ingestion, *events)
    deadline = time.monotonic() + 60
    while platform.count("people") < len(events):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    asked = ("people", "--user", "ada", "--data-dir", platform.consumer.data_dir)

    exported = millrace("privacy", "export", *asked)
    assert exported.code == 0, exported.err
    assert [json.loads(line)["table"] for line in exported.out.splitlines()] == ["events_raw", "events_raw", "identity_links"]

    done = millrace("privacy", "erase", *asked, "--yes", "--json")
    assert done.code == 0, done.err + platform.consumer.tail()
    told = json.loads(done.out)
    assert (told["rows"], told["log"]) == ({"events_raw": 2, "identity_links": 1, "dead_letters": 0}, "retention")
    assert told["remaining"] == {"events_raw": 0, "identity_links": 0, "dead_letters": 0}
    assert platform.ask("people", "SELECT visitor_id FROM events_raw WHERE customer_id = 'people'") == [{"visitor_id": "other"}]
    rollup = "SELECT sum(events) AS events, uniqMerge(visitors) AS visitors FROM events_by_hour WHERE customer_id = 'people'"
    assert platform.ask("people", rollup) == [{"events": 1, "visitors": 1}]
