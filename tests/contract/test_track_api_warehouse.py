"""What ingestion accepts, the real engine stores: every nasty line, as one block, with nothing changed on the way."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.ingestion import EVENT, NOW, MemoryLog, tracker
from tests.support.warehouse import OpenWarehouse

_PROPERTIES = [
    "{}",
    '{"a":"\\ud800"}',
    '{"a":1,"a":2}',
    '{"a":{"b":1},"a.b":2}',
    '{"a.b.c":1,"a":{"b":{"c":2}}}',
    '{"a":true,"a":{"x":1},"a":[1,[2,[3]]]}',
    '{"a\\u0000":"\\u0000","":1," ":2}',
    '{"a":' * 32 + "1" + "}" * 32,
    '{"a":' + "[" * 31 + "]" * 31 + "}",
    '{"a":123456789012345678901234567890,"b":-99999999999999999999,"c":18446744073709551616}',
    '{"a":1e308,"b":1e-400,"c":-0.0,"d":1E5,"e":' + "9" * 308 + "}",
    '{"a":[1,2.5,"x",null,true,{"b":[[]]},[[1,"x"],{"c":null}]]}',
    '{"a":"2026-01-01","b":"2026-01-01T00:00:00Z","c":"1970-01-01 00:00:00.000"}',
    '{"a":1,"A":2,"`":3,"a`b":4,"a\\\\b":5,"a\\"b":6,"%00":7,"..":8,".":9,"_o":10,"event_id":11}',
    '{"a":"\\u2028\\ud83d\\ude00\\/\\b\\f\\n\\r\\t"}',
    '{\n\t"x" :\r\n 1 }',
    '{"' + "k" * 512 + '":1}',
    '{"a":"' + "x" * 65_536 + '"}',
    "{" + ",".join(f'"k{number}":{number}' for number in range(2000)) + "}",
]
_EVENTS: list[dict[str, Any]] = [
    {"visitor_id": "\0nul\0", "user_id": 10**100, "session_id": -1},
    {"visitor_id": "\u2028\n\r\t\"'\\\U0001f600"},
    {"event_type": "\0", "event_name": "\U0001f600"},
    {"page_url": "http://[::1", "referrer": "\0"},
    {"page_url": "https://x.example/%00%ff?utm_source=%00%FF%F0%9F%98%80&utm_medium=\0"},
    {"context": {"ip": "9.8.7.6", "userAgent": "\0", "locale": "\0", "page": {"url": "\\"}, "campaign": {"name": "\0"}}},
    {"timestamp": NOW, "sent_at": -999_999_999_999_999},
    {"timestamp": 0, "sent_at": 100_000_000_000_000},
    {"event_id": "\0'\\"},
]


def _rows(log: MemoryLog) -> bytes:
    """The lines as the consumer inserts them."""
    return b"".join(
        b'%b,"_p":0,"_o":1,"_i":%d,"ingested_at":"2026-02-16 12:00:01.000"}\n' % (record.line[:-1], index)
        for index, record in enumerate(log.records)
    )


async def test_every_nasty_line_that_is_accepted_is_stored_as_it_says(warehouse: OpenWarehouse) -> None:
    client = tracker()
    for text in _PROPERTIES:
        body = json.dumps(EVENT)[:-1] + f',"properties":{text}}}'
        assert (await client.post("/track", body)).status == 200, text
    for event in _EVENTS:
        assert (await client.post("/track", {**EVENT, **event})).status == 200, event
    await warehouse.writer.insert(_rows(client.log), "nasty")
    found = await warehouse.connection.query(
        "SELECT toString(event_id), properties, visitor_id, event_type, event_name, toString(timestamp), skew_ms, page_url, "
        "client_event_id FROM events_raw ORDER BY _i"
    )
    assert len(found.rows) == len(_PROPERTIES) + len(_EVENTS)
    for row, line in zip(found.rows, client.log.lines, strict=True):
        assert row[0] == line["event_id"]
        assert json.loads(row[1]) == line.get("properties", {})
        assert row[2:] == (
            line["visitor_id"],
            line["event_type"],
            line.get("event_name", line["event_type"]),
            line["timestamp"],
            line.get("skew_ms", 0),
            line.get("page_url", ""),
            line.get("client_event_id", ""),
        )


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.text(max_size=6), _values, max_size=5), min_size=1, max_size=30))
async def test_no_object_that_is_accepted_is_refused_by_the_engine(
    warehouse: OpenWarehouse, objects: list[dict[str, Any]]
) -> None:
    client = tracker()
    reply = await client.post("/track/batch", {"events": [{**EVENT, "properties": one, "context": one} for one in objects]})
    assert reply.body["events_accepted"] == len(objects)
    assert await warehouse.writer.probe(_rows(client.log)) is None
