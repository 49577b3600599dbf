"""Single people in the warehouse: found by their links, handed out, and deleted for good."""

import json
import uuid
from typing import Any

import pytest

from millrace_core.privacy import digest_of
from millrace_core.time import now_ms, warehouse_time
from millrace_warehouse.clickhouse.people import ClickHousePeople
from millrace_warehouse.clickhouse.turns import WriteTurns
from millrace_warehouse.ports import Erased, Person
from tests.support.warehouse import ON_BOTH, OpenWarehouse, event_line

_LATER = 4_102_444_800_000
_SALT = "5a17"
_HOUR = 1_771_243_200_000 // 3_600_000
"""Of 2026-02-16T12:00:00Z."""

# Every way in which a client may write properties that the engine's JSON type has an opinion about.
_ODD = (
    r'{"a":1,"a":{"b":2},"a.b":3}',
    r'{"":1,"a":null,"a":[]}',
    r'{"a":[{"b":1},{"b":"x"}],"a":{}}',
    r'{"a\u0000b":"\u0000","ä":{"ß":1e300}}',
    r'{"at":"2026-02-16T12:00:00Z","at":1,"n":18446744073709551615}',
    "not json",
    "[]",
)


def _person(*users: str, before: int = _LATER, visitors: tuple[str, ...] = ()) -> Person:
    return Person("demo", before, users, visitors)


def _erased(person: Person) -> Erased:
    users, visitors = (tuple(digest_of(_SALT, name) for name in names) for names in (person.users, person.visitors))
    return Erased(person.tenant, person.before, _SALT, users, visitors)


async def _insert(warehouse: OpenWarehouse, *events: dict[str, Any]) -> None:
    lines = [
        event_line(number, **{"event_id": str(uuid.uuid4()), "user_id": "", **event}) + b"\n"
        for number, event in enumerate(events)
    ]
    await warehouse.writer.insert(b"".join(lines), str(uuid.uuid4()))


async def _answered(warehouse: OpenWarehouse, person: Person) -> list[tuple[str, int]]:
    """What the question for people answers, by table."""
    return sorted(
        (str(row[0]), int(row[1])) for row in (await warehouse.connection.query(warehouse.people.question(person))).rows
    )


def _linked(kind: str, visitor: str, user: str, minute: int) -> dict[str, Any]:
    at = f"2026-02-16 12:{minute:02}:00.000"
    return {"event_type": kind, "visitor_id": visitor, "user_id": user, "timestamp": at}


@ON_BOTH
async def test_a_person_is_every_name_that_the_latest_links_say(warehouse: OpenWarehouse) -> None:
    await _insert(
        warehouse,
        _linked("identify", "phone", "old", 1),
        _linked("identify", "laptop", "ada", 1),
        _linked("alias", "old", "ada", 2),
        _linked("identify", "kiosk", "ada", 3),
        _linked("identify", "kiosk", "bob", 4),
        {**_linked("identify", "other", "ada", 1), "customer_id": "other"},
    )
    people = warehouse.people
    assert await people.linked("demo", "ada") == (["laptop", "old", "phone"], ["kiosk"])
    assert await people.linked("demo", "old") == (["ada", "laptop", "phone"], ["kiosk"])
    assert await people.linked("demo", "bob") == (["kiosk"], [])
    assert await people.linked("demo", "nobody") == ([], [])


@ON_BOTH
async def test_rows_of_a_person_are_theirs_and_nobody_elses(warehouse: OpenWarehouse) -> None:
    await _insert(
        warehouse,
        {"visitor_id": "laptop"},
        {"visitor_id": "laptop", "user_id": "ada"},
        {"visitor_id": "", "user_id": "ada"},
        {"visitor_id": "laptop", "user_id": "bob"},
        {"visitor_id": "", "user_id": ""},
        {"visitor_id": "laptop", "customer_id": "other"},
        {"visitor_id": "laptop", "user_id": "ada", "received_at": warehouse_time(_LATER + 1000)},
    )
    for person, rows in (
        (_person("ada", "laptop"), 3),
        (_person("ada"), 2),
        (_person(visitors=("laptop",)), 3),
        (_person("nobody"), 0),
        (_person("ada", *(f"more-{number}" for number in range(2_500)), "laptop"), 3),
    ):
        assert (await warehouse.people.count(person))["events_raw"] == rows
        assert (await warehouse.people.count(_erased(person)))["events_raw"] == rows


async def test_an_empty_name_is_nobodys(warehouse: OpenWarehouse) -> None:
    await _insert(warehouse, {"visitor_id": "", "user_id": ""})
    assert (await warehouse.people.count(_person("")))["events_raw"] == 0
    assert (await warehouse.people.count(_erased(_person("", visitors=("",)))))["events_raw"] == 0


@ON_BOTH
async def test_rows_come_out_in_public_columns_page_by_page(warehouse: OpenWarehouse) -> None:
    await _insert(warehouse, *({"visitor_id": "v", "properties": odd} for odd in _ODD), _linked("identify", "v", "ada", 1))
    found = [(table, json.loads(row)) async for table, rows in warehouse.people.rows(_person("ada", "v")) for row in rows]
    assert sorted(row["properties"] for table, row in found if table == "events_raw") == sorted([*_ODD, '{"page":"/"}'])
    assert [row["user_id"] for table, row in found if table == "identity_links"] == ["ada"]
    assert not {"_p", "_o", "_i", "key_id", "props"} & found[0][1].keys()


@pytest.mark.parametrize("count", [12_345])
async def test_more_rows_than_a_page_come_out_once_each(warehouse: OpenWarehouse, count: int) -> None:
    await _insert(warehouse, *({"visitor_id": "v", "timestamp": f"2026-02-16 12:00:00.{n % 7:03}"} for n in range(count)))
    ids = [json.loads(row)["event_id"] async for _, rows in warehouse.people.rows(_person("v")) for row in rows]
    assert len(ids) == len(set(ids)) == count


@pytest.mark.minutes
@ON_BOTH
async def test_erased_rows_are_gone_whatever_their_properties_are_and_others_stay(warehouse: OpenWarehouse) -> None:
    theirs = [
        {"visitor_id": "laptop", "properties": odd, "timestamp": f"2025-{n + 1:02}-03 00:00:00.000"}
        for n, odd in enumerate(_ODD)
    ]
    others = [
        {"visitor_id": "other", "properties": odd, "timestamp": f"2025-{n + 1:02}-03 00:00:00.000"}
        for n, odd in enumerate(_ODD)
    ]
    await _insert(warehouse, *theirs, *others, _linked("identify", "laptop", "ada", 1), _linked("identify", "other", "bob", 1))
    before = await warehouse.connection.query(
        "SELECT visitor_id, properties, toString(props) FROM events_raw WHERE visitor_id = 'other' ORDER BY event_id"
    )
    person = _person("ada", "laptop")
    hours = await warehouse.people.hours(_erased(person))
    assert len(hours) == len(_ODD) + 1
    await warehouse.people.erase(_erased(person))
    await warehouse.people.erase(_erased(person))
    assert dict(await warehouse.people.count(person)) == {"events_raw": 0, "identity_links": 0}
    assert dict(await warehouse.people.count(_person("bob", "other"))) == {"events_raw": len(_ODD) + 1, "identity_links": 1}
    after = await warehouse.connection.query(
        "SELECT visitor_id, properties, toString(props) FROM events_raw WHERE visitor_id = 'other' ORDER BY event_id"
    )
    assert after.rows == before.rows
    assert await _answered(warehouse, person) == [
        ("events_raw", 0),
        ("identity_links", 0),
    ]
    assert await warehouse.value("SELECT count() FROM event_ids") == 2 * len(_ODD) + 2, (
        "an id alone keeps a retry from coming back"
    )


@ON_BOTH
async def test_events_and_links_that_were_received_later_stay(warehouse: OpenWarehouse) -> None:
    now = now_ms()
    for at, minute in ((now - 1000, 1), (now + 1000, 2)):
        await _insert(warehouse, {**_linked("identify", "v", "ada", minute), "received_at": warehouse_time(at)})
    await warehouse.people.erase(_erased(_person("ada", "v", before=now)))
    assert await warehouse.value("SELECT toString(groupArray(toMinute(timestamp))) FROM events_raw") == "[2]"
    assert await warehouse.value("SELECT toString(groupArray(toMinute(timestamp))) FROM identity_links") == "[2]"


@ON_BOTH
async def test_rollups_are_as_if_they_had_never_been(warehouse: OpenWarehouse) -> None:
    await _insert(warehouse, {"visitor_id": "ada", "page_path": "/ada"}, {"visitor_id": "bob"}, {"visitor_id": ""})
    erased = _erased(_person("ada"))
    hours = await warehouse.people.hours(erased)
    assert hours == [_HOUR]
    await warehouse.people.erase(erased)
    await warehouse.people.recount("demo", hours)
    await warehouse.people.recount("demo", hours)
    counts = await warehouse.counts()
    assert {name: count for name, count in counts.items() if name != "event_ids"} == dict.fromkeys(
        set(counts) - {"event_ids"}, 2
    )
    assert await warehouse.value("SELECT uniqMerge(visitors) FROM events_by_hour") == 1, "nobody is no visitor"
    assert await warehouse.value("SELECT countIf(page_path = '/ada') FROM pages_by_minute") == 0
    assert await warehouse.admin.repair(_HOUR * 3_600_000, _HOUR * 3_600_000) == 0


@ON_BOTH
async def test_the_live_dashboard_is_as_if_they_had_never_been(warehouse: OpenWarehouse) -> None:
    at = warehouse_time(now_ms())
    await _insert(warehouse, *({"visitor_id": who, "page_path": f"/{who}", "timestamp": at} for who in ("ada", "bob", "bob")))
    erased = _erased(_person("ada"))
    hours = await warehouse.people.hours(erased)
    await warehouse.people.erase(erased)
    await warehouse.people.recount("demo", hours)
    live = "SELECT page, sum(events), uniqCombinedMerge(12)(visitors) FROM live_by_minute GROUP BY page ORDER BY page"
    assert [tuple(row) for row in (await warehouse.connection.query(live)).rows] == [("", 2, 1), ("/bob", 2, 1)]


@ON_BOTH
async def test_a_hostile_name_is_a_name(warehouse: OpenWarehouse) -> None:
    name = "a' OR 1=1 --\\"
    await _insert(warehouse, {"visitor_id": name}, {"visitor_id": "bob"})
    person = _person(name)
    assert (await warehouse.people.count(person))["events_raw"] == 1
    assert await _answered(warehouse, person) == [
        ("events_raw", 1),
        ("identity_links", 0),
    ]
    await warehouse.people.erase(_erased(person))
    assert await warehouse.value("SELECT toString(groupArray(visitor_id)) FROM events_raw") == "['bob']"


@pytest.mark.minutes
@ON_BOTH
async def test_hours_are_counted_anew_for_one_tenant_over_months(warehouse: OpenWarehouse) -> None:
    times = [
        f"2025-{month:02}-{day:02} {hour:02}:{minute:02}:00.000"
        for month in (1, 2, 12)
        for day in (1, 28)
        for hour in (0, 23)
        for minute in (0, 59)
    ]
    for tenant in ("demo", "other"):
        await _insert(
            warehouse, *({"customer_id": tenant, "visitor_id": v, "timestamp": at} for at in times for v in ("ada", "bob"))
        )
    erased = _erased(_person("ada"))
    hours = await warehouse.people.hours(erased)
    assert len(hours) == 12
    await warehouse.people.erase(erased)
    await warehouse.people.recount("demo", hours)
    first, last = hours[0] * 3_600_000, hours[-1] * 3_600_000
    assert await warehouse.admin.repair(first, last) == 0
    for rollup in ("events_by_minute", "events_by_hour"):
        rows = (await warehouse.connection.query(f"SELECT customer_id, sum(events) FROM {rollup} GROUP BY 1 ORDER BY 1")).rows
        assert [tuple(row) for row in rows] == [("demo", len(times)), ("other", 2 * len(times))]


async def test_hours_whose_events_expired_are_left_alone(warehouse: OpenWarehouse) -> None:
    await _insert(warehouse, {"visitor_id": "ada"})
    people = ClickHousePeople(warehouse.engine, WriteTurns(), 30)
    await warehouse.connection.command("ALTER TABLE events_raw DELETE WHERE 1 SETTINGS mutations_sync = 2")
    await people.recount("demo", [_HOUR])
    assert await warehouse.value("SELECT sum(events) FROM events_by_hour") == 1
    await people.close()
