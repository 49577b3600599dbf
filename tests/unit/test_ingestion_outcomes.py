"""What ingestion tells the log of events that it does not accept: summed up, once, and under the tenant that it knows."""

import asyncio
import base64
import json
from typing import Any

import pytest

from millrace_core.errors import LogUnavailable
from millrace_eventlog.outcomes import OUTCOMES, outcome_of
from millrace_ingestion.outcomes import Outcomes
from millrace_ingestion.protocols.routes import ROUTES
from millrace_service.metrics import Metrics
from tests.support.ingestion import EVENT, NOW, MemoryLog, Tracker, tracker

_BAD = {"customer_id": "demo", "visitor_id": "v1"}


@pytest.fixture
def client() -> Tracker:
    return tracker()


async def test_an_accepted_event_tells_nothing(client: Tracker) -> None:
    assert (await client.post("/track", EVENT)).status == 200
    assert await client.told() == []


async def test_refused_events_are_told_by_reason_with_the_ids_that_they_came_with(client: Tracker) -> None:
    events = [EVENT, {**_BAD, "event_id": "mine"}, {**_BAD, "event_id": 7}, {**EVENT, "timestamp": "soon", "event_id": "late"}]
    assert (await client.post("/track/batch", {"events": events})).status == 200
    assert await client.told() == [
        ("demo", "rejected", "invalid_timestamp", "native", 1, ["late"]),
        ("demo", "rejected", "missing_event_type", "native", 2, ["mine", "7"]),
    ]
    assert await client.told() == []


async def test_an_event_that_cannot_be_read_counts_for_the_tenant_that_it_names(client: Tracker) -> None:
    bad = {**EVENT, "event_type": "x" * 300, "event_id": "long"}
    assert (await client.post("/track/batch", {"events": [EVENT, bad]})).status == 200
    assert (await client.post("/track", bad)).status == 400
    assert await client.told() == [("demo", "rejected", "string_too_long", "native", 2, ["long"])]


@pytest.mark.parametrize("body", ["{", '{"visitor_id":"v1","event_type":"x"}', '{"customer_id":"no/body","event_type":"x"}'])
async def test_events_of_nobody_are_in_no_report(client: Tracker, body: str) -> None:
    assert (await client.post("/track", body)).status == 400
    assert await client.told() == []


async def test_a_strict_batch_tells_the_good_events_that_were_refused_with_the_bad_one(client: Tracker) -> None:
    events = [{**EVENT, "event_id": "good"}, {**_BAD, "event_id": "bad"}]
    assert (await client.post("/track/batch?strict=1", {"events": events})).status == 400
    told = await client.told()
    assert [(one[2], one[4], one[5][:1]) for one in told] == [
        ("batch_rejected", 1, ["good"]),
        ("missing_event_type", 1, ["bad"]),
    ]


async def test_events_over_the_limit_are_told_with_their_own_and_their_stored_ids() -> None:
    client = tracker(ingest_events_a_minute=1)
    assert (await client.post("/track", EVENT)).status == 200
    reply = await client.post("/track/batch", {"events": [{**EVENT, "event_id": "mine"}, EVENT]})
    assert reply.status == 429
    [(tenant, outcome, reason, protocol, events, ids)] = await client.told()
    assert (tenant, outcome, reason, protocol, events) == ("demo", "limited", "", "native", 2)
    assert ids[0] == "mine"
    assert len(ids) == 3


async def test_an_answer_that_is_repeated_tells_duplicates(client: Tracker) -> None:
    for _ in range(2):
        assert (await client.post("/track", EVENT, Idempotency_Key="one")).status == 200
    [(tenant, outcome, reason, _, events, _ids)] = await client.told()
    assert (tenant, outcome, reason, events) == ("demo", "duplicate", "idempotency_key", 1)
    assert (await client.post("/track", {**EVENT, "visitor_id": "v2"}, Idempotency_Key="one")).status == 409
    assert [one[1:3] for one in await client.told()] == [("rejected", "idempotency_key_reused")]


def _basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


_FOREIGN: dict[str, tuple[str, Any, dict[str, str], str]] = {
    "segment": ("/v1/batch", {"batch": [{"type": "track", "messageId": "m1"}]}, {"authorization": _basic("demo")}, "m1"),
    "posthog": ("/batch", {"api_key": "demo", "batch": [{"event": "x", "distinct_id": "d", "timestamp": "soon"}]}, {}, ""),
    "plausible": ("/api/event", {"domain": "demo", "name": "", "url": "https://example.com/"}, {}, ""),
    "umami": ("/api/batch", [{"type": "event", "payload": {"website": "demo", "timestamp": "soon"}}], {}, ""),
    "ga4": ("/mp/collect?api_secret=demo", {"client_id": "c", "events": [{"name": ""}]}, {}, ""),
    "mixpanel": ("/compat/mixpanel/import", [{"event": "x", "properties": {"token": "demo", "time": "soon"}}], {}, ""),
    "amplitude": ("/2/httpapi", {"api_key": "demo", "events": [{"user_id": "someone", "insert_id": "a1"}]}, {}, "a1"),
    "cloudevents": ("/cloudevents?key=demo", {"specversion": "1.0", "id": "c1", "source": "s"}, {}, "c1"),
}


@pytest.mark.parametrize("protocol", _FOREIGN)
async def test_what_other_protocols_refuse_is_told_too(client: Tracker, protocol: str) -> None:
    path, body, headers, event_id = _FOREIGN[protocol]
    await client.post(path, body, **headers)
    [(tenant, outcome, reason, told, events, ids)] = await client.told()
    assert (tenant, outcome, told, events) == ("demo", "rejected", protocol, 1)
    assert reason
    assert ids == ([event_id] if event_id else ids)
    assert client.log.records == []


async def test_a_body_that_cannot_be_read_counts_once_for_the_key_outside_of_it(client: Tracker) -> None:
    await client.post("/v1/batch", "{", authorization=_basic("demo"))
    await client.post("/v1/batch", b"\x1f\x8bnothing", authorization=_basic("demo"))
    assert [(one[0], one[2], one[4]) for one in await client.told()] == [
        ("demo", "corrupt_body", 1),
        ("demo", "invalid_json", 1),
    ]


def test_no_protocol_has_the_name_of_outcomes() -> None:
    assert OUTCOMES not in {route.protocol.name for route in ROUTES} | {"native"}


async def test_what_the_log_did_not_acknowledge_is_told_again_under_the_same_ids() -> None:
    log, metrics = MemoryLog(), Metrics()
    outcomes = Outcomes(log, metrics)
    outcomes.add("demo", NOW, "rejected", "invalid_json", "native", "", 3, ["a"])
    given: list[list[str]] = []

    class Losing(MemoryLog):
        async def append(self, records: Any) -> Any:
            given.append([record.event_id for record in records])
            if len(given) < 3:
                raise LogUnavailable("the answer was lost")
            return await log.append(records)

    outcomes._writer = Losing()
    for _ in range(3):
        await outcomes.flush()
        outcomes.add("demo", NOW, "limited", "", "native", "", 1)
    assert given[0] == given[1] == given[2]
    assert [outcome_of(record).events for record in log.records] == [3]
    await outcomes.flush()
    assert [(one.outcome, one.events) for one in map(outcome_of, log.records)] == [("rejected", 3), ("limited", 3)]


async def test_more_kinds_than_fit_are_counted_and_no_memory_is_taken_for_them() -> None:
    log, metrics = MemoryLog(), Metrics()
    outcomes = Outcomes(log, metrics, groups=10)
    for number in range(30):
        outcomes.add(f"tenant{number}", NOW, "rejected", "invalid_json", "native", "", 2)
    await outcomes.flush()
    assert len(log.records) == 10
    assert metrics.registry.get_sample_value("millrace_ingest_outcomes_lost_total") == 40


async def test_they_are_told_by_themselves_and_once_more_at_the_end() -> None:
    log, outcomes = MemoryLog(), Outcomes(MemoryLog(), Metrics())
    outcomes._writer = log
    async with outcomes.telling(), asyncio.timeout(30):
        outcomes.add("demo", NOW, "rejected", "invalid_json", "native", "", 1)
        while not log.records:
            await asyncio.sleep(0.01)
        outcomes.add("demo", NOW, "limited", "", "native", "k1", 2)
    told = [outcome_of(record) for record in log.records]
    assert [(one.outcome, one.key_id, one.events, one.minute) for one in told] == [
        ("rejected", "", 1, "2026-02-16 12:00:00"),
        ("limited", "k1", 2, "2026-02-16 12:00:00"),
    ]
    assert {record.protocol for record in log.records} == {OUTCOMES}
    assert all(json.loads(record.line)["event_id"] == record.event_id for record in log.records)
