"""What clients send that no warehouse takes: each event has its own verdict, and the events beside it are stored."""

import gzip
import json
import time
from typing import Any

import pytest

from tests.support.ingestion import Reply, Tracker, tracker

_GOOD = '{"customer_id":"demo","event_type":"good","visitor_id":"%s","properties":{"n":%d}}'
_BAD = '{"customer_id":"demo","event_type":"bad","visitor_id":"v","properties":%s}'

# Texts of `properties`, and the code of the verdict; None where the event is stored.
_PROPERTIES: dict[str, tuple[bytes, str | None]] = {
    "invalid UTF-8": (b'{"a":"\xff\xfe"}', "invalid_utf8"),
    "overlong UTF-8": (b'{"a":"\xc0\x80"}', "invalid_utf8"),
    "a surrogate in UTF-8": (b'{"a":"\xed\xa0\x80"}', "invalid_utf8"),
    "UTF-8 that is cut off": (b'{"a":"\xe2\x82"}', "invalid_utf8"),
    "a lone high surrogate": (b'{"a":"x\\ud83d"}', None),
    "a lone low surrogate": (b'{"\\udc00":1}', None),
    "surrogates in the wrong order": (b'{"a":"\\udc00\\ud83d"}', None),
    "a surrogate's text behind a backslash": (b'{"a":"\\\\ud83d"}', None),
    "NaN": (b'{"a":NaN}', "invalid_json"),
    "Infinity": (b'{"a":[-Infinity]}', "invalid_json"),
    "1e400": (b'{"a":1e400}', "number_out_of_range"),
    "5,000 digits": (b'{"a":' + b"9" * 5000 + b"}", "number_out_of_range"),
    "30 digits": (b'{"a":' + b"9" * 30 + b"}", None),
    "depth 10,000 of objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "too_deep"),
    "depth 10,000 of lists": (b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "too_deep"),
    "depth 500": (b'{"a":' * 500 + b"1" + b"}" * 500, "too_deep"),
    "depth 33": (b'{"a":' * 33 + b"1" + b"}" * 33, "too_deep"),
    "depth 32": (b'{"a":' * 32 + b"1" + b"}" * 32, None),
    "duplicate keys": (b'{"a":1,"a":{"b":2},"a":[3]}', None),
    "a key beside its path": (b'{"a":{"b":1},"a.b":2}', None),
    "an escaped NUL": (b'{"a\\u0000":"\\u0000"}', None),
    "a bare NUL": (b'{"a":"\x00"}', "invalid_json"),
    "a bare line break": (b'{"a":"x\ny"}', "invalid_json"),
    "a key of 1 MB": (b'{"' + b"k" * 2**20 + b'":1}', "event_too_large"),
    "a key of 1,000 characters": (b'{"' + b"k" * 1000 + b'":1}', "key_too_long"),
    "a text of 100,000 characters": (b'{"a":"' + b"x" * 100_000 + b'"}', "string_too_long"),
    "a list": (b"[1]", "invalid_properties"),
    "a text": (b'"{}"', "invalid_properties"),
    "a trailing comma": (b'{"a":1,}', "invalid_json"),
    "a comment": (b'{"a":1/**/}', "invalid_json"),
    "single quotes": (b"{'a':1}", "invalid_json"),
    "a wrong escape": (b'{"a":"\\x41"}', "invalid_json"),
    "brackets in a text": (b'{"a":"}]}{[","b":NaN}', "invalid_json"),
    "a quote in a text": (b'{"a":"\\"}","b":NaN}', "invalid_json"),
}


@pytest.fixture(scope="module")
def client() -> Tracker:
    return tracker()


def _batch(bad: bytes) -> bytes:
    return b'{"events":[%s,%s,%s]}' % ((_GOOD % ("g1", 1)).encode(), bad, (_GOOD % ("g2", 2)).encode())


def _good_are_stored(client: Tracker) -> bool:
    return [line["visitor_id"] for line in client.log.lines if line["event_type"] == "good"] == ["g1", "g2"]


@pytest.mark.parametrize("name", _PROPERTIES)
async def test_one_hostile_event_has_its_verdict_and_the_others_are_stored(client: Tracker, name: str) -> None:
    client.log.records.clear()
    text, code = _PROPERTIES[name]
    reply = await client.post("/track/batch", _batch(_BAD.encode() % text))
    assert reply.status == 200, reply.text
    assert [(error["index"], error["code"]) for error in reply.body["errors"]] == ([] if code is None else [(1, code)])
    assert reply.body["events_accepted"] == (3 if code is None else 2)
    assert _good_are_stored(client)
    assert all(b"\n" not in record.line and json.loads(record.line) for record in client.log.records)


@pytest.mark.parametrize("name", _PROPERTIES)
async def test_alone_it_is_400_or_413_or_stored(client: Tracker, name: str) -> None:
    client.log.records.clear()
    text, code = _PROPERTIES[name]
    reply = await client.post("/track", _BAD.encode() % text)
    assert reply.status == {None: 200, "event_too_large": 413}.get(code, 400)
    assert len(client.log.records) == (1 if code is None else 0)
    if code is not None:
        assert reply.body["code"] == code


@pytest.mark.parametrize("bad", [b"5", b'"a,b"', b"null", b"NaN", b"nonsense", b"[]", b"[[1],{}]", b"{}", b"true"])
async def test_elements_that_are_no_events_keep_their_place(client: Tracker, bad: bytes) -> None:
    client.log.records.clear()
    reply = await client.post("/track/batch", _batch(bad))
    assert [error["index"] for error in reply.body["errors"]] == [1]
    assert _good_are_stored(client)


@pytest.mark.parametrize(
    "field",
    ["customer_id", "event_type", "event_name", "visitor_id", "page_url", "referrer", "event_id", "timestamp", "context"],
)
@pytest.mark.parametrize(
    "value", [b'"\xff"', b'"\\ud800"', b"NaN", b"1e400", b"[]", b"{}", b"[" * 5000 + b"]" * 5000, b'"' + b"x" * 9000 + b'"']
)
async def test_no_field_of_one_event_harms_another(client: Tracker, field: str, value: bytes) -> None:
    client.log.records.clear()
    rest = {"customer_id": "demo", "event_type": "bad", "visitor_id": "v"}
    text = json.dumps({name: text for name, text in rest.items() if name != field})[:-1].encode()
    reply = await client.post("/track/batch", _batch(text + b',"%s":%s}' % (field.encode(), value)))
    assert reply.status == 200
    assert reply.body["events_accepted"] + reply.body["events_rejected"] == 3
    assert _good_are_stored(client)


async def test_lone_surrogates_become_the_replacement_character(client: Tracker) -> None:
    client.log.records.clear()
    await client.post("/track", _BAD.encode() % b'{"a":"x\\ud83d","b":"\\ud83d\\ude00","c":"\\\\ud83d"}')
    assert client.log.lines[0]["properties"] == {"a": "x\ufffd", "b": "\U0001f600", "c": "\\ud83d"}


@pytest.mark.parametrize("year", [1970, 2100])
async def test_years_out_of_the_window_are_rejected_alone(client: Tracker, year: int) -> None:
    client.log.records.clear()
    bad = {"customer_id": "demo", "event_type": "bad", "visitor_id": "v", "timestamp": f"{year}-01-01T00:00:00Z"}
    reply = await client.post("/track/batch", _batch(json.dumps(bad).encode()))
    assert [error["code"] for error in reply.body["errors"]] == ["timestamp_out_of_range"]
    assert _good_are_stored(client)


@pytest.mark.parametrize("count", [10_000, 10_001, 100_000])
async def test_huge_batches_are_stored_whole_or_refused_whole(client: Tracker, count: int) -> None:
    client.log.records.clear()
    event = b'{"customer_id":"demo","event_type":"e","user_id":1}'
    reply = await client.post("/track/batch", gzip.compress(b'{"events":[' + b",".join([event] * count) + b"]}", 1))
    assert reply.status == (200 if count == 10_000 else 413)
    assert len(client.log.records) == (count if count == 10_000 else 0)


@pytest.mark.parametrize("element", [b"1", b"{}", b"[]", b'""', b"NaN", b"[[[]]]", b'{"a":[{},{}]}'])
async def test_bodies_of_nothing_but_small_values_are_refused_quickly(client: Tracker, element: bytes) -> None:
    client.log.records.clear()
    body = b'{"events":[' + b",".join([element] * (5_000_000 // (len(element) + 1))) + b"]}"
    began = time.process_time()
    reply = await client.post("/track/batch", gzip.compress(body, 1))
    assert reply.status in (400, 413)
    assert time.process_time() - began < 3.0
    assert client.log.records == []


async def test_bodies_in_other_encodings_of_text_are_400(client: Tracker) -> None:
    text = _batch(b"{}").decode()
    for encoding in ("utf-16", "utf-32", "utf-7"):
        body = ("+" + text if encoding == "utf-7" else text).encode(encoding)
        reply: Reply = await client.post("/track/batch", body)
        assert reply.status == 400


async def test_unknown_fields_are_no_matter(client: Tracker) -> None:
    client.log.records.clear()
    event: dict[str, Any] = {
        "customer_id": "demo",
        "event_type": "e",
        "visitor_id": "v",
        "event_date": [1, {"x": None}],
        "ip": {},
    }
    assert (await client.post("/track", event)).status == 200
