"""POST /track and POST /track/batch as documented: statuses, bodies, headers."""

import asyncio
import gzip
import json
from typing import Any

import pytest

from millrace_core.errors import LogUnavailable
from millrace_ingestion.openapi import paths
from tests.support.ingestion import EVENT, Tracker, tracker

_ERROR_FIELDS = {"success", "code", "message", "detail", "error", "request_id"}


@pytest.fixture
def client() -> Tracker:
    return tracker()


# The documented requests and answers


async def test_a_single_event(client: Tracker) -> None:
    reply = await client.post(
        "/track",
        {
            "customer_id": "demo_tenant",
            "visitor_id": "visitor_123",
            "user_id": "user_456",
            "session_id": "session_789",
            "event_type": "page_view",
            "event_name": "Homepage View",
            "properties": {"page": "/", "title": "Home"},
            "page_url": "https://example.com/",
            "referrer": "https://google.com",
        },
        content_type="application/json",
    )
    assert reply.status == 200
    assert reply.header("content-type") == "application/json"
    assert reply.body == {
        "success": True,
        "events_accepted": 1,
        "events_rejected": 0,
        "message": "Event accepted",
        "errors": [],
        "durable": "log",
    }


async def test_a_batch(client: Tracker) -> None:
    events = [{**EVENT, "properties": {}}, {**EVENT, "event_type": "button_click", "properties": {"button_id": "signup_cta"}}]
    reply = await client.post("/track/batch", {"events": events})
    assert reply.status == 200
    assert reply.body == {
        "success": True,
        "events_accepted": 2,
        "events_rejected": 0,
        "message": "Processed 2 events, rejected 0",
        "errors": [],
        "durable": "log",
    }
    assert [line["event_type"] for line in client.log.lines] == ["click", "button_click"]


async def test_one_bad_event_never_rejects_its_batch(client: Tracker) -> None:
    events = [EVENT, {**EVENT, "event_type": None, "event_id": "mine"}, EVENT]
    reply = await client.post("/track/batch", {"events": events})
    assert reply.status == 200
    assert reply.body["message"] == "Processed 3 events, rejected 1"
    assert (reply.body["success"], reply.body["events_accepted"], reply.body["events_rejected"]) == (True, 2, 1)
    assert reply.body["errors"] == [
        {"index": 1, "event_id": "mine", "code": "missing_event_type", "message": "event_type is missing"}
    ]
    assert len(client.log.records) == 2


async def test_success_is_false_when_nothing_of_a_batch_was_accepted(client: Tracker) -> None:
    reply = await client.post("/track/batch", {"events": [{}, 5]})
    assert (reply.status, reply.body["success"], reply.body["events_rejected"]) == (200, False, 2)


async def test_an_empty_batch_is_fine(client: Tracker) -> None:
    reply = await client.post("/track/batch", {"events": []})
    assert (reply.status, reply.body["success"], reply.body["events_accepted"]) == (200, True, 0)


async def test_a_strict_batch_is_stored_whole_or_not_at_all(client: Tracker) -> None:
    reply = await client.post("/track/batch?strict=1", {"events": [EVENT, {}]})
    assert (reply.status, reply.body["code"]) == (400, "batch_rejected")
    assert [error["index"] for error in reply.body["detail"]["errors"]] == [1]
    assert client.log.records == []
    assert (await client.post("/track/batch?strict=1", {"events": [EVENT]})).status == 200
    assert (await client.post("/track/batch?strict=0", {"events": [EVENT, {}]})).status == 200


@pytest.mark.parametrize("path", ["/track", "/track/"])
async def test_an_invalid_single_event_is_400(client: Tracker, path: str) -> None:
    reply = await client.post(path, {"customer_id": "demo"})
    assert reply.status == 400
    assert set(reply.body) == _ERROR_FIELDS
    assert reply.body["message"] == "Invalid event format"
    assert (reply.body["success"], reply.body["error"]) == (False, "Bad Request")
    assert (reply.body["code"], reply.body["detail"]) == ("missing_event_type", "event_type is missing")


@pytest.mark.parametrize("path", ["/track", "/track/", "/track/batch", "/track/batch/"])
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=x", ""])
async def test_any_content_type_and_a_trailing_slash(client: Tracker, path: str, content_type: str) -> None:
    body = EVENT if "batch" not in path else {"events": [EVENT]}
    assert (await client.post(path, body, content_type=content_type)).status == 200
    assert (await client.post(path, gzip.compress(json.dumps(body).encode()), content_type=content_type)).status == 200
    assert len(client.log.records) == 2


async def test_a_byte_order_mark_and_our_key_in_the_body_are_no_matter(client: Tracker) -> None:
    assert (await client.post("/track", b"\xef\xbb\xbf" + json.dumps({**EVENT, "write_key": "k"}).encode())).status == 200


# Errors of the request


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"5", b"null", b'"x"', b"\xff\xfe", b"{}", b'{"events":5}', b'{"events":null}']
)
async def test_a_body_that_is_no_batch_is_400(client: Tracker, body: bytes) -> None:
    reply = await client.post("/track/batch", body)
    assert (reply.status, reply.body["message"]) == (400, "Invalid event format")
    assert set(reply.body) == _ERROR_FIELDS
    assert (await client.post("/track", body)).status == 400


async def test_limits_have_their_own_codes() -> None:
    client = tracker(ingest_body_bytes=200_000, ingest_inflated_bytes=400_000, ingest_event_bytes=2000, ingest_batch_events=3)
    big = {**EVENT, "properties": {"x": "y" * 2000}}
    seen = [
        await client.post("/track", b" " * 200_001),
        await client.post("/track", gzip.compress(b" " * 400_001)),
        await client.post("/track/batch", {"events": [EVENT] * 4}),
        await client.post("/track/batch", {"events": [EVENT] * 1000}),
        await client.post("/track", big),
    ]
    assert [(reply.status, reply.body["code"]) for reply in seen] == [
        (413, "body_too_large"),
        (413, "inflated_too_large"),
        (413, "too_many_events"),
        (413, "too_many_events"),
        (413, "event_too_large"),
    ]
    batch = await client.post("/track/batch", {"events": [EVENT, big, EVENT]})
    assert (batch.status, batch.body["events_accepted"], batch.body["errors"][0]["code"]) == (200, 2, "event_too_large")


async def test_encodings_that_cannot_be_read(client: Tracker) -> None:
    unknown = await client.post("/track", b"xx", content_encoding="lzma")
    corrupt = await client.post("/track", gzip.compress(json.dumps(EVENT).encode())[:-9], content_encoding="gzip")
    assert (unknown.status, unknown.body["code"]) == (415, "unsupported_encoding")
    assert (corrupt.status, corrupt.body["code"]) == (400, "corrupt_body")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
async def test_other_methods_are_405_with_allow(client: Tracker, method: str) -> None:
    reply = await client.request(method, "/track")
    assert reply is not None
    assert (reply.status, reply.header("allow")) == (405, "POST, OPTIONS")


async def test_other_paths_are_404(client: Tracker) -> None:
    for path in ("/", "/tracks", "/track/batch/x", "/track//"):
        reply = await client.post(path, EVENT)
        assert (reply.status, reply.body["code"]) == (404, "not_found")


# Faults


async def test_503_says_that_the_outcome_is_unknown(client: Tracker) -> None:
    client.log.failure = LogUnavailable("the disk is full")
    reply = await client.post("/track/batch", {"events": [EVENT]})
    assert (reply.status, reply.body["code"], reply.body["stored"]) == (503, "log_unavailable", "unknown")
    assert 2 <= int(reply.header("retry-after") or 0) <= 10
    assert client.counted("events_received_total", customer_id="demo", event_type="click") == 0
    client.log.failure = None
    assert (await client.post("/track", EVENT)).status == 200


async def test_a_log_that_hangs_is_503_at_the_deadline() -> None:
    client = tracker(ingest_append_seconds=0.05)
    client.log.hangs = True
    reply = await client.post("/track", EVENT)
    assert (reply.status, reply.body["stored"]) == (503, "unknown")


async def test_too_many_bytes_in_flight_are_503_with_nothing_stored() -> None:
    client = tracker(ingest_inflight_bytes=2**20)
    reply = await client.post("/track", b"x" * (2**20 + 1))
    assert (reply.status, reply.body["code"], reply.body["stored"]) == (503, "overloaded", "nothing")
    assert reply.header("retry-after")
    assert (await client.post("/track", EVENT)).status == 200


async def test_a_fault_of_ours_is_500_without_a_traceback(client: Tracker) -> None:
    client.log.failure = ZeroDivisionError("secret detail")  # type: ignore[assignment]
    reply = await client.post("/track", EVENT)
    assert (reply.status, reply.body["code"]) == (500, "internal_error")
    assert b"secret" not in reply.text
    assert b"Traceback" not in reply.text


@pytest.mark.parametrize("chunks", [[b""], [json.dumps(EVENT).encode()], [b'{"events":[', json.dumps(EVENT).encode()]])
async def test_a_client_that_leaves_before_its_body_is_whole_stores_nothing(client: Tracker, chunks: list[bytes]) -> None:
    assert await client.request("POST", "/track/batch", chunks, disconnects=True) is None
    assert await client.request("POST", "/track", chunks, disconnects=True) is None
    assert client.log.records == []


async def test_a_body_in_many_pieces_is_one_body(client: Tracker) -> None:
    text = json.dumps(EVENT).encode()
    reply = await client.request("POST", "/track", [text[at : at + 1] for at in range(len(text))])
    assert reply is not None
    assert reply.status == 200


# Headers


async def test_the_request_id_comes_back_or_is_made(client: Tracker) -> None:
    given = await client.post("/track", {}, x_request_id="abc-123")
    assert given.header("x-request-id") == given.body["request_id"] == "abc-123"
    for bad in ("", "a b", "x" * 129, "a\u00ff"):
        made = (await client.post("/track", {}, x_request_id=bad)).header("x-request-id")
        assert made is not None
        assert made != bad
        assert len(made) == 36


async def test_every_origin_is_mirrored(client: Tracker) -> None:
    origin = "https://shop.example.com"
    for body in (EVENT, {}):
        reply = await client.post("/track", body, origin=origin)
        assert reply.header("access-control-allow-origin") == origin
        assert reply.header("vary") == "origin"
    assert (await client.post("/track", EVENT)).header("access-control-allow-origin") is None
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,x-retry-count",
    }
    preflight = await client.request("OPTIONS", "/track/batch", headers=asked)
    assert preflight is not None
    assert (preflight.status, preflight.text) == (204, b"")
    assert preflight.header("access-control-allow-origin") == origin
    assert preflight.header("access-control-allow-methods") == "POST, OPTIONS"
    assert preflight.header("access-control-allow-headers") == "authorization,x-retry-count"
    assert preflight.header("access-control-max-age") == "86400"


# Retries


async def test_the_answer_to_an_idempotency_key_is_repeated(client: Tracker) -> None:
    first = await client.post("/track/batch", {"events": [EVENT, {}]}, idempotency_key="k")
    second = await client.post("/track/batch", {"events": [EVENT, {}]}, idempotency_key="k")
    assert (first.text, first.status) == (second.text, second.status)
    assert len(client.log.records) == 1
    assert client.counted("events_received_total", customer_id="demo", event_type="click") == 1


async def test_an_answer_is_only_remembered_once_the_events_are_durable(client: Tracker) -> None:
    client.log.failure = LogUnavailable("down")
    assert (await client.post("/track", EVENT, idempotency_key="k")).status == 503
    client.log.failure = None
    assert (await client.post("/track", EVENT, idempotency_key="k")).status == 200
    assert len(client.log.records) == 1


async def test_a_key_of_one_tenant_suppresses_nothing_of_another(client: Tracker) -> None:
    for tenant in ("a", "b"):
        assert (await client.post("/track", {**EVENT, "customer_id": tenant}, idempotency_key="k")).status == 200
    assert [record.tenant for record in client.log.records] == ["a", "b"]


async def test_other_events_under_a_used_key_are_stored(client: Tracker) -> None:
    for event_id in ("e1", "e2"):
        await client.post("/track", {**EVENT, "event_id": event_id}, idempotency_key="k")
    assert len(client.log.records) == 2


async def test_racing_posts_of_one_key_carry_the_same_event_ids(client: Tracker) -> None:
    replies = await asyncio.gather(
        *(client.post("/track/batch", {"events": [EVENT] * 3}, idempotency_key="k") for _ in range(50))
    )
    assert {reply.status for reply in replies} == {200}
    assert len({record.event_id for record in client.log.records}) == 3


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
async def test_a_key_that_is_no_key_is_400(client: Tracker, key: str) -> None:
    reply = await client.post("/track", EVENT, idempotency_key=key)
    assert (reply.status, reply.body["code"]) == (400, "invalid_idempotency_key")


# Numbers


async def test_the_documented_metrics_count_what_happened(client: Tracker) -> None:
    await client.post(
        "/track/batch", {"events": [EVENT, EVENT, {**EVENT, "event_type": "buy"}, {**EVENT, "event_type": None}, {}]}
    )
    await client.post("/track", b"{")
    assert client.counted("events_received_total", customer_id="demo", event_type="click") == 2
    assert client.counted("events_received_total", customer_id="demo", event_type="buy") == 1
    assert client.counted("events_dropped_total", customer_id="demo", reason="missing_event_type") == 1
    assert client.counted("events_dropped_total", customer_id="", reason="missing_customer_id") == 1
    assert client.counted("events_dropped_total", customer_id="", reason="invalid_json") == 1
    assert client.counted("ingestion_latency_seconds_count", customer_id="demo") == 1
    assert client.counted("millrace_ingest_payload_bytes_count") == 2
    assert client.counted("http_requests_total", handler="/track/batch", method="POST", status="2xx") == 1
    assert client.counted("http_requests_total", handler="/track", method="POST", status="4xx") == 1


async def test_labels_that_clients_choose_are_capped(client: Tracker) -> None:
    events = [{**EVENT, "event_type": f"t{number}"} for number in range(300)]
    await client.post("/track/batch", {"events": events})
    await client.post("/track/batch", {"events": events})
    assert client.counted("events_received_total", customer_id="demo", event_type="t0") == 2
    assert client.counted("events_received_total", customer_id="demo", event_type="other") == 200


async def test_ready_asks_the_log(client: Tracker) -> None:
    assert (await client.health.readiness()).ready
    client.log.failure = LogUnavailable("down")
    assert (await client.health.readiness()).checks == {"ingestion": "log_unavailable"}


def test_the_openapi_fragment_names_every_status_that_is_given() -> None:
    for path in ("/track", "/track/batch"):
        responses: dict[str, Any] = paths()[path]["post"]["responses"]
        assert set(responses) == {"200", "400", "401", "403", "409", "413", "415", "429", "503"}


@pytest.mark.parametrize("number", [-(2**63) - 1, 2**64, 10**400])
async def test_identifiers_are_integers_of_any_size_with_an_idempotency_key_too(client: Tracker, number: int) -> None:
    event = {**EVENT, "session_id": number}
    first = await client.post("/track", event, idempotency_key="k")
    assert first.status == 200
    assert (await client.post("/track", event, idempotency_key="k")).body == first.body
    assert str(number).encode() in client.log.records[0].line


async def test_an_idempotency_key_for_other_events_is_refused_and_nothing_of_them_is_lost_silently() -> None:
    client = tracker()
    first = await client.post("/track/batch", {"events": [EVENT]}, idempotency_key="k")
    again = await client.post("/track/batch", {"events": [EVENT | {"sent_at": "2026-02-16T12:00:01Z"}]}, idempotency_key="k")
    other = await client.post("/track/batch", {"events": [EVENT | {"event_type": "purchase"}]}, idempotency_key="k")
    own_id = EVENT | {"event_type": "purchase", "event_id": "p-1"}
    with_id = await client.post("/track/batch", {"events": [own_id]}, idempotency_key="k")
    more = await client.post("/track/batch", {"events": [EVENT, EVENT | {"event_type": "purchase"}]}, idempotency_key="k")

    assert (first.status, again.status, again.text) == (200, 200, first.text)
    for refused in (other, more):
        assert (refused.status, refused.body["code"]) == (409, "idempotency_key_reused")
    assert with_id.status == 200
    assert [line["event_type"] for line in client.log.lines] == ["click", "purchase"]


async def test_what_was_refused_is_mended_under_the_same_key() -> None:
    client = tracker()
    for last in ({}, EVENT | {"event_type": "purchase"}):
        reply = await client.post("/track/batch", {"events": [EVENT, last]}, idempotency_key="k")
        assert reply.status == 200
    ids = [(line["event_type"], line["event_id"]) for line in client.log.lines]
    assert [kind for kind, _ in ids] == ["click", "click", "purchase"]
    assert ids[0] == ids[1]  # which the consumer stores once


@pytest.mark.parametrize("agent", ["Googlebot/2.1", "facebookexternalhit/1.1", "AhrefsBot/7.0", "GPTBot/1.2", "bingbot/2.0"])
async def test_a_bot_that_does_not_pass_for_a_browser_is_a_bot(agent: str) -> None:
    assert (await tracker().line({}, user_agent=agent))["is_bot"] is True


@pytest.mark.parametrize("agent", ["python-requests/2.32", "okhttp/4.12", "Millrace-SDK/1.0", "analytics-python/2.3"])
async def test_a_server_that_sends_events_is_none(agent: str) -> None:
    assert "is_bot" not in await tracker().line({}, user_agent=agent)


@pytest.mark.parametrize("timestamp", ["2026-02-16T12:00:00+99:99", "1_771_243_200", "١٧٧١٢٤٣٢٠٠"])
async def test_what_is_no_time_is_rejected(timestamp: str) -> None:
    reply = await tracker().post("/track", EVENT | {"timestamp": timestamp})
    assert (reply.status, reply.body["code"]) == (400, "invalid_timestamp")
