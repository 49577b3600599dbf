"""``?dry_run=1``: the verdict and the row as it would be stored, and nothing else happens."""

import base64
import gzip
import json
from typing import Any

import pytest

from millrace_core.events import Arrival, Event, Visit
from tests.support.ingestion import EVENT, Tracker, tracker
from tests.support.warehouse import OpenWarehouse


@pytest.fixture
def client() -> Tracker:
    return tracker(ingest_events_a_minute=1)


async def _nothing_happened(client: Tracker) -> None:
    assert client.log.records == []
    assert await client.told() == []
    for name in ("events_received_total", "events_dropped_total"):
        assert [
            sample for metric in client.metrics.registry.collect() for sample in metric.samples if sample.name == name
        ] == []
    assert (await client.post("/track", EVENT)).status == 200  # the one that the limit allows


async def test_a_single_event_comes_back_as_the_row_that_it_would_be(client: Tracker) -> None:
    event = {
        **EVENT,
        "event_id": "mine",
        "properties": {"a": 1.50, "ip": "203.0.113.9"},
        "page_url": "https://example.com/x?utm_source=mail",
        "sent_at": "soon",
    }
    replies = [await client.post("/track?dry_run=1", event) for _ in range(3)]
    assert {reply.status for reply in replies} == {200}
    body = replies[-1].body
    assert (body["dry_run"], body["success"], body["events_accepted"], body["would_answer"]) == (True, True, 1, 200)
    assert [one["code"] for one in body["warnings"]] == ["sent_at_ignored"]
    [found] = body["rows"]
    assert found["index"] == 0
    row = found["row"]
    assert row.keys() == {name for part in (Event, Visit, Arrival) for name in part.__struct_fields__}
    assert (row["client_event_id"], row["event_name"], row["utm_source"], row["page_path"]) == ("mine", "click", "mail", "/x")
    assert row["properties"] == {"a": 1.5, "ip": "203.0.113.0"}
    assert b'"a":1.5' in replies[-1].text
    await _nothing_happened(client)
    stored = await tracker().line(event)
    assert {name: row[name] for name in stored} == stored


async def test_a_batch_says_what_becomes_of_each_event(client: Tracker) -> None:
    events = [EVENT, {**EVENT, "event_type": ""}, {**EVENT, "visitor_id": "v2"}, 7]
    for path, status in (("/track/batch?dry_run=true", 200), ("/track/batch/?x=1&dry_run=1&strict=1", 400)):
        body = (await client.post(path, {"events": events})).body
        assert (body["events_accepted"], body["events_rejected"], body["would_answer"]) == (2, 2, status)
        assert [(one["index"], one["code"]) for one in body["errors"]] == [(1, "missing_event_type"), (3, "invalid_event")]
        assert [(one["index"], one["row"]["visitor_id"]) for one in body["rows"]] == [(0, "v1"), (2, "v2")]
    await _nothing_happened(client)


@pytest.mark.parametrize(
    ("event", "status", "code"),
    [
        ({**EVENT, "event_type": ""}, 400, "missing_event_type"),
        ({**EVENT, "timestamp": "soon"}, 400, "invalid_timestamp"),
        ({**EVENT, "properties": {"x": "y" * 300_000}}, 413, "event_too_large"),
    ],
)
async def test_a_refused_event_is_told_with_the_status_that_it_would_get(
    client: Tracker, event: dict[str, Any], status: int, code: str
) -> None:
    reply = await client.post("/track?dry_run=1", event)
    assert (reply.status, reply.body["success"], reply.body["would_answer"]) == (200, False, status)
    assert [one["code"] for one in reply.body["errors"]] == [code]
    assert reply.body["rows"] == []
    assert (await tracker().post("/track", event)).status == status
    await _nothing_happened(client)


async def test_compressed_bodies_are_read_and_unreadable_ones_refused_as_ever(client: Tracker) -> None:
    packed = gzip.compress(json.dumps({"events": [EVENT]}).encode())
    assert (await client.post("/track/batch?dry_run=1", packed, content_encoding="gzip")).body["events_accepted"] == 1
    for body, status, code in (
        (b"{", 400, "invalid_json"),
        (packed[:20], 400, "corrupt_body"),
        (b"x" * 6_000_000, 413, "body_too_large"),
    ):
        reply = await client.post("/track/batch?dry_run=1", body)
        assert (reply.status, reply.body["code"]) == (status, code)
    await _nothing_happened(client)


async def test_what_others_post_to_track_is_judged_and_not_stored(client: Tracker) -> None:
    posthog = {"api_key": "demo", "event": "signup", "distinct_id": "d1", "uuid": "0190c2d1-2e8f-7000-8000-000000000001"}
    mixpanel = {"event": "signup", "properties": {"token": "demo", "distinct_id": "d1"}}
    data = base64.b64encode(json.dumps(mixpanel).encode()).decode()
    for path, sent, protocol in (
        ("/track?dry_run=1", json.dumps(posthog), "posthog"),
        ("/track?dry_run=1", json.dumps(mixpanel), "mixpanel"),
        ("/track?dry_run=1", f"data={data}", "mixpanel"),
    ):
        body = (await client.post(path, sent)).body
        assert (body["events_accepted"], body["rows"][0]["row"]["protocol"]) == (1, protocol)
    got = await client.request("GET", f"/track?data={data}&dry_run=1")
    assert got is not None
    assert got.status == 405
    await _nothing_happened(client)


async def test_another_value_stores(client: Tracker) -> None:
    assert "dry_run" not in (await client.post("/track?dry_run=0", EVENT)).body
    assert len(client.log.records) == 1


async def test_the_row_is_the_one_that_the_warehouse_then_has(warehouse: OpenWarehouse) -> None:
    client = tracker()
    event = {**EVENT, "event_id": "mine", "properties": {"é": [1, {"x": None}]}, "referrer": "https://google.com/"}
    row = (await client.post("/track?dry_run=1", event)).body["rows"][0]["row"]
    await client.post("/track", event)
    line = client.log.records[0].line
    head = b'{"_p":0,"_o":1,"_i":0,"ingested_at":"2026-02-16 12:00:00.000",'
    await warehouse.writer.insert(head + line[1:] + b"\n", "dry")
    columns = ", ".join(f"toString({name})" for name in row)
    [stored] = (await warehouse.connection.query(f"SELECT {columns} FROM events_raw")).rows
    said = {**dict(zip(row, stored, strict=True)), "properties": json.loads(stored[list(row).index("properties")])}
    assert said == {**{name: str(value) for name, value in row.items()}, "properties": row["properties"], "is_bot": "false"}
