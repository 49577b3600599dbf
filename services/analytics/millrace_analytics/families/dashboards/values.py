"""Values of widgets, asked as everything else is: kept, shared, limited, behind the gate."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from millrace_analytics.asking.questions import Answered
from millrace_analytics.asking.sql import SqlAnswer, SqlAsking, SqlQuestion
from millrace_analytics.families.commerce.asking import change
from millrace_analytics.families.dashboards.checking import statement_of
from millrace_analytics.families.dashboards.filters import DashboardFilters, filtered
from millrace_analytics.families.dashboards.meaning import question_of
from millrace_analytics.families.dashboards.schemas import WidgetError, WidgetValues
from millrace_analytics.families.dashboards.widgets import Widget
from millrace_analytics.families.questions.shaping import body_of, for_guests
from millrace_analytics.questioning import Questioning
from millrace_core.errors import MillraceError, TooManyRequests
from millrace_records.statements import StatementRecords
from millrace_warehouse.metrics.answers import Answer

MOST_ROWS: Final = 1_000
"""Of a statement's answer that a widget shows."""
_WAITS: Final = (0.1, 0.2, 0.4, 0.8, 1.5, 2.0)
"""Seconds between tries while as many statements of the tenant run as may."""


@dataclass(frozen=True, slots=True)
class Looking:
    """Who looks.

    Attributes:
        is_fresh: what is kept is not good enough.
        is_guest: came by a link: is told what widgets show and nothing of what they ask, and of an error no more than its code.
    """

    tenant: str
    who: str
    is_fresh: bool = False
    is_guest: bool = False


class WidgetAsking:
    """Asks.

    Args:
        saved: None where this process has no records.
    """

    def __init__(self, questioning: Questioning, asking: SqlAsking, saved: StatementRecords | None) -> None:
        self._questioning = questioning
        self._asking = asking
        self._saved = saved

    async def all(self, looking: Looking, widgets: Sequence[Widget], filters: DashboardFilters) -> list[WidgetValues]:
        """Of each its values, or why it has none; one after the other, so that a dashboard leaves turns to others."""
        return [await self._one(looking, widget, filters) for widget in widgets if widget.config.text is None]

    async def _one(self, looking: Looking, widget: Widget, filters: DashboardFilters) -> WidgetValues:
        try:
            for wait in _WAITS:
                try:
                    return await self._asked(looking, widget, filters)
                except TooManyRequests as error:
                    if error.code != "too_many_queries":
                        raise
                await asyncio.sleep(wait)
            return await self._asked(looking, widget, filters)
        except MillraceError as error:
            message = "This cannot be shown now." if looking.is_guest else error.message
            return _told(widget.id, error=WidgetError(code=error.code, message=message))

    async def _asked(self, looking: Looking, widget: Widget, filters: DashboardFilters) -> WidgetValues:
        question = question_of(widget.config, widget.type)
        if question is None:
            sql, values = await statement_of(widget.config, looking.tenant, self._saved)
            saved = widget.config.saved or ""
            asked = SqlQuestion(looking.tenant, looking.who, sql, values, is_fresh=looking.is_fresh, saved=saved)
            return _of_rows(widget.id, await self._asking.rows(asked))
        follows = filters.range is not None and question.range is not None
        question = filtered(question, filters, self._questioning.clock())
        started = time.perf_counter()
        found = await self._questioning.ask(looking.tenant, question, is_fresh=looking.is_fresh)
        body = body_of(found, self._questioning.clock(), time.perf_counter() - started)
        return _of_answer(widget, found, for_guests(body) if looking.is_guest else body, follows=follows)


def _told(widget_id: str, **given: Any) -> WidgetValues:
    nothing = {
        "answer": None, "rows": None, "value": None, "change": None, "stale": False, "age_seconds": 0.0,
        "follows_range": False, "error": None,
    }  # fmt: skip
    return WidgetValues(widget_id=widget_id, **{**nothing, **given})


def _of_answer(widget: Widget, found: Answered, body: dict[str, Any], *, follows: bool) -> WidgetValues:
    value, changed = _single(found.answer, widget.config.measure)
    age, stale = round(found.age_seconds, 1), found.outcome == "stale"
    said = {"value": value, "change": changed, "stale": stale, "age_seconds": age, "follows_range": follows}
    return _told(widget.id, answer=body, **said)


def _single(answer: Answer, name: str | None) -> tuple[Any, str | None]:
    """The one number of an answer, that of this name where there are several, and how it changed. Times and steps are more than
    one, also where there is one alone."""
    rows = answer.table.rows
    measures = [number for number, one in enumerate(answer.columns) if one.role == "measure"]
    measure = next((number for number in measures if answer.columns[number].name == name), measures[0] if measures else None)
    if len(rows) != 1 or measure is None or any(one.role in ("time", "step", "person") for one in answer.columns):
        return None, None
    before = answer.previous.rows[0][measure] if answer.previous is not None and answer.previous.rows else None
    percent = change(rows[0][measure], before)
    return rows[0][measure], None if percent is None else f"{round(percent):+d}%"


def _of_rows(widget_id: str, found: SqlAnswer) -> WidgetValues:
    data = msgspec.json.decode(found.table.data, type=list[dict[str, Any]])
    rows = {
        "columns": found.table.columns,
        "data": data[:MOST_ROWS],
        "row_count": found.table.row_count,
        "truncated": found.table.truncated or len(data) > MOST_ROWS,
    }
    single = next(iter(data[0].values())) if len(data) == 1 and len(data[0]) == 1 else None
    value = single if isinstance(single, (int, float, str)) else None
    return _told(widget_id, rows=rows, value=value, stale=found.outcome == "stale", age_seconds=round(found.age_seconds, 1))
