"""Where an event is: in the warehouse, among the dead letters, on its way, refused, or nowhere that could be looked at."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from millrace_analytics.families.ingest.lookup import EventNotFound, Lookups
from millrace_core.events import Arrival, Event, line_of, part_of_line
from millrace_core.ids import ID_KINDS, derived_id, new_id
from millrace_core.time import iso_time, now_ms, warehouse_time
from millrace_eventlog.outcomes import Outcome, minute_of, record_of
from millrace_eventlog.records import LogRecord
from millrace_ingestion import protocols
from tests.support.ingestion import EVENT, tracker
from tests.support.pipeline import Life, life
from tests.support.warehouse import ON_BOTH, OpenWarehouse
from tests.support.worlds import open_reads

_TENANT = "demo"


def _record(own: str = "", kind: str = "client_event_id", tenant: str = _TENANT) -> LogRecord:
    """An event as ingestion makes it, by a client whose id of it is ``own``."""
    at = now_ms()
    made = Event(derived_id(tenant, kind, own) if own else new_id(at), tenant, "click", warehouse_time(at - 1000), "v1")
    made.client_event_id = own
    return LogRecord(
        tenant, made.event_id, at, "native", "k1", line_of(made, b"", part_of_line(Arrival(warehouse_time(at), "native", "k1")))
    )


@asynccontextmanager
async def _looking(alive: Life, warehouse: OpenWarehouse) -> AsyncIterator[Lookups]:
    async with open_reads(warehouse.engine) as reads:
        yield Lookups(reads, warehouse.writer.stored_ids, alive.log.tail, alive.log.dead_letters)


@ON_BOTH
async def test_a_stored_event_is_found_by_its_own_id_and_by_its_clients(tmp_path: Path, warehouse: OpenWarehouse) -> None:
    plain, own = _record(), _record("order/1 of “today”")
    async with life(tmp_path, warehouse) as alive, _looking(alive, warehouse) as lookups:
        await alive.log.writer.append([_record(), plain, own, _record(own.event_id, tenant="other")])
        await alive.until_stored()
        for given in (plain.event_id, plain.event_id.upper()):
            found = await lookups.find(_TENANT, given)
            assert (found.status, found.event_id, found.client_event_id) == ("stored", plain.event_id, None)
        found = await lookups.find(_TENANT, "order/1 of “today”")

    assert (found.status, found.event_id, found.client_event_id) == ("stored", own.event_id, "order/1 of “today”")
    assert (found.event_type, found.protocol, found.key_id) == ("click", "native", "k1")
    assert found.received_at == iso_time(own.received_at)
    assert found.timestamp == iso_time(own.received_at - 1000)
    assert found.log_position is not None
    place = await warehouse.connection.query(f"SELECT _p, _o, _i FROM events_raw WHERE event_id = '{own.event_id}'")
    assert [found.log_position.partition, found.log_position.offset, found.log_position.index] == list(place.rows[0])
    assert (found.duplicates.times, found.duplicates.last_at, found.seen) == (0, None, [])


async def test_how_often_an_event_was_sent_again_is_told_and_when_last(tmp_path: Path, warehouse: OpenWarehouse) -> None:
    event = _record("mine")
    later = msgspec.structs.replace(
        event,
        received_at=event.received_at + 5000,
        line=event.line.replace(warehouse_time(event.received_at).encode(), warehouse_time(event.received_at + 5000).encode()),
    )
    async with life(tmp_path, warehouse) as alive, _looking(alive, warehouse) as lookups:
        await alive.log.writer.append([event])
        await alive.until_stored()
        for again in ([event, event], [later]):
            await alive.log.writer.append(again)
            await alive.until_stored()
        found = await lookups.find(_TENANT, "mine")

    assert (found.status, found.duplicates.times) == ("stored", 3)
    assert found.duplicates.last_at == iso_time(event.received_at + 5000)


async def test_an_event_older_than_the_recent_ids_is_found_in_the_table(tmp_path: Path, warehouse: OpenWarehouse) -> None:
    event = _record()
    async with life(tmp_path, warehouse) as alive, _looking(alive, warehouse) as lookups:
        await alive.log.writer.append([event])
        await alive.until_stored()
        await warehouse.connection.command("TRUNCATE TABLE event_ids")
        assert (await lookups.find(_TENANT, event.event_id)).status == "stored"


async def test_an_event_that_the_consumer_has_not_reached_is_accepted(tmp_path: Path, warehouse: OpenWarehouse) -> None:
    before, waiting = _record(), _record("waits")
    async with life(tmp_path, warehouse) as alive:
        await alive.log.writer.append([before])
        await alive.until_stored()
    async with life(tmp_path, warehouse, waits=True) as alive, _looking(alive, warehouse) as lookups:
        await alive.log.writer.append([_record(), waiting])
        found = await lookups.find(_TENANT, "waits")
        assert (found.status, found.event_id, found.client_event_id) == ("accepted", waiting.event_id, "waits")
        assert found.log_position is not None
        assert (found.log_position.offset, found.log_position.index) == (2, 1)
        assert found.received_at == iso_time(waiting.received_at)
        with pytest.raises(EventNotFound):
            await lookups.find("other", "waits")
        alive.begin.set()
        await alive.until_stored()
        assert (await lookups.find(_TENANT, "waits")).status == "stored"


async def test_an_event_that_was_set_aside_says_why_and_in_which_letter(tmp_path: Path, warehouse: OpenWarehouse) -> None:
    good = _record("spoiled")
    bad = msgspec.structs.replace(good, line=good.line.replace(b'"timestamp":"2', b'"timestamp":"x'))
    async with life(tmp_path, warehouse) as alive, _looking(alive, warehouse) as lookups:
        await alive.log.writer.append([bad])
        await alive.until_stored()
        [letter] = await alive.log.dead_letters.list()
        found = await lookups.find(_TENANT, "spoiled")
        assert (found.status, found.reason) == ("dead_letter", "refused_by_warehouse")
        assert found.letter is not None
        assert (found.letter.letter_id, found.letter.error) == (letter.id, letter.error)
        with pytest.raises(EventNotFound):
            await lookups.find("other", good.event_id)
        await alive.log.dead_letters.drop([letter.id])
        dropped = await lookups.find(_TENANT, "spoiled")
        assert (dropped.status, dropped.letter) == ("dead_letter", None)


@pytest.mark.parametrize("outcome", ["rejected", "limited"])
async def test_an_event_that_was_refused_is_found_among_the_samples(
    tmp_path: Path, warehouse: OpenWarehouse, outcome: Any
) -> None:
    at, row_id = now_ms(), new_id(now_ms())
    reason = "invalid_timestamp" if outcome == "rejected" else ""
    told = Outcome(_TENANT, minute_of(at), outcome, row_id, 7, warehouse_time(at), reason, "segment", "k2", ["m1", "it's mine"])
    async with life(tmp_path, warehouse) as alive, _looking(alive, warehouse) as lookups:
        await alive.log.writer.append([record_of(told, row_id, at)])
        await alive.until_stored()
        found = await lookups.find(_TENANT, "it's mine")
        assert (found.status, found.reason) == (outcome, reason or None)
        [seen] = found.seen
        assert (seen.protocol, seen.key_id, seen.times, seen.last_at) == ("segment", "k2", 1, iso_time(at))
        with pytest.raises(EventNotFound):
            await lookups.find(_TENANT, "m2")
        with pytest.raises(EventNotFound):  # an outcome's record is no event
            await lookups.find(_TENANT, row_id)


_NASTY = ("it's", '"', "a\\", "\\'", "\\n", "a\tb\nc\rd", "`", "{x:String}", "%s", "–ü😀", "[1,2]", "' OR 1=1 --", "a\x01\x7f")


@ON_BOTH
async def test_ids_of_any_text_are_found_and_no_other(tmp_path: Path, warehouse: OpenWarehouse) -> None:
    at = now_ms()
    told = [
        record_of(
            Outcome(_TENANT, minute_of(at), "rejected", row, 1, warehouse_time(at), "invalid_json", "native", "", [text]),
            row,
            at,
        )
        for text in _NASTY
        for row in [new_id(at)]
    ]
    async with life(tmp_path, warehouse) as alive, _looking(alive, warehouse) as lookups:
        await alive.log.writer.append(told)
        await alive.until_stored()
        for text in _NASTY:
            found = await lookups.find(_TENANT, text)
            assert (found.status, [one.times for one in found.seen]) == ("rejected", [1]), text
        for other in ("a\0b", "a\\\\", "it''s", "\n", "ATB", " "):
            with pytest.raises(EventNotFound):
                await lookups.find(_TENANT, other)


async def test_an_id_that_nobody_met_is_answered_with_what_was_looked_through(tmp_path: Path, warehouse: OpenWarehouse) -> None:
    async with life(tmp_path, warehouse, waits=True) as alive, _looking(alive, warehouse) as lookups:
        await alive.log.writer.append([_record() for _ in range(5)])
        with pytest.raises(EventNotFound) as refusal:
            await lookups.find(_TENANT, "nobody's")
        told: Any = refusal.value.detail
        assert (refusal.value.code, told["customer_id"], told["looked_for"][0]) == ("event_not_found", _TENANT, "nobody's")
        assert told["log"]["records"] == 5
        assert told["log"]["whole"] is True
        assert told["log"]["consumer_behind_seconds"] >= 0


def test_every_kind_of_id_that_a_protocol_has_is_looked_for() -> None:
    folder = Path(protocols.__file__).parent
    kinds = {kind for path in folder.glob("*.py") for kind in re.findall(r"Decoded\(.*, \"(\w+)\"", path.read_text())}
    assert kinds | {"client_event_id"} == set(ID_KINDS)


_BY_CLIENTS: dict[str, tuple[str, Any, dict[str, str], str]] = {
    "native": ("/track", {**EVENT, "event_id": "mine"}, {}, "mine"),
    "segment": ("/v1/track", {"writeKey": "demo", "userId": "u", "event": "x", "messageId": "mine"}, {}, "mine"),
    "posthog": ("/e", {"api_key": "demo", "event": "x", "distinct_id": "d", "properties": {"$insert_id": "mine"}}, {}, "mine"),
    "amplitude": (
        "/2/httpapi",
        {"api_key": "demo", "events": [{"event_type": "x", "user_id": "someone", "insert_id": "mine"}]},
        {},
        "mine",
    ),
    "mixpanel": (
        "/compat/mixpanel/import",
        [{"event": "x", "properties": {"token": "demo", "distinct_id": "d", "time": now_ms(), "$insert_id": "mine"}}],
        {},
        "mine",
    ),
    "cloudevents": (
        "/cloudevents?key=demo",
        {"specversion": "1.0", "id": "mine", "source": "/shop/till 3", "type": "x"},
        {},
        "/shop/till 3 mine",
    ),
}


@pytest.mark.parametrize("protocol", _BY_CLIENTS)
async def test_an_event_of_each_protocol_is_found_by_the_id_that_its_client_gave_it(
    tmp_path: Path, warehouse: OpenWarehouse, protocol: str
) -> None:
    client = tracker(clock=now_ms)
    path, body, headers, own = _BY_CLIENTS[protocol]
    reply = await client.post(path, body, **headers)
    assert reply.status == 200, reply.text
    async with life(tmp_path, warehouse) as alive, _looking(alive, warehouse) as lookups:
        await alive.log.writer.append(client.log.records)
        await alive.until_stored()
        found = await lookups.find(_TENANT, own)
    assert (found.status, found.client_event_id, found.protocol) == ("stored", own, protocol)
