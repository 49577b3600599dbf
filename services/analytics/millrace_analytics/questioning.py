"""Asks questions of the metric layer for every family: limited, kept, measured, in the tenant's time zone."""

import time
from collections.abc import Callable

from millrace_analytics.asking.limits import AskingLimit
from millrace_analytics.asking.questions import Answered, QuestionAsking
from millrace_analytics.tenant_catalogue import TenantCatalogue
from millrace_analytics.tenant_zones import TenantZones
from millrace_core import metrics as names
from millrace_core.errors import InvalidInput, MillraceError, QueryError
from millrace_core.time import now_ms
from millrace_service.metrics import Metrics
from millrace_warehouse.metrics.asking import Moment
from millrace_warehouse.metrics.compiling import compiled
from millrace_warehouse.metrics.questions import Question


class Questioning:
    """Questions of tenants."""

    def __init__(
        self,
        asking: QuestionAsking,
        zones: TenantZones,
        catalogue: TenantCatalogue,
        limit: AskingLimit,
        metrics: Metrics,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self.clock = clock
        self._asking = asking
        self._zones = zones
        self._catalogue = catalogue
        self._limit = limit
        self._metrics = metrics

    async def check(self, tenant: str, question: Question) -> None:
        """Return where it could be asked, without asking it.

        Raises:
            InvalidInput: the question is at fault.
            RecordsUnavailable: it names a segment, and nobody knows what that is.
        """
        zone = question.time_zone or await self._zones.of(tenant)
        segments = await self._catalogue.segments_for(tenant, question)
        compiled(tenant, question, Moment(self.clock(), zone, segments))

    async def ask(self, tenant: str, question: Question, *, counts: bool = True, is_fresh: bool = False) -> Answered:
        """The answer.

        Args:
            counts: against the tenant's limit; what is kept does not.
            is_fresh: what is kept is not good enough.

        Raises:
            InvalidInput, QueryError: the question is at fault.
            TooManyRequests, Unavailable: it may be asked later.
        """

        async def count() -> None:
            if counts:
                await self._limit.take(tenant)

        zone = question.time_zone or await self._zones.of(tenant)
        segments = await self._catalogue.segments_for(tenant, question)
        label = self._metrics.capped("customer_id", tenant)
        started, status = time.perf_counter(), "error"
        try:
            moment = Moment(self.clock(), zone, segments)
            found = await self._asking.ask(tenant, question, moment, is_fresh=is_fresh, before=count)
            status = "success"
        except InvalidInput:
            status = "refused"
            await count()  # who asks what cannot be asked, asks too
            raise
        except QueryError:
            status = "refused"
            raise
        except MillraceError as error:
            status = error.code
            raise
        finally:
            self._metrics.counter(names.ANALYTICS_QUERIES, label, status).inc()
            self._metrics.histogram(names.QUERY_LATENCY, label).observe(time.perf_counter() - started)
        return found
