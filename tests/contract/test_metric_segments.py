"""Segments that a tenant keeps, against plain Python, and what cannot be kept."""

import json
from typing import Any

import pytest
from hypothesis import given

from millrace_core.errors import InvalidInput
from millrace_warehouse.metrics.compiling import compiled
from millrace_warehouse.metrics.filters import Filter, segments_named
from millrace_warehouse.metrics.measures import Count
from millrace_warehouse.metrics.questions import Funnel, Trend
from millrace_warehouse.metrics.segments import FILTERS as JSON_FILTERS
from millrace_warehouse.metrics.segments import check_segment
from millrace_warehouse.metrics.statements import Moment
from tests.support.metric_events import EXAMPLES, Asker, events
from tests.support.metric_filters import FILTERS
from tests.support.metric_reference import Event, World

_COUNT: dict[str, Any] = {"kind": "trend", "measures": [{"measure": "count"}]}


def kept(where: Any) -> Filter:
    """A filter after it was kept as JSON and read again."""
    read = JSON_FILTERS.validate_python(where)
    return JSON_FILTERS.validate_python(
        json.loads(json.dumps(JSON_FILTERS.dump_python(read, mode="json", by_alias=True, exclude_defaults=True)))
    )


@EXAMPLES
@given(stored=events(), inner=FILTERS, outer=FILTERS)
async def test_a_kept_segment_is_the_filter_that_it_names_also_within_another(
    asker: Asker, stored: list[Event], inner: Any, outer: Any
) -> None:
    segments = {"one": kept(inner), "two": kept({"any": [{"not": {"segment": "one"}}, outer]})}
    found = await asker.ask(stored, {**_COUNT, "where": {"segment": "two"}}, segments=segments)
    plain = JSON_FILTERS.validate_python({"any": [{"not": inner}, outer]})
    assert found.table.rows == [[len(World(stored).of(plain))]]


def test_a_filter_is_the_same_after_it_was_kept() -> None:
    where = {"all": [{"not": {"field": "country", "operator": "in", "value": ["AT", "DE"]}},
                     {"did": {"segment": "buyers"}, "at_most": 0, "range": {"last": 7, "unit": "day"}}]}  # fmt: skip
    assert kept(where) == JSON_FILTERS.validate_python(where)


def test_every_part_of_a_question_may_name_a_kept_segment() -> None:
    asked = Funnel.model_validate(
        {
            "kind": "funnel",
            "steps": [{"where": {"segment": "a"}}, {"where": {"not": {"did": {"segment": "b"}}}}],
            "where": {"any": [{"segment": "c"}]},
            "segments": {"c": {"segment": "d"}},
        }
    )
    assert segments_named(asked) == {"a", "b", "c", "d"}
    other = kept({"field": "country", "value": "AT"})
    moment = Moment(0, segments=dict.fromkeys("abd", other))
    assert "AT" in compiled("shop", asked, moment).statements[0].values.values()
    with pytest.raises(InvalidInput) as unknown:
        compiled("shop", asked, Moment(0, segments=dict.fromkeys("ab", other)))
    assert (unknown.value.code, "segment d" in unknown.value.message) == ("unknown_segment", True)


def test_the_questions_own_segment_comes_before_the_catalogues_and_that_before_a_kept_one() -> None:
    mine, other = kept({"field": "country", "value": "AT"}), kept({"field": "country", "value": "XX"})
    asked = Trend(kind="trend", measures=(Count(measure="count"),), where=kept({"segment": "mine"}), segments={"mine": mine})
    assert "XX" not in compiled("shop", asked, Moment(0, segments={"mine": other})).statements[0].values.values()
    known = asked.model_copy(update={"where": kept({"segment": "buyers"})})
    assert "XX" not in compiled("shop", known, Moment(0, segments={"buyers": other})).statements[0].values.values()


@pytest.mark.parametrize(
    ("name", "where", "code"),
    [
        ("buyers", {"field": "country", "value": "AT"}, "reserved_segment"),
        ("mine", {"segment": "mine"}, "invalid_filter"),
        ("mine", {"not": {"segment": "about_mine"}}, "invalid_filter"),
        ("mine", {"segment": "nobodys"}, "unknown_segment"),
        ("mine", {"field": "no_such", "value": 1}, "unknown_field"),
        ("mine", {"field": "hour_of_day", "value": "noon"}, "invalid_filter"),
    ],
)
def test_what_no_question_could_name_is_not_kept(name: str, where: Any, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_segment("shop", name, JSON_FILTERS.validate_python(where), {"about_mine": kept({"segment": "mine"})})
    assert refused.value.code == code


def test_segments_of_segments_cannot_stand_for_more_than_anybody_writes() -> None:
    others = {f"s{level}": kept({"any": [{"segment": f"s{level + 1}"}] * 50}) for level in range(5)}
    others["s5"] = kept({"field": "country", "value": "AT"})
    with pytest.raises(InvalidInput, match="20,000 parts") as refused:
        check_segment("shop", "all", kept({"segment": "s0"}), others)
    assert refused.value.code == "invalid_filter"


@pytest.mark.parametrize("measured", [{}, {"where": {"segment": "b"}}])
@pytest.mark.parametrize("own", [False, True])
def test_segments_about_each_other_are_refused_where_a_question_names_them(measured: dict[str, Any], own: bool) -> None:
    circle = {
        "a": kept({"not": {"segment": "b"}}),
        "b": kept({"all": [{"segment": "a"}, {"field": "event_type", "value": "x"}]}),
    }
    moment = Moment(0, segments={} if own else circle)
    about = {"where": {"segment": "a"}} if not measured else {"measures": [{"measure": "count", **measured}]}
    segments = circle if own else {}
    funnel = {"kind": "funnel", "steps": [{"where": {"segment": "b"}}, {"where": {"segment": "a"}}]}
    for question in (Trend.model_validate({**_COUNT, **about}), Funnel.model_validate(funnel)):
        with pytest.raises(InvalidInput) as refused:
            compiled("shop", question.model_copy(update={"segments": segments}), moment)
        assert refused.value.code == "invalid_filter"
