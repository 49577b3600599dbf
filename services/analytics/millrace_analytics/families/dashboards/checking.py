"""Looks at what widgets ask before it is kept."""

from typing import Any, Final, TypeVar, cast

from millrace_analytics.asking.sql import SqlAsking
from millrace_analytics.families.dashboards.filters import DashboardFilters, filtered
from millrace_analytics.families.dashboards.meaning import question_of
from millrace_analytics.families.dashboards.widgets import Config, Widget
from millrace_analytics.questioning import Questioning
from millrace_core.errors import InvalidInput, MillraceError, NotFound, QueryError
from millrace_records.statements import StatementRecords
from millrace_warehouse.metrics.measures import Count
from millrace_warehouse.metrics.questions import Trend
from millrace_warehouse.metrics.ranges import Last

_Error = TypeVar("_Error", bound=MillraceError)
_ANY: Final = Trend(kind="trend", measures=(Count(measure="count"),), range=Last(last=1, unit="day"))
"""A question of whatever events there are."""


class WidgetCheck:
    """Sends questions through the compiler and statements through the gate, and asks none.

    Args:
        saved: None where this process has no records.
    """

    def __init__(self, questioning: Questioning, asking: SqlAsking, saved: StatementRecords | None) -> None:
        self._questioning = questioning
        self._asking = asking
        self._saved = saved

    async def check(self, tenant: str, place: str, widget: Widget) -> None:
        """Return where it could be asked.

        Raises:
            InvalidInput, QueryError: it could not; the message begins with the place, which ``detail`` has as well.
            Unavailable: nobody can say now.
        """
        try:
            question = question_of(widget.config, widget.type)
            if question is not None:
                await self._questioning.check(tenant, question)
            elif widget.config.text is None:
                sql, values = await statement_of(widget.config, tenant, self._saved)
                await self._check_statement(tenant, sql, values)
        except (InvalidInput, QueryError) as error:
            raise refuse(place, error) from error

    async def check_filters(self, tenant: str, filters: DashboardFilters, place: str = "filters") -> None:
        """Return where questions could be asked with them.

        Raises:
            InvalidInput: they could not; the message begins with the place.
            RecordsUnavailable: they name a segment, and nobody knows what that is.
        """
        try:
            await self._questioning.check(tenant, filtered(_ANY, filters, self._questioning.clock()))
        except InvalidInput as error:
            raise refuse(place, error) from error

    async def _check_statement(self, tenant: str, sql: str, values: dict[str, Any]) -> None:
        missing = sorted((await self._asking.parameters(tenant, sql)).keys() - values.keys())
        if missing:
            raise QueryError(f"There is no value for {missing[0]}.", code="invalid_parameters")
        await self._asking.describe(tenant, sql, values)


async def statement_of(config: Config, tenant: str, saved: StatementRecords | None) -> tuple[str, dict[str, Any]]:
    """The statement of a widget, and the values of its placeholders.

    Raises:
        InvalidInput: ``unknown_statement``: the saved one is not there.
    """
    if config.sql is not None:
        return config.sql, config.parameters
    assert config.saved is not None, "it says one of them"
    if saved is None:
        raise InvalidInput("This process keeps no statements.", code="unknown_statement")
    try:
        found = await saved.saved(tenant, config.saved)
    except NotFound as error:
        raise InvalidInput(error.message, code="unknown_statement") from error
    return found.sql, {**found.defaults, **config.parameters}


def refuse(place: str, error: _Error) -> _Error:
    """The same error, which names its place."""
    kind = QueryError if isinstance(error, QueryError) else type(error)  # the gate's own says how it refuses
    told = cast("_Error", kind(f"{place}: {error.message}", code=error.code))
    told.detail = [{"field": place, "message": error.message}]
    return told
