"""What questions mean, in plain Python over a list of events: the metric layer is held against it."""

import datetime
import math
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from millrace_warehouse.linked_people import LINKS_FOLLOWED
from millrace_warehouse.metrics.catalogue import METRICS, SEGMENTS
from millrace_warehouse.metrics.filters import AllOf, AnyOf, Comparison, Did, Filter, InSegment, Not
from millrace_warehouse.metrics.measures import Count, Formula, Measure, MetricOf, Number, Quantile, Unique
from millrace_warehouse.metrics.parts import FieldName
from tests.support.siphash import siphash

_OF = {"visitor": "visitor_id", "user": "user_id", "session": "session_id", "person": "person"}
_FALLBACKS = ("country", "device", "channel", "utm_source")


@dataclass(frozen=True)
class Event:
    """An event as it is stored; ``at`` in milliseconds."""

    at: int
    event_type: str = "page_view"
    visitor_id: str = ""
    user_id: str = ""
    session_id: str = ""
    country: str = ""
    page_path: str = ""
    is_bot: bool = False
    properties: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0
    """Its place among all, which makes its id."""


@dataclass
class World:
    """All events of a tenant."""

    events: Sequence[Event]
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    first: int = 0
    end: int = 4_102_444_800_000
    bots: str = "exclude"
    one_in: int = 1
    """Of so many people one is looked at; what is counted is multiplied."""

    def __post_init__(self) -> None:
        links = [
            one for one in self.events
            if one.event_type in ("identify", "alias") and one.visitor_id and one.user_id and one.visitor_id != one.user_id
        ]  # fmt: skip
        latest: dict[str, Event] = {}
        for link in links:
            known = latest.get(link.visitor_id)
            if known is None or (link.at, id_of(link)) > (known.at, id_of(known)):
                latest[link.visitor_id] = link
        self._links = {name: link.user_id for name, link in latest.items()}

    def person(self, event: Event) -> str:
        """The linked user of the visitor, else the user, else the visitor; of a user with another id, that, and so on."""
        named = event.visitor_id if event.visitor_id in self._links else event.user_id or event.visitor_id
        for _ in range(LINKS_FOLLOWED):
            named = self._links.get(named, named)
        return named

    def lot(self, event: Event) -> int:
        """The number that says whether an event is in a sample: of its person, else of its id."""
        return siphash(self.person(event) or str(uuid.UUID(int=event.number + 1)))

    def of(self, where: Filter | None = None) -> list[Event]:
        """The events of the span that pass."""
        found = [one for one in self.events if self.first <= one.at < self.end]
        found = [one for one in found if self.bots == "include" or one.is_bot == (self.bots == "only")]
        found = [one for one in found if self.lot(one) % self.one_in == 0]
        return [one for one in found if where is None or self.passes(where, one)]

    def value(self, name: FieldName | str, event: Event, kind: str | None = None) -> Any:
        """A field: text, or a number, a boolean or None."""
        asked = name if isinstance(name, FieldName) else FieldName(name=name)
        own: str = "text"
        match asked.name:
            case "person":
                raw = self.person(event)
            case "is_bot":
                own, raw = "boolean", "true" if event.is_bot else "false"
            case "hour_of_day":
                own, raw = "number", str(self.wall(event.at).hour)
            case "day_of_week":
                own, raw = "number", str(self.wall(event.at).isoweekday())
            case "order_value":
                own = "number"
                texts = (text_of(event.properties.get(one)) for one in ("amount", "revenue", "value"))
                raw = next((text for text in texts if number_of(text) is not None), "")
            case "order_quantity":
                own, raw = "number", text_of(event.properties.get("quantity"))
                raw = raw if number_of(raw) is not None else "1"
            case column if column.startswith("properties."):
                raw = text_of(event.properties.get(column.removeprefix("properties.")))
            case column:
                raw = getattr(event, column)
                if column in _FALLBACKS:
                    raw = raw or text_of(event.properties.get(column))
        read = asked.type or (own if not asked.name.startswith("properties.") else kind or "text")
        if read == "text":
            return raw
        return number_of(raw) if read == "number" else {"true": True, "1": True, "false": False, "0": False}.get(raw)

    def wall(self, at: int) -> datetime.datetime:
        """The clock of the zone."""
        return datetime.datetime.fromtimestamp(at / 1000, self.zone)

    def passes(self, given: Filter, event: Event) -> bool:
        """Whether an event passes a filter."""
        match given:
            case AllOf():
                return all(self.passes(one, event) for one in given.all)
            case AnyOf():
                return any(self.passes(one, event) for one in given.any)
            case Not():
                return not self.passes(given.negated, event)
            case InSegment():
                return self.passes(SEGMENTS[given.segment].where, event)
            case Did():
                times = sum(self.person(one) == self.person(event) for one in self.of(given.did))
                least, most = given.times
                return bool(self.person(event)) and least <= times and (most is None or times <= most)
            case Comparison():
                return self._compares(given, event)

    def _compares(self, given: Comparison, event: Event) -> bool:
        if given.operator in ("is_set", "is_not_set"):
            return (self.value(given.field, event) not in ("", None)) == (given.operator == "is_set")
        values = given.value if isinstance(given.value, tuple) else (given.value,)
        kind = "text"
        if values and all(isinstance(one, bool) for one in values):
            kind = "boolean"
        elif values and all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in values):
            kind = "number"
        if given.operator in _TEXT:
            kind = "text"
        found = self.value(given.field, event, kind)
        wanted = [text_of(one) for one in values] if isinstance(found, str) else list(values)
        if isinstance(found, str) and given.ignore_case and given.operator != "matches":
            found, wanted = found.lower(), [str(one).lower() for one in wanted]
        if found is None:
            return given.operator in ("ne", "not_in")
        if given.operator == "matches":
            return re.search(str(wanted[0]), found, re.IGNORECASE if given.ignore_case else 0) is not None
        return _OPERATIONS[given.operator](found, wanted)

    def measured(self, given: Measure, events: Iterable[Event]) -> float | int | None:
        """A measure of events."""
        chosen = [one for one in events if given.where is None or self.passes(given.where, one)]
        match given:
            case Count():
                return len(chosen) * self.one_in
            case MetricOf():
                return self.measured(METRICS[given.metric].measure, chosen)
            case Unique():
                name = _OF[given.of] if isinstance(given.of, str) else given.of
                return len({self.value(name, one) for one in chosen} - {"", None}) * self.one_in
            case Number():
                numbers = self._numbers(given.field, chosen)
                if given.measure == "sum":
                    return math.fsum(numbers) * self.one_in
                if not numbers:
                    return None
                return {"avg": math.fsum(numbers) / len(numbers), "min": min(numbers), "max": max(numbers)}[given.measure]
            case Quantile():
                return quantile(self._numbers(given.field, chosen), given.level)
            case Formula():
                parts = {name: self.measured(part, chosen) for name, part in given.parts.items()}
                try:
                    return float(eval(given.formula, {"__builtins__": {}}, parts))
                except (ZeroDivisionError, TypeError):
                    return None

    def _numbers(self, name: FieldName, events: Iterable[Event]) -> list[float]:
        found = (self.value(FieldName(name=name.name, type="number"), one) for one in events)
        return [one for one in found if one is not None]


_TEXT = ("contains", "not_contains", "starts_with", "ends_with", "matches")
_OPERATIONS: dict[str, Callable[[Any, list[Any]], bool]] = {
    "eq": lambda found, wanted: found == wanted[0],
    "ne": lambda found, wanted: found != wanted[0],
    "lt": lambda found, wanted: found < wanted[0],
    "le": lambda found, wanted: found <= wanted[0],
    "gt": lambda found, wanted: found > wanted[0],
    "ge": lambda found, wanted: found >= wanted[0],
    "between": lambda found, wanted: wanted[0] <= found <= wanted[1],
    "in": lambda found, wanted: found in wanted,
    "not_in": lambda found, wanted: found not in wanted,
    "contains": lambda found, wanted: wanted[0] in found,
    "not_contains": lambda found, wanted: wanted[0] not in found,
    "starts_with": lambda found, wanted: found.startswith(wanted[0]),
    "ends_with": lambda found, wanted: found.endswith(wanted[0]),
}


def id_of(event: Event) -> str:
    """The order of ids, which settles equal times."""
    return f"{event.number:08x}"


def text_of(value: Any) -> str:
    """A value of JSON as text."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


def number_of(text: str) -> float | None:
    """The number that a text is."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def quantile(numbers: Sequence[float], level: float) -> float | None:
    """Linearly interpolated between the closest ranks (type 7 of Hyndman and Fan)."""
    if not numbers:
        return None
    ordered = sorted(numbers)
    place = level * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def label(world: World, at: int, unit: str) -> str:
    """The bucket of a time, as an answer shows it."""
    wall = world.wall(at)
    if unit in ("minute", "hour"):
        size = {"minute": 60, "hour": 3600}[unit]
        midnight = int(wall.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).timestamp())
        begin = datetime.datetime.fromtimestamp(at // 1000 - (at // 1000 - midnight) % size, world.zone)
        return begin.strftime("%Y-%m-%dT%H:%M:%S.000Z") if world.zone.key == "UTC" else begin.isoformat()
    day = wall.date()
    if unit == "week":
        day -= datetime.timedelta(days=day.weekday())
    return (day.replace(day=1) if unit == "month" else day).isoformat()


def labels(world: World, unit: str) -> list[str]:
    """Every bucket of the world's span, by looking at every minute of it."""
    return list(dict.fromkeys(label(world, at, unit) for at in range(world.first, world.end, 60_000)))
