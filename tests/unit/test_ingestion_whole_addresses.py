"""A client's address is never stored whole: not by any protocol, in any field, however it is written."""

import json
import logging
from typing import Any

import pytest

from millrace_ingestion.objects import ADDRESS_KEYS
from tests.support.ingestion import EVENT, Tracker, tracker
from tests.unit.test_ingestion_privacy_signals import PROTOCOLS

_V4, _V6 = "203.0.113.77", "2001:db8:1:2:3:4:5:6"
_BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"


def _whole(client: Tracker) -> list[bytes]:
    return [record.line for record in client.log.records if _V4.encode() in record.line or b"2:3:4:5:6" in record.line]


@pytest.mark.parametrize("value", [_V4, _V6, [_V4, _V6], f"{_V4}:443", f"{_V6}, {_V4}", f"for={_V4}"])
@pytest.mark.parametrize("field", ["properties", "context"])
async def test_an_address_is_cut_wherever_its_name_stands(field: str, value: Any) -> None:
    client = tracker()
    for key in ADDRESS_KEYS:
        line = await client.line({field: {key: value, "deep": [{key: value}]}})
        assert key in line[field]
    assert _whole(client) == []


@pytest.mark.parametrize(
    "text",
    [
        '{"ip":"%s","ip":1}',
        '{"ip":1,"ip":"%s"}',
        '{"a":{"ip":"%s"},"a":{}}',
        '{"a":{"ip":"%s"},"a":{"ip":1}}',
        '{"\\u0069p":"%s"}',
        '{"ip":\n"%s"}',
        '{"ip" : [ "%s" ]}',
        '{"ip":{"ip":"%s"}}',
        '{"a" : {"ip" : "%s"}, "a" : {}}',
        '{"x":"\\":","a":{"ip":"%s"},"a":{}}',
        '{"ip":"\\u0032%s"}',
    ],
)
async def test_no_way_of_writing_gets_a_whole_address_in(text: str) -> None:
    client = tracker()
    sent = text % (_V4[1:] if "u0032" in text else _V4)
    body = json.dumps({**EVENT, "properties": 0}).replace('"properties": 0', f'"properties": {sent}')
    assert (await client.post("/track", body)).status == 200
    assert _whole(client) == []


ADDRESSED: dict[str, Any] = {
    "segment batch": {
        "batch": [{"type": "track", "event": "e", "userId": "u", "context": {"ip": _V4}, "properties": {"ip": _V4}}],
        "writeKey": "demo",
        "context": {"ip": _V6},
    },
    "segment single": {"writeKey": "demo", "event": "e", "userId": "u", "context": {"ip": _V4}},
    "rudderstack": {"event": "e", "userId": "u", "context": {"ip": _V4}, "request_ip": _V4},
    "posthog": {"api_key": "demo", "event": "e", "distinct_id": "u", "properties": {"$ip": _V4, "$set": {"$ip": _V4}}},
    "plausible": {"n": "pageview", "u": "https://a.example.com/", "d": "demo", "p": {"ip": _V4}},
    "umami": {"type": "event", "payload": {"website": "demo", "url": "/", "ip": _V4, "data": {"ip": _V4}}},
    "cloudevents": {"specversion": "1.0", "type": "e", "source": "s", "id": "1", "clientip": _V4, "data": {"client_ip": _V4}},
    "ga4": {"client_id": "c", "ip_override": _V4, "events": [{"name": "e", "params": {"ip": _V4, "uip": _V4}}]},
    "mixpanel": [{"event": "e", "properties": {"token": "demo", "distinct_id": "u", "ip": _V4, "$ip": _V4}}],
    "amplitude": {
        "api_key": "demo",
        "events": [
            {"event_type": "e", "user_id": "u-12345", "device_id": "d-12345", "ip": _V4, "event_properties": {"ip": _V4}}
        ],
    },
}
"""A request of each protocol with addresses where the protocol has them, and where it has not."""


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_it_is_not_stored_by_any_protocol(protocol: str, caplog: pytest.LogCaptureFixture) -> None:
    client = tracker(trusted_proxies=["127.0.0.0/8"])
    client.peer = "127.0.0.1"
    content_type = "application/cloudevents+json" if protocol == "cloudevents" else "application/json"
    with caplog.at_level(logging.DEBUG):
        for forwarded in (_V4, _V6):
            path = PROTOCOLS[protocol][0]
            headers = {
                "x_forwarded_for": forwarded,
                "x_real_ip": forwarded,
                "user_agent": _BROWSER,
                "content_type": content_type,
            }
            for body in (ADDRESSED[protocol], b"{", b'{"ip":"%b"' % _V4.encode()):
                await client.post(path, body, **headers)
    assert len(client.log.records) >= 2
    assert _whole(client) == []
    assert _V4 not in caplog.text
