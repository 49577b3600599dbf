"""Funnels, retention, stickiness and lifecycle against plain Python, over generated events."""

import datetime
import itertools
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace_core.time import iso_time
from millrace_warehouse.metrics.filters import Filter
from millrace_warehouse.metrics.questions import Funnel, Retention
from tests.support.metric_events import BEGIN, DAY, EXAMPLES, HOUR, SAMPLES, Asker, events
from tests.support.metric_reference import Event, World, quantile
from tests.support.warehouse import ON_BOTH

_VIEW = {"field": "event_type", "value": "page_view"}
_SIGNUP = {"field": "event_type", "value": "signup"}
_BUY = {"field": "event_type", "value": "purchase"}
_GERMAN_VIEW = {"all": [_VIEW, {"field": "country", "value": "DE"}]}
_ANY = {"field": "event_type", "operator": "is_set"}
_STEPS = [[_VIEW, _SIGNUP, _BUY], [_VIEW, _BUY], [_VIEW, _VIEW, _BUY], [_GERMAN_VIEW, _VIEW], [_ANY, _BUY], [_BUY]]


def _level(world: World, steps: Sequence[Filter], order: str, window: int, mine: Sequence[Event]) -> int:
    """How far somebody came, by trying every way."""
    hits = [{number for number, step in enumerate(steps) if world.passes(step, one)} for one in mine]
    if order == "any":
        return max(
            len(set().union(*(hit for one, hit in zip(mine, hits, strict=True) if first.at <= one.at <= first.at + window)))
            for first in mine
        )
    if order == "strict":
        placed = sorted(zip(mine, hits, strict=True), key=lambda one: (one[0].at, sum(1 << n for n in one[1]) or 1 << 20))
        best = 0
        for begin in range(len(placed)):
            for length in range(1, min(len(steps), len(placed) - begin) + 1):
                run = placed[begin : begin + length]
                if all(n in run[n][1] for n in range(length)) and run[-1][0].at <= run[0][0].at + window:
                    best = max(best, length)
        return best
    return max((len(chain) for chain in _chains(steps, hits, mine, window)), default=0)


def _chains(steps: Sequence[Filter], hits: Sequence[set[int]], mine: Sequence[Event], window: int) -> list[tuple[int, ...]]:
    """Every choice of different events, one for each of the first steps, in order of time."""
    found: list[tuple[int, ...]] = []
    grown: list[tuple[int, ...]] = [(number,) for number, hit in enumerate(hits) if 0 in hit]
    while grown:
        found += grown
        grown = [
            (*chain, number)
            for chain, (number, hit) in itertools.product(grown, enumerate(hits))
            if len(chain) in hit and number not in chain
            and mine[chain[-1]].at <= mine[number].at <= mine[chain[0]].at + window
        ]  # fmt: skip
        grown = [chain for chain in grown if len(chain) <= len(steps)]
    return found


def _people(world: World, where: Filter | None = None) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for one in world.of(where):
        if world.person(one):
            found.setdefault(world.person(one), []).append(one)
    return found


@EXAMPLES
@given(
    stored=events(20),
    steps=st.sampled_from(_STEPS),
    order=st.sampled_from(["ordered", "strict", "any"]),
    window=st.sampled_from([1, 1200, 7200, 30 * 86_400]),
    where=st.none() | st.just({"field": "country", "operator": "ne", "value": "AT"}),
    one_in=SAMPLES,
)
async def test_people_come_as_far_as_in_the_reference(
    asker: Asker, stored: list[Event], steps: list[Any], order: str, window: int, where: Any, one_in: int
) -> None:
    question = {
        "kind": "funnel", "steps": [{"where": one} for one in steps], "order": order, "window_seconds": window, "where": where,
        "people": {"step": len(steps), "dropped": False}, "sample": 1 / one_in,
    }  # fmt: skip
    asked = Funnel.model_validate(question)
    found = await asker.ask(stored, question)
    world = World(stored, one_in=one_in)
    filters = [step.where for step in asked.steps]
    levels = {who: _level(world, filters, order, window * 1000, mine) for who, mine in _people(world, asked.where).items()}
    counted = [sum(level > number for level in levels.values()) * one_in for number in range(len(steps))]
    assert [row[2] for row in found.table.rows] == counted
    assert [row[4] for row in found.table.rows] == [0, *(one - other for one, other in itertools.pairwise(counted))]
    assert found.extra["people"] == sorted(who for who, level in levels.items() if level == len(steps))


@EXAMPLES
@given(stored=events(25), window=st.sampled_from([1200, 7200, 30 * 86_400]))
async def test_groups_are_by_the_first_event_of_step_one_and_times_of_the_chain_that_was_complete_first(
    asker: Asker, stored: list[Event], window: int
) -> None:
    steps = [_VIEW, _SIGNUP, _BUY]
    question = {
        "kind": "funnel", "steps": [{"where": one} for one in steps], "window_seconds": window, "by": "country", "top": 1,
        "times": True,
    }  # fmt: skip
    asked = Funnel.model_validate(question)
    found = await asker.ask(stored, question)
    world = World(stored)
    filters = [step.where for step in asked.steps]
    groups: dict[str, list[int]] = {}
    took: dict[str, list[float]] = {}
    for mine in _people(world).values():
        level = _level(world, filters, "ordered", window * 1000, mine)
        if not level:
            continue
        first = min((one for one in mine if world.passes(filters[0], one)), key=lambda one: (one.at, one.number))
        group = world.value("country", first)
        groups.setdefault(group, []).append(level)
        if level == 3:
            hits = [{number for number, step in enumerate(filters) if world.passes(step, one)} for one in mine]
            whole = [chain for chain in _chains(filters, hits, mine, window * 1000) if len(chain) == 3]
            end = min(mine[chain[-1]].at for chain in whole)
            begin = max(mine[chain[0]].at for chain in whole if mine[chain[-1]].at == end)
            took.setdefault(group, []).append((end - begin) / 1000)
    ordered = sorted(groups, key=lambda name: (-len(groups[name]), repr(name)))
    expected: dict[tuple[str | None, bool], list[int]] = {(name, False): groups[name] for name in ordered[:1]}
    if ordered[1:]:
        expected[None, True] = [level for name in ordered[1:] for level in groups[name]]
    counted = {(row[0], row[1], row[2]): row[4] for row in found.table.rows}
    assert counted == {
        (*key, step): sum(level >= step for level in levels) for key, levels in expected.items() for step in (1, 2, 3)
    }
    medians = {one["group"]: one["median_seconds"] for one in found.extra["times"]}
    assert medians == pytest.approx({name: quantile(some, 0.5) for name, some in took.items()})


_long = events(30, st.integers(0, 70).map(lambda step: BEGIN + step * 13 * HOUR))


@EXAMPLES
@given(
    stored=_long,
    unit=st.sampled_from(["day", "week", "month"]),
    ends=st.tuples(st.none() | st.just(_VIEW), st.none() | st.sampled_from([_BUY, _VIEW])),
    mode=st.sampled_from(["fixed", "rolling"]),
    zone=st.sampled_from(["UTC", "Europe/Vienna", "America/New_York"]),
    days=st.integers(1, 40),
    top_of=st.tuples(st.none() | st.integers(1, 2), SAMPLES),
)
async def test_people_come_back_as_in_the_reference(
    asker: Asker,
    stored: list[Event],
    unit: str,
    ends: tuple[Any, Any],
    mode: str,
    zone: str,
    days: int,
    top_of: tuple[int | None, int],
) -> None:
    top, one_in = top_of
    world = World(stored, ZoneInfo(zone), BEGIN + 5 * HOUR, BEGIN + days * DAY, one_in=one_in)
    question = {
        "kind": "retention", "unit": unit, "start": ends[0], "returning": ends[1], "mode": mode, "time_zone": zone,
        "range": {"start": iso_time(world.first), "end": iso_time(world.end)}, "sample": 1 / one_in,
    }  # fmt: skip
    question |= {"by": "page_path", "top": top} if top else {}
    asked = Retention.model_validate(question)
    now = BEGIN + 30 * DAY
    found = await asker.ask(stored, question, now)
    periods = _periods(world, unit, now)
    groups: dict[str, dict[int, list[set[int]]]] = {}
    for mine in _people(world).values():
        began = [one for one in mine if asked.start is None or world.passes(asked.start, one)]
        if not began:
            continue
        first = min(one.at for one in began)
        back = [one for one in mine if asked.returning is None or world.passes(asked.returning, one)]
        cohort = periods.index(_period(world, first, unit)) if _period(world, first, unit) in periods else len(periods)
        later = {_periods(world, unit, 1 << 60).index(_period(world, one.at, unit)) - cohort for one in back if one.at >= first}
        label = min(began, key=lambda one: (one.at, one.number)).page_path if top else ""
        groups.setdefault(label, {}).setdefault(cohort, []).append(later)
    assert found.table.rows == _cohorts(groups, top, periods, mode, one_in)


def _cohorts(
    groups: dict[str, dict[int, list[set[int]]]], top: int | None, periods: list[str], mode: str, one_in: int
) -> list[list[Any]]:
    """The rows, of the largest groups and of the rest together; without ``top`` there is one group."""
    ordered = sorted(groups, key=lambda name: (-sum(map(len, groups[name].values())), repr(name)))
    told: list[tuple[list[Any], dict[int, list[set[int]]]]] = [
        ([name, False] if top else [], groups[name]) for name in ordered[:top]
    ]
    if top and ordered[top:]:
        rest: dict[int, list[set[int]]] = {}
        for name in ordered[top:]:
            for cohort, some in groups[name].items():
                rest.setdefault(cohort, []).extend(some)
        told.append(([None, True], rest))
    expected = []
    for group, cohorts in told:
        for cohort, some in sorted(cohorts.items()):
            for k in range(len(periods) - cohort):
                came = sum((k in later) if mode == "fixed" else any(one >= k for one in later) for later in some)
                share = round(came / len(some), 4)
                expected.append([*group, periods[cohort], k, len(some) * one_in, came * one_in, share])
    return expected


@EXAMPLES
@given(
    stored=_long,
    unit=st.sampled_from(["day", "week", "month"]),
    zone=st.sampled_from(["UTC", "America/New_York"]),
    begin=st.integers(0, 20),
    days=st.integers(1, 30),
    one_in=SAMPLES,
)
async def test_people_are_as_often_there_and_in_the_states_of_the_reference(
    asker: Asker, stored: list[Event], unit: str, zone: str, begin: int, days: int, one_in: int
) -> None:
    everything = World(stored, ZoneInfo(zone), one_in=one_in)
    world = World(stored, ZoneInfo(zone), BEGIN + begin * DAY + 5 * HOUR, BEGIN + (begin + days) * DAY, one_in=one_in)
    now = BEGIN + 35 * DAY
    periods = _periods(world, unit, now)
    question = {
        "unit": unit, "time_zone": zone, "range": {"start": iso_time(world.first), "end": iso_time(world.end)},
        "sample": 1 / one_in,
    }  # fmt: skip
    found = await asker.ask(stored, {"kind": "stickiness", **question}, now)
    often = [len({_period(world, one.at, unit) for one in mine}) for mine in _people(world).values()]
    assert [row[1] for row in found.table.rows] == [often.count(number) * one_in for number in range(1, len(periods) + 1)]
    lived = await asker.ask(stored, {"kind": "lifecycle", **question}, now)
    there = [{_period(world, one.at, unit) for one in mine if one.at < world.end} for mine in _people(everything).values()]
    expected = []
    for day in periods:
        last = _period(world, _begin(world, day) - 1, unit)
        new = sum(day in mine and not any(one < day for one in mine) for mine in there)
        returning = sum(day in mine and last in mine for mine in there)
        resurrecting = sum(day in mine and last not in mine and any(one < day for one in mine) for mine in there)
        dormant = sum(last in mine and day not in mine for mine in there)
        expected.append([day, *(number * one_in for number in (new, returning, resurrecting, dormant))])
    assert lived.table.rows == expected


def _begin(world: World, day: str) -> int:
    return round(datetime.datetime.fromisoformat(day).replace(tzinfo=world.zone).timestamp() * 1000)


def _period(world: World, at: int, unit: str) -> str:
    day = world.wall(at).date()
    if unit == "week":
        day -= datetime.timedelta(days=day.weekday())
    return (day.replace(day=1) if unit == "month" else day).isoformat()


def _periods(world: World, unit: str, now: int) -> list[str]:
    found = list(dict.fromkeys(_period(world, at, unit) for at in range(world.first, world.end, 15 * 60_000)))
    return [
        day for day in found
        if datetime.datetime.fromisoformat(day).replace(tzinfo=world.zone).timestamp() * 1000 <= now
    ]  # fmt: skip


@ON_BOTH
async def test_who_dropped_out_is_named(asker: Asker) -> None:
    stored = [Event(BEGIN, visitor_id="v1"), Event(BEGIN, visitor_id="v2", number=1), Event(BEGIN, "signup", "v1", number=2)]
    question = {"kind": "funnel", "steps": [{"where": _VIEW}, {"where": _SIGNUP}], "people": {"step": 2}}
    found = await asker.ask(stored, question)
    assert found.extra["people"] == ["v2"]
    assert found.table.rows == [[1, "step 1", 2, 100.0, 0, 100.0], [2, "step 2", 1, 50.0, 1, 50.0]]
