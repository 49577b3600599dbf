"""Which events have what is asked of them. A value is one of a field that they have, and where they have no such field at all
there is no answer: nought would look like one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from millrace_analytics.ai.offline.lexicon import DIMENSION, EVENT, Sense
from millrace_analytics.ai.offline.slots import Ambiguous, NotUnderstood, Slots, Told, both
from millrace_analytics.ai.ports import Unclear
from millrace_warehouse.metrics.catalogue import METRICS, PURCHASES, SEGMENTS
from millrace_warehouse.metrics.filters import AllOf, AnyOf, Comparison, Did, Filter, InSegment, Not
from millrace_warehouse.metrics.measures import Formula, Measure, MetricOf, Number, Quantile, Unique
from millrace_warehouse.metrics.parts import FieldName
from millrace_warehouse.metrics.questions import Funnel, Question, Trend

Types = frozenset[str] | None
"""Event types; None where any may be."""
Values = Sequence[tuple[Sense, ...]]

_PAGE: Final = "page_path"
_VIEWS: Final = frozenset({"page_view"})
_OF_ORDERS: Final = ("order_value", "order_quantity")
_NAMED: Final = 3


def types_of(where: Filter | None) -> Types:
    """The event types that a filter leaves."""
    match where:
        case Comparison() if where.field.name == "event_type" and where.operator in ("eq", "in"):
            return frozenset(str(one) for one in (where.value if isinstance(where.value, tuple) else (where.value,)))
        case AllOf():
            found = [types for one in where.all if (types := types_of(one)) is not None]
            return frozenset.intersection(*found) if found else None
        case AnyOf():
            return _union([types_of(one) for one in where.any])
        case InSegment() if where.segment in SEGMENTS:
            return types_of(SEGMENTS[where.segment].where)
    return None


def _union(each: Sequence[Types]) -> Types:
    known = [types for types in each if types is not None]
    return frozenset().union(*known) if known and len(known) == len(each) else None


def types_asked(slots: Slots, told: Told) -> Types:
    """The event types that the parts of a question measure."""
    named = [one for one in slots.measures if one.kind != DIMENSION]
    if not named:
        fields = [one.name for one in slots.measures]
        if not fields:
            return _VIEWS if [one.name for one in slots.by] == [_PAGE] else None
        return _union([frozenset(PURCHASES) if name in _OF_ORDERS else told.types_with(name) for name in fields])
    each = [frozenset({one.name}) if one.kind == EVENT else _measured(METRICS[one.name].measure) for one in named]
    return _union(each if slots.joined or slots.per else [types for types in each if types is not None])


def _measured(measure: Measure) -> Types:
    return _union([types_of(where) for where, _ in _parts_of(measure)])


def fitted(values: Values, types: Types, told: Told, named: AbstractSet[str] = frozenset()) -> list[tuple[Sense, ...]]:
    """Each value as one of the fields that the events have that it is asked of: ``product views of tea`` are of a category, and
    page views of it of a page.

    Raises:
        Ambiguous: it may be a page, or a property of something else.
    """
    return [_fitted(senses, types, told, named) for senses in values]


def _fitted(senses: tuple[Sense, ...], types: Types, told: Told, named: AbstractSet[str]) -> tuple[Sense, ...]:
    senses = tuple(one for one in senses if one.name in named) or senses
    pages = tuple(one for one in senses if one.name == _PAGE)
    if pages and types == _VIEWS:
        _refuse_other_views(senses, told)
        return pages
    if types is not None:
        senses = tuple(one for one in senses if not (_is_property(one) and told.lacks(types, one.name))) or senses
        return tuple(one for one in senses if one.name != _PAGE) or senses
    if pages and (others := _others(senses, told)):
        raise several_fields((*pages, *others), told)
    return senses


def _is_property(one: Sense) -> bool:
    return one.name.startswith("properties.")


def _others(senses: Sequence[Sense], told: Told) -> list[Sense]:
    """As properties of something else than views of pages, whose titles are called as they are."""
    return [one for one in senses if _is_property(one) and told.types_with(one.name) != _VIEWS]


def refuse_two_kinds(text: str, senses: Sequence[Sense], told: Told) -> None:
    """Nothing, where a word is not both a page and a property of something else.

    Raises:
        NotUnderstood: it is.
    """
    others = _others(senses, told)
    if others and any(one.name == _PAGE for one in senses):
        kind = others[0].name.removeprefix("properties.")
        raise NotUnderstood(f"whether “{text}” is a page or a {kind}: write “{text} page”")


def _refuse_other_views(senses: tuple[Sense, ...], told: Told) -> None:
    """``views of tea``, where a product's category is viewed as much as a page."""
    text = told.text.rstrip(" ?.!")
    if re.search(r"\bpage", text, re.IGNORECASE):
        return
    for one in senses:
        of = sorted((told.types_with(one.name) or frozenset()) - _VIEWS) if _is_property(one) else []
        viewed = next((name.replace("_", " ") for name in of if name.endswith("_view")), "")
        if not viewed:
            continue
        options = tuple(re.sub(r"\bviews\b", f"{said}s", text, flags=re.IGNORECASE) for said in ("page view", viewed))
        if len(set(options)) == 2:
            raise Ambiguous(Unclear("A page may be meant, or what else is viewed.", options))
        raise NotUnderstood(f"whether a page is viewed or a {one.name.removeprefix('properties.')}: write “{viewed}”")


def one_field(senses: tuple[Sense, ...], told: Told, named: AbstractSet[str] = frozenset()) -> Sense:
    """The field that a value belongs to: one that is named besides (``for each utm_source except google``), and a column before
    a property, for it is filled by the platform.

    Raises:
        Ambiguous: there are several.
    """
    senses = tuple(one for one in senses if one.name in named) or senses
    columns = [one for one in senses if not _is_property(one)] or list(senses)
    if len({one.name for one in columns}) == 1:
        return columns[0]
    raise several_fields(columns, told)


def several_fields(senses: Sequence[Sense], told: Told) -> Ambiguous:
    """That a value stands in several fields."""
    text = told.text.rstrip(" ?.!")
    names = [one.name.removeprefix("properties.").replace(_PAGE, "page") for one in senses]
    options = tuple(f"{text} (by {name})" for name in list(dict.fromkeys(names))[:4])
    return Ambiguous(Unclear("A value that is named stands in several fields.", options))


def refuse_missing(question: Question, told: Told) -> None:
    """Nothing, where the events have what is asked of them.

    Raises:
        NotUnderstood: there are such events, and none of the newest has a field that they are grouped or chosen by.
    """
    for where, fields in _asked(question):
        types = types_of(where)
        for name in (*fields, *sorted(_compared(where))):
            if types is not None and told.lacks(types, name):
                raise NotUnderstood(_lacking(types & told.events, name, told))


def _lacking(types: AbstractSet[str], name: str, told: Told) -> str:
    field, of = name.removeprefix("properties."), " and ".join(sorted(types))
    having = sorted(told.types_with(name) or ())
    where = f"; it stands in {', '.join(having[:_NAMED])} events{' and others' if having[_NAMED:] else ''}" if having else ""
    return f"the {field} of {of} events: none of the newest has one{where}"


def _asked(question: Question) -> Iterator[tuple[Filter | None, Sequence[str]]]:
    """Which events are looked at, and the fields that they are to have."""
    general: Filter | None = getattr(question, "where", None)
    match question:
        case Trend():
            by = [one.name for one in question.by]
            for measure in question.measures:
                for where, fields in _parts_of(measure):
                    yield both(general, where), [*by, *fields]
        case Funnel():
            for at, step in enumerate(question.steps):
                yield both(general, step.where), [question.by.name] if question.by is not None and not at else []
        case _:
            named: FieldName | None = getattr(question, "by", None)
            start: Filter | None = getattr(question, "start", None) or getattr(question, "event", None)
            yield both(general, start), [named.name] if named is not None and start is not None else []
    for did in _dids(question):
        yield did, ()


def _parts_of(measure: Measure) -> Iterator[tuple[Filter | None, Sequence[str]]]:
    match measure:
        case MetricOf():
            for where, fields in _parts_of(METRICS[measure.metric].measure):
                yield both(where, measure.where), fields
        case Formula():
            for one in measure.parts.values():
                for where, fields in _parts_of(one):
                    yield both(where, measure.where), fields
        case Number() | Quantile():
            yield measure.where, [measure.field.name]
        case Unique() if isinstance(measure.of, FieldName):
            yield measure.where, [measure.of.name]
        case _:
            yield measure.where, []


def _compared(where: Filter | None) -> frozenset[str]:
    """Fields that an event has to have to be in it; that one is not filled may be asked of every event."""
    match where:
        case Comparison() if where.operator != "is_not_set":
            return frozenset({where.field.name})
        case AllOf():
            return frozenset().union(*map(_compared, where.all))
        case AnyOf():
            return frozenset.intersection(*map(_compared, where.any))
        case Not():
            return _compared(where.negated)
        case InSegment() if where.segment in SEGMENTS:
            return _compared(SEGMENTS[where.segment].where)
    return frozenset()


def _dids(part: object) -> Iterator[Filter]:
    """What people did who are chosen by it, anywhere in a question."""
    if isinstance(part, Did):
        yield part.did
    if isinstance(part, (tuple, list)):
        for one in part:
            yield from _dids(one)
    elif isinstance(part, Mapping):
        yield from _dids(tuple(part.values()))
    elif hasattr(part, "model_fields_set"):
        for name in type(part).model_fields:  # type: ignore[attr-defined]
            yield from _dids(getattr(part, name))
