"""What a tenant's events are called and say, read of the warehouse and remembered for a while."""

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from millrace_analytics.ai.ports import Property, Vocabulary
from millrace_analytics.asking.looks import Looks
from millrace_analytics.tenant_catalogue import NOTHING, TenantCatalogue
from millrace_analytics.tenant_events import MOST_PROPERTIES, SentProperty, places_of, properties_of, sample_of, types_of
from millrace_warehouse.metrics.vocabulary import DIMENSIONS
from millrace_warehouse.ports import TenantWarehouse, Warehouse

_TYPES: Final = 60
"""Event types that are looked into: the most frequent."""
_VALUES: Final = 50
_MOST_DIFFERENT: Final = 500
"""A property with more different values in the sample names things (an order, a person), and its values are not remembered."""
_TENANTS: Final = 1_000

Kind = Literal["text", "number", "boolean"]
_KINDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "boolean": ("boolean",), "number": ("integer", "number"), "text": ("string", "datetime"),
}  # fmt: skip
_TYPES_NAMED: Final = 20

_FIELDS: Final = tuple(
    one for one in DIMENSIONS.values() if one.is_column and one.kind == "text" and not one.name.endswith(("_id", "_url", "ip"))
    and one.name not in ("event_type", "referrer", "protocol")
)  # fmt: skip


class Knowledge:
    """Vocabularies of tenants.

    Args:
        catalogue: what tenants wrote, which is not remembered.
        seconds: how long one is remembered.
    """

    def __init__(self, warehouse: Warehouse, catalogue: TenantCatalogue, seconds: float) -> None:
        self._catalogue = catalogue
        self._looks = Looks(lambda tenant: vocabulary_of(warehouse.of(tenant)), seconds, most=_TENANTS)

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
        found = await self._looks.of(tenant)
        if not found.event_types:
            self._looks.forget(tenant)  # the first events are about to come
        return found


async def vocabulary_of(warehouse: TenantWarehouse) -> Vocabulary:
    """What stands in the newest events of each type."""
    types = {one.name: one.events for one in await types_of(warehouse)}
    if not types:
        return Vocabulary(version="empty")
    looked_into = list(types)[:_TYPES]
    sent = await properties_of(warehouse, looked_into, _VALUES)
    found = _properties(sent)
    fields = (await warehouse.query(_fields(looked_into), places_of(warehouse, looked_into))).dicts()[0]
    of_fields = {one.name: tuple(str(value) for value in fields[one.name] if value) for one in _FIELDS}
    names = dict.fromkeys(of_fields.pop("event_name", ()), 0)
    having = {name: {str(one) for one in fields[f"types_{name}"]} for name in of_fields} | _having(sent)
    lacking = {name: frozenset(looked_into) - types for name, types in having.items()}
    said = repr((sorted(types), found, of_fields, sorted(names), sorted((name, sorted(of)) for name, of in having.items())))
    version = hashlib.sha256(said.encode()).hexdigest()[:16]
    return Vocabulary(types, names, found, of_fields, version, lacking=lacking)


def _having(sent: Sequence[SentProperty]) -> dict[str, set[str]]:
    """Which types of events have a property; nothing where some may not have been told."""
    if len(sent) >= MOST_PROPERTIES:
        return {}
    found: dict[str, set[str]] = {}
    for one in sent:
        found.setdefault(f"properties.{one.name}", set()).update([one.event_type] if one.kinds.keys() - {"null"} else [])
    return found


def _fields(types: Sequence[str]) -> str:
    """Frequent values of each text column, or of the property of its name where it is empty, and which types have one."""
    columns = ", ".join(
        f"if({one.name} != '', toString({one.name}), JSONExtractString(properties, '{one.properties[0]}')) AS v_{one.name}"
        if one.properties
        else f"toString({one.name}) AS v_{one.name}"
        for one in _FIELDS
    )
    frequent = ", ".join(f"arrayFilter(x -> x != '', topK({_VALUES})(v_{one.name})) AS {one.name}" for one in _FIELDS)
    having = ", ".join(f"groupUniqArrayIf(event_type, v_{one.name} != '') AS types_{one.name}" for one in _FIELDS)
    return f"SELECT {frequent}, {having} FROM ({sample_of(f'event_type, {columns}', types)})"


def _properties(sent: Sequence[SentProperty]) -> tuple[Property, ...]:
    """Each name once, with the kind that most of its values have, the most frequent first."""
    same: dict[str, list[SentProperty]] = {}
    for one in sent:
        same.setdefault(one.name, []).append(one)
    found = [made for name, of_types in same.items() if (made := _property(name, of_types)) is not None]
    return tuple(one for _, one in sorted(found, key=lambda one: (-one[0], one[1].name)))


def _property(name: str, sent: Sequence[SentProperty]) -> tuple[int, Property] | None:
    """How many events have it, and what it is; None where it holds nothing that can be compared."""
    counts = {kind: sum(_count(one, kind) for one in sent) for kind in _KINDS}
    kind = max(_KINDS, key=lambda one: counts[one])
    if not counts[kind]:
        return None
    types = tuple(sorted(one.event_type for one in sent if _count(one, kind))[:_TYPES_NAMED])
    is_few = kind == "text" and max(one.different_texts for one in sent) <= _MOST_DIFFERENT
    return counts[kind], Property(name, kind, _texts(sent) if is_few else (), types)


def _count(sent: SentProperty, kind: Kind) -> int:
    return sum(sent.kinds.get(one, 0) for one in _KINDS[kind])


def _texts(sent: Sequence[SentProperty]) -> tuple[str, ...]:
    """The frequent texts of all types together; one that was cut is none."""
    counts: Counter[str] = Counter()
    for one in sent:
        for raw, count in one.values:
            if (text := _text(raw)) is not None:
                counts[text] += count
    return tuple(text for text, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:_VALUES])


def _text(raw: str) -> str | None:
    if not raw.startswith('"'):
        return None
    try:
        text = str(json.loads(raw))
        text.encode()
    except ValueError:
        return None
    return text or None
