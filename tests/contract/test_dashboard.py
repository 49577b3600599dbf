"""The numbers of the live dashboard, counted again in plain Python; over HTTP it is in test_query_api."""

from collections import Counter
from typing import Any

import pytest

from millrace_analytics.families.realtime.dashboard import dashboard_of
from millrace_analytics.families.realtime.schemas import Dashboard
from tests.support.warehouse import ON_BOTH, OpenWarehouse, event_line
from tests.support.worlds import open_reads

pytestmark = ON_BOTH

_NOW = 1_771_243_230_000
"""2026-02-16 12:00:30 UTC."""


async def _shown(warehouse: OpenWarehouse, *events: dict[str, Any], tenant: str = "demo") -> Dashboard:
    lines = [event_line(number, **event) + b"\n" for number, event in enumerate(events)]
    if lines:
        await warehouse.writer.insert(b"".join(lines), "t")
    async with open_reads(warehouse.engine) as reads:
        return await dashboard_of(reads.of(tenant), _NOW)


def _at(time: str, **event: Any) -> dict[str, Any]:
    return {"timestamp": f"2026-02-16 {time}", **event}


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

    minutes = Counter(view["timestamp"][11:16] for view in views) + Counter({"12:00": 50})
    shown = {one.minute[11:16]: one.event_count for one in found.events_timeline}
    assert len(found.events_timeline) == 60
    assert found.events_timeline[0].minute[11:16] == "12:00"
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
        (["11:30:00.000", "11:59:58.123", "12:00:29.500"], "2026-02-16T12:00:29.500Z"),
        (["11:30:00.000", "11:59:58.123"], "2026-02-16T11:59:58.123Z"),
        (["11:30:00.000", "12:00:50.000"], "2026-02-16T11:30:00.000Z"),  # a clock that is ahead
        (["10:59:00.000", "12:00:50.000"], None),
        ([], None),
    ],
)
async def test_the_newest_event_is_the_one_before_now(warehouse: OpenWarehouse, times: list[str], newest: str | None) -> None:
    found = await _shown(warehouse, *(_at(time) for time in times))

    assert found.freshness.last_event_at == newest


async def test_who_has_no_events_sees_zeros(warehouse: OpenWarehouse) -> None:
    found = await _shown(warehouse, _at("12:00:00.000"), tenant="nobody")

    assert {(one.event_count, one.unique_visitors) for one in found.events_timeline} == {(0, 0)}
    assert not found.top_events
    assert not found.top_pages
