"""Saves statements and finds them again. Each passes the gate when it is saved, and again whenever it is asked."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from millrace_analytics.asking.history import kept_in
from millrace_analytics.asking.sql import SqlAsking
from millrace_analytics.families.saved.schemas import SavedStatement, SaveRequest
from millrace_core.errors import NotFound, QueryError
from millrace_core.time import iso_time, now_ms
from millrace_records.statements import Saved, StatementRecords

RESERVED: Final = frozenset({"format", "timeout_seconds"})
"""What the query string says of an answer, so no placeholder can have these names."""


class SavedStatements:
    """Of all tenants.

    Args:
        records: None where this process has none.
    """

    def __init__(self, asking: SqlAsking, records: StatementRecords | None) -> None:
        self._asking = asking
        self._records = records

    @property
    def records(self) -> StatementRecords:
        """Where they are kept. Raises RecordsUnavailable."""
        return kept_in(self._records)

    async def save(self, tenant: str, name: str, asked: SaveRequest, who: str) -> SavedStatement:
        """Keep it under its name.

        Raises:
            QueryError: it could not be asked, or a default has no placeholder.
            Conflict: the tenant has too many.
        """
        records = self.records
        parameters = await self._asking.parameters(tenant, asked.sql)
        if wrong := sorted(RESERVED & parameters.keys()):
            raise QueryError(f"A placeholder cannot have the name {wrong[0]}.", code="invalid_parameters")
        # What has no default is null here: the gate does not look at values.
        values = dict.fromkeys(parameters, None) | asked.defaults
        if parameters.keys() <= asked.defaults.keys():
            await self._asking.describe(tenant, asked.sql, values)
        else:
            await self._asking.check(tenant, asked.sql, values)
        saved = Saved(tenant, name, asked.sql, asked.description, asked.defaults, who, now_ms())
        await records.save(saved)
        return shown(saved, parameters)

    async def one(self, tenant: str, name: str) -> SavedStatement:
        """It, with its placeholders. Raises NotFound, and QueryError where it is none any more."""
        saved = await self.records.saved(tenant, name)
        return shown(saved, await self._asking.parameters(tenant, saved.sql))

    async def remove(self, tenant: str, name: str, who: str) -> None:
        """Forget it. Raises NotFound."""
        if not await self.records.remove_saved(tenant, name, who):
            raise NotFound(f"{tenant} has no saved statement {name}")

    async def with_texts(self, tenant: str, name: str, given: Sequence[tuple[str, str]]) -> tuple[Saved, dict[str, Any]]:
        """It, and values as the parts of a query string say them: texts, which the type of each placeholder reads; for an array
        as often as it has elements. Raises as ``one``, and QueryError where one is said twice that is no array."""
        saved = await self.records.saved(tenant, name)
        types = await self._asking.parameters(tenant, saved.sql)
        values: dict[str, Any] = {}
        for key, text in given:
            if types.get(key, "").startswith("Array("):
                values.setdefault(key, []).append(text)
            elif key in values:
                raise QueryError(f"There is more than one value for {key}.", code="invalid_parameters")
            else:
                values[key] = text
        return saved, values


def shown(saved: Saved, parameters: Mapping[str, str]) -> SavedStatement:
    """As it is told."""
    return SavedStatement(
        name=saved.name,
        sql=saved.sql,
        description=saved.description,
        parameters=dict(parameters),
        defaults=dict(saved.defaults),
        saved_by=saved.actor,
        saved_at=iso_time(saved.at),
    )
