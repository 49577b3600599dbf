"""Places of widgets that come without one."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from millrace_analytics.families.dashboards.widgets import Config, Position, Widget, bottom, placed

_COLUMNS = st.integers(1, 24)
_TYPES = st.sampled_from(["metric", "chart", "table", "text"])


@st.composite
def _grids(draw: st.DrawFn) -> tuple[list[Widget], int]:
    """Widgets of which some have a place, which may overlap as its owner wants, and a number of columns."""
    columns = draw(_COLUMNS)
    widgets = []
    for _ in range(draw(st.integers(0, 12))):
        place = None
        if draw(st.booleans()):
            width = draw(st.integers(1, columns))
            x = draw(st.integers(0, columns - width))
            place = Position(x=x, y=draw(st.integers(0, 20)), width=width, height=draw(st.integers(1, 6)))
        widgets.append(Widget(type=draw(_TYPES), config=Config(text="x"), position=place))
    return widgets, columns


def _meet(one: Position, two: Position) -> bool:
    beside = one.x >= two.x + two.width or two.x >= one.x + one.width
    return not (beside or one.y >= two.y + two.height or two.y >= one.y + one.height)


@given(_grids())
def test_who_has_no_place_gets_a_free_one_and_who_has_one_keeps_it(grid: tuple[list[Widget], int]) -> None:
    widgets, columns = grid
    found = placed(widgets, columns)
    places = [one.position for one in found if one.position is not None]
    assert [one.id for one in found] == [one.id for one in widgets]
    assert len(places) == len(widgets)
    assert all(place.x + place.width <= columns for place in places)
    assert bottom(found) == max((place.y + place.height for place in places), default=0)
    had_none = [one.position is None for one in widgets]
    for before, after in zip(widgets, places, strict=True):
        assert before.position in (None, after)
    for one, two in combinations(range(len(places)), 2):
        if had_none[one] or had_none[two]:
            assert not _meet(places[one], places[two])
