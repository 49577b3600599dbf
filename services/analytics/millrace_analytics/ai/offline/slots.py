"""The parts of a question about measures, and what they say of each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from millrace_analytics.ai.offline import grammar
from millrace_analytics.ai.offline.lexicon import DIMENSION, EVENT, METRIC, VALUE, Sense
from millrace_analytics.ai.offline.scanning import Piece
from millrace_analytics.ai.offline.times import When
from millrace_analytics.ai.ports import Unclear
from millrace_warehouse.metrics.catalogue import METRICS
from millrace_warehouse.metrics.filters import AllOf, AnyOf, Comparison, Filter, is_event
from millrace_warehouse.metrics.measures import Count, Formula, Number, Quantile, Unique
from millrace_warehouse.metrics.parts import FieldName, Kind
from millrace_warehouse.metrics.ranges import Unit

PEOPLE: Final = {
    "people": "person", "users": "user_id", "unique_visitors": "visitor_id", "customers": "person", "sessions": "session_id",
    "events": "event_type", "page_views": "page_path",
}  # fmt: skip
"""Metrics whose noun is also what they count: by which dimension it is listed."""

PERSON_DIMENSIONS: Final = frozenset({"person", "user_id", "visitor_id"})


DIVISORS: Final = frozenset({"people", "users", "unique_visitors", "customers", "sessions"})


class NotUnderstood(Exception):
    """Some words cannot be placed. The message says which."""


class Ambiguous(Exception):
    """There are several readings."""

    def __init__(self, unclear: Unclear) -> None:
        super().__init__(unclear.reason)
        self.unclear = unclear


@dataclass(slots=True)
class Told:
    """A question, where and when it is asked, and what was assumed of it."""

    text: str
    now: int
    time_zone: str
    events: frozenset[str] = frozenset()
    """Types that the tenant has."""
    assumptions: list[str] = field(default_factory=list)
    lacking: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """See Vocabulary."""

    def lacks(self, types: frozenset[str], name: str) -> bool:
        """Whether the tenant has events of these types, and none of them has this field."""
        known = types & self.events
        return bool(known) and known <= self.lacking.get(name, frozenset())

    def types_with(self, name: str) -> frozenset[str] | None:
        """The types of events that have a field; None where nobody knows."""
        return self.events - self.lacking[name] if name in self.lacking else None


@dataclass(slots=True)
class Slots:
    """The parts of a question about measures."""

    measures: list[Sense] = field(default_factory=list)
    """Metrics, events and dimensions to be measured."""
    joined: bool = False
    """Whether the measures stand in a list (``purchases and revenue``)."""
    by: list[Sense] = field(default_factory=list)
    values: list[tuple[Sense, ...]] = field(default_factory=list)
    """Each with every field that it may be a value of."""
    excluded: list[tuple[Sense, ...]] = field(default_factory=list)
    left_out: list[Filter] = field(default_factory=list)
    """Events that do not count."""
    segments: list[Filter] = field(default_factory=list)
    numbers: list[tuple[Sense | None, str, int]] = field(default_factory=list)
    """Field, operator and number of comparisons."""
    ranges: list[When] = field(default_factory=list)
    grain: Unit | None = None
    period: Unit | None = None
    aggregate: str = ""
    unique: bool = False
    top: int | None = None
    is_ranked: bool = False
    is_superlative: bool = False
    ascending: bool = False
    single: bool = False
    """Whether one is asked for (``which country has the highest …``)."""
    share: bool = False
    compare: bool = False
    previous: Literal["", "period", "year"] = ""
    same_part: bool = False
    """Whether the other time is to be the same part of its unit (``the same days last week``)."""
    is_with_same: bool = False
    """Whether something is compared with the same time of another unit."""
    visited: bool = False
    """Whether those who are named first ``visited``."""
    is_by_customer: bool = False
    """Whether the people that it is by are called customers."""
    bots: bool = False
    """Whether the events of bots count, too."""
    previous_is: tuple[int, str] | None = None
    """How long the time before is, where that is said (``the 7 days before``)."""
    having: tuple[str, int] | None = None
    """Operator and number of a limit of what is counted (``countries with more than 100 signups``)."""
    running: bool = False
    first_is_plural: bool = False
    """Whether what is named first is (``orders``)."""
    growth: bool = False
    moving: int = 0
    is_moving: bool = False
    over_time: bool = False
    counted: bool = False
    """Whether it begins with ``how many``."""
    either: bool = False
    divisor: str = ""
    """What the second measure may divide the first by, where it is one of somebody (``orders of a visitor``)."""
    per: str = ""
    """Metric whose people or sessions a measure is divided by (``revenue per session``)."""
    between: tuple[Sense | None, int, int] | None = None
    """A field, where one is named, and two numbers that it lies between."""
    listed: Sense | None = None
    """By what is listed what is named first (``pages`` with more than 500 views)."""
    listed_unit: Unit | None = None
    """``days`` with more than 10 orders."""
    how_often: bool = False
    aggregates: list[str] = field(default_factory=list)
    """Others beside the first (``minimum, maximum and average``)."""
    is_biggest: bool = False
    """Whether a rank stands right before what is measured (``the largest order by country``)."""
    is_rank_of_groups: bool = False
    """Whether groups stood before a rank (``which visitor had the largest order``)."""
    is_ratio: bool = False
    is_field_counted: bool = False
    """Whether the values of a field are to be counted (``how many countries``)."""
    is_how_many_keep: bool = False
    """Whether it asks how many keep a limit, and not which (``on how many days were there more than 20 orders``)."""
    is_mean: bool = False
    """Whether the average of the values of a series is asked for."""
    which_unit: Unit | None = None
    """``which day``: a bucket of time is what is asked for."""


def bound_values(pieces: Sequence[Piece]) -> list[Piece]:
    """``utm_source twitter or newsletter``: a value behind the name of its field is a value of that field."""
    found: list[Piece] = []
    field_name = ""
    for at, piece in enumerate(pieces):
        behind = pieces[at + 1] if at + 1 < len(pieces) else None
        named = piece.sense(DIMENSION)
        if field_name and (of_field := tuple(one for one in piece.all(VALUE) if one.name == field_name)):
            found.append(replace(piece, senses=of_field))
        elif named is not None and behind is not None and any(one.name == named.name for one in behind.all(VALUE)):
            before = pieces[at - 1] if at else None
            if before is None or not before.is_a(grammar.BY, grammar.WHICH, grammar.TOP):
                field_name = named.name
                continue
            found.append(piece)
        else:
            field_name = field_name if piece.is_a(grammar.OR, grammar.AND) and not piece.is_content else ""
            found.append(piece)
    return found


def field_of(sense: Sense) -> FieldName:
    """The field of a dimension; of a property with the kind that its values have."""
    kind: Kind | None = sense.detail if sense.name.startswith("properties.") else None
    return FieldName(name=sense.name, type=kind)


def any_of(filters: list[Filter]) -> Filter:
    """Where one of them holds."""
    return filters[0] if len(filters) == 1 else AnyOf(any=tuple(filters))


def both(one: Filter | None, other: Filter | None) -> Filter | None:
    """Where both hold."""
    return all_of([each for each in (one, other) if each is not None])


def all_of(filters: list[Filter]) -> Filter | None:
    """Where all hold; None of none."""
    if not filters:
        return None
    return filters[0] if len(filters) == 1 else AllOf(all=tuple(filters))


def events_of(sense: Sense) -> Filter | None:
    """Which events a sense stands for: an event type, or what a metric counts that names no people or sessions."""
    if sense.kind == EVENT:
        return is_event(sense.name)
    if sense.kind != METRIC or sense.detail == "rate" or sense.name in PEOPLE.keys() - {"page_views"}:
        return None
    measure = METRICS[sense.name].measure
    return measure.where if isinstance(measure, Count) else None


def event_of(piece: Piece) -> Filter | None:
    """Which events a word of doing means: what a metric counts, or an event type."""
    senses = [one for one in (piece.sense(METRIC), piece.sense(EVENT)) if one is not None]
    return next((found for one in senses if (found := events_of(one)) is not None), None)


def _types(where: Filter | None) -> frozenset[object]:
    """The event types that a filter is about, where it is about nothing else."""
    if not isinstance(where, Comparison) or where.field.name != "event_type" or where.operator not in ("eq", "in"):
        return frozenset()
    return frozenset(where.value if isinstance(where.value, tuple) else (where.value,))


def is_counted(metric: Sense) -> bool:
    """Whether a metric is a number of something, and no amount."""
    return isinstance(METRICS[metric.name].measure, (Count, Unique))


def divides(piece: Piece, metric: Sense) -> bool:
    """Whether something may be divided by it: by people and sessions, and by what is counted (``carts for every purchase``)."""
    if metric.name in DIVISORS:  # a browser is a visitor to count, and "per browser" is by its name
        return all(one.name in PERSON_DIMENSIONS | {"session_id"} for one in piece.all(DIMENSION))
    return isinstance(METRICS[metric.name].measure, Count) and not piece.is_a(DIMENSION) and not piece.plural


def divisor_of(piece: Piece, metric: Sense) -> str:
    """The metric that counts by what is divided: a user, of whom nobody says that they were signed in, is anybody."""
    return "people" if metric.name == "users" and piece.words == 1 else metric.name


def is_part_of(sense: Sense, slots: Slots) -> bool:
    """Whether it only says what the rate that is measured is made of (``conversion rate, buyers out of all visitors``), or of
    which events what is measured is (``orders paid in dollars``)."""
    if sense.kind == EVENT and len(slots.measures) == 1 and slots.measures[0].kind == METRIC:
        of = METRICS[slots.measures[0].name].measure
        return isinstance(of, (Count, Number, Quantile)) and sense.name in _types(of.where)
    if sense.kind != METRIC or len(slots.measures) != 1 or slots.joined or slots.measures[0].kind != METRIC:
        return False
    if sense.name == "purchases" and slots.measures[0].name in PURCHASES | {"items_sold", "tickets_sold"}:
        return True  # "revenue from orders worth more than 50"
    whole, part = METRICS[slots.measures[0].name].measure, METRICS[sense.name].measure
    if not isinstance(whole, Formula) or not isinstance(part, Unique):
        return False
    of_people = {"person", "visitor"}
    return any(
        isinstance(one, Unique) and one.where == part.where and (one.of == part.of or {one.of, part.of} <= of_people)
        for one in whole.parts.values()
    )


def pop_number_field(slots: Slots) -> Sense | None:
    """Takes the field with numbers out of the measures that was named last; None where there is none."""
    target = next((one for one in reversed(slots.measures) if one.kind == DIMENSION and one.detail == "number"), None)
    if target is not None:
        slots.measures.remove(target)
    return target


def is_counted_behind(behind: Piece | None) -> bool:
    """Whether a number stands before what is counted (``more than 100 signups``)."""
    return behind is not None and not behind.is_a(VALUE) and behind.is_a(METRIC, EVENT, grammar.TIMES)


def is_of_groups(slots: Slots) -> bool:
    """Whether a number is a limit of what was named before, for each of the groups that stand before that."""
    measured = [one for one in slots.measures if one.kind != DIMENSION]
    is_named_first = slots.listed is not None and len(measured) > 1  # "visitors with revenue above 200"
    is_listed = is_named_first or bool(slots.by) or slots.listed_unit is not None or slots.measures[:1] != measured[:1]
    if is_listed and measured and measured[-1].name == "purchases":
        raise NotUnderstood("whether a number is a limit of orders or of what they are worth: write “more than 5 orders”")
    return is_listed and bool(measured)


def listing_of(piece: Piece) -> Sense | None:
    """By what is listed what a word names (``pages``, ``visitors``)."""
    metric, dimension = piece.sense(METRIC), piece.sense(DIMENSION)
    if dimension is None and metric is not None and metric.name in PEOPLE:
        return Sense(DIMENSION, PEOPLE[metric.name], "text")
    return dimension


NOUNS_OF_PURCHASE: Final = frozenset({"order", "purchase", "sale", "transaction"})
PER: Final = ("per", "for each", "for every", "for one", "of each", "of every")
OF_AN_ORDER: Final = frozenset({"properties.currency", "order_value"})
PURCHASES: Final = frozenset({"purchases", "revenue", "average_order_value", "median_order_value"})
"""Metrics of single purchases."""
