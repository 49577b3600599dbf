"""What a tenant's events are called and say, read of the warehouse and remembered for a while."""

import asyncio
import dataclasses
import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from millrace_analytics.ai.ports import Property, Vocabulary
from millrace_analytics.tenant_catalogue import NOTHING, TenantCatalogue
from millrace_warehouse.metrics.vocabulary import DIMENSIONS
from millrace_warehouse.ports import TenantWarehouse, Warehouse

_TYPES: Final = 60
"""Event types that are looked into: the most frequent."""
_ROWS_A_TYPE: Final = 1_000
_VALUES: Final = 50
_MOST_DIFFERENT: Final = 500
"""A property with more different values in the sample names things (an order, a person), and its values are not remembered."""
_TENANTS: Final = 1_000

_EVENT_TYPES: Final = (
    "SELECT event_type, sum(events) AS n FROM events_by_hour WHERE customer_id = {tenant:String} GROUP BY event_type "
    "ORDER BY n DESC, event_type LIMIT 500"
)
# The first columns of the sort key are given, so that each type costs some granules and not a scan.
_SAMPLE_OF_ONE: Final = (
    "SELECT {columns} FROM events_raw WHERE customer_id = {{tenant:String}} AND event_type = {{t{number}:String}} "
    "ORDER BY toStartOfHour(timestamp) DESC LIMIT {rows}"
)
_PROPERTIES: Final = (
    "SELECT pair.1 AS name, multiIf(startsWith(pair.2, '\"'), 'text', pair.2 IN ('true', 'false'), 'boolean', "
    "match(pair.2, '^-?[0-9]'), 'number', '') AS kind, count() AS n, uniq(pair.2) AS different, "
    "topK({most})(JSONExtractString(pair.2)) AS frequent, groupUniqArray(20)(event_type) AS types "
    "FROM (SELECT event_type, arrayJoin(JSONExtractKeysAndValuesRaw(properties)) AS pair FROM ({sample})) "
    "WHERE kind != '' GROUP BY name, kind ORDER BY n DESC, name, kind LIMIT 500"
)
_FIELDS: Final = tuple(
    one for one in DIMENSIONS.values() if one.is_column and one.kind == "text" and not one.name.endswith(("_id", "_url", "ip"))
    and one.name not in ("event_type", "referrer", "protocol")
)  # fmt: skip


class Knowledge:
    """Vocabularies of tenants.

    Args:
        catalogue: what tenants wrote, which is not remembered.
        seconds: how long one is remembered.
        clock: seconds that only go up.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        catalogue: TenantCatalogue,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._warehouse = warehouse
        self._catalogue = catalogue
        self._seconds = seconds
        self._clock = clock
        self._known: dict[str, tuple[float, asyncio.Task[Vocabulary]]] = {}

    async def of(self, tenant: str) -> Vocabulary:
        """The tenant's vocabulary.

        Raises:
            WarehouseUnavailable: it cannot be read now.
        """
        found, written = await self._sent(tenant), await self._catalogue.written(tenant)
        if written == NOTHING:
            return found
        return dataclasses.replace(found, written=written, version=f"{found.version} {written.version}")

    async def _sent(self, tenant: str) -> Vocabulary:
        now = self._clock()
        kept = self._known.get(tenant)
        if kept is None or kept[0] <= now or (kept[1].done() and (kept[1].cancelled() or kept[1].exception() is not None)):
            task = asyncio.create_task(vocabulary_of(self._warehouse.of(tenant)), name="vocabulary")
            self._known.pop(tenant, None)  # the newest stand last
            kept = self._known[tenant] = (now + self._seconds, task)
            while len(self._known) > _TENANTS:
                self._known.pop(next(iter(self._known)))
        found = await asyncio.shield(kept[1])  # who leaves does not take it away from the others
        if not found.event_types:
            self._known.pop(tenant, None)  # the first events are about to come
        return found


async def vocabulary_of(warehouse: TenantWarehouse) -> Vocabulary:
    """What stands in the newest events of each type."""
    types = {str(name): int(count) for name, count in (await warehouse.query(_EVENT_TYPES, {"tenant": warehouse.tenant})).rows}
    if not types:
        return Vocabulary(version="empty")
    looked_into = list(types)[:_TYPES]
    values: dict[str, Any] = {"tenant": warehouse.tenant, **{f"t{at}": name for at, name in enumerate(looked_into)}}
    sample = _sample("event_type, properties", len(looked_into))
    properties = await warehouse.query(_PROPERTIES.replace("{most}", str(_VALUES)).replace("{sample}", sample), values)
    fields = await warehouse.query(_fields(len(looked_into)), values)
    found = _properties(properties.rows)
    of_fields = {
        one.name: tuple(str(value) for value in row if value) for one, row in zip(_FIELDS, fields.rows[0], strict=True)
    }
    names = dict.fromkeys(of_fields.pop("event_name", ()), 0)
    version = hashlib.sha256(repr((sorted(types), found, of_fields, sorted(names))).encode()).hexdigest()[:16]
    return Vocabulary(types, names, found, of_fields, version)


def _sample(columns: str, types: int) -> str:
    return " UNION ALL ".join(
        f"({_SAMPLE_OF_ONE.format(columns=columns, number=number, rows=_ROWS_A_TYPE)})" for number in range(types)
    )


def _fields(types: int) -> str:
    """Frequent values of each text column, or of the property of its name where it is empty."""
    columns = ", ".join(
        f"if({one.name} != '', toString({one.name}), JSONExtractString(properties, '{one.properties[0]}')) AS v_{one.name}"
        if one.properties
        else f"toString({one.name}) AS v_{one.name}"
        for one in _FIELDS
    )
    frequent = ", ".join(f"arrayFilter(x -> x != '', topK({_VALUES})(v_{one.name})) AS {one.name}" for one in _FIELDS)
    return f"SELECT {frequent} FROM ({_sample(columns, types)})"


def _properties(rows: Sequence[Sequence[Any]]) -> tuple[Property, ...]:
    """Each name once, with the kind that most of its values have."""
    found: dict[str, Property] = {}
    for name, kind, _, different, frequent, types in rows:
        if name not in found:
            values = tuple(value for value in frequent if value) if kind == "text" and different <= _MOST_DIFFERENT else ()
            found[name] = Property(str(name), kind, values, tuple(sorted(types)))
    return tuple(found.values())
