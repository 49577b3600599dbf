"""Dead letters by the admin API: looked at, corrected and put back, replayed, dropped, each with its decision; by nobody but
who administers their tenant."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from millrace_core.ids import new_id
from millrace_core.time import now_ms, warehouse_time
from millrace_eventlog.records import DeadLetter
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import open_log
from millrace_service.metrics import Metrics
from tests.support.access import Platform, bearer, platform
from tests.support.pipeline import record


def _letter(number: int, tenant: str = "mine", **columns: Any) -> DeadLetter:
    """One that the warehouse refused for its time, if nothing else is said."""
    good = record(number, tenant=tenant)
    said = {**json.loads(good.line), "timestamp": "soon", "properties": {"n": 1.50}, **columns}
    line = json.dumps(said, separators=(",", ":")).encode()
    place = (0, 1000 + number, 0)
    return DeadLetter(*place, tenant, good.event_id, "refused_by_warehouse", "insert", "no time", line, 1, now_ms())


_DAMAGED = DeadLetter(0, 1090, 0, "", "", "damaged_in_log", "read", "checksum", b"", 1, 0)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Platform]:
    folder = tmp_path / "data"
    folder.mkdir()
    letters = [_letter(1), _letter(2), _letter(3, "theirs"), _DAMAGED]
    async with open_log(LogSettings(), folder, Metrics()) as log:
        await log.dead_letters.put(letters)
    async with platform(folder) as opened:
        yield opened


async def _letters(served: Platform) -> list[dict[str, Any]]:
    return list(await served.as_server("GET", "/dead-letters"))


async def _edited(served: Platform, letter: dict[str, Any], **changes: Any) -> Any:
    line = json.dumps({**json.loads(letter["line"]), **changes})
    return await served.http.put(f"/admin/v1/dead-letters/{letter['id']}", json={"line": line}, headers=bearer("of-this-start"))


async def _stored(served: Platform, tenant: str, count: int) -> list[dict[str, Any]]:
    sql = f"SELECT event_id, toString(timestamp) AS at, properties FROM events_raw WHERE customer_id = '{tenant}'"
    headers = bearer(await served.secret(tenant))
    async with asyncio.timeout(60):
        while True:
            answer = await served.http.post("/query", json={"sql": sql}, headers=headers)
            if len(answer.json()["data"]) >= count:
                return list(answer.json()["data"])
            await asyncio.sleep(0.05)


async def test_a_letter_is_corrected_and_put_back_as_the_event_that_it_was(served: Platform) -> None:
    first, second, *_ = await _letters(served)
    answer = await _edited(served, first, timestamp="2026-02-16 12:00:00.000")
    assert (answer.status_code, answer.json()) == (200, {"count": 1})
    [row] = await _stored(served, "mine", 1)
    assert (row["event_id"], row["at"]) == (first["event_id"], "2026-02-16 12:00:00.000")
    assert row["properties"] == '{"n": 1.5}'.replace(" ", "")
    assert [one["id"] for one in await _letters(served)] == [second["id"], 3, 4]
    [decision] = await served.as_server("GET", "/decisions")
    assert (decision["action"], decision["letter_id"], decision["event_id"]) == ("edited", first["id"], first["event_id"])


_WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another id": ({"event_id": new_id(0)}, "changed_identity"),
    "another tenant": ({"customer_id": "theirs"}, "changed_identity"),
    "another protocol": ({"protocol": "_outcomes"}, "changed_identity"),
    "another arrival": ({"received_at": "2026-02-16 12:00:00.000"}, "changed_identity"),
    "a key": ({"key_id": "k"}, "changed_identity"),
    "no time": ({"timestamp": "soon"}, "invalid_line"),
    "a time of another form": ({"timestamp": "2026-02-16T12:00:00Z"}, "invalid_line"),
    "a number for a time": ({"timestamp": 5}, "invalid_line"),
    "no type": ({"event_type": ""}, "invalid_line"),
    "no object": ({"properties": [1]}, "invalid_line"),
    "an unknown column": ({"colour": "red"}, "unknown_column"),
    "a position": ({"_o": 1}, "unknown_column"),
    "a time that the engine has not": ({"timestamp": "9999-02-16 12:00:00.000"}, "invalid_line"),
}


async def test_what_is_wrong_with_a_correction_is_said_and_the_letter_stays(served: Platform) -> None:
    before = await _letters(served)
    right = {"timestamp": warehouse_time(now_ms())}
    for what, (changes, code) in _WRONG.items():
        answer = await _edited(served, before[0], **{**right, **changes})
        assert (answer.status_code, answer.json().get("code")) == (400, code), (what, answer.text)
    for line in ("{", "[]", '"x"', "{}", "null" * 2):
        answer = await served.http.put(
            f"/admin/v1/dead-letters/{before[0]['id']}", json={"line": line}, headers=bearer("of-this-start")
        )
        assert answer.status_code == 400, line
    damaged = await served.http.put(
        f"/admin/v1/dead-letters/{before[-1]['id']}", json={"line": "{}"}, headers=bearer("of-this-start")
    )
    assert (damaged.status_code, damaged.json()["code"]) == (400, "damaged_letter")
    assert await _letters(served) == before
    assert await served.as_server("GET", "/decisions") == []


async def test_letters_are_their_tenants_alone(served: Platform) -> None:
    mine = bearer(await served.secret())
    *_, theirs, damaged = await _letters(served)
    listed = (await served.http.get("/admin/v1/dead-letters", headers=mine)).json()
    assert {one["tenant"] for one in listed} == {"mine"}
    for letter, code in ((theirs, "foreign_tenant"), (damaged, "foreign_tenant")):
        path = f"/admin/v1/dead-letters/{letter['id']}"
        for answer in (
            await served.http.get(path, headers=mine),
            await served.http.put(path, json={"line": letter["line"] or "{}"}, headers=mine),
            await served.http.post("/admin/v1/dead-letters/replay", json={"ids": [letter["id"]]}, headers=mine),
            await served.http.post("/admin/v1/dead-letters/drop", json={"ids": [1, letter["id"]]}, headers=mine),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, code)
    assert len(await _letters(served)) == 4
    for scope in ("ingest", "query"):
        other = bearer(await served.secret(scopes=[scope]))
        assert (await served.http.get("/admin/v1/dead-letters/1", headers=other)).status_code == 403


async def test_a_replayed_event_counts_as_accepted_and_as_no_dead_letter_any_more(served: Platform) -> None:
    headers = bearer(await served.secret())
    answer = await served.http.post("/admin/v1/dead-letters/replay", json={"ids": [1]}, headers=headers)
    assert answer.json() == {"count": 1}
    async with asyncio.timeout(60):  # refused again, as it is what it was
        while [one["position"] for one in (await _letters(served))][-1] == "0/1090/0":
            await asyncio.sleep(0.05)
    report = await _report(served, headers, lambda totals: totals["dead_letter"] == 1)
    assert (report["accepted"], report["received"]) == (0, 1)
    again = (await _letters(served))[-1]
    assert (await _edited(served, again, timestamp="2026-02-16 12:00:00.000")).status_code == 200
    report = await _report(served, headers, lambda totals: totals["accepted"] == 1 and totals["dead_letter"] == 0)
    assert report["received"] == 1
    found = await served.http.get(f"/events/{again['event_id']}", headers=headers)
    assert found.json()["status"] == "stored"


async def test_the_page_of_the_admin_api_has_each_of_its_routes(served: Platform) -> None:
    page = (Path(__file__).parents[2] / "docs/reference/admin.md").read_text()
    told = re.findall(r"^\| `([A-Z]+) (/admin/v1\S*)` \|", page, re.MULTILINE)
    assert sorted(told) == [route for route in served.routes if route[1].startswith("/admin/v1")]


async def _report(served: Platform, headers: dict[str, str], enough: Any) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            totals = (await served.http.get("/ingest/report/mine", headers=headers)).json()["totals"]
            if enough(totals):
                return dict(totals)
            await asyncio.sleep(0.05)
