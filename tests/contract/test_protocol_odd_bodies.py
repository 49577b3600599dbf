"""Bodies that are easily taken for something else: words of one protocol inside of another's events, one broken event or line
among good ones, digits that are no numbers, fields that are too long where no body is."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.ingestion import NOW, Tracker, tracker

_BASIC = "Basic ZGVtbzo="
_UUID = "0190163d-8694-7abc-8000-000000000001"
_SIGNUP = {"event": "signup", "distinct_id": "u1", "uuid": _UUID, "api_key": "demo", "properties": {"plan": "pro"}}
_WORDS: dict[str, Any] = {"batch": 3, "events": [{"event": "inner"}], "sent_at": "then", "token": "of their own"}
_VALUES: tuple[Any, ...] = (3, "b", None, {}, [{"event": "e"}])


@pytest.fixture(scope="module")
def opened() -> Tracker:
    return tracker()


@pytest.fixture
async def client(opened: Tracker) -> Tracker:
    await opened.told()
    opened.log.records.clear()
    return opened


async def rejected(client: Tracker) -> list[tuple[str, str, str, str, int]]:
    """What reports are told of, without the ids."""
    return [(tenant, outcome, reason, protocol, events) for tenant, outcome, reason, protocol, events, _ in await client.told()]


@pytest.mark.parametrize("path", ["/e/", "/i/v0/e/", "/capture/", "/batch", "/track"])
@pytest.mark.parametrize("properties", [*({"batch": value} for value in _VALUES), _WORDS])
async def test_an_event_of_posthog_may_have_properties_that_are_called_like_parts_of_a_body(
    client: Tracker, path: str, properties: dict[str, Any]
) -> None:
    event = {"api_key": "demo", "event": "export", "distinct_id": "d", "properties": properties}
    for body in (event, [event], {"api_key": "demo", "batch": [event]}, {**event, "batch": 3}):
        client.log.records.clear()
        reply = await client.post(path, body)
        assert (reply.status, reply.body) == (200, {"status": 1}), body
        stored = [(line["customer_id"], line["event_type"], line["properties"]) for line in client.log.lines]
        assert stored == [("demo", "export", properties)]


@pytest.mark.parametrize(("text", "stored"), [("x" * 60_000, "x" * 60_000), ("\\ud83d", "�")])
async def test_such_an_event_is_stored_also_where_it_is_large_or_has_half_an_emoji(
    client: Tracker, text: str, stored: str
) -> None:
    body = f'{{"api_key":"demo","event":"e","distinct_id":"d","properties":{{"batch":[3],"a":["{text}","{text}"]}}}}'
    assert (await client.post("/e/", body)).status == 200
    assert client.log.lines[0]["properties"] == {"batch": [3], "a": [stored, stored]}


@pytest.mark.parametrize("word", ["batch", "other"])
async def test_an_event_alone_that_is_too_large_is_refused_as_that_and_in_the_reports(client: Tracker, word: str) -> None:
    reply = await client.post("/e/", {**_SIGNUP, "properties": {word: [3], "a": "x" * 300_000}})
    assert (reply.status, reply.body["code"]) == (413, "event_too_large")
    assert await rejected(client) == [("demo", "rejected", "event_too_large", "posthog", 1)]


@pytest.mark.parametrize("begin", [b"[", b'{"api_key":"demo","batch":['])
async def test_a_broken_event_on_track_keeps_none_of_the_others_out(client: Tracker, begin: bytes) -> None:
    texts = [b"NaN", b'{"event":"e","distinct_id":"u","properties":{"a":NaN}}', json.dumps(_SIGNUP).encode()]
    reply = await client.post("/track", begin + b",".join(texts) + (b"]" if begin == b"[" else b"]}"))
    assert (reply.status, reply.body["rejected"]) == (200, 2)
    assert [line["event_id"] for line in client.log.lines] == [_UUID]


@pytest.mark.parametrize("path", ["/batch", "/2/httpapi"])
@pytest.mark.parametrize("bad", [b'{"event_type":"e","user_id":"u","event_properties":{"a":NaN}}', b'"\xff"'])
async def test_a_broken_event_of_amplitude_keeps_none_of_the_others_out(client: Tracker, path: str, bad: bytes) -> None:
    good = b'{"event_type":"e","user_id":"u","event_properties":{"batch":[1]}}'
    reply = await client.post(path, b'{"api_key":"demo","events":[%b,%b]}' % (bad, good))
    assert (reply.status, reply.body.get("events_ingested")) == (200, 1)
    assert [line["properties"] for line in client.log.lines] == [{"batch": [1]}]


@pytest.mark.parametrize("bad", [b'{"event":"e","properties":{"dist', b"null", b'[{"event":"e"}]'])
async def test_a_line_of_an_import_that_is_no_object_keeps_none_of_the_others_out(client: Tracker, bad: bytes) -> None:
    good = json.dumps({"event": "e", "properties": {"distinct_id": "u", "time": NOW}}).encode()
    reply = await client.post("/import", b"\n".join([good, bad, good]), authorization=_BASIC)
    assert (reply.status, reply.body["num_records_imported"], len(reply.body["failed_records"])) == (200, 2, 1)


async def test_one_event_on_several_lines_is_one(client: Tracker) -> None:
    event = {"event": "e", "properties": {"distinct_id": "u", "time": NOW, "list": [{"a": 1}, {}]}}
    reply = await client.post("/import", json.dumps(event, indent=1), authorization=_BASIC)
    assert (reply.body["num_records_imported"], reply.body["failed_records"]) == (1, [])


@pytest.mark.parametrize("micros", ["²", "٣" * 16, "soon"])
@pytest.mark.parametrize("is_the_events", [True, False])
async def test_a_time_of_ga4_that_is_no_number_makes_a_rejected_event(
    client: Tracker, micros: str, is_the_events: bool
) -> None:
    at: dict[str, Any] = {"timestamp_micros": micros}
    body: dict[str, Any] = {
        "client_id": "c",
        "events": [{"name": "n", **(at if is_the_events else {})}],
        **({} if is_the_events else at),
    }
    assert (await client.post("/mp/collect?api_secret=demo", body)).status == 204
    assert client.log.records == []
    assert await rejected(client) == [("demo", "rejected", "invalid_timestamp", "ga4", 1)]


@pytest.mark.parametrize("url", ["http://[x#a", "http://a℀.com/#x"])
async def test_an_address_that_cannot_be_taken_apart_is_stored_as_it_is(client: Tracker, url: str) -> None:
    assert (await client.post("/api/event", {"name": "pageview", "url": url, "domain": "demo"})).status == 202
    assert [line["page_url"] for line in client.log.lines] == [url.partition("#")[0]]


@pytest.mark.parametrize("field", ["event", "userId", "messageId", "timestamp"])
async def test_a_pixel_with_a_field_that_is_too_long_is_in_the_reports_as_rejected(client: Tracker, field: str) -> None:
    fields = {"writeKey": "demo", "userId": "u", "event": "E", "messageId": "m", "timestamp": "2026-02-16T11:00:00Z"}
    reply = await client.request("GET", f"/pixel/v1/track?{urlencode({**fields, field: 'x' * 600})}")
    assert reply is not None
    assert (reply.status, reply.header("content-type")) == (200, "image/gif")
    assert client.log.records == []
    assert await rejected(client) == [("demo", "rejected", "string_too_long", "rudderstack", 1)]
