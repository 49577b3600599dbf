"""What a tenant's events are called and say: the one reader of it, of which the schema and plain language each tell a part.

Types are from the rollup; everything else is from the newest events of each type. Whatever is told was sent by somebody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from millrace_warehouse.ports import TenantWarehouse

SAMPLED_OF_A_TYPE: Final = 1_000
"""Newest events of a type that are looked into."""
LONGEST_VALUE: Final = 100
"""Characters of a value that are told."""

_MOST_TYPES: Final = 500
MOST_PROPERTIES: Final = 2_000
"""Types and properties of them that are told, at most."""

_TYPES: Final = (
    "SELECT event_type, sum(events) AS events, min(hour) AS first_seen, max(hour) AS last_seen FROM events_by_hour "
    f"WHERE customer_id = {{tenant:String}} GROUP BY event_type ORDER BY events DESC, event_type LIMIT {_MOST_TYPES}"
)
# The first columns of the sort key are given, so that each type costs some granules and not a scan.
_SAMPLE_OF_ONE: Final = (
    "SELECT {columns} FROM events_raw WHERE customer_id = {{tenant:String}} AND event_type = {{t{number}:String}} "
    f"ORDER BY toStartOfHour(timestamp) DESC LIMIT {SAMPLED_OF_A_TYPE}"
)
# The raw text is in quotes; a backslash stands twice in the engine's text.
_DATE: Final = r"""^"\\d{4}-\\d\\d-\\d\\d([T ][\\d:.]+)?(Z|[+-][\\d:]+)?"$"""
_KIND: Final = (
    "multiIf(raw = 'null', 'null', raw IN ('true', 'false'), 'boolean', startsWith(raw, '{'), 'object', startsWith(raw, '['), "
    f"'array', startsWith(raw, '\"'), if(match(raw, '{_DATE}'), 'datetime', 'string'), "
    "toInt64OrNull(raw) IS NOT NULL, 'integer', 'number')"
)


@dataclass(frozen=True, slots=True)
class SentType:
    """A type of event."""

    name: str
    events: int
    """Of all time, by the rollup."""
    first_seen: str
    """The hour."""
    last_seen: str

    @property
    def sampled(self) -> int:
        """How many of its newest events are looked into."""
        return min(self.events, SAMPLED_OF_A_TYPE)


@dataclass(frozen=True, slots=True)
class SentProperty:
    """A key of the properties of one type of event."""

    event_type: str
    name: str
    events: int
    """Sampled ones that have it."""
    kinds: Mapping[str, int]
    """How often its values look like what: string, datetime, integer, number, boolean, array, object, null."""
    values: Sequence[tuple[str, int]]
    """Frequent ones, as JSON has them and cut, with how many events have them, approximately."""
    different_texts: int
    """Different texts among its values, approximately, those of other types of event included."""


async def types_of(warehouse: TenantWarehouse) -> list[SentType]:
    """The types, the most frequent first. Raises WarehouseUnavailable."""
    found = await warehouse.query(_TYPES, {"tenant": warehouse.tenant})
    return [
        SentType(str(row["event_type"]), int(row["events"]), str(row["first_seen"]), str(row["last_seen"]))
        for row in found.dicts()
    ]


async def properties_of(warehouse: TenantWarehouse, types: Sequence[str], values: int) -> list[SentProperty]:
    """Properties of the newest events of these types, the most frequent first, with so many values.

    Raises:
        WarehouseUnavailable: try again later.
    """
    if not types:
        return []
    by_kind = (
        f"SELECT event_type, pair.1 AS name, pair.2 AS raw, {_KIND} AS kind, kind IN ('string', 'datetime') AS is_text "
        f"FROM (SELECT event_type, arrayJoin(JSONExtractKeysAndValuesRaw(properties)) AS pair "
        f"FROM ({sample_of('event_type, properties', types)}))"
    )
    by_type = (
        "SELECT event_type, name, count() AS events, sumMap(map(kind, toUInt64(1))) AS kinds, "
        f"approx_top_k({values})(substringUTF8(raw, 1, {LONGEST_VALUE})) AS top, uniqStateIf(raw, is_text) AS texts "
        f"FROM ({by_kind}) GROUP BY event_type, name"
    )
    found = await warehouse.query(
        "SELECT event_type, name, events, kinds, top, uniqMerge(texts) OVER (PARTITION BY name) AS different "
        f"FROM ({by_type}) ORDER BY events DESC, name, event_type LIMIT {MOST_PROPERTIES}",
        places_of(warehouse, types),
    )
    return [_property(row) for row in found.dicts()]


def sample_of(columns: str, types: Sequence[str]) -> str:
    """The newest events of each of these types, as the text of a statement whose values are :func:`places_of`."""
    return " UNION ALL ".join(f"({_SAMPLE_OF_ONE.format(columns=columns, number=number)})" for number in range(len(types)))


def places_of(warehouse: TenantWarehouse, types: Sequence[str]) -> dict[str, Any]:
    """The values of such a statement."""
    return {"tenant": warehouse.tenant, **{f"t{number}": name for number, name in enumerate(types)}}


def _property(row: Mapping[str, Any]) -> SentProperty:
    kinds = {str(kind): int(count) for kind, count in dict(row["kinds"]).items()}
    values = [(str(one["item"]), int(one["count"])) for one in row["top"]]
    return SentProperty(str(row["event_type"]), str(row["name"]), int(row["events"]), kinds, values, int(row["different"]))
