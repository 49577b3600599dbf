"""RudderStack's own routes, CloudEvents, and the protocols that people come from: Mixpanel, Amplitude, GA4."""

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest

from millrace_core.errors import LogUnavailable
from millrace_core.ids import derived_id
from tests.support.ingestion import NOW, Reply, Tracker, tracker

_BASIC = "Basic " + base64.b64encode(b"demo:").decode()


@pytest.fixture(scope="module")
def opened() -> Tracker:
    return tracker()


@pytest.fixture
def client(opened: Tracker) -> Tracker:
    opened.log.records.clear()
    opened.log.failure = None
    return opened


async def get(client: Tracker, path: str) -> Reply:
    reply = await client.request("GET", path, headers={"authorization": _BASIC} if "sourceConfig" in path else {})
    assert reply is not None
    return reply


def said(client: Tracker, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(line.get(name) for name in names) for line in client.log.lines]


# RudderStack


async def test_a_beacon_has_its_key_in_the_query(client: Tracker) -> None:
    item = {"type": "track", "event": "E", "anonymousId": "a1", "messageId": "m1", "originalTimestamp": "2026-02-16T11:00:00Z"}
    reply = await client.post("/beacon/v1/batch?writeKey=demo", {"batch": [item], "sentAt": "x"}, content_type="text/plain")
    assert (reply.status, reply.body) == (200, {"success": True})
    assert said(client, "customer_id", "event_type", "protocol") == [("demo", "E", "rudderstack")]


async def test_a_pixel_is_an_image_whatever_happens(client: Tracker) -> None:
    for query in ("writeKey=demo&anonymousId=a1&event=E&properties.price=5&messageId=m1", "writeKey=no%20key!", ""):
        reply = await get(client, f"/pixel/v1/track?{query}")
        assert (reply.status, reply.header("content-type"), reply.text[:6]) == (200, "image/gif", b"GIF89a")
    await get(client, "/pixel/v1/page?writeKey=demo&anonymousId=a1&properties.url=https%3A%2F%2Fx.example%2Fa")
    assert said(client, "event_type", "properties", "page_path") == [
        ("E", {"price": "5"}, None),
        ("page_view", {"url": "https://x.example/a"}, "/a"),
    ]


async def test_merges_are_stored(client: Tracker) -> None:
    body = {"userId": "u", "mergeProperties": [{"type": "email", "value": "x@y.z"}], "writeKey": "demo"}
    assert (await client.post("/v1/merge", body)).body == {"success": True}
    assert said(client, "event_type", "properties") == [("merge", {"mergeProperties": body["mergeProperties"]})]


async def test_the_browsers_sdk_has_its_source(client: Tracker) -> None:
    for path in ("/sourceConfig/?p=npm&v=3&writeKey=demo", "/sourceConfig"):
        source = (await get(client, path)).body["source"]
        assert (source["id"], source["enabled"], source["destinations"]) == ("demo", True, [])
        assert source["config"]["statsCollection"]["errors"] == {"enabled": False}
    assert (await client.post("/rsaMetrics", {})).status == 200


# CloudEvents

_CLOUD = {
    "specversion": "1.0",
    "id": "7",
    "source": "/orders",
    "type": "com.example.order.paid",
    "subject": "u1",
    "time": "2026-02-16T11:59:58.5Z",
    "datacontenttype": "application/json",
    "region": "eu",
    "data": {"total": 5},
}
_KEY = {"authorization": "Bearer demo"}


async def test_a_structured_event_fills_the_columns(client: Tracker) -> None:
    reply = await client.post("/cloudevents", _CLOUD, content_type="application/cloudevents+json; charset=utf-8", **_KEY)
    assert (reply.status, reply.body) == (200, {"success": True, "accepted": 1})
    assert client.log.lines == [
        {
            "event_id": derived_id("demo", "cloudevent", "/orders", "7"),
            "client_event_id": "/orders 7",
            "customer_id": "demo",
            "event_type": "com.example.order.paid",
            "timestamp": "2026-02-16 11:59:58.500",
            "user_id": "u1",
            "properties": {"total": 5},
            "context": {"cloudevent": {"source": "/orders", "datacontenttype": "application/json", "region": "eu"}},
            "received_at": "2026-02-16 12:00:00.000",
            "protocol": "cloudevents",
        }
    ]


async def test_a_binary_event_is_the_same_one(client: Tracker) -> None:
    headers = {f"ce_{name}": quote(str(value)) for name, value in _CLOUD.items() if name not in ("data", "datacontenttype")}
    await client.post("/cloudevents", _CLOUD, content_type="application/cloudevents+json", **_KEY)
    reply = await client.post("/cloudevents/", _CLOUD["data"], content_type="application/json", **headers, **_KEY)
    assert reply.status == 200
    first, second = client.log.lines
    assert first == second


async def test_an_id_that_is_a_uuid_still_belongs_to_its_source(client: Tracker) -> None:
    events = [{**_CLOUD, "id": "0190163d-8694-7abc-8000-000000000001", "source": source} for source in ("/a", "/b")]
    await client.post("/cloudevents?key=demo", events, content_type="application/cloudevents-batch+json")
    assert len({line["event_id"] for line in client.log.lines}) == 2


@pytest.mark.parametrize(
    ("data", "properties"),
    [
        ({"data": 5}, {"data": 5}),
        ({"data": [1]}, {"data": [1]}),
        ({"data": None}, None),
        ({"data_base64": "AAE="}, {"data_base64": "AAE="}),
    ],
)
async def test_data_of_any_kind_is_kept(client: Tracker, data: dict[str, Any], properties: Any) -> None:
    event = {name: value for name, value in _CLOUD.items() if name != "data"} | data
    assert (await client.post("/cloudevents", event, **_KEY)).status == 200
    assert said(client, "properties") == [(properties,)]


@pytest.mark.parametrize("name", ["id", "source", "type", "specversion"])
async def test_an_event_that_lacks_an_attribute_is_400_alone_and_a_verdict_in_a_batch(client: Tracker, name: str) -> None:
    bad = {key: value for key, value in _CLOUD.items() if key != name}
    assert (await client.post("/cloudevents", bad, **_KEY)).status == 400
    reply = await client.post("/cloudevents", [bad, _CLOUD, 5], **_KEY)
    assert (reply.status, reply.body["accepted"], reply.body["rejected"]) == (200, 1, 2)


@pytest.mark.parametrize("headers", [{}, {"x_api_key": "no key!"}, {"authorization": "Bearer"}])
async def test_cloud_events_without_a_key_are_401(client: Tracker, headers: dict[str, str]) -> None:
    assert (await client.post("/cloudevents", _CLOUD, **headers)).status == 401


# Mixpanel

_MIX = {
    "event": "Signed Up",
    "properties": {
        "token": "demo",
        "time": 1771243198.5,
        "distinct_id": "u1",
        "$device_id": "d1",
        "$insert_id": "i1",
        "$current_url": "https://x.example/a",
        "ip": "198.51.100.9",
    },
}


@pytest.mark.parametrize("path", ["/track", "/track/?verbose=0", "/compat/mixpanel/track"])
@pytest.mark.parametrize("wrapping", ["json", "list", "form", "base64"])
async def test_a_track_of_mixpanel_fills_the_columns(client: Tracker, path: str, wrapping: str) -> None:
    text = json.dumps(_MIX).encode()
    body = {
        "json": text,
        "list": b"[" + text + b"]",
        "form": b"data=" + quote(text.decode()).encode(),
        "base64": b"data=" + base64.b64encode(text),
    }[wrapping]
    reply = await client.post(path, body, content_type="application/x-www-form-urlencoded")
    assert (reply.status, reply.text) == (200, b"1")
    [line] = client.log.lines
    assert line == {
        "event_id": derived_id("demo", "insert_id", "i1"),
        "client_event_id": "i1",
        "customer_id": "demo",
        "event_type": "Signed Up",
        "timestamp": "2026-02-16 11:59:58.500",
        "visitor_id": "d1",
        "user_id": "u1",
        "properties": {**_MIX["properties"], "ip": "198.51.100.0"},  # type: ignore[dict-item]
        "context": {"ip": "198.51.100.0"},
        "page_url": "https://x.example/a",
        "page_path": "/a",
        "channel": "direct",
        "ip": "198.51.100.0",
        "received_at": "2026-02-16 12:00:00.000",
        "protocol": "mixpanel",
    }


@pytest.mark.parametrize("given", ["?verbose=1", "&verbose=1&ip=0"])
async def test_a_client_of_mixpanel_that_asks_for_words_has_an_object(client: Tracker, given: str) -> None:
    query, more = (given, "") if given[0] == "?" else ("", given)
    bad = {"event": "e", "properties": {"token": "demo", "distinct_id": "u", "time": "yesterday"}}
    for event, status in ((_MIX, 1), (bad, 0)):
        body = f"data={quote(json.dumps(event))}{more}".encode()
        reply = await client.post(f"/track{query}", body, content_type="application/x-www-form-urlencoded")
        assert (reply.status, reply.body["status"], reply.body["error"] is None) == (200, status, status == 1)


@pytest.mark.parametrize(
    ("event", "properties", "expected"),
    [
        ("e", {"distinct_id": "$device:d1", "time": 1}, ("e", "d1", None)),
        ("e", {"distinct_id": "u1"}, ("e", "u1", "u1")),
        ("$identify", {"distinct_id": "u1", "$identified_id": "u1", "$anon_id": "$device:d1"}, ("identify", "d1", "u1")),
        ("$create_alias", {"distinct_id": "d1", "alias": "u1"}, ("alias", "d1", "u1")),
        ("$mp_web_page_view", {"distinct_id": "u1"}, ("page_view", "u1", "u1")),
    ],
)
async def test_who_and_what_of_mixpanel(
    client: Tracker, event: str, properties: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    properties = {"token": "demo", **properties, "time": NOW}
    await client.post("/compat/mixpanel/track", {"event": event, "properties": properties})
    assert said(client, "event_type", "visitor_id", "user_id") == [expected]


@pytest.mark.parametrize("is_lines", [True, False])
async def test_an_import_keeps_the_good_events(client: Tracker, is_lines: bool) -> None:
    good = [{"event": "e", "properties": {"distinct_id": "u", "time": NOW, "$insert_id": str(number)}} for number in range(99)]
    items = [*good[:50], {"event": None, "properties": {}}, *good[50:]]
    body = "\n".join(json.dumps(item) for item in items) if is_lines else json.dumps(items)
    reply = await client.post("/import?strict=1", body, authorization=_BASIC)
    assert (reply.status, reply.body["code"], reply.body["num_records_imported"], reply.body["status"]) == (200, 200, 99, "OK")
    assert [error["index"] for error in reply.body["failed_records"]] == [50]


async def test_what_somebody_is_at_mixpanel_is_kept(client: Tracker) -> None:
    body = [{"$token": "demo", "$distinct_id": "u1", "$set": {"plan": "pro"}}, {"$token": "demo", "$add": {"n": 1}}]
    assert (await client.post("/compat/mixpanel/engage", body)).text == b"1"
    assert said(client, "event_type", "user_id", "properties") == [("$set", "u1", {"$set": {"plan": "pro"}})]


# Amplitude

_AMPLITUDE = {
    "user_id": "u1",
    "device_id": "d1",
    "event_type": "Song Played",
    "time": 1771243198500,
    "insert_id": "i1",
    "session_id": 1771243000000,
    "event_properties": {"title": "x"},
    "user_properties": {"plan": "pro"},
    "ip": "$remote",
    "language": "de-AT",
    "os_name": "iOS",
}


@pytest.mark.parametrize("path", ["/2/httpapi", "/batch", "/batch/", "/compat/amplitude/batch", "/compat/amplitude/2/httpapi"])
async def test_an_event_of_amplitude_fills_the_columns(client: Tracker, path: str) -> None:
    reply = await client.post(path, {"api_key": "demo", "events": [_AMPLITUDE]})
    assert (reply.status, reply.body["code"], reply.body["events_ingested"]) == (200, 200, 1)
    assert client.log.lines == [
        {
            "event_id": derived_id("demo", "insert_id", "i1"),
            "client_event_id": "i1",
            "customer_id": "demo",
            "event_type": "Song Played",
            "timestamp": "2026-02-16 11:59:58.500",
            "visitor_id": "d1",
            "user_id": "u1",
            "session_id": "1771243000000",
            "properties": {"user_properties": {"plan": "pro"}, "title": "x"},
            "context": {"language": "de-AT", "os_name": "iOS", "locale": "de-AT"},
            "language": "de-AT",
            "received_at": "2026-02-16 12:00:00.000",
            "protocol": "amplitude",
        }
    ]


async def test_a_page_of_amplitude_is_a_page_view(client: Tracker) -> None:
    event = {**_AMPLITUDE, "event_type": "[Amplitude] Page Viewed", "session_id": -1}
    event["event_properties"] = {"[Amplitude] Page Location": "https://x.example/a", "[Amplitude] Page URL": "x"}
    await client.post("/2/httpapi", {"api_key": "demo", "events": [event]})
    assert said(client, "event_type", "page_path", "session_id") == [("page_view", "/a", None)]


async def test_amplitude_hears_what_was_left_out(client: Tracker) -> None:
    bad = [
        {**_AMPLITUDE, "user_id": None, "device_id": None},
        {**_AMPLITUDE, "event_type": ""},
        5,
        {**_AMPLITUDE, "event_properties": 5},
    ]
    reply = await client.post("/2/httpapi", {"api_key": "demo", "events": [*bad, _AMPLITUDE]})
    assert (reply.status, reply.body["events_ingested"], reply.body["rejected"]) == (200, 1, 4)
    for body, status in (
        (b"x", 400),
        (b'{"api_key":"demo"}', 400),
        (b'{"events":[]}', 401),
        (b'{"events":[],"api_key":"no key!"}', 401),
    ):
        reply = await client.post("/2/httpapi", body)
        assert (reply.status, reply.body["code"]) == (status, status)
        assert reply.body["error"]


# GA4


async def test_an_event_of_ga4_fills_the_columns(client: Tracker) -> None:
    params = {"session_id": 123, "page_location": "https://x.example/a", "page_referrer": "https://www.google.com/", "value": 5}
    body = {
        "client_id": "c.1",
        "user_id": "u1",
        "timestamp_micros": "1771243198500000",
        "events": [{"name": "page_view", "params": params}, {"name": None}],
    }
    reply = await client.post("/mp/collect?measurement_id=G-1&api_secret=demo", body)
    assert (reply.status, reply.text) == (204, b"")
    [line] = client.log.lines
    assert len(line.pop("event_id")) == 36
    assert line == {
        "customer_id": "demo",
        "event_type": "page_view",
        "timestamp": "2026-02-16 11:59:58.500",
        "visitor_id": "c.1",
        "user_id": "u1",
        "session_id": "123",
        "properties": params,
        "page_url": "https://x.example/a",
        "page_path": "/a",
        "referrer": "https://www.google.com/",
        "referrer_domain": "google.com",
        "channel": "organic search",
        "received_at": "2026-02-16 12:00:00.000",
        "protocol": "ga4",
    }


async def test_ga4_says_nothing_about_events_but_the_truth_about_keys_and_overload(client: Tracker) -> None:
    for body in (b"", b"x", b"{}", b'{"events":5}', b'{"events":[{"name":"e","params":5}]}'):
        assert (await client.post("/mp/collect?api_secret=demo", body)).status == 204
    assert client.log.records == []
    good = {"client_id": "c", "events": [{"name": "e"}]}
    assert (await client.post("/mp/collect", good)).status == 401
    client.log.failure = LogUnavailable("away")
    assert (await client.post("/mp/collect?api_secret=demo", good)).status == 503


async def test_the_debugger_of_ga4_says_what_is_wrong_and_stores_nothing(client: Tracker) -> None:
    many = {f"p{number}": 1 for number in range(26)}
    body = {"events": [{"name": "e" * 41}, {"name": "e", "params": many}, {}, 5, {"name": "e", "params": 5}]}
    problems = (await client.post("/debug/mp/collect", body)).body["validationMessages"]
    assert [(one["fieldPath"], one["validationCode"]) for one in problems] == [
        ("measurement_id", "VALUE_REQUIRED"),
        ("api_secret", "VALUE_REQUIRED"),
        ("client_id", "VALUE_REQUIRED"),
        ("events[0].name", "NAME_INVALID"),
        ("events[1].params", "EXCEEDED_MAX_ENTITIES"),
        ("events[2].name", "VALUE_REQUIRED"),
        ("events[3]", "VALUE_INVALID"),
        ("events[4].params", "VALUE_INVALID"),
    ]
    assert (await client.post("/debug/mp/collect", b"x")).body["validationMessages"][0]["fieldPath"] == "body"
    assert client.log.records == []
