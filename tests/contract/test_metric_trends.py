"""Trend questions against plain Python, over generated events and questions."""

import datetime
import math
import re
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace_core.errors import InvalidInput, QueryError
from millrace_core.time import iso_time
from millrace_warehouse.metrics.answers import Answer
from millrace_warehouse.metrics.questions import NAMES, Trend
from tests.support.metric_events import BEGIN, DAY, EXAMPLES, HOUR, SAMPLES, Asker, events, store
from tests.support.metric_filters import FIELDS, FILTERS
from tests.support.metric_reference import Event, World, label, labels
from tests.support.warehouse import ON_BOTH

_simple = st.one_of(
    st.just({"measure": "count"}),
    st.sampled_from(["person", "visitor", "user", "session", "properties.plan", "properties.amount"]).map(
        lambda of: {"measure": "unique", "of": of}
    ),
    st.tuples(
        st.sampled_from(["sum", "avg", "min", "max", "median"]), st.sampled_from(["properties.amount", "order_value"])
    ).map(lambda made: {"measure": made[0], "field": made[1]}),
    st.sampled_from([0.0, 0.25, 0.9]).map(lambda level: {"measure": "quantile", "field": "properties.amount", "level": level}),
    st.sampled_from(["revenue", "conversion_rate", "purchases", "tickets_sold", "page_views"]).map(
        lambda name: {"measure": "metric", "metric": name}
    ),
)
_measures = st.one_of(
    st.tuples(_simple, st.none() | FILTERS).map(lambda made: {**made[0], "where": made[1]}),
    st.tuples(_simple, _simple).map(
        lambda made: {"measure": "formula", "formula": "-(a + 1) * 2 / b - a", "parts": {"a": made[0], "b": made[1]}}
    ),
)
_zones = st.sampled_from(["UTC", "Europe/Vienna", "Asia/Kolkata", "America/New_York"])


async def _asked(asker: Asker, stored: Sequence[Event], question: dict[str, Any], now: int = BEGIN) -> Answer:
    return await asker.ask(stored, {"kind": "trend", **question}, now)


def _of_sample(measures: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that can be told of a sample, else a count."""
    found = [
        one for one in measures
        for each in [one.get("parts", {"": one}).values()]
        if all(part["measure"] not in ("min", "max") and "properties" not in str(part.get("of")) for part in each)
    ]  # fmt: skip
    return found or [{"measure": "count"}]


def _same(found: Any, expected: Any) -> bool:
    if isinstance(found, bool) or isinstance(expected, bool) or None in (found, expected) or isinstance(found, str):
        return bool(found == expected)
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)


def _alike(found: Sequence[Sequence[Any]], expected: Sequence[Sequence[Any]]) -> None:
    pairs = zip(sorted(found, key=repr), sorted(expected, key=repr), strict=True)
    assert all(_same(one, other) for row, wanted in pairs for one, other in zip(row, wanted, strict=True)), (found, expected)


@EXAMPLES
@given(
    stored=events(),
    where=FILTERS,
    measures=st.lists(_measures, min_size=1, max_size=3),
    bots=st.sampled_from(["exclude", "include", "only"]),
    one_in=SAMPLES,
)
async def test_measures_of_filtered_events_are_those_of_the_reference(
    asker: Asker, stored: list[Event], where: Any, measures: list[Any], bots: str, one_in: int
) -> None:
    asked = {"measures": _of_sample(measures) if one_in > 1 else measures, "where": where, "bots": bots}
    question = Trend.model_validate({"kind": "trend", **asked})
    found = await _asked(asker, stored, {**asked, "sample": 1 / one_in})
    world = World(stored, bots=bots, one_in=1 if found.sample is None else one_in)
    chosen = world.of(question.where)
    expected = [world.measured(one, chosen) for one in question.measures]
    assert all(_same(one, other) for one, other in zip(found.table.rows[0], expected, strict=True)), (
        found.table.rows,
        expected,
    )


@EXAMPLES
@given(
    stored=events(),
    measures=st.lists(_measures, min_size=1, max_size=2),
    by=st.lists(st.sampled_from(FIELDS), min_size=1, max_size=2, unique=True),
    zone=_zones,
    one_in=SAMPLES,
)
async def test_groups_are_those_of_the_reference(
    asker: Asker, stored: list[Event], measures: list[Any], by: list[str], zone: str, one_in: int
) -> None:
    if one_in > 1:
        measures, by = _of_sample(measures), [name for name in by if name not in NAMES] or ["country"]
    question = Trend.model_validate({"kind": "trend", "measures": measures})
    found = await _asked(asker, stored, {"measures": measures, "by": by, "time_zone": zone, "sample": 1 / one_in})
    world = World(stored, ZoneInfo(zone), one_in=1 if found.sample is None else one_in)
    groups: dict[Any, list[Event]] = {}
    for one in world.of():
        groups.setdefault(tuple(world.value(name, one) for name in by), []).append(one)
    _alike(
        found.table.rows, [[*key, *(world.measured(each, some) for each in question.measures)] for key, some in groups.items()]
    )


@EXAMPLES
@given(
    stored=events(),
    measure=_measures,
    unit=st.sampled_from(["minute", "hour", "day", "week", "month"]),
    zone=_zones,
    start=st.integers(0, 60),
    hours=st.integers(1, 60),
)
async def test_a_series_has_every_bucket_of_the_zone_with_the_numbers_of_the_reference(
    asker: Asker, stored: list[Event], measure: Any, unit: str, zone: str, start: int, hours: int
) -> None:
    world = World(
        stored, ZoneInfo(zone), BEGIN + start * HOUR, BEGIN + start * HOUR + (3 if unit == "minute" else hours) * HOUR
    )
    question = {"measures": [measure], "granularity": unit, "time_zone": zone, "range": _between(world)}
    asked = Trend.model_validate({"kind": "trend", **question})
    found = await _asked(asker, stored, question)
    assert list(found.table.times) == labels(world, unit)
    expected = [
        world.measured(asked.measures[0], [one for one in world.of() if label(world, one.at, unit) == bucket])
        for bucket in found.table.times
    ]
    assert all(_same(one, other) for one, other in zip(found.table.series[0].values, expected, strict=True)), expected
    assert [row[-1] for row in found.table.rows] == list(found.table.series[0].values)


def _between(world: World) -> dict[str, str]:
    return {"start": iso_time(world.first), "end": iso_time(world.end)}


@EXAMPLES
@given(
    stored=events(40),
    measure=_measures,
    top=st.integers(1, 3),
    by=st.sampled_from([["country"], ["person"], ["properties.plan", "event_type"], ["properties.amount"]]),
    other=st.booleans(),
    ascending=st.booleans(),
    unit=st.sampled_from([None, "day"]),
)
async def test_the_largest_are_ranked_over_the_whole_range_and_the_rest_is_measured_together(
    asker: Asker,
    stored: list[Event],
    measure: Any,
    top: int,
    by: list[str],
    other: bool,
    ascending: bool,
    unit: str | None,
) -> None:
    question = {"measures": [measure], "by": by, "top": top, "other": other, "ascending": ascending, "granularity": unit}
    asked = Trend.model_validate({"kind": "trend", **question})
    found = await _asked(asker, stored, question)
    world = World(stored)
    groups: dict[Any, list[Event]] = {}
    for one in world.of():
        groups.setdefault(tuple(world.value(name, one) for name in by), []).append(one)
    sizes = {key: world.measured(asked.measures[0], some) for key, some in groups.items()}
    shown = {tuple(row[bool(unit) :][: len(by)]) for row in found.table.rows if not (other and row[bool(unit) + len(by)])}
    assert len(shown) == min(top, len(groups))
    least = [-math.inf if size is None else -size if ascending else size for size in (sizes[key] for key in shown)]
    left = [-math.inf if size is None else -size if ascending else size for key, size in sizes.items() if key not in shown]
    assert not left or min(least) >= max(left) - 1e-9
    rest = [one for key, some in groups.items() if key not in shown for one in some]
    expected = [(key, False, groups[key]) for key in shown] + ([((None,) * len(by), True, rest)] if other and rest else [])
    if unit is None:
        marks = [
            [*key, *([is_rest] if other else []), world.measured(asked.measures[0], some)] for key, is_rest, some in expected
        ]
        _alike(found.table.rows, marks)
        return
    assert len(found.table.series) == len(expected)
    for series in found.table.series:
        some = next(some for key, is_rest, some in expected if is_rest == series.other and tuple(series.group.values()) == key)
        for bucket, value in zip(found.table.times, series.values, strict=True):
            assert _same(
                value, world.measured(asked.measures[0], [one for one in some if label(world, one.at, "day") == bucket])
            )


_parts = {"a": {"measure": "count"}, "b": {"measure": "metric", "metric": "page_views"}}
_kept = st.sampled_from(
    [
        {"measure": "count"},
        {"measure": "unique", "of": "visitor", "exact": False},
        {"measure": "count", "where": {"field": "event_type", "operator": "ne", "value": "signup"}},
        {"measure": "metric", "metric": "purchases"},
        {"measure": "formula", "formula": "a / b", "parts": _parts},
    ]
)
_views = {"all": [{"field": "event_type", "value": "page_view"}, {"field": "page_path", "operator": "is_set"}]}


@EXAMPLES
@given(
    stored=events(40),
    measures=st.lists(_kept, min_size=1, max_size=2),
    by=st.sampled_from([[], ["event_type"], ["hour_of_day"], ["page_path"]]),
    unit=st.sampled_from([None, "minute", "hour", "day", "month"]),
    zone=_zones,
    minutes=st.tuples(st.integers(0, 600), st.integers(1, 600)),
    bots=st.sampled_from(["exclude", "include", "only"]),
)
async def test_a_rollup_answers_as_the_events_do_and_the_answer_says_which(
    asker: Asker,
    stored: list[Event],
    measures: list[Any],
    by: list[str],
    unit: str | None,
    zone: str,
    minutes: tuple[int, int],
    bots: str,
) -> None:
    first, end = BEGIN + minutes[0] * 60_000, BEGIN + sum(minutes) * 60_000
    spans = [(first, end), (first, end + 1)]  # no rollup has half a minute
    question: dict[str, Any] = {
        "measures": measures,
        "by": by,
        "granularity": unit,
        "time_zone": zone,
        "bots": bots,
        "top": 9 if by else None,
    }
    if by == ["page_path"]:
        question["where"] = _views
    found = [
        await _asked(asker, stored, {**question, "range": {"start": iso_time(one), "end": iso_time(end)}}) for one, end in spans
    ]
    assert found[0].source.startswith("pages_by_" if by == ["page_path"] else "events_by_")
    assert found[1].source == "events_raw"
    assert found[0].columns == found[1].columns
    extra = [one for one in stored if one.at == end]
    if not extra and len(found[0].table.times) == len(found[1].table.times):
        assert found[0].table == found[1].table


@pytest.mark.parametrize(
    ("zone", "begin"),
    [("Australia/Lord_Howe", "2026-10-02"), ("Australia/Lord_Howe", "2026-04-03"), ("Asia/Kathmandu", "2026-10-02")],
)
async def test_hours_of_a_day_that_is_half_an_hour_longer_or_shorter_are_those_of_the_engine(
    asker: Asker, zone: str, begin: str
) -> None:
    """A series that had its own would have an empty hour between every two full ones."""
    first = int(datetime.datetime.fromisoformat(f"{begin}T00:00:00+00:00").timestamp()) * 1000
    stored = [Event(first + number * HOUR // 4, number=number) for number in range(3 * 24 * 4)]
    world = World(stored, ZoneInfo(zone), first, first + 3 * DAY)
    question = {"measures": [{"measure": "count"}], "granularity": "hour", "time_zone": zone, "range": _between(world)}
    found = (await _asked(asker, stored, question)).table
    assert found.times == labels(world, "hour")
    assert found.rows == [[one, sum(label(world, each.at, "hour") == one for each in stored)] for one in found.times]
    assert all(count for _, count in found.rows)


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ({"by": ["plan"]}, "unknown_field"),
        ({"where": {"segment": "nobody"}}, "unknown_segment"),
        ({"measures": [{"measure": "metric", "metric": "luck"}]}, "unknown_metric"),
        ({"where": {"field": "hour_of_day", "value": "noon"}}, "invalid_filter"),
        ({"time_zone": "Mars/Olympus"}, "unknown_time_zone"),
        ({"time_zone": "right/Europe/Vienna"}, "unknown_time_zone"),
        ({"time_zone": "localtime"}, "unknown_time_zone"),
        ({"time_zone": "../etc/passwd"}, "unknown_time_zone"),
        ({"range": {"start": "2026-03-02", "end": "2026-03-01"}}, "invalid_range"),
        ({"granularity": "minute", "range": {"last": 1, "unit": "year"}}, "too_many_rows"),
        ({"where": {"field": "country", "operator": "matches", "value": "("}}, "invalid_sql"),
    ],
)
async def test_what_there_is_not_is_a_clear_error(asker: Asker, part: dict[str, Any], code: str) -> None:
    with pytest.raises((InvalidInput, QueryError)) as caught:
        await _asked(asker, [Event(BEGIN)], {"measures": [{"measure": "count"}], **part})
    assert caught.value.code == code


@EXAMPLES
@given(text=st.text(max_size=40), name=st.text(min_size=1, max_size=40))
async def test_a_value_never_reaches_the_text_of_a_statement(asker: Asker, text: str, name: str) -> None:
    plain = {"field": "properties.plan", "value": "pro"}
    odd = {"field": f"properties.{name}", "value": text}
    stored = [Event(BEGIN, properties={"plan": text}), Event(BEGIN, properties={"plan": "pro"}, number=1)]
    asked = [
        await _asked(asker, stored, {"measures": [{"measure": "count"}], "by": [where["field"]], "where": where})
        for where in (plain, odd)
    ]
    texts = [re.sub(r"\{v\w+:", "{", one.statements[0]["sql"]) for one in asked]  # equal values share a place
    assert texts[0] == texts[1]
    found = await _asked(
        asker, stored, {"measures": [{"measure": "count"}], "where": {"field": "properties.plan", "value": text}}
    )
    assert found.table.rows == [[1 + (text == "pro")]]


@ON_BOTH
async def test_the_time_before_is_as_many_months_where_the_range_is_whole_months(asker: Asker) -> None:
    stored = [Event(BEGIN - 40 * DAY + day * DAY, number=day) for day in range(60)]
    found = await _asked(
        asker,
        stored,
        {
            "measures": [{"measure": "count"}],
            "range": {"start": "2026-03-01", "end": "2026-03-31"},
            "compare": "previous_period",
            "granularity": "month",
        },
    )
    assert found.previous is not None
    assert (found.table.rows, found.previous.rows) == ([["2026-03-01", 31]], [["2026-02-01", 14]])
    assert found.previous_range == ("2026-02-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z")
    assert found.last_event_at == "2026-03-27T00:00:00.000Z"  # later ones are ahead of the clock


@pytest.mark.parametrize(
    ("last", "unit", "zone", "before"),
    [
        (1, "day", "UTC", ("2026-03-26T00:00:00.000Z", "2026-03-26T10:00:00.000Z")),
        (1, "week", "UTC", ("2026-03-16T00:00:00.000Z", "2026-03-20T10:00:00.000Z")),
        (1, "month", "UTC", ("2026-02-01T00:00:00.000Z", "2026-02-27T10:00:00.000Z")),
        (2, "month", "UTC", ("2025-12-01T00:00:00.000Z", "2026-01-27T10:00:00.000Z")),
        (1, "month", "America/New_York", ("2026-02-01T05:00:00.000Z", "2026-02-27T11:00:00.000Z")),  # summer time since the 8th
    ],
)
async def test_calendar_units_up_to_now_are_compared_with_the_same_part_of_those_before(
    last: int, unit: str, zone: str, before: tuple[str, str], asker: Asker
) -> None:
    begin, end = (int(datetime.datetime.fromisoformat(at).timestamp() * 1000) for at in before)
    stored = [Event(at, number=number) for number, at in enumerate((begin - 1, begin, end - 1, end))]
    question = {
        "measures": [{"measure": "count"}],
        "range": {"last": last, "unit": unit, "align": "to_date"},
        "time_zone": zone,
    }
    found = await _asked(asker, stored, {**question, "compare": "previous_period"}, now=BEGIN + 10 * HOUR)
    assert found.previous is not None
    assert found.previous_range == before
    assert found.previous.rows == [[2]]


async def test_a_question_answers_of_its_tenant_alone(asker: Asker) -> None:
    await store(asker.warehouse, [Event(BEGIN, visitor_id="v1"), Event(BEGIN, "identify", "v1", "u9", number=1)])
    found = await _asked(asker, [Event(BEGIN, visitor_id="v1")], {"measures": [{"measure": "count"}], "by": ["person"]})
    assert found.table.rows == [["v1", 1]]
