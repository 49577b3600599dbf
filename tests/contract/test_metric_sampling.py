"""Questions that look at some of the people: whose events those are, what is told of how far off it may be, what is refused."""

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from millrace_core.errors import InvalidInput
from millrace_warehouse.metrics.answers import Answer
from tests.support.metric_events import BEGIN, DAY, EXAMPLES, HOUR, Asker, events
from tests.support.metric_reference import Event, World
from tests.support.siphash import siphash
from tests.support.warehouse import ON_BOTH

_COUNT: Final = {"measure": "count"}
_PEOPLE: Final = {"measure": "unique", "of": "person"}
_MEASURES: Final = (_COUNT, _PEOPLE, {"measure": "unique", "of": "session"}, {"measure": "sum", "field": "order_value"})
_GERMAN: Final = {"field": "country", "value": "DE"}
_WEEK: Final = {"start": "2026-03-27", "end": "2026-04-02"}
_STEPS: Final = [{"where": {"field": "event_type", "value": one}} for one in ("page_view", "purchase")]


def _spread(world: World, measure: str, some: Iterable[Event]) -> float:
    """The standard error of a total: so far apart are 32 groups of people that chance made."""
    groups: list[list[Event]] = [[] for _ in range(32)]
    for one in some:
        groups[world.lot(one) // world.one_in % 32].append(one)
    totals: dict[str, list[float]] = {
        "count": [len(group) for group in groups],
        "session": [len({one.session_id for one in group} - {""}) for group in groups],
        "sum": [math.fsum(world.value("order_value", one) or 0 for one in group) for group in groups],
    }
    return math.sqrt(world.one_in * (world.one_in - 1) * 32 * statistics.variance(totals[measure]))


def _error_of_people(world: World, some: Iterable[Event]) -> float:
    return math.sqrt(len({world.person(one) for one in some} - {""}) * world.one_in * (world.one_in - 1))


def _expected(world: World, some: Sequence[Event]) -> list[float]:
    count, session, total = (_spread(world, measure, some) for measure in ("count", "session", "sum"))
    return [count, _error_of_people(world, some), session, total]


@EXAMPLES
@given(stored=events(40), one_in=st.sampled_from([2, 3]), unit=st.sampled_from([None, "day"]))
async def test_a_trend_tells_how_far_its_totals_may_be_off(
    asker: Asker, stored: list[Event], one_in: int, unit: str | None
) -> None:
    question = {
        "kind": "trend", "measures": _MEASURES, "by": ["country"], "granularity": unit, "range": _WEEK, "sample": 1 / one_in,
    }  # fmt: skip
    found = await asker.ask(stored, question)
    world = World(stored, one_in=one_in, first=BEGIN, end=BEGIN + 7 * DAY)
    assert (found.sample, found.source) == (1 / one_in, "events_raw")
    assert [one.approximate for one in found.columns if one.role == "measure"] == [True] * 4
    at, width = int(unit is not None), len(found.columns) - 4
    for row, errors in zip(found.table.rows, found.table.errors, strict=True):
        some = [one for one in world.of() if world.value("country", one) == row[at]]
        if unit is not None:
            some = [one for one in some if world.wall(one.at).date().isoformat() == row[0]]
        assert errors[:width] == [None] * width
        assert errors[width:] == pytest.approx(_expected(world, some))
    assert [one.errors for one in found.table.series] == [
        [row[width + number] for row, line in zip(found.table.errors, found.table.rows, strict=True) if line[1] == name]
        for name in dict.fromkeys(row[1] for row in found.table.rows if unit)
        for number in range(4)
    ]


_OF_PEOPLE: Final[dict[str, dict[str, Any]]] = {
    "funnel": {"steps": _STEPS},
    "retention": {"unit": "day"},
    "stickiness": {},
    "lifecycle": {},
    "paths": {"event": {"field": "event_type", "value": "page_view"}},
    "sessions": {"granularity": "day"},
}


@pytest.mark.parametrize("kind", _OF_PEOPLE)
async def test_numbers_of_people_are_those_of_the_sample_times_as_many_and_tell_how_far_they_may_be_off(
    asker: Asker, kind: str
) -> None:
    stored = [
        Event(BEGIN + number * HOUR, ("page_view", "purchase")[number % 3 == 2], f"v{number % 40}", number=number)
        for number in range(120)
    ]
    asked = {"kind": kind, "range": _WEEK, **_OF_PEOPLE[kind]}
    sample = await asker.ask(stored, {**asked, "sample": 0.25}, BEGIN + 6 * DAY)
    whole = await asker.ask([one for one in stored if siphash(one.visitor_id) % 4 == 0], asked, BEGIN + 6 * DAY)
    _scaled(sample, whole, 4)
    assert (whole.sample, whole.table.errors) == (None, ())


def _scaled(sample: Answer, whole: Answer, one_in: int) -> None:
    measures = [column.role == "measure" for column in sample.columns]
    people = [column.unit == "people" and is_measure for column, is_measure in zip(sample.columns, measures, strict=True)]
    counted = [is_people or column.unit == "sessions" for column, is_people in zip(sample.columns, people, strict=True)]
    assert any(row[people.index(True)] for row in whole.table.rows)
    for row, same, errors in zip(sample.table.rows, whole.table.rows, sample.table.errors, strict=True):
        assert row == [value * one_in if many else value for value, many in zip(same, counted, strict=True)]
        for value, error, of_people, many in zip(row, errors, people, counted, strict=True):
            assert (error is not None) == many
            assert not of_people or error == pytest.approx(math.sqrt(value * (one_in - 1)))
    for one, exact in zip(sample.table.series, whole.table.series, strict=True):
        many = one.name in [column.name for column, is_many in zip(sample.columns, counted, strict=True) if is_many]
        assert list(one.values) == [value * one_in if many and value is not None else value for value in exact.values]
        assert len(one.errors) == (len(one.values) if many else 0)


@pytest.mark.parametrize("one_in", [4, 10])
async def test_what_is_true_is_within_some_standard_errors(asker: Asker, one_in: int) -> None:
    """Of 1,500 people who do much or little, alone in their sessions; what is told does not depend on chance."""
    stored = [
        Event(BEGIN + number * 1000, "page_view", f"person-{who}", session_id=f"s{who}", country=("DE", "AT")[who % 2])
        for number, who in enumerate(who for who in range(1_500) for _ in range(1 + who % 7 * (who % 5)))
    ]
    stored = [Event(**{**vars(one), "number": number}) for number, one in enumerate(stored)]
    question = {"kind": "trend", "measures": _MEASURES[:3], "by": ["country"]}
    sample = await asker.ask(stored, {**question, "sample": 1 / one_in})
    for row, errors in zip(sample.table.rows, sample.table.errors, strict=True):
        mine = [one for one in stored if one.country == row[0]]
        true = [len(mine), *[len({one.visitor_id for one in mine})] * 2]
        for value, error, expected in zip(row[1:], errors[1:], true, strict=True):
            assert error is not None
            assert 0 < error < expected / 4
            assert abs(value - expected) <= 4 * error


@ON_BOTH
async def test_all_questions_are_about_the_same_people_and_a_smaller_sample_is_of_the_larger(asker: Asker) -> None:
    stored = [Event(BEGIN + number, visitor_id=f"v{number}", number=number) for number in range(60)]
    stored += [Event(BEGIN + 100 + number, "identify", f"v{number}", f"u{number}", number=100 + number) for number in range(20)]
    names = [f"u{number}" if number < 20 else f"v{number}" for number in range(60)]
    found = {}
    for one_in in (2, 4):
        funnel = {"kind": "funnel", "steps": _STEPS[:1], "people": {"step": 1, "dropped": False}, "sample": 1 / one_in}
        found[one_in] = (await asker.ask(stored, funnel)).extra["people"]
        assert found[one_in] == sorted(name for name in names if siphash(name) % one_in == 0)
    assert set(found[4]) < set(found[2])


async def test_what_a_rollup_answers_is_exact(asker: Asker) -> None:
    stored = [Event(BEGIN, visitor_id=f"v{number}", number=number) for number in range(50)]
    question = {"kind": "trend", "measures": [_COUNT], "range": _WEEK, "sample": 0.1}
    found = await asker.ask(stored, question)
    assert (found.source, found.sample, found.table.rows, len(found.table.errors)) == ("events_by_hour", None, [[50]], 0)


@pytest.mark.parametrize(
    "measure",
    [
        {"measure": "max", "field": "order_value"},
        {"measure": "unique", "of": "page_path"},
        {"measure": "formula", "formula": "a / b", "parts": {"a": {"measure": "min", "field": "order_value"}, "b": _COUNT}},
    ],
    ids=str,
)
async def test_what_a_sample_cannot_tell_is_refused(asker: Asker, measure: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        await asker.ask([Event(BEGIN)], {"kind": "trend", "measures": [measure], "where": _GERMAN, "sample": 0.5})
    assert caught.value.code == "no_sample"


@pytest.mark.parametrize(
    "part",
    [
        {"sample": 0}, {"sample": 1.5}, {"sample": 0.3}, {"sample": 0.00001}, {"sample": "nan"},
        {"by": ["person"], "sample": 0.1}, {"kind": "journey", "person": "v1", "sample": 0.1},
        {"kind": "funnel", "steps": _STEPS, "by": "visitor_id", "sample": 0.1},
    ],
    ids=str,
)  # fmt: skip
async def test_what_is_no_sample_is_no_question(asker: Asker, part: dict[str, Any]) -> None:
    rest = {"kind": "trend", "measures": [_COUNT]} if "kind" not in part else {}
    with pytest.raises(ValidationError):
        await asker.ask([Event(BEGIN)], {**rest, **part})


@pytest.mark.parametrize(("sample", "one_in"), [(1, None), (0.33, 3), (0.333333, 3), (0.0001, 10_000)])
async def test_a_sample_is_one_of_a_whole_number(asker: Asker, sample: float, one_in: int | None) -> None:
    found = await asker.ask([Event(BEGIN)], {"kind": "stickiness", "range": _WEEK, "sample": sample})
    assert found.sample == (None if one_in is None else 1 / one_in)
