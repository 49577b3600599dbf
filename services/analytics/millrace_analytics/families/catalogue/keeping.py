"""Keeps what tenants write about their data, and tells it."""

from collections.abc import Sequence

from millrace_analytics.families.catalogue.schemas import DescribeRequest, DescriptionLine, Kind, SegmentLine, SegmentRequest
from millrace_analytics.tenant_catalogue import TenantCatalogue, filters_of
from millrace_core.errors import Conflict, NotFound
from millrace_core.time import iso_time, now_ms
from millrace_records.catalogue import Description, Segment
from millrace_warehouse.metrics.segments import FILTERS, check_segment, users_of


class Keeping:
    """Of all tenants. All methods raise RecordsUnavailable."""

    def __init__(self, catalogue: TenantCatalogue) -> None:
        self._catalogue = catalogue

    async def descriptions(self, tenant: str) -> list[DescriptionLine]:
        """All of a tenant."""
        return [_described(one) for one in await self._catalogue.records.descriptions(tenant)]

    async def describe(self, tenant: str, asked: DescribeRequest, who: str) -> DescriptionLine:
        """Keep one. Raises Conflict where there are too many."""
        synonyms = tuple(dict.fromkeys(asked.synonyms))
        given = Description(tenant, asked.kind, asked.name, asked.label, asked.description, synonyms, who, now_ms())
        await self._catalogue.records.describe(given)
        return _described(given)

    async def forget(self, tenant: str, kind: Kind, name: str, who: str) -> None:
        """Forget one. Raises NotFound."""
        if not await self._catalogue.records.forget_description(tenant, kind, name, who):
            raise NotFound(f"{tenant} has no description of the {kind} {name}")

    async def segments(self, tenant: str) -> list[SegmentLine]:
        """All of a tenant."""
        return [_segment(one) for one in await self._catalogue.records.segments(tenant)]

    async def segment(self, tenant: str, name: str) -> SegmentLine:
        """One of them. Raises NotFound."""
        found = next((one for one in await self._catalogue.records.segments(tenant) if one.name == name), None)
        if found is None:
            raise NotFound(f"{tenant} has no segment {name}")
        return _segment(found)

    async def save(self, tenant: str, name: str, asked: SegmentRequest, who: str) -> SegmentLine:
        """Keep one under its name.

        Raises:
            InvalidInput: no question could name it (see ``check_segment``).
            Conflict: ``too_many_segments``.
        """
        where = FILTERS.dump_python(asked.where, mode="json", by_alias=True, exclude_defaults=True)
        given = Segment(tenant, name, asked.label, asked.description, where, who, now_ms())
        await self._catalogue.records.put_segment(
            given, check=lambda others: check_segment(tenant, name, asked.where, filters_of(others))
        )
        return _segment(given)

    async def remove(self, tenant: str, name: str, who: str) -> None:
        """Forget one.

        Raises:
            NotFound: there is none.
            Conflict: ``segment_in_use``: another one names it.
        """

        def check(segments: Sequence[Segment]) -> None:
            if users := users_of(name, filters_of(segments)):
                raise Conflict(f"the segment {users[0]} is about {name}", code="segment_in_use")

        if not await self._catalogue.records.remove_segment(tenant, name, who, check=check):
            raise NotFound(f"{tenant} has no segment {name}")


def _described(given: Description) -> DescriptionLine:
    return DescriptionLine(
        kind=given.kind,
        name=given.name,
        label=given.label,
        description=given.description,
        synonyms=list(given.synonyms),
        written_by=given.actor,
        written_at=iso_time(given.at),
    )


def _segment(given: Segment) -> SegmentLine:
    return SegmentLine(
        name=given.name,
        label=given.label,
        description=given.description,
        where=dict(given.where),
        saved_by=given.actor,
        saved_at=iso_time(given.at),
    )
