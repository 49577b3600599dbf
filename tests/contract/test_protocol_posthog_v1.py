"""PostHog's capture API, version 1: a verdict for each event, by its uuid."""

import json
from typing import Any

import pytest

from millrace_core.errors import LogUnavailable
from tests.contract.test_protocol_posthog import BROKEN
from tests.support.ingestion import Tracker, tracker

_UUID = "0190163d-8694-7abc-8000-000000000001"


@pytest.fixture(scope="module")
def opened() -> Tracker:
    return tracker()


@pytest.fixture
def client(opened: Tracker) -> Tracker:
    opened.log.records.clear()
    opened.log.failure = None
    return opened


_V1: dict[str, Any] = {
    "event": "signup",
    "uuid": _UUID,
    "distinct_id": "u1",
    "timestamp": "2026-02-16T11:59:58.500Z",
    "session_id": "s1",
    "options": {"process_person_profile": True},
    "properties": {"plan": "pro"},
}
_V1_HEADERS = {
    "authorization": "Bearer demo",
    "posthog_sdk_info": "posthog-python/7.91.1",
    "posthog_attempt": "1",
    "posthog_request_id": "5f1e",
    "posthog_request_timestamp": "2026-02-16T11:59:59Z",
}


async def test_version_1_answers_for_each_event(client: Tracker) -> None:
    other = "0190163d-8694-7abc-8000-000000000002"
    bad = {**_V1, "uuid": other, "distinct_id": None}
    reply = await client.post("/i/v1/analytics/events", {"created_at": "x", "batch": [_V1, bad]}, **_V1_HEADERS)
    assert reply.status == 200
    assert reply.body["results"][_UUID] == {"result": "ok"}
    assert reply.body["results"][other]["result"] == "drop"
    assert reply.header("posthog-request-id") == "5f1e"
    assert reply.header("retry-after") is None
    [line] = client.log.lines
    assert line == {
        "event_id": _UUID,
        "customer_id": "demo",
        "event_type": "signup",
        "timestamp": "2026-02-16 11:59:58.500",
        "visitor_id": "u1",
        "user_id": "u1",
        "session_id": "s1",
        "properties": {"$lib": "posthog-python", "$lib_version": "7.91.1", "plan": "pro"},
        "skew_ms": 1000,
        "protocol": "posthog_v1",
        "received_at": "2026-02-16 12:00:00.000",
    }


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer no key!", "Bearer phx_1", "Basic ZGVtbzo="])
async def test_version_1_without_its_key_is_401(client: Tracker, authorization: str) -> None:
    reply = await client.post("/i/v1/analytics/events", {"batch": [_V1]}, **{**_V1_HEADERS, "authorization": authorization})
    assert reply.status == 401
    assert reply.body["error"] in ("unauthorized", "invalid_key")
    assert reply.body["error_description"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"batch":1}', b"nonsense", b'{"batch":[{}'])
async def test_version_1_reads_batches_only(client: Tracker, body: bytes) -> None:
    reply = await client.post("/i/v1/analytics/events", body, **_V1_HEADERS)
    assert reply.status == 400
    assert reply.body["error"] == reply.body["code"]


@pytest.mark.parametrize("name", BROKEN)
async def test_version_1_drops_what_is_broken_alone(client: Tracker, name: str) -> None:
    bad = BROKEN[name][0]
    reply = await client.post(
        "/i/v1/analytics/events", b'{"batch":[' + json.dumps(_V1).encode() + b"," + bad + b"]}", **_V1_HEADERS
    )
    assert (reply.status, len(client.log.records)) == (200, 1)
    assert reply.body["results"][_UUID] == {"result": "ok"}


async def test_version_1_is_503_while_nothing_can_be_stored(client: Tracker) -> None:
    client.log.failure = LogUnavailable("away")
    reply = await client.post("/i/v1/analytics/events", {"batch": [_V1]}, **_V1_HEADERS)
    assert (reply.status, reply.body["error"]) == (503, "log_unavailable")
    assert reply.header("retry-after")
