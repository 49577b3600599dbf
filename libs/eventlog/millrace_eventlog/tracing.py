"""The way into the log as a span. Records carry its name: in Kafka's headers, or in memory as long as SQLite's newest entries
are there. What is read from SQLite's file, or comes out of the spill, has lost it: neither stores anything for it."""

from collections.abc import Sequence

import msgspec

from millrace_eventlog.ports import Durable, LogWriter
from millrace_eventlog.records import LogRecord
from millrace_service.tracing import Tracer


class TracedWriter:
    """LogWriter around another one."""

    def __init__(self, writer: LogWriter, tracer: Tracer) -> None:
        self._writer = writer
        self._tracer = tracer

    async def append(self, records: Sequence[LogRecord]) -> Durable:
        """See LogWriter."""
        with self._tracer.span("append to the log", "producer") as span:
            span.set("messaging.batch.message_count", len(records))
            if trace := self._tracer.current():
                records = [msgspec.structs.replace(record, trace=trace) for record in records]
            durable = await self._writer.append(records)
            span.set("millrace.durable", durable)
            return durable

    async def ping(self) -> None:
        """See LogWriter."""
        await self._writer.ping()

    async def close(self) -> None:
        """See LogWriter."""
        await self._writer.close()
