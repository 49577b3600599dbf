"""Segment's API: what its SDKs post, what is stored of it, and what they hear."""

import base64
import gzip
import json
from typing import Any

import pytest

from millrace_core.errors import LogUnavailable
from millrace_core.ids import derived_id
from tests.support.ingestion import Tracker, tracker

_BROWSER = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)
_TRACK: dict[str, Any] = {
    "type": "track",
    "messageId": "node-next-1771243199000-8a7c",
    "timestamp": "2026-02-16T11:59:58.500Z",
    "userId": "u1",
    "anonymousId": "a1",
    "event": "Order Completed",
    "properties": {"revenue": 12.5, "sku": ["x"]},
    "context": {"library": {"name": "@segment/analytics-node", "version": "3.1.0"}},
    "integrations": {},
}


def basic(key: str, end: str = ":") -> str:
    return "Basic " + base64.b64encode(f"{key}{end}".encode()).decode()


def batch(*items: Any, **more: Any) -> dict[str, Any]:
    return {"batch": list(items), "writeKey": "demo", "sentAt": "2026-02-16T11:59:59.000Z", **more}


@pytest.fixture(scope="module")
def opened() -> Tracker:
    return tracker()


@pytest.fixture
def client(opened: Tracker) -> Tracker:
    opened.log.records.clear()
    opened.log.failure = None
    return opened


async def test_a_track_call_fills_the_columns(client: Tracker) -> None:
    reply = await client.post("/v1/batch", batch(_TRACK), user_agent="analytics-node-next/latest")
    assert (reply.status, reply.body) == (200, {"success": True})
    [line] = client.log.lines
    assert line == {
        "event_id": derived_id("demo", "message_id", "node-next-1771243199000-8a7c"),
        "client_event_id": "node-next-1771243199000-8a7c",
        "customer_id": "demo",
        "event_type": "Order Completed",
        "timestamp": "2026-02-16 11:59:58.500",
        "visitor_id": "a1",
        "user_id": "u1",
        "properties": {"revenue": 12.5, "sku": ["x"]},
        "context": json.dumps(_TRACK["context"], separators=(",", ":"))
        if isinstance(line["context"], str)
        else _TRACK["context"],
        "skew_ms": 1000,
        "received_at": "2026-02-16 12:00:00.000",
        "protocol": "segment",
    }


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (
            {
                "type": "page",
                "name": "Pricing",
                "category": "Docs",
                "properties": {"url": "https://x.example/pricing?utm_source=news"},
            },
            {"event_type": "page_view", "event_name": "Pricing", "page_path": "/pricing", "utm_source": "news"},
        ),
        (
            {"type": "page", "context": {"page": {"url": "https://x.example/a", "referrer": "https://www.google.com/"}}},
            {"event_type": "page_view", "page_path": "/a", "referrer_domain": "google.com", "channel": "organic search"},
        ),
        ({"type": "screen", "name": "Home"}, {"event_type": "screen_view", "event_name": "Home"}),
        ({"type": "identify", "traits": {"email": "x@y.z"}}, {"event_type": "identify", "properties": {"email": "x@y.z"}}),
        (
            {"type": "group", "groupId": "g", "traits": {"n": 1}},
            {"event_type": "group", "properties": {"groupId": "g", "n": 1}},
        ),
        ({"type": "group", "groupId": 7}, {"event_type": "group", "properties": {"groupId": 7}}),
        (
            {"type": "alias", "previousId": "a0"},
            {"event_type": "alias", "visitor_id": "a0", "user_id": "u1", "properties": {"previousId": "a0"}},
        ),
        ({"type": "page", "category": "Docs", "properties": {"category": "own"}}, {"properties": {"category": "own"}}),
        ({"type": "track", "event": "E", "context": {"sessionId": 1717}}, {"session_id": "1717"}),
        (
            {"type": "track", "event": "E", "originalTimestamp": "2026-02-16T10:00:00Z"},
            {"timestamp": "2026-02-16 10:00:00.000"},
        ),
        ({"type": "track", "event": "E", "userId": 42}, {"user_id": "42"}),
        (
            {"type": "track", "event": "E", "messageId": "0190163D-8694-7ABC-8000-000000000001"},
            {"event_id": "0190163d-8694-7abc-8000-000000000001"},
        ),
    ],
)
async def test_each_call_has_its_columns(client: Tracker, item: dict[str, Any], said: dict[str, Any]) -> None:
    reply = await client.post("/v1/batch", batch({"userId": "u1", "anonymousId": "a1", **item}))
    assert reply.body == {"success": True}
    line = client.log.lines[0]
    assert {name: line.get(name) for name in said} == said


@pytest.mark.parametrize("call", ["track", "identify", "page", "screen", "group", "alias"])
@pytest.mark.parametrize("is_letter", [True, False])
async def test_the_path_names_the_call(client: Tracker, call: str, is_letter: bool) -> None:
    event = {
        "userId": "u",
        "event": "E",
        "previousId": "p",
        "writeKey": "demo",
        "messageId": "m",
        "sentAt": "2026-02-16T11:59:59Z",
    }
    path = f"/v1/{call[0] if is_letter else call}"
    reply = await client.post(path, event, content_type="text/plain", origin="https://x.example", user_agent=_BROWSER)
    assert (reply.status, reply.body) == (200, {"success": True})
    assert reply.header("access-control-allow-origin") == "https://x.example"
    [line] = client.log.lines
    expected = {"track": "E", "page": "page_view", "screen": "screen_view"}.get(call, call)
    assert (line["event_type"], line["browser"], line["ip"], line["skew_ms"]) == (expected, "Chrome", "203.0.113.0", 1000)


async def test_a_servers_address_is_nobodys(client: Tracker) -> None:
    own = {**_TRACK, "messageId": "m2", "context": {"ip": "198.51.100.9", "userAgent": _BROWSER, "locale": "de_AT"}}
    await client.post("/v1/batch", batch(_TRACK, own), user_agent="analytics-python/2.4.0", accept_language="en")
    first, second = client.log.lines
    assert {"ip", "country", "language", "browser"}.isdisjoint(first)
    assert (second["ip"], second["language"], second["browser"]) == ("198.51.100.0", "de-AT", "Chrome")


async def test_the_batchs_context_stands_under_each_events(client: Tracker) -> None:
    shared = {"locale": "fr-FR", "campaign": {"source": "a"}}
    own = {**_TRACK, "context": {"locale": "de-DE"}}
    await client.post("/v1/batch", batch(own, {**_TRACK, "messageId": "m2", "context": None}, context=shared))
    first, second = client.log.lines
    assert (first["language"], first["utm_source"]) == ("de-DE", "a")
    assert (second["language"], second["utm_source"]) == ("fr-FR", "a")


@pytest.mark.parametrize("header", [basic("demo"), basic("demo", ""), basic("demo").replace("Basic", "basic")])
async def test_the_key_of_basic_comes_first(client: Tracker, header: str) -> None:
    await client.post("/v1/batch", batch(_TRACK, writeKey="other"), authorization=header)
    assert client.log.lines[0]["customer_id"] == "demo"


async def test_the_key_may_stand_in_the_events(client: Tracker) -> None:
    body = {"batch": [{**_TRACK, "writeKey": "demo"}]}
    assert (await client.post("/v1/batch", body, authorization="Bearer a-token-of-oauth")).status == 200
    assert client.log.lines[0]["customer_id"] == "demo"


@pytest.mark.parametrize("key", [None, "", "no key!", 5, {"a": 1}])
@pytest.mark.parametrize("path", ["/v1/batch", "/v1/track"])
async def test_a_wrong_or_missing_key_is_401_with_what_the_sdks_read(client: Tracker, path: str, key: Any) -> None:
    body = batch(_TRACK, writeKey=key) if path == "/v1/batch" else {**_TRACK, "writeKey": key}
    reply = await client.post(path, body)
    assert reply.status == 401
    assert reply.body["code"] == ("invalid_key" if key == "no key!" else "unauthorized")
    assert reply.body["message"]
    assert client.log.records == []


@pytest.mark.parametrize(
    "header",
    ["Basic", "Basic !!!", "Basic " + "A" * 5, "Basic " + base64.b64encode(b"\xff\xfe:").decode(), "Digest x", "Basic Og=="],
)
async def test_a_broken_basic_header_leaves_the_key_of_the_body(client: Tracker, header: str) -> None:
    assert (await client.post("/v1/batch", batch(_TRACK), authorization=header)).status == 200
    assert client.log.lines[0]["customer_id"] == "demo"


async def test_a_retry_has_the_same_id(client: Tracker) -> None:
    for _ in range(2):
        await client.post("/v1/batch", batch(_TRACK))
    first, second = client.log.records
    assert first.event_id == second.event_id
    assert first.routing == second.routing == "a1"


@pytest.mark.parametrize("headers", [{"content_encoding": "gzip"}, {}, {"content_type": "application/x-www-form-urlencoded"}])
async def test_gzip_is_known_by_its_bytes(client: Tracker, headers: dict[str, str]) -> None:
    reply = await client.post("/v1/batch", gzip.compress(json.dumps(batch(_TRACK)).encode()), **headers)
    assert reply.status == 200
    assert len(client.log.records) == 1


_BROKEN: dict[str, tuple[bytes, str]] = {
    "unknown type": (b'{"type":"purchase","userId":"u"}', "unknown_type"),
    "no type": (b'{"userId":"u","event":"E"}', "unknown_type"),
    "no event": (b'{"type":"track","userId":"u"}', "missing_event_type"),
    "nobody": (b'{"type":"track","event":"E"}', "missing_identity"),
    "an alias of nobody": (b'{"type":"alias","userId":"u"}', "missing_identity"),
    "user of another type": (b'{"type":"track","event":"E","userId":{"a":1}}', "invalid_event"),
    "event of another type": (b'{"type":"track","event":["E"],"userId":"u"}', "invalid_event"),
    "properties of another type": (b'{"type":"track","event":"E","userId":"u","properties":"x"}', "invalid_properties"),
    "context of another type": (b'{"type":"track","event":"E","userId":"u","context":7}', "invalid_context"),
    "time of another type": (b'{"type":"track","event":"E","userId":"u","timestamp":{}}', "invalid_event"),
    "no time": (b'{"type":"track","event":"E","userId":"u","timestamp":"yesterday"}', "invalid_timestamp"),
    "NaN": (b'{"type":"track","event":"E","userId":"u","properties":{"a":NaN}}', "invalid_json"),
    "no object": (b"5", "invalid_event"),
    "null": (b"null", "invalid_event"),
    "huge": (b'{"type":"track","event":"E","userId":"u","properties":{"a":"' + b"x" * 300_000 + b'"}}', "event_too_large"),
    "deep": (b'{"type":"track","event":"E","userId":"u","properties":' + b'{"a":' * 60 + b"1" + b"}" * 61, "too_deep"),
    "a long name": (b'{"type":"track","event":"' + b"E" * 300 + b'","userId":"u"}', "string_too_long"),
}


@pytest.mark.parametrize("name", _BROKEN)
async def test_one_broken_event_in_a_hundred_has_its_verdict_and_the_others_are_stored(client: Tracker, name: str) -> None:
    bad, code = _BROKEN[name]
    good = [json.dumps({**_TRACK, "messageId": f"m{number}"}).encode() for number in range(99)]
    body = b'{"writeKey":"demo","batch":[' + b",".join([*good[:50], bad, *good[50:]]) + b"]}"
    reply = await client.post("/v1/batch", body)
    assert reply.status == 200
    assert reply.body["success"] is True
    assert [(error["index"], error["code"]) for error in reply.body["errors"]] == [(50, code)]
    assert len(client.log.records) == 99


@pytest.mark.parametrize("name", ["unknown type", "nobody", "huge", "properties of another type"])
async def test_an_event_alone_that_is_broken_is_200_and_not_stored(client: Tracker, name: str) -> None:
    bad, code = _BROKEN[name]
    reply = await client.post("/v1/track", bad, authorization=basic("demo"))
    if name == "unknown type":  # the path names the call
        code = "missing_event_type"
    assert (reply.status, reply.body["success"], reply.body["errors"][0]["code"]) == (200, False, code)
    assert client.log.records == []


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"[]", b"{}", b'{"batch":5}', b'{"batch":null}', b'{"batch":[', b"\xff\xfe", b'"x"', b"data=eyJ"]
)
async def test_a_body_that_cannot_be_read_is_400(client: Tracker, body: bytes) -> None:
    reply = await client.post("/v1/batch", body, authorization=basic("demo"))
    assert reply.status == 400
    assert reply.body["code"] in ("invalid_json", "invalid_body", "invalid_utf8")
    assert reply.body["message"]


@pytest.mark.parametrize(("count", "status"), [(2_501, 200), (10_001, 413)])
async def test_batches_may_be_larger_than_segments(client: Tracker, count: int, status: int) -> None:
    body = batch(*({"type": "track", "event": "E", "userId": number} for number in range(count)))
    reply = await client.post("/v1/batch", gzip.compress(json.dumps(body).encode(), 1))
    assert reply.status == status
    assert len(client.log.records) == (count if status == 200 else 0)
    assert status == 200 or reply.body["code"] == "too_many_events"


async def test_every_overload_is_429_with_whole_seconds_to_wait(client: Tracker) -> None:
    client.log.failure = LogUnavailable("away")
    reply = await client.post("/v1/batch", batch(_TRACK))
    assert reply.status == 429
    assert 1 <= int(reply.header("retry-after") or "") <= 300
    assert (reply.body["code"], reply.body["stored"]) == ("log_unavailable", "unknown")


async def test_a_tenant_beyond_its_limit_is_429_and_nothing_is_stored() -> None:
    client = tracker(ingest_events_a_minute=1)
    reply = await client.post("/v1/batch", batch(*({**_TRACK, "messageId": f"m{number}"} for number in range(3))))
    assert reply.status in (200, 429)
    reply = await client.post("/v1/batch", batch(_TRACK))
    assert (reply.status, reply.body["code"]) == (429, "tenant_rate_limited")


@pytest.mark.parametrize(
    "path", ["/v1/projects/demo/settings", "/projects/demo/settings", "/v1/projects/projects/demo/settings/"]
)
async def test_the_browsers_sdk_reads_where_to_send(client: Tracker, path: str) -> None:
    reply = await client.request("GET", path, headers={"host": "events.example.com", "x-forwarded-proto": "https"})
    assert reply is not None
    assert reply.status == 200
    assert reply.body["integrations"]["Segment.io"]["apiHost"] == "events.example.com/v1"
    assert reply.body["integrations"]["Segment.io"]["apiKey"] == "demo"
    assert reply.body["integrations"]["Segment.io"]["protocol"] == "https"
    assert reply.body["metrics"] == {"sampleRate": 0}


async def test_the_browsers_own_metrics_are_taken(client: Tracker) -> None:
    assert (await client.post("/v1/m", {"series": []})).status == 200
    assert client.log.records == []


async def test_preflights_mirror_origin_and_headers(client: Tracker) -> None:
    headers = {"origin": "https://x.example", "access-control-request-headers": "authorization, x-odd-1"}
    reply = await client.request("OPTIONS", "/v1/t", headers=headers)
    assert reply is not None
    assert reply.status == 204
    assert reply.header("access-control-allow-origin") == "https://x.example"
    assert reply.header("access-control-allow-headers") == "authorization, x-odd-1"
    assert reply.header("access-control-allow-credentials") == "true"
    assert reply.header("access-control-max-age") == "86400"


async def test_other_methods_are_405(client: Tracker) -> None:
    reply = await client.request("GET", "/v1/batch")
    assert reply is not None
    assert (reply.status, reply.header("allow"), reply.body["code"]) == (405, "POST, OPTIONS", "method_not_allowed")
