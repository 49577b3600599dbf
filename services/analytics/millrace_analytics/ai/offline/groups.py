"""Measures of those who did something, and of groups that are compared: what the catalogue has no name for."""

from collections.abc import Sequence
from typing import Any, Final

from millrace_analytics.ai.offline.amounts import plain
from millrace_analytics.ai.offline.lexicon import METRIC, Sense
from millrace_analytics.ai.offline.slots import PEOPLE, NotUnderstood, Slots, Told, events_of
from millrace_warehouse.metrics.catalogue import METRICS
from millrace_warehouse.metrics.filters import AllOf, Comparison, Filter, InSegment
from millrace_warehouse.metrics.measures import Count, Formula, Measure, Unique

_DOERS: Final[dict[str, Any]] = {"people": "person", "users": "person", "unique_visitors": "visitor", "sessions": "session"}


def of_doers(senses: Sequence[Sense], slots: Slots, told: Told) -> Measure | None:
    """``how many visitors clicked per day``: as many as had such an event; of a share, out of all of them.

    None where it is about nobody who did something.
    """
    if len(senses) != 2 or slots.joined or slots.per or slots.aggregate or slots.compare or senses[0].kind != METRIC:
        return None
    who, did = _DOERS.get(senses[0].name), events_of(senses[1])
    is_by_clock = [one.name for one in slots.by] in (["hour_of_day"], ["day_of_week"])
    is_asked = slots.counted or slots.share or slots.is_ranked or senses[0].name == "sessions" or is_by_clock
    if who is None or did is None or not is_asked:
        return None
    is_of_events = is_by_clock and not slots.counted and not slots.share  # "at what time of day do people buy"
    if is_of_events or (slots.is_ranked and (slots.which_unit is not None or is_by_clock)):
        return Count(measure="count", where=did, name=_short(senses[1]))  # "what time of day do people sign up most"
    told.assumptions.append("each of them counts once")
    part = Unique(measure="unique", of=who, where=did, name=f"{senses[0].name}_with_{_short(senses[1])}")
    if not slots.share:
        return part
    slots.share = False
    whole = Unique(measure="unique", of=who)
    parts: Any = {"part": part.model_copy(update={"name": None}), "whole": whole}
    return Formula(measure="formula", formula="100 * part / whole", parts=parts, unit="%", name="share_percent")


def rate_of(sense: Sense, told: Told) -> Formula:
    """``signup rate``: who did it, of all people, in percent."""
    measure = METRICS[sense.name].measure
    assert isinstance(measure, Count), "rates are of events"
    told.assumptions.append(f"the rate is the share of people with {METRICS[sense.name].label.lower()}")
    people = Unique(measure="unique", of="person")
    parts: Any = {"part": people.model_copy(update={"where": measure.where}), "whole": people}
    return Formula(measure="formula", formula="100 * part / whole", parts=parts, unit="%", name=f"{_short(sense)}_rate")


Groups = list[tuple[str, Filter]]


def beside(groups: Groups, measures: list[Measure]) -> list[Measure]:
    """The measure of each group.

    Raises:
        NotUnderstood: several measures are compared so.
    """
    if not groups:
        return measures
    if len(measures) != 1:
        raise NotUnderstood("which measures of which groups are compared")
    whole = plain(measures[0])
    found: list[Measure] = []
    for name, where in groups:
        both = where if whole.where is None else AllOf(all=(whole.where, where))
        found.append(whole.model_copy(update={"where": both, "name": name}))
    return found


def groups_of(slots: Slots) -> Groups:
    """Groups that are compared and that no one field tells apart (``weekends vs weekdays``, ``organic vs paid``), taken out of
    the slots."""
    if not slots.compare:
        return []
    segments = [one for one in slots.segments if isinstance(one, InSegment)]
    if len(segments) > 1 and not slots.values:
        slots.segments = [one for one in slots.segments if one not in segments]
        slots.compare = False
        return [(one.segment, one) for one in segments]
    labelled = [senses[0] for senses in slots.values if senses[0].label]
    if len(labelled) < 2 or len({one.name for one in labelled}) > 1 or all(_is_one(one.detail) for one in labelled):
        return []
    slots.compare = False
    slots.values = [senses for senses in slots.values if not senses[0].label]
    return [(_name(one.label), one.detail) for one in labelled]


def _is_one(where: Filter) -> bool:
    return isinstance(where, Comparison) and where.operator == "eq"


def _name(label: str) -> str:
    words = "_".join(part for part in label.lower().replace("'", "").split())
    return words if words[:1].isalpha() else f"from_{words}"


def _short(sense: Sense) -> str:
    return sense.name.lower().replace(".", "_").replace(" ", "_")[:30]


def counted_values(senses: Sequence[Sense], slots: Slots) -> tuple[Sense, Filter | None] | None:
    """``how many countries do our visitors come from``: the values of a field, of some events."""
    if len(senses) != 2 or slots.joined or slots.aggregate or slots.per or not slots.is_field_counted:
        return None
    field, other = senses
    is_field = field.kind == "dimension" and field.detail != "number"
    if not is_field or other.kind == "dimension":
        return None
    if other.kind == METRIC and other.name == "customers":
        return field, METRICS["purchases"].measure.where
    if other.kind == METRIC and other.name in PEOPLE:
        return field, None
    is_sold = other.name in ("purchases", "purchase") and field.name.startswith("properties.") and not slots.unique
    if is_sold or (where := events_of(other)) is None:
        return None  # "how many products did we sell" may be so many of them
    return field, where


def in_common(slots: Slots) -> frozenset[str]:
    """The one field that all values may be of that stand beside each other (``newsletter vs google``)."""
    if not (slots.compare or slots.either) or len(slots.values) < 2:
        return frozenset()
    common = frozenset.intersection(*(frozenset(one.name for one in senses) for senses in slots.values))
    columns = frozenset(name for name in common if not name.startswith("properties."))
    return columns if len(columns) == 1 else frozenset()


def refuse_both_or_either(slots: Slots, chosen: Sequence[Sense]) -> None:
    """``how many people visited /pricing and /docs``: one may have been at both pages, as nobody is in two countries."""
    if slots.share and not slots.either and len(chosen) > 2 and len({one.name for one in chosen}) == 1:
        raise NotUnderstood("the share of each of them or of all together: write “share by …”")
    pages = [one for one in chosen if one.name == "page_path"]
    is_of_people = any(one.kind == METRIC and one.name in _DOERS for one in slots.measures)
    if slots.counted and is_of_people and len(pages) > 1 and not slots.either and not slots.compare:
        raise NotUnderstood("whether both of them or either: write “or” or “both”")
