"""The way into the warehouse as spans: one of the batch, with links to the requests that it has events of; and one in each of
their traces, so that a trace goes from the request to where its events can be found."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from millrace_consumer.batches import Batch
from millrace_service.tracing import Tracer

_REQUESTS: Final = 100
"""Of one batch that are told; the SDK keeps 128 links of a span."""


class Store(Protocol):
    """What stores batches; see ``BatchStore``."""

    async def store(self, batch: Batch) -> None:
        """Insert the batch under its token."""
        ...

    async def reconcile(self, batch: Batch) -> int:
        """Insert what the warehouse lacks of it."""
        ...


class TracedStore:
    """Store around another one."""

    def __init__(self, store: Store, tracer: Tracer) -> None:
        self._store = store
        self._tracer = tracer

    async def store(self, batch: Batch) -> None:
        """See Store."""
        with self._told(batch, "insert a batch"):
            await self._store.store(batch)

    async def reconcile(self, batch: Batch) -> int:
        """See Store."""
        with self._told(batch, "complete a batch"):
            return await self._store.reconcile(batch)

    @contextmanager
    def _told(self, batch: Batch, name: str) -> Iterator[None]:
        traces, began = batch.traces(_REQUESTS), time.time_ns()
        with self._tracer.span(name, "consumer", links=traces) as span:
            span.set("messaging.batch.message_count", len(batch))
            span.set("messaging.destination.partition.id", str(batch.partition))
            span.set("messaging.kafka.offset", batch.start)
            yield
            here = self._tracer.current()
        for trace in traces:
            with self._tracer.span(
                "events stored", "consumer", parent=trace, links=[here] if here else [], began=began
            ) as each:
                each.set("messaging.batch.message_count", len(batch))
