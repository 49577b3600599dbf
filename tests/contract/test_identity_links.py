"""Which visitors are which user: stored once, the latest holds in whatever order they came, and people are counted so."""

import itertools
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from millrace_warehouse.clickhouse.links_sql import IS_LINK
from millrace_warehouse.metrics.asking import Moment, answer
from millrace_warehouse.metrics.questions import Sessions, Trend
from tests.support.ingestion import tracker
from tests.support.warehouse import ON_BOTH, OpenWarehouse, event_line
from tests.support.worlds import open_reads

_ROOT = Path(__file__).parents[2]
_PEOPLE = re.findall(r"```sql\n(WITH links.*?)```", (_ROOT / "docs/reference/events.md").read_text(), re.DOTALL)[0]
_MIGRATION = (_ROOT / "libs/warehouse/millrace_warehouse/migrations/m0002_identity_links.sql").read_text()


def _line(number: int, kind: str, visitor: str, user: str = "", minute: int = 0, tenant: str = "demo") -> bytes:
    return event_line(
        number,
        customer_id=tenant,
        event_type=kind,
        visitor_id=visitor,
        user_id=user,
        timestamp=f"2026-02-16 12:{minute:02}:00.000",
        event_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{number} {kind} {visitor} {user} {minute}")),
    )


async def _insert(warehouse: OpenWarehouse, *lines: bytes) -> None:
    await warehouse.writer.insert(b"".join(line + b"\n" for line in lines), str(uuid.uuid4()))


async def _people(warehouse: OpenWarehouse, tenant: str = "demo") -> dict[str, int]:
    async with open_reads(warehouse.engine) as reads:
        return {str(row[0]): int(row[1]) for row in (await reads.of(tenant).ask(_PEOPLE)).rows}


def test_the_view_and_the_repair_mean_the_same_links() -> None:
    assert _MIGRATION.count(f"WHERE {IS_LINK};") == 2


@ON_BOTH
async def test_somebody_who_signs_in_is_one_person(warehouse: OpenWarehouse) -> None:
    lines = [
        _line(1, "page_view", "v1"),
        _line(2, "identify", "v1", "u1", 1),
        _line(3, "page_view", "v1", "u1", 2),
        _line(4, "page_view", "v2", "u1", 3),  # another device, signed in
        _line(5, "page_view", "v3"),  # somebody else
        _line(6, "page_view", "", "u1"),  # a server's
    ]
    await _insert(warehouse, *lines)
    assert await _people(warehouse) == {"u1": 4, "v3": 1}


_RENAMED = [
    _line(1, "page_view", "v1"),
    _line(2, "identify", "v1", "u1", 1),
    _line(3, "page_view", "", "u1", 2),
    _line(4, "alias", "u1", "u2", 4),
    _line(5, "page_view", "", "u2", 9),
    _line(6, "page_view", "v2", "u1", 10),
]
"""Somebody who was given another id: v1, u1, u2."""


@ON_BOTH
async def test_whoever_was_given_another_id_is_one_person_in_questions_and_in_the_views(warehouse: OpenWarehouse) -> None:
    await _insert(warehouse, *_RENAMED)
    asked = {name: f"SELECT person_id, events FROM {name}" for name in ("sessions", "users")}
    async with open_reads(warehouse.engine) as reads:
        tenant = reads.of("demo")
        for sql in asked.values():
            assert [tuple(row) for row in (await tenant.ask(sql)).rows] == [("u2", 6)]
        span = {"start": "2026-02-16", "end": "2026-02-16"}
        sessions = Sessions.model_validate({"kind": "sessions", "range": span})
        assert (await answer(tenant, sessions, Moment(0))).table.rows[0][:3] == [1, 1, 6]
        people = Trend.model_validate({"kind": "trend", "measures": [{"measure": "count"}], "by": ["person"]})
        assert (await answer(tenant, people, Moment(0))).table.rows == [["u2", 6]]


async def test_two_users_who_were_given_each_others_id_stay_two(warehouse: OpenWarehouse) -> None:
    await _insert(warehouse, _line(1, "alias", "u1", "u2", 1), _line(2, "alias", "u2", "u1", 2))
    async with open_reads(warehouse.engine) as reads:
        found = await reads.of("demo").ask("SELECT person_id, events FROM users ORDER BY person_id")
    assert [tuple(row) for row in found.rows] == [("u1", 1), ("u2", 1)]


_LINKS = [(2, "identify", "v1", "u0", 1), (3, "alias", "u0", "u1", 2), (4, "identify", "v2", "u1", 3)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
async def test_links_mean_the_same_in_every_order_of_arrival(warehouse: OpenWarehouse, order: tuple[int, ...]) -> None:
    await _insert(warehouse, _line(1, "page_view", "v1"), _line(5, "page_view", "v2"), _line(6, "page_view", "v9", "u0"))
    for number in order:
        await _insert(warehouse, _line(*_LINKS[number]))
    assert await _people(warehouse) == {"u1": 3}


@pytest.mark.parametrize("is_late", [True, False])
async def test_of_two_users_of_one_device_the_later_holds(warehouse: OpenWarehouse, is_late: bool) -> None:
    links = [_line(2, "identify", "v1", "u1", 1), _line(3, "identify", "v1", "u2", 2)]
    await _insert(warehouse, _line(1, "page_view", "v1"))
    for line in reversed(links) if is_late else links:
        await _insert(warehouse, line)
    assert await _people(warehouse) == {"u2": 1}


async def test_what_links_nobody_is_no_link(warehouse: OpenWarehouse) -> None:
    await _insert(
        warehouse,
        _line(1, "identify", "v1"),
        _line(2, "identify", "", "u1"),
        _line(3, "identify", "x", "x"),
        _line(4, "signup", "v1", "u1"),
    )
    assert await warehouse.value("SELECT count() FROM identity_links") == 0


@ON_BOTH
async def test_a_block_that_is_inserted_again_adds_no_link(warehouse: OpenWarehouse) -> None:
    rows = _line(2, "identify", "v1", "u1") + b"\n"
    for _ in range(2):
        await warehouse.writer.insert(rows, "the same")
    assert await warehouse.value("SELECT count() FROM identity_links") == 1


async def test_links_are_a_tenants_own(warehouse: OpenWarehouse) -> None:
    await _insert(warehouse, _line(1, "page_view", "v1"), _line(2, "identify", "v1", "u1", tenant="other"))
    assert await _people(warehouse) == {"v1": 1}
    assert await _people(warehouse, "other") == {}


async def test_a_link_that_is_missing_is_found_and_completed(warehouse: OpenWarehouse) -> None:
    await _insert(warehouse, _line(2, "identify", "v1", "u1"), _line(3, "identify", "v2", "u2"))
    await warehouse.connection.command(
        "DELETE FROM identity_links WHERE visitor_id = 'v1' SETTINGS lightweight_deletes_sync = 1"
    )
    noon = 1_771_243_200_000
    assert await warehouse.admin.repair(noon, noon + 1) == 1
    assert await warehouse.value("SELECT count() FROM identity_links") == 2
    assert await warehouse.admin.repair(noon, noon + 1) == 0


async def test_identify_and_alias_of_every_protocol_become_links(warehouse: OpenWarehouse) -> None:
    client = tracker()
    posted: list[tuple[str, Any]] = [
        ("/v1/identify", {"anonymousId": "v1", "userId": "u1", "writeKey": "demo"}),
        ("/v1/alias", {"previousId": "v2", "userId": "u1", "writeKey": "demo"}),
        (
            "/capture/",
            {"event": "$identify", "distinct_id": "u1", "api_key": "demo", "properties": {"$anon_distinct_id": "v3"}},
        ),
        ("/capture/", {"event": "$create_alias", "distinct_id": "v4", "api_key": "demo", "properties": {"alias": "u1"}}),
        (
            "/compat/mixpanel/track",
            {"event": "$identify", "properties": {"token": "demo", "$identified_id": "u1", "$anon_id": "v5"}},
        ),
        ("/2/httpapi", {"api_key": "demo", "events": [{"event_type": "$identify", "user_id": "u1", "device_id": "v6"}]}),
        ("/track", {"customer_id": "demo", "event_type": "identify", "visitor_id": "v7", "user_id": "u1"}),
    ]
    for path, body in posted:
        assert (await client.post(path, body)).status == 200, path
    rows = [b'%b,"_p":0,"_o":1,"_i":%d}' % (record.line[:-1], index) for index, record in enumerate(client.log.records)]
    await _insert(warehouse, *rows)
    found = await warehouse.connection.query("SELECT visitor_id, user_id FROM identity_links ORDER BY visitor_id")
    assert [tuple(row) for row in found.rows] == [(f"v{number}", "u1") for number in range(1, 8)]
