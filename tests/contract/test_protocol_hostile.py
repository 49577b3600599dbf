"""Bad input through every wire format of other people's SDKs: answers have the format's shape, and the good events are in."""

import base64
import copy
import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from millrace_ingestion.protocols.routes import ROUTES, Route
from tests.support.ingestion import Reply, Tracker, tracker
from tests.support.wires import BATCHED, KEY, WIRES, Wire

_WRONG: list[Any] = [None, True, -1, 1.5, 10**400, "", "x" * 9000, [], [1], {}, {"a": 1}]
_each = pytest.mark.parametrize("wire", WIRES.values(), ids=lambda wire: wire.name)
_each_batched = pytest.mark.parametrize("wire", BATCHED, ids=lambda wire: wire.name)


@pytest.fixture(scope="module")
def opened() -> Tracker:
    return tracker()


@pytest.fixture
def client(opened: Tracker) -> Tracker:
    opened.log.records.clear()
    return opened


async def post(client: Tracker, wire: Wire, body: bytes, key: str = KEY, **headers: str) -> Reply:
    """A reply that is never a fault, and has what the format's SDKs look for where it is a refusal."""
    reply = await client.post(wire.path(key), body, **{**wire.headers(key), **headers})
    assert reply.status < 500, reply.text
    if reply.status >= 400:
        assert [field for field in wire.error_fields if reply.body.get(field) in (None, "")] == []
    return reply


def numbers(client: Tracker) -> list[int]:
    """Of the stored events that have one."""
    found = [line["properties"]["number"] for line in client.log.lines if "number" in line.get("properties", {})]
    return sorted(number for number in found if isinstance(number, int))


def fields_of(event: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Where something stands in an event: at its top, and inside of its objects."""
    for name, value in event.items():
        yield (name,)
        if isinstance(value, dict):
            yield from ((name, inner) for inner in value)


def changed(event: dict[str, Any], where: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy with another value there."""
    made = copy.deepcopy(event)
    place = made
    for name in where[:-1]:
        place = place[name]
    place[where[-1]] = value
    return made


@_each_batched
@pytest.mark.parametrize("wrong", _WRONG, ids=lambda wrong: repr(wrong)[:12])
async def test_a_value_of_a_wrong_type_anywhere_costs_no_other_event(client: Tracker, wire: Wire, wrong: Any) -> None:
    good = [wire.text(number) for number in range(1000, 1004)]
    fields = [where for where in fields_of(wire.event(0, KEY)) if where[-1] not in ("website", "token")]
    assert len(fields) >= 5
    for where in fields:
        client.log.records.clear()
        bad = json.dumps(changed(wire.event(0, KEY), where, wrong)).encode()
        reply = await post(client, wire, wire.body([*good[:2], bad, *good[2:]]))
        assert reply.status < 300, (where, reply.text)
        assert [number for number in numbers(client) if 1000 <= number < 2000] == [1000, 1001, 1002, 1003], where


@_each
@pytest.mark.parametrize("wrong", _WRONG, ids=lambda wrong: repr(wrong)[:12])
async def test_a_value_of_a_wrong_type_in_an_event_alone_is_answered(client: Tracker, wire: Wire, wrong: Any) -> None:
    for where in fields_of(wire.event(0, KEY)):
        await post(client, wire, wire.body([json.dumps(changed(wire.event(0, KEY), where, wrong)).encode()]))


_BROKEN: dict[str, bytes] = {
    "huge": b'{"event":"E","properties":{"a":"' + b"x" * 300_000 + b'"}}',
    "deep": b'{"event":"E","properties":' + b'{"a":' * 200 + b"1" + b"}" * 201,
    "NaN": b'{"event":"E","properties":{"a":NaN}}',
    "no UTF-8": b'{"event":"\xff\xfe","properties":{"a":"\xc3("}}',
    "an unfinished escape": b'{"event":"\\u12"}',
    "a number": b"5",
    "null": b"null",
    "a list": b"[[]]",
    "an empty object": b"{}",
    "a text": b'"x"',
}


@_each_batched
@pytest.mark.parametrize("name", _BROKEN)
async def test_one_broken_event_in_a_hundred_leaves_ninety_nine(client: Tracker, wire: Wire, name: str) -> None:
    good = [wire.text(number) for number in range(99)]
    reply = await post(client, wire, wire.body([*good[:50], _BROKEN[name], *good[50:]]))
    assert reply.status < 300, reply.text
    assert numbers(client) == list(range(99))


@_each_batched
async def test_half_an_emoji_is_stored_with_a_sign_in_its_place(client: Tracker, wire: Wire) -> None:
    text = wire.text(7).replace(b'"number": 7', b'"number": 7, "cut": "\\ud83d"')
    assert (await post(client, wire, wire.body([wire.text(1), text]))).status < 300
    assert numbers(client) == [1, 7]
    assert client.log.lines[1]["properties"]["cut"] == "�"


@_each_batched
async def test_2501_events_are_stored_and_10001_are_refused_whole(client: Tracker, wire: Wire) -> None:
    many = [wire.text(number) for number in range(2501)]
    assert (await post(client, wire, gzip.compress(wire.body(many), 1))).status < 300
    assert numbers(client) == list(range(2501))
    client.log.records.clear()
    small = [wire.text(1)] * 10_001
    reply = await post(client, wire, gzip.compress(wire.body(small), 1))
    assert (reply.status, client.log.records) == (413, [])


@_each
async def test_a_batch_of_nothing_is_no_fault(client: Tracker, wire: Wire) -> None:
    await post(client, wire, wire.body([]))
    assert client.log.records == []


_LABELS = [
    "application/json",
    "application/json; charset=utf-8",
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/octet-stream",
    "nonsense",
]


@_each
@pytest.mark.parametrize("label", _LABELS)
@pytest.mark.parametrize("is_gzip", [True, False])
async def test_a_body_is_known_by_its_bytes_whatever_it_is_labelled_as(
    client: Tracker, wire: Wire, label: str, is_gzip: bool
) -> None:
    body = wire.body([wire.text(7)])
    assert (await post(client, wire, gzip.compress(body) if is_gzip else body, content_type=label)).status < 300
    assert numbers(client) == [7]


_DAMAGED: dict[str, bytes] = {
    "nothing": b"",
    "a word": b"nonsense",
    "half of JSON": b'{"batch":[{"event":',
    "broken base64": b"eyJiYXRjaCI6W3siZXZl!!!!",
    "base64 cut off": base64.b64encode(b'{"batch":[{"event":"E"}]}')[:-7],
    "base64 of nothing known": base64.b64encode(b"\x00\x01\x02"),
    "a form of broken base64": b"data=%%%&x=%zz",
    "gzip cut off": gzip.compress(b'{"batch":[]}' * 50, mtime=0)[:-9],
    "gzip of another gzip cut off": gzip.compress(gzip.compress(b"[]", mtime=0)[:-4], mtime=0),
    "not UTF-8": b"\xff\xfe\x00\x00",
    "another's JSON": b'{"hello":"world"}',
    "deep": b"[" * 5000,
}


@_each
@pytest.mark.parametrize("name", _DAMAGED)
async def test_a_body_that_cannot_be_read_is_said_in_the_formats_shape(client: Tracker, wire: Wire, name: str) -> None:
    reply = await post(client, wire, _DAMAGED[name])
    assert client.log.records == []
    silent = (200, 204) if wire.hides_refusals or wire.name.startswith("mixpanel") else ()
    assert reply.status in (400, 401, 413, *silent), reply.text


@_each
@pytest.mark.parametrize("label", ["gzip", "br", "zstd", "deflate", "identity"])
async def test_a_wrong_content_coding_is_taken_for_what_it_is_or_refused(client: Tracker, wire: Wire, label: str) -> None:
    reply = await post(client, wire, wire.body([wire.text(1)]), content_encoding=label)
    assert numbers(client) in ([], [1])
    if not wire.hides_refusals:
        assert (reply.status, numbers(client)) in ((400, []), (200, [1]), (202, [1]))


@_each
@given(body=some.binary(max_size=200) | some.text(alphabet='[]{}":,\\abc0', max_size=80).map(str.encode))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_sent_is_answered(client: Tracker, wire: Wire, body: bytes) -> None:
    await post(client, wire, body)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
async def test_a_preflight_with_odd_headers_is_let_through(client: Tracker, route: Route) -> None:
    odd = "authorization, x-retry-count, anonymousid, sentat, rsa-recovered, x-umami-cache, posthog-sdk-info, x-" + "y" * 200
    asked = {"origin": "https://x.example", "access-control-request-method": "POST", "access-control-request-headers": odd}
    reply = await client.request("OPTIONS", route.path.replace("{", "").replace("}", ""), headers=asked)
    assert reply is not None
    assert (reply.status, reply.header("access-control-allow-origin")) == (204, "https://x.example")
    assert reply.header("access-control-allow-headers") == odd
    assert set(route.methods) <= set((reply.header("access-control-allow-methods") or "").split(", "))
