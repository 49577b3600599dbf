"""Identity, time and columns of an accepted event."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace_core.events import EVENT_ID_AT, Arrival, Event, Visit
from millrace_core.ids import derived_id, new_id, time_of_uuid7
from tests.support.ingestion import EVENT, NOW, tracker

_DAY = 86_400_000
_UUID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
_CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"
_GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
_COLUMNS = {name for part in (Event, Visit, Arrival) for name in part.__struct_fields__}


# Identity


async def test_a_uuid_of_the_client_is_kept_in_lower_case() -> None:
    line = await tracker().line({"event_id": _UUID.upper()})
    assert line["event_id"] == _UUID
    assert "client_event_id" not in line


@pytest.mark.parametrize("sent", ["node-next-1668208232027", 42, "6ba7b8109dad11d180b400c04fd430c8"])
async def test_any_other_id_is_derived_and_kept_beside(sent: Any) -> None:
    line = await tracker().line({"event_id": sent})
    assert line["event_id"] == derived_id("demo", "client_event_id", str(sent))
    assert line["client_event_id"] == str(sent)


@pytest.mark.parametrize("sent", [None, "", "00000000-0000-0000-0000-000000000000", "FFFFFFFF-ffff-ffff-ffff-ffffffffffff"])
async def test_without_an_id_there_is_a_new_one_of_this_moment(sent: Any) -> None:
    line = await tracker().line({"event_id": sent})
    assert time_of_uuid7(line["event_id"]) == NOW
    assert "client_event_id" not in line


async def test_an_idempotency_key_gives_the_same_events_the_same_ids_wherever_they_are_sent_again() -> None:
    events = [EVENT, {**EVENT, "event_id": _UUID}, EVENT]

    async def ids(key: str, events: list[dict[str, Any]]) -> list[str]:
        client = tracker()  # which knows of no answer before
        assert (await client.post("/track/batch", {"events": events}, idempotency_key=key)).status == 200
        return [line["event_id"] for line in client.log.lines]

    first = await ids("k1", events)
    assert first[1] == _UUID
    assert len({*first}) == 3
    assert await ids("k1", [{**event, "sent_at": NOW, "context": {"try": 2}} for event in events]) == first
    assert not {first[0], first[2]} & {*await ids("k2", events)}
    others = await ids("k1", [{**event, "event_type": "other"} for event in events])
    assert not {first[0], first[2]} & {*others}


# Time


@pytest.mark.parametrize(
    ("event", "stored"),
    [
        ({}, "2026-02-16 12:00:00.000"),
        ({"timestamp": "2026-02-15T10:00:00.5Z"}, "2026-02-15 10:00:00.500"),
        ({"timestamp": NOW - 1000}, "2026-02-16 11:59:59.000"),
        ({"timestamp": (NOW - 1000) / 1000}, "2026-02-16 11:59:59.000"),
        ({"timestamp": NOW + _DAY}, "2026-02-17 12:00:00.000"),
        ({"timestamp": ""}, "2026-02-16 12:00:00.000"),
        ({"event_id": new_id(NOW - 5000)}, "2026-02-16 11:59:55.000"),
        ({"event_id": new_id(NOW - 5000), "timestamp": NOW - 1}, "2026-02-16 11:59:59.999"),
        ({"event_id": _UUID}, "2026-02-16 12:00:00.000"),
        ({"timestamp": "2026-02-15T10:00:00Z", "sent_at": "2026-02-16T11:00:00Z"}, "2026-02-15 10:00:00.000"),
    ],
)
async def test_the_time_is_the_clients_as_sent(event: dict[str, Any], stored: str) -> None:
    line = await tracker().line(event)
    assert line["timestamp"] == stored
    assert line["received_at"] == "2026-02-16 12:00:00.000"


@pytest.mark.parametrize("sent", ["1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z", 0, NOW + _DAY + 1, NOW - 1826 * _DAY - 1])
async def test_a_time_outside_of_the_window_is_rejected(sent: Any) -> None:
    reply = await tracker().post("/track", {**EVENT, "timestamp": sent, "sent_at": NOW})
    assert (reply.status, reply.body["code"]) == (400, "timestamp_out_of_range")


@pytest.mark.parametrize(("sent_at", "skew"), [(0, NOW), (NOW + 2 * _DAY, -2 * _DAY)])
async def test_a_clock_that_is_off_by_more_than_a_day_is_replaced_with_a_warning(sent_at: int, skew: int) -> None:
    client = tracker()
    reply = await client.post("/track", {**EVENT, "timestamp": "1970-01-01T00:00:05Z", "sent_at": sent_at, "event_id": "e1"})
    assert reply.status == 200
    assert [(remark["index"], remark["event_id"], remark["code"]) for remark in reply.body["warnings"]] == [
        (0, "e1", "timestamp_replaced")
    ]
    assert client.log.lines[0]["timestamp"] == "2026-02-16 12:00:00.000"
    assert client.log.lines[0]["skew_ms"] == skew


async def test_skew_stands_beside_the_time_and_changes_nothing() -> None:
    line = await tracker().line({"timestamp": NOW - 90_000, "sent_at": "2026-02-16T11:59:00Z"})
    assert (line["timestamp"], line["skew_ms"]) == ("2026-02-16 11:58:30.000", 60_000)


async def test_sent_at_of_the_batch_holds_for_events_without_one() -> None:
    client = tracker()
    events = [EVENT, {**EVENT, "sent_at": NOW - 1}, {**EVENT, "sent_at": "soon"}]
    reply = await client.post("/track/batch", {"events": events, "sent_at": NOW - 7})
    assert [line.get("skew_ms") for line in client.log.lines] == [7, 1, None]
    assert [(remark["index"], remark["code"]) for remark in reply.body["warnings"]] == [(2, "sent_at_ignored")]


@pytest.mark.parametrize("sent_at", ["soon", None, True, [], {}, 1e300])
async def test_a_batch_sent_at_that_is_no_time_counts_as_absent(sent_at: Any) -> None:
    client = tracker()
    reply = await client.post("/track/batch", {"events": [EVENT], "sent_at": sent_at})
    assert reply.body["events_accepted"] == 1
    assert "skew_ms" not in client.log.lines[0]


async def test_an_id_with_a_time_outside_of_the_window_does_not_reject() -> None:
    client = tracker()
    reply = await client.post("/track", {**EVENT, "event_id": new_id(5)})
    assert reply.body["warnings"][0]["code"] == "timestamp_replaced"
    assert client.log.lines[0]["timestamp"] == "2026-02-16 12:00:00.000"


# What is required


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"customer_id": None}, "missing_customer_id"),
        ({"customer_id": "a b"}, "invalid_customer_id"),
        ({"customer_id": "x" * 65}, "invalid_customer_id"),
        ({"customer_id": ["a"]}, "invalid_event"),
        ({"event_type": None}, "missing_event_type"),
        ({"event_type": ""}, "missing_event_type"),
        ({"event_type": 5}, "invalid_event"),
        ({"event_type": "x" * 257}, "string_too_long"),
        ({"visitor_id": None}, "missing_identity"),
        ({"visitor_id": ""}, "missing_identity"),
        ({"visitor_id": 1.5}, "invalid_event"),
        ({"visitor_id": True}, "invalid_event"),
        ({"visitor_id": "x" * 513}, "string_too_long"),
        ({"visitor_id": 10**600}, "string_too_long"),
        ({"page_url": "x" * 8193}, "string_too_long"),
        ({"timestamp": "yesterday"}, "invalid_timestamp"),
        ({"timestamp": {}}, "invalid_event"),
        ({"properties": []}, "invalid_properties"),
        ({"context": "x"}, "invalid_context"),
    ],
)
async def test_what_an_event_lacks_is_said_with_a_code(change: dict[str, Any], code: str) -> None:
    client = tracker()
    reply = await client.post("/track", {**EVENT, **change})
    assert (reply.status, reply.body["code"]) == (400, code)
    assert reply.body["message"] == "Invalid event format"
    assert client.log.records == []


async def test_numbers_are_identifiers_and_null_is_absent() -> None:
    sent = {"customer_id": 7, "visitor_id": 12345678901234567890, "user_id": None, "session_id": 0, "event_name": None}
    client = tracker()
    line = await client.line({**sent, "properties": None, "context": None, "page_url": None, "timestamp": None})
    assert (line["customer_id"], line["visitor_id"], line["session_id"]) == ("7", "12345678901234567890", "0")
    assert not {"user_id", "event_name", "properties", "context", "page_url"} & set(line)
    assert client.log.records[0].tenant == "7"


@pytest.mark.parametrize(
    ("sent", "routing"),
    [({"visitor_id": "v", "user_id": "u"}, "v"), ({"user_id": "u", "session_id": "s"}, "u"), ({"session_id": "s"}, "s")],
)
async def test_the_record_is_routed_by_the_first_identity(sent: dict[str, str], routing: str) -> None:
    client = tracker()
    await client.line({"visitor_id": None, **sent})
    record = client.log.records[0]
    assert (record.routing, record.protocol, record.key_id, record.received_at) == (routing, "native", "", NOW)
    assert record.line[EVENT_ID_AT].decode() == record.event_id


# Columns


async def test_the_documented_event_fills_its_columns() -> None:
    line = await tracker().line(
        {
            "event_type": "page_view",
            "event_name": "Homepage View",
            "properties": {"page": "/", "title": "Home"},
            "page_url": "https://example.com/home?utm_source=x&utm_medium=email",
            "referrer": "https://www.google.com",
        },
        user_agent=_CHROME,
        accept_language="de-de,en;q=0.5",
    )
    assert line == {
        "event_id": line["event_id"],
        "customer_id": "demo",
        "event_type": "page_view",
        "timestamp": "2026-02-16 12:00:00.000",
        "visitor_id": "v1",
        "event_name": "Homepage View",
        "properties": {"page": "/", "title": "Home"},
        "page_url": "https://example.com/home?utm_source=x&utm_medium=email",
        "page_path": "/",
        "referrer": "https://www.google.com",
        "referrer_domain": "google.com",
        "channel": "email",
        "utm_source": "x",
        "utm_medium": "email",
        "received_at": "2026-02-16 12:00:00.000",
        "protocol": "native",
        "language": "de-DE",
        "device": "desktop",
        "browser": "Chrome",
        "os": "Windows",
        "ip": "203.0.113.0",
    }


async def test_a_page_view_says_its_address_in_its_properties_too() -> None:
    sent = {"url": "https://example.com/a", "referrer": "https://t.co/x"}
    line = await tracker().line({"event_type": "page_view", "properties": sent})
    assert (line["page_url"], line["page_path"], line["channel"]) == ("https://example.com/a", "/a", "social")
    assert "page_url" not in await tracker().line({"event_type": "page_scraped", "properties": sent})


async def test_bots_are_flagged_and_stored_and_libraries_are_not_bots() -> None:
    client = tracker()
    assert (await client.line({}, user_agent=_GOOGLEBOT))["is_bot"] is True
    assert "is_bot" not in await client.line({}, user_agent=_CHROME)
    assert not {"is_bot", "browser"} & set(await client.line({}, user_agent="curl/8.1"))
    assert (await client.line({"context": {"userAgent": _GOOGLEBOT}}, user_agent=_CHROME))["is_bot"] is True
    assert "is_bot" not in await client.line({"context": {"userAgent": "axios/1.6"}}, user_agent=_GOOGLEBOT)


async def test_the_context_is_believed_before_the_headers_and_its_address_is_cut() -> None:
    context = {
        "ip": "198.51.100.7",
        "locale": "fr_FR",
        "userAgent": _CHROME,
        "page": {"url": "https://example.com/p", "referrer": "https://bing.com"},
        "campaign": {"name": "spring", "medium": "email"},
    }
    line = await tracker().line({"context": context}, user_agent="python-requests/2", accept_language="de")
    assert (line["ip"], line["language"], line["browser"]) == ("198.51.100.0", "fr-FR", "Chrome")
    assert (line["page_path"], line["referrer_domain"], line["channel"]) == ("/p", "bing.com", "email")
    assert line["utm_campaign"] == "spring"
    assert line["context"] == {**context, "ip": "198.51.100.0"}


async def test_address_and_country_come_from_trusted_proxies_only() -> None:
    trusting, plain = tracker(trusted_proxies=["203.0.113.0/24"]), tracker()
    headers = {"x_forwarded_for": "6.6.6.6, 198.51.100.7", "cf_ipcountry": "de"}
    believed, refused = await trusting.line({}, **headers), await plain.line({}, **headers)
    assert (believed["ip"], believed["country"]) == ("198.51.100.0", "DE")
    assert (refused["ip"], "country" in refused) == ("203.0.113.0", False)
    for unknown in ("XX", "T1", "Germany", ""):
        assert "country" not in await trusting.line({}, cf_ipcountry=unknown)


async def test_no_whole_address_is_ever_stored() -> None:
    client = tracker(trusted_proxies=["203.0.113.0/24"])
    sent = {"properties": {"$ip": "198.51.100.77", "a": [{"ip": "198.51.100.77"}]}, "context": {"ip": "198.51.100.77"}}
    await client.line(sent, x_forwarded_for="198.51.100.77")
    assert b"100.77" not in client.log.records[0].line


_text = st.text(max_size=40)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=8,
)
_optional = st.none() | _text | st.integers()


@given(
    st.fixed_dictionaries(
        {"customer_id": st.just("demo"), "event_type": _text.filter(bool), "visitor_id": _text.filter(bool)},
        optional={
            "event_name": st.none() | _text,
            "user_id": _optional,
            "session_id": _optional,
            "event_id": _optional,
            "page_url": st.none() | _text,
            "referrer": st.none() | _text,
            "timestamp": st.integers(min_value=NOW - 1000 * _DAY, max_value=NOW + _DAY),
            "properties": st.dictionaries(_text.filter(lambda key: "ip" not in key.lower()), _values, max_size=4),
            "context": st.dictionaries(_text, _values, max_size=3),
            "something_else": _values,
        },
    ),
    st.booleans(),
)
async def test_every_accepted_line_is_one_line_of_json_in_our_columns(event: dict[str, Any], pretty: bool) -> None:
    client = _SHARED
    client.log.records.clear()
    body = json.dumps({"events": [event]}, indent=1 if pretty else None, ensure_ascii=pretty)
    reply = await client.post("/track/batch", body)
    assert reply.body["events_rejected"] == 0, reply.text
    record = client.log.records[0]
    line = json.loads(record.line)
    assert b"\n" not in record.line
    assert set(line) <= _COLUMNS
    assert line["event_id"] == record.event_id == record.line[EVENT_ID_AT].decode()
    assert (line["event_type"], line["visitor_id"]) == (event["event_type"], event["visitor_id"])
    assert line.get("properties", {}) == event.get("properties", {})
    assert len(line["timestamp"]) == 23


_SHARED = tracker()
