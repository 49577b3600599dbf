"""Makes the consumer of opened ports."""

import asyncio
from collections.abc import Callable

from millrace_consumer.audit import audit_regularly
from millrace_consumer.consumer import Consumer
from millrace_consumer.partition import OnStep, ignore_step
from millrace_consumer.privacy.requests import PrivacyRequests
from millrace_consumer.privacy.tombstones import Tombstones
from millrace_consumer.retention import expire_regularly
from millrace_consumer.settings import ConsumerSettings
from millrace_consumer.sizes import report_sizes_regularly
from millrace_core.time import now_ms
from millrace_eventlog.ports import LogPorts
from millrace_eventlog.records import Lag
from millrace_records.cache.ports import CachePorts, Locks
from millrace_records.ports import Records
from millrace_service.health import Health
from millrace_service.metrics import Metrics
from millrace_service.tracing import Tracer
from millrace_warehouse.ports import StoringPorts

SERVICE = "real-time-analytics-consumer"
"""Named as the two services that the realtime contract documents."""


class ConsumerService:
    """The consumer, with its audit and the retention of single tenants."""

    def __init__(
        self,
        consumer: Consumer,
        warehouse: StoringPorts,
        records: Records,
        locks: Locks,
        metrics: Metrics,
        audit_seconds: float,
        privacy: PrivacyRequests,
    ) -> None:
        self.consumer = consumer
        self.privacy = privacy
        self._warehouse = warehouse
        self._records = records
        self._locks = locks
        self._metrics = metrics
        self._audit_seconds = audit_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Consume, audit, delete what has expired and finish erasures until ``stop`` is set; what was read is stored before
        this returns."""
        admin, records, locks, seconds = self._warehouse.admin, self._records, self._locks, self._audit_seconds
        beside = [
            asyncio.create_task(audit_regularly(admin, records, locks, self._metrics, seconds), name="audit"),
            asyncio.create_task(report_sizes_regularly(admin, self._metrics), name="sizes"),
            asyncio.create_task(expire_regularly(admin, records, locks, seconds), name="retention"),
            asyncio.create_task(self.privacy.tombstones.follow(records, self.privacy.messages), name="erasures"),
            asyncio.create_task(self.privacy.finish_regularly(locks), name="finish-erasures"),
        ]
        try:
            await self.consumer.run(stop)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)


def build(
    settings: ConsumerSettings,
    log: LogPorts,
    warehouse: StoringPorts,
    records: Records,
    cache: CachePorts,
    metrics: Metrics,
    health: Health,
    *,
    clock: Callable[[], int] = now_ms,
    on_step: OnStep = ignore_step,
    tracer: Tracer | None = None,
) -> ConsumerService:
    """The consumer on these ports; its check joins ``health``."""
    tombstones = Tombstones()
    consumer = Consumer(
        settings,
        log.reader,
        log.dead_letters,
        warehouse,
        metrics,
        clock=clock,
        on_step=on_step,
        tombstones=tombstones,
        tracer=tracer,
    )
    health.add("consumer", consumer.check)
    is_shared = log.forget is None

    async def lag() -> Lag:
        # A consumer that is alone and has its partition not yet is behind with whatever there is.
        return await consumer.lag() if consumer.partitions or is_shared else await log.reader.lag(0)

    privacy = PrivacyRequests(
        log, warehouse, records, cache.messages, cache.cache, tombstones, lag, is_shared, on_step, clock=clock
    )
    return ConsumerService(consumer, warehouse, records, cache.locks, metrics, settings.consumer_audit_seconds, privacy)
