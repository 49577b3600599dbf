"""The numbers of the live dashboard, counted again in plain Python; over HTTP it is in test_query_api."""

from collections import Counter
from typing import Any

import pytest

from millrace_analytics.families.realtime.dashboard import dashboard_of
from millrace_analytics.families.realtime.schemas import Dashboard
from millrace_core.time import iso_time, now_ms, warehouse_time
from tests.support.warehouse import ON_BOTH, OpenWarehouse, event_line
from tests.support.worlds import open_reads

pytestmark = ON_BOTH

_NOON = now_ms() // 3_600_000 * 3_600_000
"""The start of this hour, which the tests call noon: of what is older than some hours the dashboard knows nothing."""


async def _shown(warehouse: OpenWarehouse, *events: dict[str, Any], tenant: str = "demo") -> Dashboard:
    lines = [event_line(number, **event) + b"\n" for number, event in enumerate(events)]
    if lines:
        await warehouse.writer.insert(b"".join(lines), "t")
    async with open_reads(warehouse.engine) as reads:
        return await dashboard_of(reads.of(tenant), _millis("12:00:30.000"))


def _millis(time: str) -> int:
    hours, minutes, seconds = time.split(":")
    return _NOON + ((int(hours) - 12) * 60 + int(minutes)) * 60_000 + round(float(seconds) * 1000)


def _at(time: str, **event: Any) -> dict[str, Any]:
    return {"timestamp": warehouse_time(_millis(time)), **event}


async def test_minutes_types_and_pages_are_those_of_the_hour(warehouse: OpenWarehouse) -> None:
    views = [
        _at(f"11:{1 + number % 59:02d}:05.000", page_path=f"/p{number % 13}", visitor_id=f"v{number % 5}")
        for number in range(0, 400, 3)
    ]
    others = [_at("12:00:01.000", event_type=f"type-{number % 12:02d}", visitor_id="") for number in range(50)]
    outside = [
        _at("11:00:59.999", event_type="early"),
        _at("12:00:02.000", event_type="robot", is_bot=True),
        _at("12:00:02.000", event_type="foreign", customer_id="other"),
    ]
    found = await _shown(warehouse, *views, *others, *outside)

    minutes = Counter(view["timestamp"][11:16] for view in views) + Counter({iso_time(_NOON)[11:16]: 50})
    shown = {one.minute[11:16]: one.event_count for one in found.events_timeline}
    assert len(found.events_timeline) == 60
    assert found.events_timeline[0].minute == iso_time(_NOON)
    assert {minute: count for minute, count in shown.items() if count} == minutes
    assert found.events_timeline[0].unique_visitors == 0
    types = Counter({"page_view": len(views)}) + Counter(one["event_type"] for one in others)
    assert [(one.event_type, one.count) for one in found.top_events] == _largest(types)
    pages = Counter(view["page_path"] for view in views)
    assert [(one.page, one.views) for one in found.top_pages] == _largest(pages)
    for one in found.top_pages:
        assert one.unique_visitors == len({view["visitor_id"] for view in views if view["page_path"] == one.page})


def _largest(counted: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counted.items(), key=lambda each: (-each[1], each[0]))[:10]


@pytest.mark.parametrize(
    ("times", "newest"),
    [
        (["11:30:00.000", "11:59:58.123", "12:00:29.500"], "12:00:29.500"),
        (["11:30:00.000", "11:59:58.123"], "11:59:58.123"),
        (["11:30:00.000", "12:00:50.000"], "11:30:00.000"),  # a clock that is ahead
        (["12:00:29.500", "12:00:50.000"], "12:00:29.500"),
        (["10:59:00.000", "12:00:50.000"], None),
        ([], None),
    ],
)
async def test_the_newest_event_is_the_one_before_now(warehouse: OpenWarehouse, times: list[str], newest: str | None) -> None:
    found = await _shown(warehouse, *(_at(time) for time in times))

    assert found.freshness.last_event_at == (newest and iso_time(_millis(newest)))


async def test_robots_keep_a_tenant_fresh_and_count_nowhere(warehouse: OpenWarehouse) -> None:
    found = await _shown(warehouse, _at("11:59:00.000"), _at("12:00:10.000", page_path="/robots", is_bot=True))

    assert found.freshness.last_event_at == iso_time(_millis("12:00:10.000"))
    assert sum(one.event_count for one in found.events_timeline) == 1
    assert [(one.page, one.views, one.unique_visitors) for one in found.top_pages] == [("/", 1, 1)]


@pytest.mark.parametrize("people", [120, 3_000])
async def test_visitors_are_counted_exactly_while_they_are_few_and_nearly_when_they_are_many(
    warehouse: OpenWarehouse, people: int
) -> None:
    found = await _shown(warehouse, *(_at(f"11:{number % 2 + 10}:00.000", visitor_id=f"v{number}") for number in range(people)))

    shown = [one.unique_visitors for one in found.events_timeline if one.event_count]
    assert shown == ([60, 60] if people == 120 else pytest.approx([1_500, 1_500], rel=0.06))
    assert found.top_pages[0].unique_visitors == (120 if people == 120 else pytest.approx(3_000, rel=0.06))


async def test_nobody_sees_more_visitors_than_views_where_they_are_told_nearly(warehouse: OpenWarehouse) -> None:
    """Each comes once; of some of these pages the sketch alone tells more visitors than there were."""
    once = [_at("11:59:00.000", page_path=f"/p{page}", visitor_id=f"v{page}-{n}") for page in range(6) for n in range(600)]
    found = await _shown(warehouse, *once)
    assert [one.views for one in found.top_pages] == [600] * 6
    assert max(one.unique_visitors for one in found.top_pages) == 600
    assert min(one.unique_visitors for one in found.top_pages) > 570


async def test_who_has_no_events_sees_zeros(warehouse: OpenWarehouse) -> None:
    found = await _shown(warehouse, _at("12:00:00.000"), tenant="nobody")

    assert {(one.event_count, one.unique_visitors) for one in found.events_timeline} == {(0, 0)}
    assert not found.top_events
    assert not found.top_pages
