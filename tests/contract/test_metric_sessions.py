"""Sessions against plain Python, over generated events, and against the view of the same name."""

import itertools
import statistics
from collections.abc import Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace_core.time import iso_time
from millrace_warehouse.metrics.asking import Moment, answer
from millrace_warehouse.metrics.questions import Sessions
from tests.support.metric_events import BEGIN, DAY, EXAMPLES, HOUR, SAMPLES, Asker, events, store
from tests.support.metric_reference import Event, World, id_of
from tests.support.warehouse import ON_BOTH

_MINUTE = 60_000
_steps = st.sampled_from([0, 1, 4_000, 6_000, 10 * _MINUTE, 29 * _MINUTE, 30 * _MINUTE, 30 * _MINUTE + 1, 7 * HOUR])
"""From one event to the next, about the pause that ends a session."""


def _dense(found: list[Event], steps: Sequence[int]) -> list[Event]:
    times = itertools.accumulate(steps, initial=BEGIN)
    return [Event(**{**vars(one), "at": at}) for one, at in zip(found, times, strict=False)]


_SIGNUP: Final = {"field": "event_type", "value": "signup"}
_MINE: Final = {"field": "person", "value": "u1"}
_BOUGHT: Final = {"any": [{"did": {"field": "event_type", "value": "purchase"}}, _MINE]}
_visits = st.builds(_dense, events(30), st.lists(_steps, min_size=30, max_size=30))
_ceaseless = st.integers(45, 60).map(
    lambda count: [Event(BEGIN + number * 30 * _MINUTE, visitor_id="v1", number=number) for number in range(count)]
)
"""Somebody who never pauses for longer than 30 minutes in a day."""


def _sessions(world: World) -> list[list[Event]]:
    """The sessions of everybody, by walking through their events."""
    found: list[list[Event]] = []
    everyone: dict[str, list[Event]] = {}
    for one in sorted(world.of(), key=lambda one: (one.at, id_of(one))):
        if world.person(one):
            everyone.setdefault(world.person(one), []).append(one)
    for mine in everyone.values():
        run_began = last = number = -1
        for one in mine:
            if last < 0 or one.at - last > 30 * _MINUTE:
                run_began, number = one.at, -1
            if (one.at - run_began) // DAY != number:
                number = (one.at - run_began) // DAY
                found.append([])
            found[-1].append(one)
            last = one.at
    return found


def _measured(world: World, sessions: Sequence[Sequence[Event]]) -> list[Any]:
    if not sessions:
        return [0, 0, *[None] * 5]
    lengths = [(one[-1].at - one[0].at) / 1000 for one in sessions]
    engaged = [
        length >= 10
        or sum(event.event_type == "page_view" for event in one) >= 2
        or any(event.event_type == "purchase" for event in one)
        for one, length in zip(sessions, lengths, strict=True)
    ]
    count = len(sessions)
    return [
        count * world.one_in, len({world.person(one[0]) for one in sessions}) * world.one_in,
        sum(map(len, sessions)) / count, sum(lengths) / count,
        statistics.median(lengths), 100 * sum(len(one) == 1 for one in sessions) / count, 100 * sum(engaged) / count,
    ]  # fmt: skip


def _near(found: Sequence[Any], expected: Sequence[Any]) -> bool:
    return [*found] == pytest.approx([*expected], abs=0.0051)


@EXAMPLES
@given(
    stored=_visits | _ceaseless,
    begin=st.integers(0, 3 * 24 * 60),
    where=st.sampled_from([None, _SIGNUP, _MINE, {"not": _MINE}, {"all": [_SIGNUP, _BOUGHT]}, {"any": [_SIGNUP, _MINE]}]),
    zone=st.sampled_from(["UTC", "America/New_York"]),
    one_in=SAMPLES,
)
async def test_sessions_are_those_of_the_reference_over_time(
    asker: Asker, stored: list[Event], begin: int, where: Any, zone: str, one_in: int
) -> None:
    first, end = BEGIN + begin * _MINUTE, BEGIN + 6 * DAY
    question = {
        "kind": "sessions", "range": {"start": iso_time(first), "end": iso_time(end)}, "where": where, "granularity": "day",
        "time_zone": zone, "sample": 1 / one_in,
    }  # fmt: skip
    found = await asker.ask(stored, question)
    world = World(stored, ZoneInfo(zone), one_in=one_in)
    passing = Sessions.model_validate(question).where
    inside = World(stored, ZoneInfo(zone), first, end, one_in=one_in)
    counted = [
        one for one in _sessions(world)
        if first <= one[0].at < end and (passing is None or any(inside.passes(passing, event) for event in one))
    ]  # fmt: skip
    days: dict[str, list[list[Event]]] = {row[0]: [] for row in found.table.rows}
    for one in counted:
        days[world.wall(one[0].at).date().isoformat()].append(one)
    assert all(_near(row[1:], _measured(world, days[row[0]])) for row in found.table.rows)
    whole = await asker.ask(stored, {**question, "granularity": None})
    assert _near(whole.table.rows[0], _measured(world, counted))


@EXAMPLES
@given(stored=_visits, top=st.integers(1, 2))
async def test_groups_are_by_the_first_value_of_a_session_and_the_rest_is_measured_together(
    asker: Asker, stored: list[Event], top: int
) -> None:
    question = {"kind": "sessions", "range": {"start": "2026-03-27", "end": "2026-04-05"}, "by": "page_path", "top": top}
    found = await asker.ask(stored, question)
    world = World(stored)
    groups: dict[str, list[list[Event]]] = {}
    for one in _sessions(world):
        groups.setdefault(next((event.page_path for event in one if event.page_path), ""), []).append(one)
    ordered = sorted(groups, key=lambda name: (-len(groups[name]), name))
    expected: list[list[Any]] = [[name, False, *_measured(world, groups[name])] for name in ordered[:top]]
    if ordered[top:]:
        expected.append([None, True, *_measured(world, [one for name in ordered[top:] for one in groups[name]])])
    assert [row[:2] for row in found.table.rows] == [row[:2] for row in expected]
    assert all(_near(row[2:], wanted[2:]) for row, wanted in zip(found.table.rows, expected, strict=True))


@ON_BOTH
async def test_the_view_of_the_same_name_says_the_same(asker: Asker) -> None:
    steps = [0, 1, 30 * _MINUTE, 30 * _MINUTE + 1, *[20 * _MINUTE] * 80, DAY]
    times = itertools.accumulate(steps, initial=BEGIN + 7)
    stored = [Event(at, visitor_id=f"v{number % 2}", number=number) for number, at in enumerate(times)]
    tenant = await store(asker.warehouse, stored)
    warehouse = asker.reads.of(tenant)
    sql = (
        "SELECT count(), uniqExact(person_id), avg(events), avg(duration_seconds), median(duration_seconds), "
        "100 * avg(is_bounce) FROM sessions "
        f"WHERE customer_id = '{tenant}'"
    )
    seen = (await warehouse.ask(sql)).rows[0]
    asked = Sessions.model_validate({"kind": "sessions", "range": {"start": "2026-03-27", "end": "2026-04-05"}})
    found = await answer(warehouse, asked, Moment(BEGIN))
    assert _near(found.table.rows[0][:6], seen)
