"""Paths and journeys against plain Python, over generated events."""

import itertools
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from millrace_core.time import iso_time
from millrace_warehouse.metrics.questions import Paths
from tests.support.metric_events import EXAMPLES, SAMPLES, Asker, events
from tests.support.metric_reference import Event, World, id_of


@EXAMPLES
@given(
    stored=events(30),
    direction=st.sampled_from(["after", "before"]),
    steps=st.integers(1, 4),
    window=st.sampled_from([1200, 7200, 30 * 86_400]),
    top=st.integers(1, 3),
    where=st.none() | st.just({"field": "country", "operator": "ne", "value": "AT"}),
    one_in=SAMPLES,
)
async def test_people_go_the_ways_of_the_reference(
    asker: Asker, stored: list[Event], direction: str, steps: int, window: int, top: int, where: Any, one_in: int
) -> None:
    question = {
        "kind": "paths", "event": {"field": "event_type", "value": "signup"}, "direction": direction, "steps": steps,
        "window_seconds": window, "top": top, "where": where, "sample": 1 / one_in,
    }  # fmt: skip
    asked = Paths.model_validate(question)
    found = await asker.ask(stored, question)
    world = World(stored, one_in=one_in)
    everyone: dict[str, list[Event]] = {}
    for one in sorted(world.of(asked.where), key=lambda one: (one.at, id_of(one))):
        everyone.setdefault(world.person(one), []).append(one)
    everyone.pop("", None)
    paths: Counter[tuple[str, ...]] = Counter()
    for mine in everyone.values():
        place = next((at for at, one in enumerate(mine) if world.passes(asked.event, one)), None)
        if place is None:
            continue
        around = mine[place + 1 :] if direction == "after" else mine[:place][::-1]
        near = [one for one in around[:steps] if abs(one.at - mine[place].at) <= window * 1000]
        paths[tuple(one.event_type for one in near)] += one_in
    ordered = sorted(paths.items(), key=lambda one: (-one[1], one[0]))
    whole, width = paths.total(), steps
    expected: list[list[Any]] = [
        [*path, *[None] * (width - len(path)), False, count, round(count / whole, 4)] for path, count in ordered[:top]
    ]
    if rest := sum(count for _, count in ordered[top:]):
        expected.append([*[None] * width, True, rest, round(rest / whole, 4)])
    assert found.table.rows == expected


@EXAMPLES
@given(stored=events(30), who=st.sampled_from(["v1", "v2", "u1", "u2", "nobody"]), limit=st.integers(1, 6))
async def test_any_name_of_a_person_finds_what_they_did(asker: Asker, stored: list[Event], who: str, limit: int) -> None:
    found = await asker.ask(stored, {"kind": "journey", "person": who, "limit": limit})
    world = World(stored)
    meant = world.person(Event(0, visitor_id=who))
    mine = sorted((one for one in world.of() if world.person(one) == meant), key=lambda one: (one.at, id_of(one)))
    pauses = [None, *((later.at - earlier.at) / 1000 for earlier, later in itertools.pairwise(mine))]
    expected = [
        [iso_time(one.at), one.event_type, one.event_type, one.page_path, pause]
        for one, pause in zip(mine, pauses, strict=False)
    ]
    assert found.table.rows == expected[::-1][:limit]
    assert found.table.truncated == (len(mine) > limit)
