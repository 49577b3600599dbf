"""Browsers that say that their users do not want to be followed."""

import json
from typing import Any

import pytest

from millrace_records.ports import Tenant
from tests.support.ingestion import EVENT, tracker

_IDS = ("visitor_id", "user_id", "session_id", "client_event_id", "ip")
_SENT = {
    **EVENT,
    "event_id": "mine-1",
    "visitor_id": "MARK-v",
    "user_id": "MARK-u",
    "session_id": "MARK-s",
    "page_url": "https://MARK:MARK@shop.example.com/a?utm_source=news&gclid=MARK&email=MARK#MARK",
    "referrer": "https://search.example.com/?q=MARK",
    "properties": {
        "price": 3,
        "email": "MARK",
        "$device_id": "MARK",
        "$ip": "203.0.113.9",
        "items": [{"sku": "a", "user-id": "MARK"}],
    },
    "context": {
        "ip": "203.0.113.9",
        "userAgent": "MARK",
        "locale": "de-AT",
        "traits": {"email": "MARK"},
        "device": {"id": "MARK"},
        "page": {"url": "https://shop.example.com/a?x=MARK", "title": "Shop"},
        "library": {"name": "sdk"},
    },
}


@pytest.mark.parametrize("header", [{"sec_gpc": "1"}, {"dnt": "1"}])
async def test_what_happened_is_stored_and_nothing_of_who_it_was(header: dict[str, str]) -> None:
    client = tracker()
    line = await client.line(_SENT, **header)
    assert not [name for name in _IDS if name in line]
    assert line["properties"] == {"price": 3, "items": [{"sku": "a"}]}
    assert line["context"] == {
        "page": {"url": "https://shop.example.com/a", "title": "Shop"},
        "library": {"name": "sdk"},
        "locale": "de-AT",
    }
    assert line["page_url"] == "https://shop.example.com/a?utm_source=news"
    assert line["referrer"] == "https://search.example.com/"
    assert (line["utm_source"], line["page_path"], line["language"]) == ("news", "/a", "de-AT")
    assert b"MARK" not in client.log.records[0].line
    assert b"203.0" not in client.log.records[0].line
    assert client.log.records[0].routing == line["event_id"]


@pytest.mark.parametrize("header", [{}, {"sec_gpc": "0"}, {"dnt": "0"}, {"sec_gpc": "true"}, {"dnt": "unspecified"}])
async def test_everything_else_than_a_one_says_nothing(header: dict[str, str]) -> None:
    assert (await tracker().line(_SENT, **header))["visitor_id"] == "MARK-v"


async def test_a_retry_is_recognised_without_the_clients_id() -> None:
    client = tracker()
    first, second = await client.line(_SENT, dnt="1"), await client.line(_SENT, dnt="1")
    assert first["event_id"] == second["event_id"]


async def test_an_event_about_a_person_is_left_out_and_said_so() -> None:
    client = tracker()
    reply = await client.post("/track", {**EVENT, "event_type": "identify", "user_id": "u", "event_id": "e1"}, sec_gpc="1")
    assert (reply.status, client.log.records) == (200, [])
    assert reply.body["success"] is True
    assert (reply.body["events_accepted"], reply.body["events_rejected"], reply.body["events_left_out"]) == (0, 0, 1)
    assert [(one["index"], one["event_id"], one["code"]) for one in reply.body["warnings"]] == [(0, "e1", "privacy_signal")]
    assert client.counted("events_dropped_total", customer_id="demo", reason="privacy_signal") == 1


async def test_dropped_events_are_a_success_for_the_client_and_counted() -> None:
    client = tracker(ingest_privacy_signals="drop")
    reply = await client.post("/track/batch", {"events": [EVENT, {**EVENT, "event_type": ""}, EVENT]}, dnt="1")
    assert (reply.status, client.log.records) == (200, [])
    assert (reply.body["events_accepted"], reply.body["events_rejected"], reply.body["events_left_out"]) == (0, 1, 2)
    assert client.counted("events_dropped_total", customer_id="demo", reason="privacy_signal") == 2
    assert client.counted("events_received_total", customer_id="demo", event_type="click") == 0


async def test_ignored_signals_change_nothing() -> None:
    client = tracker(ingest_privacy_signals="ignore")
    assert (await client.line(_SENT, dnt="1"))["user_id"] == "MARK-u"


async def test_a_tenant_has_its_own_answer() -> None:
    client = tracker(ingest_privacy_signals="ignore")
    client.settle(Tenant("demo", signals="drop"), Tenant("named", signals="anonymous"))
    events = [EVENT, {**EVENT, "customer_id": "named"}, {**EVENT, "customer_id": "other"}]
    await client.post("/track/batch", {"events": events}, sec_gpc="1")
    assert [(line["customer_id"], line.get("visitor_id")) for line in client.log.lines] == [("named", None), ("other", "v1")]


async def test_denied_fields_are_left_out_of_anonymous_events_too() -> None:
    client = tracker()
    client.settle(Tenant("demo", denied=("properties.price",)))
    assert (await client.line(_SENT, dnt="1"))["properties"] == {"items": [{"sku": "a"}]}


_PERSON: dict[str, Any] = {"anonymousId": "MARK", "userId": "MARK"}
PROTOCOLS: dict[str, tuple[str, Any]] = {
    "segment batch": (
        "/v1/batch",
        {
            "writeKey": "demo",
            "batch": [{"type": "track", "event": "e", "messageId": "MARK", "context": {"traits": {"a": "MARK"}}, **_PERSON}],
        },
    ),
    "segment single": ("/v1/t", {"writeKey": "demo", "event": "e", **_PERSON}),
    "rudderstack": ("/v1/track?writeKey=demo", {"event": "e", "context": {"sessionId": 1, "traits": {"a": "MARK"}}, **_PERSON}),
    "posthog": (
        "/i/v0/e/",
        {
            "api_key": "demo",
            "event": "e",
            "distinct_id": "MARK",
            "properties": {"distinct_id": "MARK", "$device_id": "MARK", "$set": {"a": "MARK"}},
        },
    ),
    "plausible": ("/api/event", {"n": "pageview", "u": "https://a.example.com/?x=MARK", "d": "demo"}),
    "umami": ("/api/send", {"type": "event", "payload": {"website": "demo", "url": "/?x=MARK", "id": "MARK"}}),
    "cloudevents": (
        "/cloudevents?key=demo",
        {"specversion": "1.0", "type": "e", "source": "s", "id": "1", "data": {"user_id": "MARK", "distinct_id": "MARK"}},
    ),
    "ga4": (
        "/mp/collect?api_secret=demo&measurement_id=G-1",
        {"client_id": "MARK", "user_id": "MARK", "events": [{"name": "e"}]},
    ),
    "mixpanel": (
        "/compat/mixpanel/track",
        [{"event": "e", "properties": {"token": "demo", "distinct_id": "MARK", "$device_id": "MARK"}}],
    ),
    "amplitude": (
        "/2/httpapi",
        {"api_key": "demo", "events": [{"event_type": "e", "user_id": "MARK-user", "device_id": "MARK-device"}]},
    ),
}
"""A request of each protocol whose path, query and body name a person by the mark."""


@pytest.mark.parametrize("name", PROTOCOLS)
async def test_it_holds_for_every_protocol(name: str) -> None:
    path, body = PROTOCOLS[name]
    client = tracker()
    headers = {"sec_gpc": "1", "user_agent": "Mozilla/5.0 Chrome/120.0 Safari/537.36", "content_type": "application/json"}
    if name == "cloudevents":
        headers["content_type"] = "application/cloudevents+json"
    before = await client.post(path, body, **{**headers, "sec_gpc": "0"})
    after = await client.post(path, body, **headers)
    assert (before.status, after.status) == (before.status, before.status), after.text
    assert len(client.log.records) == 2, after.text
    open_line, line = client.log.records[0].line, client.log.records[1].line
    assert b"MARK" in open_line or "visitor_id" in json.loads(open_line)
    assert b"MARK" not in line
    assert not [column for column in _IDS if column in json.loads(line)]


@pytest.mark.parametrize("name", PROTOCOLS)
async def test_a_dropped_event_is_the_protocols_success(name: str) -> None:
    path, body = PROTOCOLS[name]
    kept, dropped = tracker(), tracker(ingest_privacy_signals="drop")
    headers = {"sec_gpc": "1", "content_type": "application/cloudevents+json" if name == "cloudevents" else "application/json"}
    wanted, got = await kept.post(path, body, **headers), await dropped.post(path, body, **headers)
    assert dropped.log.records == []
    assert got.status == wanted.status
    assert 200 <= got.status < 300


async def test_a_dry_run_says_what_would_be_left_out_and_shows_rows_without_ids() -> None:
    client = tracker(ingest_events_a_minute=1)
    events: list[dict[str, Any]] = [
        {**EVENT, "event_type": "identify", "user_id": "u"},
        _SENT,
        {**EVENT, "event_type": ""},
        EVENT,
    ]
    for sent in (events, list(reversed(events))):
        told = (await client.post("/track/batch?dry_run=1", {"events": sent}, dnt="1")).body
        assert (told["events_accepted"], told["events_rejected"], told["events_left_out"]) == (2, 1, 1)
        rows = {one["index"]: one["row"]["visitor_id"] for one in told["rows"]}
        assert rows == {index: "" for index, event in enumerate(sent) if event["event_type"] == "click"}
    assert client.log.records == []


async def test_what_is_left_out_is_in_the_report_without_an_id() -> None:
    client = tracker(ingest_privacy_signals="drop")
    await client.post("/track/batch", {"events": [_SENT, EVENT]}, dnt="1")
    await client.post(*PROTOCOLS["segment batch"], sec_gpc="1")
    assert await client.told() == [
        ("demo", "rejected", "privacy_signal", "native", 2, []),
        ("demo", "rejected", "privacy_signal", "segment", 1, []),
    ]
