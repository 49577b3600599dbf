"""What a tenant's data looks like, as the schema tells it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

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
from millrace_analytics.tenant_events import SentProperty, properties_of, types_of
from millrace_records.catalogue import Described
from millrace_warehouse.gate.tables import MEANINGS, READABLE
from millrace_warehouse.gate.views import VIEWS
from millrace_warehouse.metrics.vocabulary import EVENT_TYPES
from millrace_warehouse.ports import TenantWarehouse

_MOST_TYPES: Final = 200
_MOST_VALUES: Final = 5


async def schema_of(warehouse: TenantWarehouse, written: Written) -> Schema:
    """All of it.

    Args:
        written: what the tenant wrote about it.

    Raises:
        WarehouseUnavailable: try again later.
    """
    types = (await types_of(warehouse))[:_MOST_TYPES]
    said = _said(written)
    of_types: defaultdict[str, list[Property]] = defaultdict(list)
    for one in await properties_of(warehouse, [found.name for found in types], _MOST_VALUES):
        of_types[one.event_type].append(_property(one, said))
    return Schema(
        customer_id=warehouse.tenant,
        tables=[await _table(warehouse, name) for name in (*READABLE, *VIEWS)],
        event_types=[
            EventType(
                **_named(said, "event", one.name),
                event_type=one.name,
                count=one.events,
                first_seen=one.first_seen,
                last_seen=one.last_seen,
                sampled=one.sampled,
                properties=of_types[one.name],
            )
            for one in types
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


def _property(sent: SentProperty, said: Mapping[tuple[Described, str], Named]) -> Property:
    values = [SampleValue(value=value, count=count) for value, count in sent.values]
    named = _named(said, "property", sent.name)
    return Property(**named, name=sent.name, type=_type_of(sent.kinds), count=sent.events, values=values)


def _type_of(kinds: Iterable[str]) -> PropertyType:
    """The kind that all values fit into; null fits into any."""
    found = set(kinds) - {"null"}
    if not found:
        return "null"
    if found == {"integer", "number"}:
        return "number"
    if found == {"string", "datetime"}:
        return "string"
    return cast("PropertyType", found.pop()) if len(found) == 1 else "mixed"
