"""What tenants have written about their data, as their records have it: read whenever it is asked for, so that what was just
changed holds for every process at once."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from pydantic import ValidationError

from millrace_core.errors import RecordsUnavailable
from millrace_records.catalogue import CatalogueRecords, Description, Segment
from millrace_records.ports import Records
from millrace_warehouse.metrics.catalogue import SEGMENTS
from millrace_warehouse.metrics.filters import Filter, segments_named
from millrace_warehouse.metrics.questions import Question
from millrace_warehouse.metrics.segments import FILTERS

_log = structlog.get_logger("millrace.catalogue")


@dataclass(frozen=True, slots=True)
class Written:
    """Descriptions and segments of one tenant."""

    descriptions: Sequence[Description] = ()
    segments: Sequence[Segment] = ()
    is_whole: bool = True
    """Whether the records answered."""

    @property
    def version(self) -> str:
        """Another one where anything differs."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


NOTHING: Final = Written()


class TenantCatalogue:
    """Reads them.

    Args:
        records: None where this process has none: no tenant has written anything then.
    """

    def __init__(self, records: Records | None) -> None:
        self._records = records.catalogue if records is not None else None

    @property
    def records(self) -> CatalogueRecords:
        """Where they are kept. Raises RecordsUnavailable."""
        if self._records is None:
            raise RecordsUnavailable("This process keeps no records: MILLRACE_RECORDS_URL has to name a PostgreSQL.")
        return self._records

    async def written(self, tenant: str) -> Written:
        """All of a tenant's; what is left out where the records do not answer is said by ``is_whole``."""
        if self._records is None:
            return NOTHING
        try:
            return Written(await self._records.descriptions(tenant), await self._records.segments(tenant))
        except RecordsUnavailable:
            return Written(is_whole=False)

    async def segments(self, tenant: str) -> Mapping[str, Filter]:
        """A tenant's segments by name. Raises RecordsUnavailable."""
        return filters_of(await self._records.segments(tenant)) if self._records is not None else {}

    async def segments_for(self, tenant: str, question: Question) -> Mapping[str, Filter]:
        """Those that a question may need: none where it names none but its own and the catalogue's.

        Raises:
            RecordsUnavailable: it names another, and nobody knows what that is.
        """
        if segments_named(question) <= question.segments.keys() | SEGMENTS.keys():
            return {}
        return await self.segments(tenant)


def filters_of(segments: Sequence[Segment]) -> dict[str, Filter]:
    """The filters by name. One that this version cannot read is left out, and so it is an unknown one."""
    found: dict[str, Filter] = {}
    for one in segments:
        try:
            found[one.name] = FILTERS.validate_python(one.where)
        except ValidationError:
            _log.warning("segment_unreadable", tenant=one.tenant, segment=one.name)
    return found
