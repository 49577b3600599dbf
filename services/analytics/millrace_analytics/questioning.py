"""Asks questions of the metric layer for every family: counted, limited, measured, in the tenant's time zone."""

import time
from collections.abc import Callable

from millrace_analytics.asking.limits import AskingLimit
from millrace_analytics.tenant_zones import TenantZones
from millrace_core import metrics as names
from millrace_core.errors import InvalidInput, MillraceError, QueryError
from millrace_core.time import now_ms
from millrace_service.metrics import Metrics
from millrace_warehouse.metrics.answers import Answer
from millrace_warehouse.metrics.asking import Moment, answer
from millrace_warehouse.metrics.questions import Question
from millrace_warehouse.ports import Warehouse


class Questioning:
    """Questions of tenants."""

    def __init__(
        self, warehouse: Warehouse, zones: TenantZones, limit: AskingLimit, metrics: Metrics, clock: Callable[[], int] = now_ms
    ) -> None:
        self.clock = clock
        self._warehouse = warehouse
        self._zones = zones
        self._limit = limit
        self._metrics = metrics

    async def ask(self, tenant: str, question: Question, *, counts: bool = True) -> Answer:
        """The answer.

        Args:
            counts: against the tenant's limit.

        Raises:
            InvalidInput, QueryError: the question is at fault.
            TooManyRequests, Unavailable: it may be asked later.
        """
        if counts:
            await self._limit.take(tenant)
        zone = question.time_zone or await self._zones.of(tenant)
        label = self._metrics.capped("customer_id", tenant)
        started, status = time.perf_counter(), "error"
        try:
            found = await answer(self._warehouse.of(tenant), question, Moment(self.clock(), zone))
            status = "success"
        except (InvalidInput, QueryError):
            status = "refused"
            raise
        except MillraceError as error:
            status = error.code
            raise
        finally:
            self._metrics.counter(names.ANALYTICS_QUERIES, label, status).inc()
            self._metrics.histogram(names.QUERY_LATENCY, label).observe(time.perf_counter() - started)
        return found
