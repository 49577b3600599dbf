"""Segments that a tenant keeps: filters under names, which are looked at before they are kept."""

from collections.abc import Mapping
from typing import Final

from pydantic import TypeAdapter

from millrace_core.errors import InvalidInput
from millrace_warehouse.metrics.catalogue import SEGMENTS
from millrace_warehouse.metrics.conditions import condition
from millrace_warehouse.metrics.filters import Filter, segments_named
from millrace_warehouse.metrics.ranges import EVERYTHING, zone_of
from millrace_warehouse.metrics.statements import Writing

FILTERS: Final[TypeAdapter[Filter]] = TypeAdapter(Filter)
"""Reads and writes filters as JSON."""


def check_segment(tenant: str, name: str, where: Filter, others: Mapping[str, Filter]) -> None:
    """Return where a question could name it.

    Args:
        others: the tenant's segments.

    Raises:
        InvalidInput: ``reserved_segment``: the catalogue has this name. ``unknown_segment``, ``unknown_field``,
            ``invalid_field``, ``invalid_filter``: the filter cannot be asked, as when it is about itself.
    """
    if name in SEGMENTS:
        raise InvalidInput(f"{name} is a segment of the catalogue", code="reserved_segment")
    known = {**others, name: where}
    if name in _reached(where, known):
        raise InvalidInput(f"{name} would be about itself", code="invalid_filter")
    condition(Writing(tenant, EVERYTHING, zone_of("UTC"), 0, kept_segments=known), where)


def users_of(name: str, known: Mapping[str, Filter]) -> list[str]:
    """The segments that are about one, by name. Not those that it is about itself: where older versions have kept such a circle
    nobody can ask with any of them, and one has to go first."""
    own = _reached(known[name], known) if name in known else {name}
    return sorted(other for other, where in known.items() if other not in own and name in segments_named(where))


def _reached(where: Filter, known: Mapping[str, Filter]) -> set[str]:
    """The names of all segments that a filter stands on."""
    found: set[str] = set()
    left = set(segments_named(where))
    while left:
        name = left.pop()
        found.add(name)
        if name in known:
            left |= segments_named(known[name]) - found
    return found
