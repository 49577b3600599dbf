"""How a tenant's own statements and those of people share the engine, and how fresh an answer says that it is."""

import os

import pytest

from millrace_core.time import iso_time, now_ms, warehouse_time
from millrace_warehouse.clickhouse.engine import Engine
from millrace_warehouse.metrics.asking import Moment, answer
from millrace_warehouse.metrics.questions import Trend
from tests.support.warehouse import ON_BOTH, OpenWarehouse, event_line
from tests.support.worlds import open_reads

pytestmark = ON_BOTH

_COUNT = Trend.model_validate({"kind": "trend", "measures": [{"measure": "count"}]})


async def test_a_statement_beside_others_has_one_thread_and_alone_all_that_it_may_have(engine: Engine) -> None:
    threads = "SELECT getSetting('max_threads')"
    async with open_reads(engine, query_threads=2) as reads:
        tenant = reads.of("demo")
        alone = (await tenant.query(threads)).rows
        async with reads.connection("other", "own"):
            beside = (await tenant.query(threads)).rows
        again = (await tenant.query(threads)).rows

    assert [rows[0][0] for rows in (alone, beside, again)] == [2, 1, 2]


async def test_questions_come_behind_what_is_stored_however_nice_the_process_is(engine: Engine) -> None:
    own = 0 if engine.is_shared else os.getpriority(os.PRIO_PROCESS, 0)
    async with open_reads(engine) as reads:
        found = (await reads.of("demo").query("SELECT getSetting('os_threads_nice_value_query')")).rows
    assert found[0][0] == min(19, own + 10)


@pytest.mark.parametrize(
    ("ages", "newest"),
    [([1_800_000, 10_000], 10_000), ([1_800_000, -20_000], 1_800_000), ([4 * 3_600_000], 4 * 3_600_000), ([], None)],
    ids=["of now", "beside a clock that is ahead", "of hours ago", "never"],
)
async def test_an_answer_says_how_fresh_it_is(warehouse: OpenWarehouse, ages: list[int], newest: int | None) -> None:
    now = now_ms()
    rows = [event_line(number, timestamp=warehouse_time(now - age)) + b"\n" for number, age in enumerate(ages)]
    if rows:
        await warehouse.writer.insert(b"".join(rows), "t")
    async with open_reads(warehouse.engine) as reads:
        found = await answer(reads.of("demo"), _COUNT, Moment(now))

    assert found.last_event_at == (None if newest is None else iso_time(now - newest))
