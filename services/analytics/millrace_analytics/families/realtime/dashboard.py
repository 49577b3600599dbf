"""The live dashboard: the last 60 minutes from the rollups, shared by everyone who looks at the same tenant."""

import asyncio
import datetime
import time
from typing import Final

from millrace_analytics.families.realtime.schemas import Dashboard, Freshness, TimelineMinute, TopEvent, TopPage
from millrace_core.time import iso_time, now_ms
from millrace_records.cache.ports import Cache
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

    def __init__(self, warehouse: Warehouse, cache: Cache, seconds: float) -> None:
        self._warehouse = warehouse
        self._cache = cache
        self._seconds = seconds
        self._answers: dict[str, tuple[float, asyncio.Task[Dashboard]]] = {}

    async def of(self, tenant: str) -> Dashboard:
        """The tenant's last 60 minutes.

        Raises:
            WarehouseUnavailable: try again later.
        """
        now = time.monotonic()
        self._answers = {name: known for name, known in self._answers.items() if known[0] > now or not known[1].done()}
        known = self._answers.get(tenant)
        if known is None:
            task = asyncio.create_task(self._answer(tenant), name="dashboard")
            known = self._answers[tenant] = (now + self._seconds, task)
        # A viewer who leaves does not take the answer away from the others.
        return await asyncio.shield(known[1])

    async def _answer(self, tenant: str) -> Dashboard:
        key = f"dashboard:{tenant}"
        if (shared := await self._cache.get(key)) is not None:
            self._answers.pop(tenant, None)  # it is old already: the next viewer asks again
            return Dashboard.model_validate_json(shared)
        answer = await _dashboard(self._warehouse.of(tenant), now_ms())
        await self._cache.put(key, answer.model_dump_json().encode(), self._seconds)
        return answer


async def _dashboard(warehouse: TenantWarehouse, now: int) -> Dashboard:
    last = now // _MINUTE_MS * _MINUTE_MS
    first = last - (_MINUTES - 1) * _MINUTE_MS
    values = {"tenant": warehouse.tenant, "first": _utc(first), "last": _utc(last), "now": _utc(now + 1000)}
    timeline = await warehouse.query(_TIMELINE, values)
    events = await warehouse.query(_TOP_EVENTS, values)
    pages = await warehouse.query(_TOP_PAGES, values)
    newest = (await warehouse.query(_NEWEST, values)).rows[0][0]
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
