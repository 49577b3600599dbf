"""The live dashboard: the last 60 minutes from the rollups, shared by everyone who looks at the same tenant."""

import asyncio
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from millrace_analytics.asking.answers import Answer, Answers, Question
from millrace_analytics.families.realtime.schemas import Dashboard, Freshness, TimelineMinute, TopEvent, TopPage
from millrace_core.time import iso_time, now_ms
from millrace_warehouse.ports import TenantWarehouse, Warehouse

_MINUTE_MS: Final = 60_000
_MINUTES: Final = 60

_RANGE: Final = "customer_id = {tenant:String} AND minute >= {first:DateTime} AND minute <= {last:DateTime} AND NOT is_bot"
# Minutes and event types in one look at the rollup, which is most of what either costs.
_TRAFFIC: Final = (
    "SELECT groupArray((at, count, people)) AS timeline, sumMap(types) AS totals, "
    "arraySlice(arraySort(each -> (-each.2, each.1), arrayZip(totals.1, totals.2)), 1, 10) AS top FROM ("
    "SELECT toUnixTimestamp(minute) AS at, sum(events) AS count, uniqMerge(visitors) AS people, "
    "sumMap([toString(event_type)], [events]) AS types "
    f"FROM events_by_minute WHERE {_RANGE} GROUP BY minute)"
)
# Which pages are the largest is known by their views alone: the visitors of ten are merged, not everybody's.
_TOP_PAGES: Final = (
    f"SELECT page_path AS page, sum(views) AS count, uniqMerge(visitors) AS people FROM pages_by_minute WHERE {_RANGE} "
    f"AND page_path GLOBAL IN (SELECT page_path FROM pages_by_minute WHERE {_RANGE} GROUP BY page_path "
    "ORDER BY sum(views) DESC, page_path LIMIT 10) GROUP BY page ORDER BY count DESC, page"
)
_NEWEST_OF_HOUR: Final = (
    "SELECT toUnixTimestamp64Milli(max(timestamp)) FROM events_raw "
    "WHERE customer_id = {tenant:String} AND timestamp >= {first:DateTime} AND timestamp <= {now:DateTime}"
)
# The newest minute is read of the rollup, the newest event in it of the events: parts that end before are not opened.
_NEWEST: Final = (
    f"{_NEWEST_OF_HOUR} AND timestamp >= (SELECT max(minute) FROM events_by_minute "
    "WHERE customer_id = {tenant:String} AND minute >= {first:DateTime} AND minute <= {last:DateTime})"
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
    traffic, pages, newest = await asyncio.gather(
        warehouse.query(_TRAFFIC, values), warehouse.query(_TOP_PAGES, values), _newest(warehouse, values)
    )
    timeline, _, top = traffic.rows[0]
    return Dashboard(
        customer_id=warehouse.tenant,
        timestamp=iso_time(now),
        events_timeline=_timeline(timeline, first, last),
        top_events=[TopEvent(event_type=event_type, count=count) for event_type, count in top],
        top_pages=[TopPage(page=page, views=views, unique_visitors=people) for page, views, people in pages.rows],
        freshness=Freshness(
            last_event_at=iso_time(newest) if newest else None,
            seconds_since_last_event=max(0.0, round((now - newest) / 1000, 3)) if newest else None,
        ),
    )


async def _newest(warehouse: TenantWarehouse, values: Mapping[str, Any]) -> int | None:
    """The time of the newest event of the hour in milliseconds, those of a clock that is ahead left out: they may be all that
    there is of the newest minute."""
    for sql in (_NEWEST, _NEWEST_OF_HOUR):
        newest: int = (await warehouse.query(sql, values)).rows[0][0]
        if newest:
            return newest
    return None


def _timeline(rows: Sequence[Sequence[int]], first: int, last: int) -> list[TimelineMinute]:
    counted = {at * 1000: (events, visitors) for at, events, visitors in rows}
    minutes = range(last, first - 1, -_MINUTE_MS)
    return [
        TimelineMinute(minute=iso_time(at), event_count=counted.get(at, (0, 0))[0], unique_visitors=counted.get(at, (0, 0))[1])
        for at in minutes
    ]


def _utc(millis: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(millis // 1000, datetime.UTC)
