"""Reads what a tenant's data looks like: types of events from the rollup, properties from the latest events of each type."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from millrace_analytics.families.schema.schemas import (
    Column,
    EventType,
    Named,
    Property,
    PropertyType,
    SampleValue,
    Schema,
    Table,
)
from millrace_analytics.tenant_catalogue import Written
from millrace_records.catalogue import Described
from millrace_warehouse.gate.tables import MEANINGS, READABLE
from millrace_warehouse.gate.views import VIEWS
from millrace_warehouse.metrics.vocabulary import EVENT_TYPES
from millrace_warehouse.ports import TenantWarehouse

_MOST_TYPES: Final = 200
_SAMPLED_OF_A_TYPE: Final = 1_000
_SAMPLED_HOURS: Final = 3
_MOST_PROPERTIES: Final = 2_000
_LONGEST_VALUE: Final = 100

_TYPES: Final = (
    "SELECT event_type, sum(events) AS events, min(hour) AS first_seen, max(hour) AS last_seen FROM events_by_hour "
    f"WHERE customer_id = {{tenant:String}} GROUP BY event_type ORDER BY events DESC, event_type LIMIT {_MOST_TYPES}"
)
# The last hours in which there was one, which the primary key finds.
_SAMPLE: Final = (
    "SELECT event_type, properties FROM events_raw WHERE customer_id = {tenant:String} "
    "AND (event_type, toStartOfHour(timestamp)) IN (SELECT event_type, hour FROM events_by_hour "
    f"WHERE customer_id = {{tenant:String}} ORDER BY hour DESC LIMIT {_SAMPLED_HOURS} BY event_type) "
    f"LIMIT {_SAMPLED_OF_A_TYPE} BY event_type"
)
_SAMPLED: Final = f"SELECT event_type, count() AS sampled FROM ({_SAMPLE}) GROUP BY event_type"
# The raw text is in quotes; a backslash stands twice in the engine's text.
_DATE: Final = r"""^"\\d{4}-\\d\\d-\\d\\d([T ][\\d:.]+)?(Z|[+-][\\d:]+)?"$"""
_KIND: Final = (
    "multiIf(raw = 'null', 'null', raw IN ('true', 'false'), 'boolean', startsWith(raw, '{'), 'object', startsWith(raw, '['), "
    f"'array', startsWith(raw, '\"'), if(match(raw, '{_DATE}'), 'datetime', 'string'), "
    "toInt64OrNull(raw) IS NOT NULL, 'integer', 'number')"
)
_PROPERTIES: Final = (
    "SELECT event_type, name, count() AS events, groupUniqArray(kind) AS kinds, approx_top_k(5)(shown) AS top FROM ("
    f"SELECT event_type, pair.1 AS name, pair.2 AS raw, {_KIND} AS kind, substringUTF8(raw, 1, {_LONGEST_VALUE}) AS shown "
    f"FROM (SELECT event_type, arrayJoin(JSONExtractKeysAndValuesRaw(properties)) AS pair FROM ({_SAMPLE}))) "
    f"GROUP BY event_type, name ORDER BY events DESC, name LIMIT {_MOST_PROPERTIES}"
)


async def schema_of(warehouse: TenantWarehouse, written: Written) -> Schema:
    """All of it.

    Args:
        written: what the tenant wrote about it.

    Raises:
        WarehouseUnavailable: try again later.
    """
    values = {"tenant": warehouse.tenant}
    types, sampled, properties = await asyncio.gather(
        *(warehouse.query(sql, values) for sql in (_TYPES, _SAMPLED, _PROPERTIES))
    )
    said = _said(written)
    of_types: defaultdict[str, list[Property]] = defaultdict(list)
    for row in properties.dicts():
        of_types[row["event_type"]].append(_property(row, said))
    counts = {row["event_type"]: row["sampled"] for row in sampled.dicts()}
    return Schema(
        customer_id=warehouse.tenant,
        tables=[await _table(warehouse, name) for name in (*READABLE, *VIEWS)],
        event_types=[
            EventType(
                **_named(said, "event", row["event_type"]),
                event_type=row["event_type"],
                count=row["events"],
                first_seen=row["first_seen"],
                last_seen=row["last_seen"],
                sampled=counts.get(row["event_type"], 0),
                properties=of_types[row["event_type"]],
            )
            for row in types.dicts()
        ],
        described=written.is_whole,
    )


async def _table(warehouse: TenantWarehouse, name: str) -> Table:
    found = await warehouse.statements.describe(f"SELECT * FROM {name}")
    columns = [Column(name=column, type=kind) for column, kind in found.columns or ()]
    if name in VIEWS:
        return Table(name=name, kind="view", meaning=VIEWS[name].meaning, columns=columns)
    return Table(name=name, kind="table", meaning=MEANINGS[name], columns=columns)


def _said(written: Written) -> dict[tuple[Described, str], Named]:
    """Names by what they are of; what the tenant wrote stands in place of what the platform says."""
    said: dict[tuple[Described, str], Named] = {
        ("event", one.name): Named(label=one.label, description=one.description, synonyms=list(one.synonyms))
        for one in EVENT_TYPES.values()
    }
    for one in written.descriptions:
        said[one.kind, one.name] = Named(label=one.label, description=one.description, synonyms=list(one.synonyms))
    return said


def _named(said: Mapping[tuple[Described, str], Named], kind: Described, name: str) -> dict[str, Any]:
    return said.get((kind, name), Named()).model_dump()


def _property(row: Mapping[str, Any], said: Mapping[tuple[Described, str], Named]) -> Property:
    values = [SampleValue(value=one["item"], count=one["count"]) for one in row["top"]]
    named = _named(said, "property", row["name"])
    return Property(**named, name=row["name"], type=_type_of(row["kinds"]), count=row["events"], values=values)


def _type_of(kinds: Sequence[PropertyType]) -> PropertyType:
    """The kind that all values fit into; null fits into any."""
    found = set(kinds) - {"null"}
    if not found:
        return "null"
    if found == {"integer", "number"}:
        return "number"
    if found == {"string", "datetime"}:
        return "string"
    return found.pop() if len(found) == 1 else "mixed"
