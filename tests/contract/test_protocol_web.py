"""Plausible's and Umami's trackers: what they post, what is stored of it, and what they hear."""

import json
from typing import Any

import pytest

from millrace_core.errors import LogUnavailable
from tests.support.ingestion import NOW, Tracker, tracker

_BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
_PAGE = {
    "n": "pageview",
    "u": "https://www.x.example/pricing?utm_source=news#top",
    "d": "x.example",
    "r": "https://www.google.com/",
}
_HEADERS = {"content_type": "text/plain", "user_agent": _BROWSER, "origin": "https://x.example", "accept_language": "de-AT,de"}
_SITE = "b59e9c65-ae32-47f1-8400-119fcf4861c4"


def send(payload: dict[str, Any] | None = None, kind: str = "event") -> dict[str, Any]:
    shown = {"website": _SITE, "hostname": "x.example", "url": "/pricing?a=1", "title": "Pricing", "screen": "1920x1080"}
    return {"type": kind, "payload": {**shown, "language": "de-AT", "referrer": "https://www.google.com/", **(payload or {})}}


@pytest.fixture(scope="module")
def opened() -> Tracker:
    return tracker()


@pytest.fixture
def client(opened: Tracker) -> Tracker:
    opened.log.records.clear()
    opened.log.failure = None
    return opened


async def test_a_page_view_of_plausible_fills_the_columns(client: Tracker) -> None:
    reply = await client.post("/api/event", _PAGE, **_HEADERS)
    assert (reply.status, reply.text) == (202, b"ok")
    [line] = client.log.lines
    assert len(line.pop("visitor_id")) == 32
    assert len(line.pop("event_id")) == 36
    assert line == {
        "customer_id": "x.example",
        "event_type": "page_view",
        "event_name": "pageview",
        "timestamp": "2026-02-16 12:00:00.000",
        "page_url": "https://www.x.example/pricing?utm_source=news",
        "page_path": "/pricing",
        "referrer": "https://www.google.com/",
        "referrer_domain": "google.com",
        "channel": "campaign",
        "utm_source": "news",
        "received_at": "2026-02-16 12:00:00.000",
        "protocol": "plausible",
        "language": "de-AT",
        "browser": "Chrome",
        "os": "Linux",
        "device": "desktop",
        "ip": "203.0.113.0",
    }


@pytest.mark.parametrize(
    ("event", "properties"),
    [
        ({"props": {"a": "x", "b": None, "c": "", "d": [1], "e": {}, "f": 1, "g": True}}, {"a": "x", "f": 1, "g": True}),
        ({"p": '{"a":"x"}'}, {"a": "x"}),
        ({"m": {"a": 1}}, {"a": 1}),
        ({"$": {"currency": "EUR", "amount": 5}}, {"revenue": {"currency": "EUR", "amount": 5}}),
        ({"revenue": {"currency": "EUR", "amount": "5"}}, {"revenue": {"currency": "EUR", "amount": "5"}}),
        ({"i": False}, {"interactive": False}),
        ({"$": {}, "p": {"plan": "pro"}}, {"plan": "pro"}),  # as the tracker sends a click that has no revenue
        ({"sd": 40, "e": 1200}, {"scroll_depth": 40, "engagement_ms": 1200}),
    ],
)
async def test_plausibles_properties(client: Tracker, event: dict[str, Any], properties: dict[str, Any]) -> None:
    await client.post("/api/event", {**_PAGE, "n": "Signup", **event}, **_HEADERS)
    assert (client.log.lines[0]["event_type"], client.log.lines[0]["properties"]) == ("Signup", properties)


async def test_long_names_mean_the_same(client: Tracker) -> None:
    event = {"name": "pageview", "url": "https://x.example/#/a", "domain": "x.example", "hashMode": 1}
    assert (await client.post("/api/event", event, **_HEADERS)).status == 202
    assert client.log.lines[0]["page_url"] == "https://x.example/#/a"


async def test_several_domains_have_an_event_each(client: Tracker) -> None:
    await client.post("/api/event", {**_PAGE, "d": "x.example, www.all.example,no key!"}, **_HEADERS)
    assert [line["customer_id"] for line in client.log.lines] == ["x.example", "all.example"]
    assert len({line["visitor_id"] for line in client.log.lines}) == 2


async def test_without_a_domain_it_is_the_pages(client: Tracker) -> None:
    await client.post("/api/event", {"n": "pageview", "u": "https://www.x.example/"}, **_HEADERS)
    assert client.log.lines[0]["customer_id"] == "x.example"


async def test_a_visitor_is_the_same_for_a_day_and_another_behind_it() -> None:
    now = [NOW]
    client = tracker(clock=lambda: now[0])
    for later in (0, 3_600_000, 86_400_000):
        now[0] = NOW + later
        await client.post("/api/event", _PAGE, **_HEADERS)
    await client.post("/api/event", _PAGE, **{**_HEADERS, "user_agent": "Mozilla/5.0 (other)"})
    first, second, third, other = [line["visitor_id"] for line in client.log.lines]
    assert first == second
    assert len({first, third, other}) == 3


async def test_the_address_is_told_to_who_asks_and_never_stored(client: Tracker) -> None:
    reply = await client.post("/api/event", _PAGE, **_HEADERS, x_debug_request="true")
    assert (reply.status, reply.text) == (200, b"203.0.113.77")
    assert b"203.0.113.77" not in client.log.records[0].line


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b"nonsense", 400, "invalid_json"),
        (b"[]", 400, "invalid_event"),
        (b"{}", 401, "unauthorized"),
        (b'{"d":"x.example"}', 400, "missing_event_type"),
        (b'{"n":"pageview","d":"x.example"}', 400, "missing_event_type"),
        (b'{"n":{},"d":"x.example"}', 400, "invalid_event"),
        (b'{"n":"e","u":"https://x.example","d":"x.example","p":"nonsense"}', 400, "invalid_json"),
        (b'{"n":"e","u":"https://x.example","d":"x.example","p":[1]}', 400, "invalid_properties"),
        (b'{"n":"e","u":"https://x.example","d":"no key!"}', 401, "invalid_key"),
        (b'{"n":"' + b"e" * 300 + b'","u":"https://x.example","d":"x.example"}', 400, "string_too_long"),
        (b'{"n":"e","p":"' + b"x" * 300_000 + b'"}', 413, "event_too_large"),
    ],
)
async def test_what_plausible_cannot_store_is_said(client: Tracker, body: bytes, status: int, code: str) -> None:
    reply = await client.post("/api/event", body, **_HEADERS)
    assert (reply.status, reply.body["code"]) == (status, code)
    assert reply.body["errors"]
    assert client.log.records == []


@pytest.mark.parametrize(
    ("payload", "stored"),
    [
        ({"title": "Pricing%20%26%20plans"}, ("Pricing & plans", "/pricing")),
        ({"title": "100 % sure"}, ("100 % sure", "/pricing")),
        ({"title": "50%FF"}, ("50%FF", "/pricing")),
        ({"url": "/caf%25C3%25A9?q=a%2520b"}, ("Pricing", "/caf%C3%A9")),
        ({"url": "/caf%C3%A9"}, ("Pricing", "/caf%C3%A9")),
    ],
)
async def test_what_older_trackers_of_umami_encode_is_stored_as_the_page_had_it(
    client: Tracker, payload: dict[str, Any], stored: tuple[str, str]
) -> None:
    await client.post("/api/send", send({"url": "/pricing", **payload}), **_HEADERS)
    [line] = client.log.lines
    assert (line["properties"]["title"], line["page_path"]) == stored


async def test_a_page_view_of_umami_fills_the_columns(client: Tracker) -> None:
    reply = await client.post("/api/send", send(), **_HEADERS)
    assert reply.status == 200
    [line] = client.log.lines
    assert reply.body == {"cache": line["visitor_id"], "sessionId": line["visitor_id"], "visitId": line["session_id"]}
    assert len(line.pop("event_id")) == 36
    del line["visitor_id"], line["session_id"]
    assert line == {
        "customer_id": _SITE,
        "event_type": "page_view",
        "timestamp": "2026-02-16 12:00:00.000",
        "properties": {"title": "Pricing", "screen": "1920x1080"},
        "context": {"locale": "de-AT"},
        "page_url": "https://x.example/pricing?a=1",
        "page_path": "/pricing",
        "referrer": "https://www.google.com/",
        "referrer_domain": "google.com",
        "channel": "organic search",
        "received_at": "2026-02-16 12:00:00.000",
        "protocol": "umami",
        "language": "de-AT",
        "browser": "Chrome",
        "os": "Linux",
        "device": "desktop",
        "ip": "203.0.113.0",
    }


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (send({"name": "signup", "data": {"plan": "pro"}}), {"event_type": "signup"}),
        (send({"id": "u1", "data": {"email": "x@y.z"}}, "identify"), {"event_type": "identify", "user_id": "u1"}),
        (send({"lcp": 1200, "cls": 0.1}, "performance"), {"event_type": "performance"}),
        (send({"timestamp": 1771243100}), {"timestamp": "2026-02-16 11:58:20.000"}),
        (send({"ip": "198.51.100.9", "userAgent": "curl/8"}), {"ip": "198.51.100.0"}),
        (send({"website": None, "link": "l1"}), {"customer_id": "l1"}),
    ],
)
async def test_each_kind_of_umamis(client: Tracker, event: dict[str, Any], said: dict[str, Any]) -> None:
    assert (await client.post("/api/send", event, **_HEADERS, x_umami_cache="token")).status == 200
    assert {name: client.log.lines[0].get(name) for name in said} == said


async def test_umamis_batches_keep_the_good_events(client: Tracker) -> None:
    body = [send({"name": "a"}), {"type": "x", "payload": {"website": _SITE}}, 5, send({"url": {}}), send({"name": "b"})]
    reply = await client.post("/api/batch", body, **_HEADERS)
    assert (reply.status, reply.body["size"], reply.body["processed"], reply.body["errors"]) == (200, 5, 2, 3)
    assert [error["index"] for error in reply.body["details"]] == [1, 2, 3]
    assert [line["event_type"] for line in client.log.lines] == ["a", "b"]


@pytest.mark.parametrize("website", [None, "", "no key!"])
async def test_a_tracker_with_a_wrong_key_is_told_to_stop(client: Tracker, website: str | None) -> None:
    reply = await client.post("/api/send", send({"website": website}), **_HEADERS)
    assert (reply.status, reply.body["disabled"]) == (401, True)


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"[]", b'"x"', b'{"type":"event"}', b'{"type":5}', json.dumps(send({"data": 5})).encode(), b'{"payload":{}}'],
)
@pytest.mark.parametrize("path", ["/api/send", "/api/batch"])
async def test_what_umami_cannot_store_is_an_error_and_never_a_fault(client: Tracker, path: str, body: bytes) -> None:
    reply = await client.post(path, body, **_HEADERS)
    assert reply.status in (400, 401)
    assert reply.body["message"]
    assert client.log.records == []


@pytest.mark.parametrize(("path", "event"), [("/api/event", _PAGE), ("/api/send", send())])
async def test_what_is_not_stored_is_never_called_taken(client: Tracker, path: str, event: dict[str, Any]) -> None:
    client.log.failure = LogUnavailable("away")
    reply = await client.post(path, event, **_HEADERS)
    assert (reply.status, reply.body["code"]) == (503, "log_unavailable")
