"""The live dashboard: the last 60 minutes from the rollups, shared by everyone who looks at the same tenant."""

import asyncio
import datetime
from dataclasses import replace
from typing import Final

from millrace_analytics.asking.answers import Answer, Answers, Question
from millrace_analytics.families.realtime.schemas import Dashboard, Freshness, TimelineMinute, TopEvent, TopPage
from millrace_core.time import iso_time, now_ms
from millrace_warehouse.ports import Rows, TenantWarehouse, Warehouse

_MINUTE_MS: Final = 60_000
_MINUTES: Final = 60

_RANGE: Final = "customer_id = {tenant:String} AND minute >= {first:DateTime} AND minute <= {last:DateTime} AND NOT is_bot"
_TIMELINE: Final = (
    f"SELECT toUnixTimestamp(minute) AS at, sum(events) AS event_count, uniqMerge(visitors) AS unique_visitors "
    f"FROM events_by_minute WHERE {_RANGE} GROUP BY minute"
)
_TOP_EVENTS: Final = (
    f"SELECT event_type, sum(events) AS count FROM events_by_minute WHERE {_RANGE} "
    "GROUP BY event_type ORDER BY count DESC, event_type LIMIT 10"
)
_TOP_PAGES: Final = (
    f"SELECT page_path AS page, sum(views) AS views, uniqMerge(visitors) AS unique_visitors "
    f"FROM pages_by_minute WHERE {_RANGE} GROUP BY page ORDER BY views DESC, page LIMIT 10"
)
_NEWEST: Final = (
    "SELECT toUnixTimestamp64Milli(max(timestamp)) AS at FROM events_raw "
    "WHERE customer_id = {tenant:String} AND timestamp >= {first:DateTime} AND timestamp <= {now:DateTime}"
)


class Dashboards:
    """Answers for many viewers with one set of queries a tenant and second, in all processes that share a cache.

    Args:
        seconds: how long an answer serves.
    """

    def __init__(self, warehouse: Warehouse, answers: Answers, seconds: float) -> None:
        self._warehouse = warehouse
        self._answers = answers
        self._seconds = seconds

    async def of(self, tenant: str, *, is_fresh: bool = False) -> Answer:
        """The tenant's last 60 minutes, as JSON; while the warehouse is away those of before, with ``stale``.

        Raises:
            WarehouseUnavailable: try again later.
        """

        async def compute() -> bytes:
            found = await dashboard_of(self._warehouse.of(tenant), now_ms())
            return found.model_dump_json(exclude={"stale"}).encode()

        question = Question(tenant, "dashboard", open_seconds=self._seconds, is_fresh=is_fresh)
        answer = await self._answers.get(question, compute)
        if answer.outcome != "stale":
            return answer
        told = Dashboard.model_validate_json(answer.body).model_copy(update={"stale": True})
        return replace(answer, body=told.model_dump_json().encode())


async def dashboard_of(warehouse: TenantWarehouse, now: int) -> Dashboard:
    """The 60 minutes until a time (milliseconds since the epoch), asked of the rollups.

    Raises:
        WarehouseUnavailable: try again later.
    """
    last = now // _MINUTE_MS * _MINUTE_MS
    first = last - (_MINUTES - 1) * _MINUTE_MS
    values = {"tenant": warehouse.tenant, "first": _utc(first), "last": _utc(last), "now": _utc(now + 1000)}
    asked = (_TIMELINE, _TOP_EVENTS, _TOP_PAGES, _NEWEST)
    timeline, events, pages, last_event = await asyncio.gather(*(warehouse.query(sql, values) for sql in asked))
    newest = last_event.rows[0][0]
    return Dashboard(
        customer_id=warehouse.tenant,
        timestamp=iso_time(now),
        events_timeline=_timeline(timeline, first, last),
        top_events=[TopEvent(**row) for row in events.dicts()],
        top_pages=[TopPage(**row) for row in pages.dicts()],
        freshness=Freshness(
            last_event_at=iso_time(newest) if newest else None,
            seconds_since_last_event=max(0.0, round((now - newest) / 1000, 3)) if newest else None,
        ),
    )


def _timeline(rows: Rows, first: int, last: int) -> list[TimelineMinute]:
    counted = {at * 1000: (events, visitors) for at, events, visitors in rows.rows}
    minutes = range(last, first - 1, -_MINUTE_MS)
    return [
        TimelineMinute(minute=iso_time(at), event_count=counted.get(at, (0, 0))[0], unique_visitors=counted.get(at, (0, 0))[1])
        for at in minutes
    ]


def _utc(millis: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(millis // 1000, datetime.UTC)
