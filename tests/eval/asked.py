"""Puts one question of the eval to a reader, and judges the answer."""

import re
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from millrace_analytics.ai.ports import Asked, InSql, LanguageModel, ModelFailed, Planned, Reading, Unanswerable, Unclear
from millrace_analytics.ai.results import Result, run_plan, run_sql
from millrace_core.errors import MillraceError
from millrace_warehouse.metrics.asking import Moment, answer
from millrace_warehouse.ports import TenantWarehouse
from tests.eval.scoring import is_right
from tests.eval.world import NOW, TENANTS, World

_ORDERED: Final = re.compile(r"\bORDER BY [^()]+ LIMIT \d+$")
"""Of a top or a bottom the order counts, too: that of the gold's last column, its measure."""

Verdict = Literal["right", "wrong", "abstained"]


@dataclass(frozen=True, slots=True)
class Scored:
    """One question, and how its answer was."""

    id: str
    question: str
    verdict: Verdict
    why: str = ""


async def score(world: World, model: LanguageModel, case: dict[str, Any]) -> Scored:
    """Right where the answer is a gold one for every tenant of the fixture, or where none is expected and none came."""
    for tenant in TENANTS:
        warehouse = world.warehouse.of(tenant)
        asked = Asked(tenant, case["question"], NOW, vocabulary=await world.vocabulary(tenant))
        try:
            reading = await model.about(asked).read()
        except ModelFailed as failed:
            return Scored(case["id"], case["question"], "abstained", str(failed))
        if isinstance(reading, (Unanswerable, Unclear)):
            is_expected = case.get("expect", "ok") != "ok"
            return Scored(case["id"], case["question"], "right" if is_expected else "abstained", reading.reason)
        try:
            rows = (await _run(warehouse, reading)).rows
        except MillraceError as error:
            return Scored(case["id"], case["question"], "abstained", error.message)
        golds = [await world.gold(tenant, sql) for sql in case["gold"]]
        ordered = [_ORDERED.search(sql) is not None for sql in case["gold"]]
        if not any(is_right(rows, gold, ordered=each) for gold, each in zip(golds, ordered, strict=True)):
            wanted = list(map(list, golds[0][:3])) if golds else "no answer"
            return Scored(case["id"], case["question"], "wrong", f"{tenant}: {list(map(list, rows[:3]))} and not {wanted}")
    return Scored(case["id"], case["question"], "right")


async def _run(warehouse: TenantWarehouse, reading: Reading) -> Result:
    if isinstance(reading, Planned):
        return await run_plan(partial(answer, warehouse), reading.plan, Moment(NOW))
    assert isinstance(reading, InSql)
    return await run_sql(warehouse, reading.sql)
