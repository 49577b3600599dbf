"""PostHog's capture API, version 0: what its SDKs post, what is stored of it, and what they hear."""

import base64
import gzip
import json
from typing import Any
from urllib.parse import quote

import pytest

from millrace_core.errors import LogUnavailable
from millrace_core.ids import derived_id
from tests.support.ingestion import Reply, Tracker, tracker

_BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
_UUID = "0190163d-8694-7abc-8000-000000000001"
_VIEW: dict[str, Any] = {
    "uuid": _UUID,
    "event": "$pageview",
    "timestamp": "2026-02-16T11:59:58.500Z",
    "properties": {
        "token": "demo",
        "distinct_id": "u1",
        "$device_id": "d1",
        "$session_id": "s1",
        "$current_url": "https://x.example/pricing?utm_source=news",
        "$referrer": "https://www.google.com/",
        "$lib": "web",
        "title": "Pricing",
    },
}
_EVENT: dict[str, Any] = {"event": "signup", "distinct_id": "u1", "uuid": _UUID, "properties": {"plan": "pro"}}


@pytest.fixture(scope="module")
def opened() -> Tracker:
    return tracker()


@pytest.fixture
def client(opened: Tracker) -> Tracker:
    opened.log.records.clear()
    opened.log.failure = None
    return opened


def batch(*events: Any, **more: Any) -> dict[str, Any]:
    return {"api_key": "demo", "batch": list(events), "sent_at": "2026-02-16T11:59:59+00:00", **more}


async def get(client: Tracker, path: str, **headers: str) -> Reply:
    reply = await client.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert reply is not None
    return reply


async def test_a_page_view_of_the_browser_fills_the_columns(client: Tracker) -> None:
    reply = await client.post("/e/?ip=1&_=1771243199000&ver=1.4", [_VIEW], user_agent=_BROWSER, origin="https://x.example")
    assert (reply.status, reply.body) == (200, {"status": 1})
    [line] = client.log.lines
    expected = {
        "event_id": _UUID,
        "customer_id": "demo",
        "event_type": "page_view",
        "event_name": "$pageview",
        "timestamp": "2026-02-16 11:59:58.500",
        "visitor_id": "d1",
        "user_id": "u1",
        "session_id": "s1",
        "properties": _VIEW["properties"],
        "page_url": "https://x.example/pricing?utm_source=news",
        "page_path": "/pricing",
        "referrer": "https://www.google.com/",
        "referrer_domain": "google.com",
        "channel": "campaign",
        "utm_source": "news",
        "browser": "Chrome",
        "os": "Linux",
        "device": "desktop",
        "ip": "203.0.113.0",
        "protocol": "posthog",
        "received_at": "2026-02-16 12:00:00.000",
    }
    assert line == expected


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"event": "signup", "distinct_id": "u1"}, {"event_type": "signup", "visitor_id": "u1", "user_id": "u1"}),
        (
            {"event": "signup", "distinct_id": "a1", "properties": {"$process_person_profile": False}},
            {"visitor_id": "a1", "user_id": ""},
        ),
        (
            {"event": "e", "properties": {"distinct_id": "d1", "$device_id": "d1"}},
            {"visitor_id": "d1", "user_id": ""},
        ),
        (
            {"event": "e", "properties": {"distinct_id": "a2", "$device_id": "d1", "$is_identified": False}},
            {"visitor_id": "d1", "user_id": ""},
        ),
        (
            {"event": "$identify", "distinct_id": "u1", "properties": {"$anon_distinct_id": "a1"}, "$set": {"email": "x@y.z"}},
            {"event_type": "identify", "visitor_id": "a1", "user_id": "u1"},
        ),
        (
            {"event": "$create_alias", "distinct_id": "a1", "properties": {"distinct_id": "a1", "alias": "u1"}},
            {"event_type": "alias", "visitor_id": "a1", "user_id": "u1"},
        ),
        ({"event": "$groupidentify", "distinct_id": "u1"}, {"event_type": "group"}),
        ({"event": "$screen", "distinct_id": "u1"}, {"event_type": "screen_view", "event_name": "$screen"}),
        ({"event": "e", "distinct_id": 42}, {"visitor_id": "42"}),
        ({"event": "e", "distinct_id": ["x"]}, {"visitor_id": '["x"]'}),
        ({"event": "e", "distinct_id": "x" * 300}, {"visitor_id": "x" * 200}),
        ({"event": "e", "$distinct_id": "d"}, {"visitor_id": "d"}),
        ({"event": "e", "distinct_id": "u", "offset": 1500}, {"timestamp": "2026-02-16 11:59:58.500"}),
        ({"event": "e", "distinct_id": "u", "properties": {"$referrer": "$direct"}}, {"referrer": ""}),
        ({"event": "e", "distinct_id": "u", "properties": {"$ip": "198.51.100.9"}}, {"ip": "198.51.100.0"}),
        (
            {"event": "e", "distinct_id": "u", "properties": {"$insert_id": "i1"}},
            {"event_id": derived_id("demo", "insert_id", "i1"), "client_event_id": "i1"},
        ),
    ],
)
async def test_who_and_what(client: Tracker, event: dict[str, Any], said: dict[str, Any]) -> None:
    reply = await client.post("/batch/", batch(event))
    assert (reply.status, reply.body) == (200, {"status": 1})
    line = client.log.lines[0]
    assert {name: line.get(name, "") for name in said} == said


async def test_what_is_set_stands_in_the_properties(client: Tracker) -> None:
    await client.post("/batch/", batch({**_EVENT, "$set": {"a": 1}, "$set_once": {"b": 2}, "$unset": ["c"]}))
    assert client.log.lines[0]["properties"] == {"$set": {"a": 1}, "$set_once": {"b": 2}, "$unset": ["c"], "plan": "pro"}


_PLAIN = json.dumps([_VIEW]).encode()
_BASE64 = base64.b64encode(_PLAIN)
_WRAPPED: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "plain": ("/e/", _PLAIN, {"content_type": "application/json"}),
    "text/plain": ("/i/v0/e", _PLAIN, {"content_type": "text/plain; charset=utf-8"}),
    "a form's label": ("/capture", _PLAIN, {"content_type": "application/x-www-form-urlencoded"}),
    "no label": ("/i/v0/e/", b" \n" + _PLAIN, {}),
    "byte order mark": ("/e", b"\xef\xbb\xbf" + _PLAIN, {}),
    "gzip by its parameter": ("/e/?compression=gzip-js", gzip.compress(_PLAIN), {"content_type": "text/plain"}),
    "gzip with a form's label": ("/e/", gzip.compress(_PLAIN), {"content_type": "application/x-www-form-urlencoded"}),
    "gzip by its header": ("/e/", gzip.compress(_PLAIN), {"content_encoding": "gzip"}),
    "base64": ("/e/?compression=base64", _BASE64, {"content_type": "text/plain"}),
    "base64 for addresses": ("/e/", base64.urlsafe_b64encode(_PLAIN).rstrip(b"="), {}),
    "a form": ("/e/", b"data=" + quote(_BASE64).encode(), {"content_type": "application/x-www-form-urlencoded"}),
    "a form whose pluses are spaces": ("/e/", b"data=" + _BASE64, {"content_type": "application/x-www-form-urlencoded"}),
    "a form with JSON": ("/capture/", b"compression=&data=" + quote(_PLAIN.decode()).encode(), {}),
    "gzip in base64 in a form": ("/e/", b"data=" + quote(base64.b64encode(gzip.compress(_PLAIN))).encode(), {}),
    "base64 in gzip": ("/e/", gzip.compress(_BASE64), {}),
}


@pytest.mark.parametrize("name", _WRAPPED)
async def test_a_body_is_read_in_every_wrapping(client: Tracker, name: str) -> None:
    path, body, headers = _WRAPPED[name]
    reply = await client.post(path, body, **headers)
    assert reply.status == 200, reply.text
    assert [line["event_id"] for line in client.log.lines] == [_UUID]
    assert client.log.lines[0]["properties"] == _VIEW["properties"]


@pytest.mark.parametrize("path", ["/e/", "/i/v0/e/", "/capture", "/batch"])
async def test_a_query_may_hold_it(client: Tracker, path: str) -> None:
    reply = await get(client, f"{path}?ip=1&data={quote(_BASE64)}")
    assert (reply.status, reply.body) == (200, {"status": 1})
    assert [line["event_id"] for line in client.log.lines] == [_UUID]


async def test_a_beacon_hears_nothing(client: Tracker) -> None:
    reply = await client.post("/e/?beacon=1", _PLAIN)
    assert (reply.status, reply.text) == (204, b"")
    assert len(client.log.records) == 1


_ON_TRACK = {"event": "signup", "distinct_id": "u1", "uuid": _UUID, "api_key": "demo", "properties": {"plan": "pro"}}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(_ON_TRACK).encode(),
        b"data=" + base64.b64encode(json.dumps(_ON_TRACK).encode()),
        json.dumps(batch(_EVENT)).encode(),
    ],
)
async def test_track_is_posthogs_where_it_is_neither_native_nor_mixpanels(client: Tracker, body: bytes) -> None:
    reply = await client.post("/track", body)
    assert (reply.status, reply.body) == (200, {"status": 1})
    assert [(line["event_id"], line["protocol"]) for line in client.log.lines] == [(_UUID, "posthog")]
    reply = await get(client, f"/track/?data={quote(base64.b64encode(json.dumps(_ON_TRACK).encode()))}")
    assert reply.status == 200
    assert len(client.log.records) == 2


async def test_native_events_on_track_stay_native(client: Tracker) -> None:
    await client.post("/track", {"customer_id": "demo", "event_type": "e", "visitor_id": "v", "event": "x", "api_key": "other"})
    assert (client.log.lines[0]["customer_id"], client.log.lines[0]["protocol"]) == ("demo", "native")
    reply = await client.post("/track", {"customer_id": "demo", "visitor_id": "v"})
    assert (reply.status, reply.body["code"]) == (400, "missing_event_type")


@pytest.mark.parametrize(
    "event",
    [
        {"event": "e", "distinct_id": "u", "token": "demo"},
        {"event": "e", "distinct_id": "u", "$token": "demo"},
        {"event": "e", "distinct_id": "u", "api_key": "demo"},
        {"event": "e", "distinct_id": "u", "properties": {"token": "demo"}},
    ],
)
async def test_the_key_may_stand_in_many_places(client: Tracker, event: dict[str, Any]) -> None:
    assert (await client.post("/capture/", event)).status == 200
    assert (await client.post("/batch/", {"batch": [event]})).status == 200
    assert [line["customer_id"] for line in client.log.lines] == ["demo", "demo"]


@pytest.mark.parametrize("key", ["", None, "no key!", "phx_personal", {}])
async def test_a_wrong_or_missing_key_is_401_with_a_detail(client: Tracker, key: Any) -> None:
    reply = await client.post("/batch/", batch(_EVENT, api_key=key))
    assert reply.status == 401
    assert reply.body["type"] == "authentication_error"
    assert reply.body["detail"]
    assert client.log.records == []


async def test_events_of_several_keys_are_401(client: Tracker) -> None:
    events = [{**_VIEW, "properties": {"token": token, "distinct_id": "u"}} for token in ("demo", "other")]
    assert (await client.post("/e/", events)).status == 401
    assert client.log.records == []


BROKEN: dict[str, tuple[bytes, str]] = {
    "nobody": (b'{"event":"e","properties":{}}', "missing_identity"),
    "an empty id": (b'{"event":"e","distinct_id":""}', "missing_identity"),
    "no event": (b'{"distinct_id":"u"}', "missing_event_type"),
    "event of another type": (b'{"event":{},"distinct_id":"u"}', "invalid_event"),
    "properties of another type": (b'{"event":"e","distinct_id":"u","properties":[1]}', "invalid_properties"),
    "uuid of another type": (b'{"event":"e","distinct_id":"u","uuid":{}}', "invalid_event"),
    "no time": (b'{"event":"e","distinct_id":"u","timestamp":"yesterday"}', "invalid_timestamp"),
    "no object": (b'"x"', "invalid_event"),
    "NaN": (b'{"event":"e","distinct_id":"u","properties":{"a":NaN}}', "invalid_json"),
    "huge": (b'{"event":"e","distinct_id":"u","properties":{"a":"' + b"x" * 300_000 + b'"}}', "event_too_large"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_one_broken_event_in_a_hundred_has_its_verdict_and_the_others_are_stored(client: Tracker, name: str) -> None:
    bad, code = BROKEN[name]
    good = [json.dumps({"event": "e", "distinct_id": f"u{number}"}).encode() for number in range(99)]
    reply = await client.post("/batch/", b'{"api_key":"demo","batch":[' + b",".join([*good[:50], bad, *good[50:]]) + b"]}")
    assert (reply.status, reply.body["status"]) == (200, 1)
    assert [(error["index"], error["code"]) for error in reply.body["errors"]] == [(50, code)]
    assert len(client.log.records) == 99


async def test_an_event_alone_without_a_person_is_400(client: Tracker) -> None:
    reply = await client.post("/capture/", {"event": "e", "api_key": "demo"})
    assert (reply.status, reply.body["code"], reply.body["type"]) == (400, "missing_identity", "validation_error")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"{}",
        b'{"batch":5,"api_key":"demo"}',
        b"data=",
        b"data=%%%",
        b"eyJ",
        b"[",
        b'{"batch":[',
        b"\xff\xfe{",
        b"H4sIAAAA",
    ],
)
async def test_a_body_that_cannot_be_read_is_an_error_in_posthogs_shape(client: Tracker, body: bytes) -> None:
    reply = await client.post("/e/", body)
    assert reply.status in (400, 401)
    assert reply.body["detail"]
    assert reply.body["type"] in ("validation_error", "authentication_error")


@pytest.mark.parametrize("body", [b"\x1f\x8b" + b"x" * 40, base64.b64encode(gzip.compress(b"x" * 99, mtime=0)[:-9])])
async def test_gzip_that_is_damaged_is_400(client: Tracker, body: bytes) -> None:
    reply = await client.post("/e/", body)
    assert (reply.status, reply.body["code"]) == (400, "corrupt_body")


async def test_a_bomb_in_wrappings_is_413() -> None:
    client = tracker(ingest_inflated_bytes=2**20)
    reply = await client.post("/e/", base64.b64encode(gzip.compress(b" " * 2**24)))
    assert (reply.status, reply.body["code"]) == (413, "inflated_too_large")


async def test_lz_string_is_415(client: Tracker) -> None:
    assert (await client.post("/e/?compression=lz64", b"NobwRA")).status == 415


@pytest.mark.parametrize(("count", "status"), [(2_501, 200), (10_001, 413)])
async def test_a_batch_that_is_too_large_is_413_so_that_it_is_split(client: Tracker, count: int, status: int) -> None:
    body = batch(*({"event": "e", "distinct_id": number} for number in range(count)))
    reply = await client.post("/batch/", gzip.compress(json.dumps(body).encode(), 1))
    assert reply.status == status
    assert len(client.log.records) == (count if status == 200 else 0)


async def test_every_overload_is_503_because_429_would_make_the_browser_drop(client: Tracker) -> None:
    client.log.failure = LogUnavailable("away")
    reply = await client.post("/e/", _PLAIN)
    assert reply.status == 503
    assert 1 <= int(reply.header("retry-after") or "") <= 30
    limited = tracker(ingest_events_a_minute=1)
    statuses = [(await limited.post("/batch/", batch(_EVENT, _EVENT, _EVENT))).status for _ in range(3)]
    assert statuses[-1] == 503


async def test_recordings_are_taken_and_not_kept(client: Tracker) -> None:
    assert (await client.post("/s/?compression=gzip-js", gzip.compress(b"[]"))).body == {"status": 1}
    assert (
        await client.post("/e/", [{"event": "$snapshot", "properties": {"token": "demo", "distinct_id": "u"}}])
    ).status == 200
    assert client.log.records == []


async def test_what_keeps_the_sdks_quiet(client: Tracker) -> None:
    config = await get(client, "/array/demo/config?v=1")
    assert config.body["supportedCompression"] == ["gzip-js"]
    assert config.body["hasFeatureFlags"] is False
    script = await get(client, "/array/demo/config.js")
    assert script.header("content-type") == "text/javascript; charset=utf-8"
    assert b'||{},{"demo":{"config":{"supportedCompression":["gzip-js"]' in script.text
    for path in ("/flags/?v=2", "/decide/?v=3"):
        flags = (await client.post(path, {"token": "demo", "distinct_id": "u"}, origin="https://x.example")).body
        assert (flags["flags"], flags["featureFlags"], flags["errorsWhileComputingFlags"]) == ({}, {}, False)
    assert (await get(client, "/flags/definitions?token=demo&send_cohorts")).body["flags"] == []
    assert client.log.records == []
