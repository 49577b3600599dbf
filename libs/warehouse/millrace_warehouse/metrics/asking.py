"""Asks a tenant's warehouse a question."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, assert_never
from zoneinfo import ZoneInfo

from millrace_core.time import iso_time
from millrace_warehouse.metrics import funnels, habits, journeys, paths, retentions, visits
from millrace_warehouse.metrics.answers import Answer, Column, Table
from millrace_warehouse.metrics.questions import (
    Funnel,
    Journey,
    Lifecycle,
    Paths,
    Question,
    Retention,
    Sessions,
    Stickiness,
    Trend,
)
from millrace_warehouse.metrics.ranges import EVERYTHING, Span, span_before, span_of, zone_of
from millrace_warehouse.metrics.sampling import estimated, of_people
from millrace_warehouse.metrics.statements import Moment, Statement, Writing, writing_of
from millrace_warehouse.metrics.trends import CompiledTrend, compile_trend, table_of
from millrace_warehouse.ports import TenantWarehouse

__all__ = ["Moment", "answer", "newest_of"]

_HOUR_MS: Final = 3_600_000
# Of a tenant that sends events now the rollup of the live dashboard knows it, unless clocks are ahead.
_NEWEST_LIVE: Final = (
    "SELECT toUnixTimestamp64Milli(max(newest)), toUnixTimestamp64Milli(maxIf(newest, newest < "
    "fromUnixTimestamp64Milli({ahead:Int64}, 'UTC'))) FROM live_by_minute WHERE customer_id = {tenant:String} AND page = '' "
    "AND minute >= fromUnixTimestamp64Milli({since:Int64}, 'UTC') AND minute < fromUnixTimestamp64Milli({ahead:Int64}, 'UTC')"
)
# Else the newest minute is read of the rollup, the newest event in it of the events.
_NEWEST: Final = (
    "SELECT toUnixTimestamp64Milli(max(timestamp)) FROM events_raw WHERE customer_id = {tenant:String} "
    "AND timestamp < fromUnixTimestamp64Milli({ahead:Int64}, 'UTC') AND timestamp >= (SELECT max(minute) FROM events_by_minute "
    "WHERE customer_id = {tenant:String} AND minute < fromUnixTimestamp64Milli({ahead:Int64}, 'UTC'))"
)


async def newest_of(warehouse: TenantWarehouse, now: int) -> str | None:
    """The time of the tenant's newest event, those of a clock that is ahead left out.

    Raises:
        TooManyRequests, WarehouseUnavailable: as :func:`answer` does.
    """
    values = {"tenant": warehouse.tenant, "ahead": now + 1000}
    newest, at = (await warehouse.query(_NEWEST_LIVE, {**values, "since": now - _HOUR_MS})).rows[0]
    if not at or at != newest:
        at = (await warehouse.answer(_NEWEST, values)).rows[0][0] or at
    return iso_time(at) if at else None


async def answer(
    warehouse: TenantWarehouse, question: Question, moment: Moment, newest: Callable[[], Awaitable[str | None]] | None = None
) -> Answer:
    """The answer of a question.

    Args:
        newest: tells the time of the tenant's newest event where somebody knows it; else it is looked for.

    Raises:
        InvalidInput: the question names what there is not, or asks for too many rows.
        QueryError: it is too much for the engine's limits; the code says which.
        TooManyRequests: too many questions of this tenant or of all are running.
        WarehouseUnavailable: try again later.
    """
    zone = zone_of(question.time_zone or moment.time_zone)
    span = span_of(question.range, moment.now, zone)
    asking = _Asking(warehouse, question, moment, zone, span, newest)
    match question:
        case Trend():
            return await _trend(asking, question)
        case Funnel():
            return await _funnel(asking, question)
        case Retention():
            return await _retention(asking, question)
        case Stickiness():
            return await _stickiness(asking, question)
        case Lifecycle():
            return await _lifecycle(asking, question)
        case Sessions():
            return await _sessions(asking, question)
        case Paths():
            statement = paths.compile_paths(question, asking.writing())
            table = paths.table_of(question, await asking.rows(statement))
            extra = {"direction": question.direction}
            return await asking.about_people(paths.columns_of(question), table, [statement], extra)
        case Journey():
            return await _journey(asking, question)
        case _:
            assert_never(question)


@dataclass(slots=True)
class _Asking:
    """One question on its way."""

    warehouse: TenantWarehouse
    question: Question
    moment: Moment
    zone: ZoneInfo
    span: Span
    newest: Callable[[], Awaitable[str | None]] | None

    def writing(self) -> Writing:
        """A new statement."""
        return writing_of(self.warehouse.tenant, self.question, self.moment, self.span, self.zone)

    async def rows(self, statement: Statement) -> Sequence[Sequence[Any]]:
        """What it answers."""
        return (await self.warehouse.answer(statement.sql, statement.values)).rows

    async def answered(
        self,
        columns: Sequence[Column],
        table: Table,
        statements: Sequence[Statement],
        *,
        source: str = "events_raw",
        previous: Table | None = None,
        before: tuple[str, str] | None = None,
        sample: float | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Answer:
        """The answer, with how fresh it is."""
        return Answer(
            kind=self.question.kind,
            columns=columns,
            table=table,
            range=_told(self.span),
            time_zone=self.zone.key,
            source=source,
            statements=[{"sql": one.sql, "values": one.values} for one in statements],
            last_event_at=await (self.newest() if self.newest is not None else newest_of(self.warehouse, self.moment.now)),
            previous=previous,
            previous_range=before,
            sample=sample,
            extra=extra or {},
        )

    async def about_people(
        self, columns: Sequence[Column], table: Table, statements: Sequence[Statement], extra: Mapping[str, Any] | None = None
    ) -> Answer:
        """The answer of a question that is about people, maybe about some of them."""
        one_in = self.question.one_in
        if one_in == 1:
            return await self.answered(columns, table, statements, extra=extra)
        told = estimated(columns), of_people(columns, table, one_in)
        return await self.answered(*told, statements, sample=1 / one_in, extra=extra)


async def _trend(asking: _Asking, trend: Trend) -> Answer:
    made, table = await _measured(asking, trend, asking.span)
    statements, previous, before, sample = [made.statement], None, None, made.sample
    if trend.compare is not None:
        before = span_before(trend.range, asking.span, trend.compare, asking.zone)
        earlier, previous = await _measured(asking, trend, before)
        statements.append(earlier.statement)
        sample = sample or earlier.sample
    return await asking.answered(
        made.columns,
        table,
        statements,
        source=made.source,
        previous=previous,
        before=None if before is None else _told(before),
        sample=sample,
    )


async def _funnel(asking: _Asking, funnel: Funnel) -> Answer:
    statement = funnels.compile_funnel(funnel, asking.writing())
    rows = await asking.rows(statement)
    extra: dict[str, Any] = {"times": funnels.times_of(funnel, rows)} if funnel.times else {}
    statements = [statement]
    if funnel.people is not None:
        statements.append(funnels.compile_people(funnel, asking.writing()))
        extra["people"] = [row[0] for row in await asking.rows(statements[1])]
    return await asking.about_people(funnels.columns_of(funnel), funnels.table_of(funnel, rows), statements, extra)


async def _retention(asking: _Asking, retention: Retention) -> Answer:
    writing = asking.writing()
    statement = retentions.compile_retention(retention, writing)
    table = retentions.table_of(retention, await asking.rows(statement), writing)
    return await asking.about_people(retentions.columns_of(retention), table, [statement])


async def _measured(asking: _Asking, trend: Trend, span: Span) -> tuple[CompiledTrend, Table]:
    writing = asking.writing()
    compiled = compile_trend(trend, writing, span)
    return compiled, table_of(compiled, await asking.rows(compiled.statement), writing, span)


async def _stickiness(asking: _Asking, stickiness: Stickiness) -> Answer:
    writing = asking.writing()
    statement = habits.compile_stickiness(stickiness, writing)
    table = habits.stickiness_table(stickiness, await asking.rows(statement), writing)
    return await asking.about_people(habits.STICKINESS, table, [statement])


async def _lifecycle(asking: _Asking, lifecycle: Lifecycle) -> Answer:
    writing = asking.writing()
    statement = habits.compile_lifecycle(lifecycle, writing)
    table = habits.lifecycle_table(lifecycle, await asking.rows(statement), writing)
    return await asking.about_people(habits.LIFECYCLE, table, [statement])


async def _sessions(asking: _Asking, sessions: Sessions) -> Answer:
    writing = asking.writing()
    statement = visits.compile_sessions(sessions, writing)
    table = visits.table_of(sessions, await asking.rows(statement), writing)
    return await asking.about_people(visits.columns_of(sessions), table, [statement])


async def _journey(asking: _Asking, journey: Journey) -> Answer:
    statement = journeys.compile_journey(journey, asking.writing())
    rows = await asking.rows(statement)
    extra = {"person": journeys.person_of(rows)}
    return await asking.answered(journeys.JOURNEY, journeys.table_of(journey, rows), [statement], extra=extra)


def _told(span: Span) -> tuple[str, str] | None:
    return None if span == EVERYTHING else (iso_time(span.first), iso_time(span.end))
