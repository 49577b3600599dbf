"""SQL of one tenant, in worlds whose other tenants differ: it reads its own rows, and cannot tell the worlds apart."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from millrace_core.errors import Forbidden, QueryError
from millrace_warehouse.clickhouse.engine import Engine
from tests.support.warehouse import ON_BOTH, OpenWarehouse, engine_of, event_line, event_lines
from tests.support.worlds import CANARY, Outcome, open_reads, outcomes

_CASES = Path(__file__).parents[1] / "cases"
_ATTACKS: list[dict[str, Any]] = json.loads((_CASES / "sql-attacks.json").read_text())
_LEGITIMATE: list[dict[str, Any]] = json.loads((_CASES / "sql-legit.json").read_text())

_VIEWS = (
    "SELECT * FROM sessions",
    "SELECT * FROM users",
    "SELECT * FROM conversations",
    "SELECT count() FROM sessions WHERE customer_id != 'tenant_a'",
    "WITH 'tenant_b' AS customer_id, 'x' AS linked, now() AS timestamp SELECT person_id, started_at, events FROM sessions",
    "WITH users AS (SELECT 1 AS n) SELECT n FROM users",
    "SELECT u.person_id, s.events FROM analytics.users AS u JOIN sessions AS s USING (customer_id, person_id)",
    "SELECT toUInt32(visitor_id) FROM sessions",
    "SELECT throwIf(1) FROM users",
    "SELECT * FROM users FINAL",
    "SELECT person_id IN users FROM users",
)
_ASKED_OF_VIEWS: list[dict[str, Any]] = [{"id": f"view-{number}", "sql": sql} for number, sql in enumerate(_VIEWS)]

Worlds = dict[str, list[Outcome]]


@pytest.fixture(scope="module", params=["embedded", "clickhouse"])
def worlds(request: pytest.FixtureRequest) -> Worlds:
    cases = [*_ATTACKS, *_LEGITIMATE, *_ASKED_OF_VIEWS]
    opened = request.getfixturevalue(request.param)

    async def ask() -> list[list[Outcome]]:
        async with engine_of(opened) as engine:
            return await outcomes(engine, [case["sql"] for case in cases])

    return {case["id"]: each for case, each in zip(cases, asyncio.run(ask()), strict=True)}


@pytest.mark.parametrize("case", _ATTACKS, ids=lambda case: case["id"])
def test_an_attack_cannot_tell_the_worlds_apart(case: dict[str, Any], worlds: Worlds) -> None:
    first, second, alone = worlds[case["id"]]

    assert first == second == alone
    assert CANARY not in first.text
    if case["expected"] == "reject":
        assert first.error is not None, first.rows


@pytest.mark.parametrize("case", _LEGITIMATE, ids=lambda case: case["id"])
def test_a_legitimate_query_answers_as_if_the_tenant_were_alone(case: dict[str, Any], worlds: Worlds) -> None:
    first, second, alone = worlds[case["id"]]

    assert alone.error is None, alone.error
    assert first == second == alone


@pytest.mark.parametrize("case", _ASKED_OF_VIEWS, ids=lambda case: case["id"])
def test_a_view_shows_the_tenants_own_rows_only(case: dict[str, Any], worlds: Worlds) -> None:
    first, second, alone = worlds[case["id"]]

    assert first == second == alone
    assert CANARY not in first.text


def test_the_worlds_are_worlds(worlds: Worlds) -> None:
    """Attacks that are let through answer with rows, so that there is something to compare."""
    answered = [name for name, (first, _, _) in worlds.items() if first.rows]

    assert len(answered) > len(_LEGITIMATE)


def test_no_attack_wrote_a_file(worlds: Worlds) -> None:
    named = {path for case in _ATTACKS for path in re.findall(r"OUTFILE\s+'([^']+)'", case["sql"], re.IGNORECASE)}

    assert worlds
    assert named
    assert not [path for path in named if Path(path).exists()]


@ON_BOTH
async def test_an_error_does_not_bleed_into_the_next_answer(warehouse: OpenWarehouse) -> None:
    await warehouse.writer.insert(event_lines(50), "t")
    async with open_reads(warehouse.engine) as reads:
        for _ in range(5):
            with pytest.raises(QueryError):
                await reads.of("demo").ask("SELECT visitor_id, toUInt32(visitor_id) FROM events_raw WHERE customer_id = 'demo'")
            answer = await reads.of("demo").ask("SELECT 'clean' AS word, 7 AS number")
            assert list(answer.rows) == [["clean", 7]]


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT count() FROM events_raw", "missing_tenant_filter"),
        ("SELECT count() FROM events_raw WHERE customer_id != 'demo'", "missing_tenant_filter"),
        ("SELECT count() FROM events_raw WHERE customer_id = 'rival'", "foreign_tenant"),
        ("SELECT count() FROM events_raw WHERE customer_id IN ('demo', 'rival')", "foreign_tenant"),
        ("SELECT count() FROM events_raw WHERE 'rival' = events_raw.customer_id", "foreign_tenant"),
    ],
)
async def test_the_documented_route_wants_the_tenant_named(engine: Engine, sql: str, code: str) -> None:
    async with open_reads(engine) as reads:
        with pytest.raises(Forbidden) as refused:
            await reads.of("demo").ask(sql, require_tenant_filter=True)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count() FROM events_raw WHERE customer_id = 'demo'",
        "SELECT count() FROM events_raw WHERE customer_id IN ('demo')",
        "SELECT count() FROM events_raw AS e WHERE e.customer_id = 'demo' AND e.visitor_id IN (SELECT 'v1')",
        "SELECT count() FROM analytics.events_raw WHERE analytics.events_raw.customer_id = 'demo'",
        "SELECT 1",
    ],
)
async def test_a_query_that_names_its_tenant_is_answered(warehouse: OpenWarehouse, sql: str) -> None:
    await warehouse.writer.insert(event_line(1) + b"\n", "t")
    async with open_reads(warehouse.engine) as reads:
        assert list((await reads.of("demo").ask(sql, require_tenant_filter=True)).rows) == [[1]]


@pytest.mark.parametrize("hidden", ["_o", "_p", "_i", "key_id", "_part", "_table", "_part_offset", "events_raw._o"])
async def test_columns_that_tell_of_others_are_not_there(engine: Engine, hidden: str) -> None:
    async with open_reads(engine) as reads:
        with pytest.raises(QueryError) as refused:
            await reads.of("demo").ask(f"SELECT {hidden} FROM events_raw")
    assert refused.value.code == "unknown_column"


@pytest.mark.parametrize("case", _LEGITIMATE, ids=lambda case: case["id"])
async def test_the_gate_is_a_fixed_point(engine: Engine, case: dict[str, Any]) -> None:
    """The engine reads what it printed as what was printed: nothing changes its meaning on the way to execution."""
    async with open_reads(engine) as reads:
        once = (await reads.gate.scope(case["sql"], "demo")).text
        parsed = json.loads(await reads.gate.parser.parse(once))
        assert await reads.gate.parser.print(json.dumps(parsed)) == once
