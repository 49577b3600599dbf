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

_PAGES: Final = 10

_RANGE: Final = "customer_id = {tenant:String} AND minute >= {first:DateTime} AND minute <= {last:DateTime}"
_TYPES: Final = (
    f"SELECT event_type, sum(events) AS count FROM events_by_minute WHERE {_RANGE} AND NOT is_bot "
    "GROUP BY event_type ORDER BY count DESC, event_type LIMIT 10"
)
# Minutes of all events (page '') and the largest pages in one read (docs/adr/0028-live-rollup.md). Which pages those are is
# known by their views alone, so that the visitors of ten are merged and not everybody's. Many visitors are told nearly, and
# never as more than their events. Bots keep a tenant fresh, no more.
_TRAFFIC: Final = (
    "SELECT page, if(page = '', toUnixTimestamp(minute), 0) AS at, sumIf(events, NOT is_bot) AS count, "
    "least(uniqCombinedMergeIf(12)(visitors, NOT is_bot), count) AS people, toUnixTimestamp64Milli(max(newest)) AS last_at "
    f"FROM live_by_minute WHERE {_RANGE} AND page GLOBAL IN (SELECT page FROM live_by_minute WHERE {_RANGE} "
    f"AND (page = '' OR NOT is_bot) GROUP BY page ORDER BY page != '', sum(events) DESC, page LIMIT {_PAGES + 1}) "
    "GROUP BY page, at"
)
_NEWEST: Final = (
    "SELECT toUnixTimestamp64Milli(max(timestamp)) FROM events_raw WHERE customer_id = {tenant:String} "
    "AND timestamp >= {first:DateTime} AND timestamp <= {now:DateTime}"
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
    types, traffic = await asyncio.gather(warehouse.query(_TYPES, values), warehouse.query(_TRAFFIC, values))
    minutes = {at * 1000: (count, people) for page, at, count, people, _ in traffic.rows if not page}
    pages = sorted((-count, page, people) for page, _, count, people, _ in traffic.rows if page)
    newest = await _newest(warehouse, values, [last_at for page, *_, last_at in traffic.rows if not page])
    return Dashboard(
        customer_id=warehouse.tenant,
        timestamp=iso_time(now),
        events_timeline=_timeline(minutes, first, last),
        top_events=[TopEvent(event_type=event_type, count=count) for event_type, count in types.rows],
        top_pages=[TopPage(page=page, views=-less, unique_visitors=people) for less, page, people in pages],
        freshness=Freshness(
            last_event_at=iso_time(newest) if newest else None,
            seconds_since_last_event=max(0.0, round((now - newest) / 1000, 3)) if newest else None,
        ),
    )


async def _newest(warehouse: TenantWarehouse, values: Mapping[str, Any], newest: Sequence[int]) -> int | None:
    """The time of the newest event of the hour in milliseconds, those of a clock that is ahead left out: they hide the others
    of their minute, which are looked for among the events then."""
    ahead = int(values["now"].timestamp()) * 1000
    known = max((at for at in newest if at <= ahead), default=None)
    if known == max(newest, default=None):
        return known
    since = values["first"] if known is None else _utc(known)
    found: int = (await warehouse.query(_NEWEST, {**values, "first": since})).rows[0][0]
    return found or known


def _timeline(counted: Mapping[int, tuple[int, int]], first: int, last: int) -> list[TimelineMinute]:
    """Of events and visitors by the start of their minute in milliseconds."""
    minutes = range(last, first - 1, -_MINUTE_MS)
    return [
        TimelineMinute(minute=iso_time(at), event_count=counted.get(at, (0, 0))[0], unique_visitors=counted.get(at, (0, 0))[1])
        for at in minutes
    ]


def _utc(millis: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(millis // 1000, datetime.UTC)
