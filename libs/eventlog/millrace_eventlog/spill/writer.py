"""LogWriter that keeps on this machine what Kafka does not acknowledge, and hands it on when Kafka is back."""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog

from millrace_core import metrics as names
from millrace_core.errors import LogUnavailable, RecordTooLarge
from millrace_core.time import now_ms
from millrace_eventlog.kafka.wire import LARGEST_LINE
from millrace_eventlog.ports import Durable, LogPorts, LogWriter
from millrace_eventlog.records import Damaged, LogEntry, LogRecord, ReadLimit
from millrace_eventlog.spill.breaker import Breaker
from millrace_service.metrics import Metrics

_FAILURES: Final = 3
_PROBE_SECONDS: Final = 1.0
_AT_ONCE: Final = ReadLimit(records=2_000, bytes=2 * 2**20, wait_seconds=0.0)

_log = structlog.get_logger("millrace.spill")


class SpillingWriter:
    """LogWriter.

    Args:
        kafka: where events belong.
        spill: the log on this machine's disk; committed is what Kafka has.
        start: its first offset that Kafka has not.
        patience: seconds that Kafka may take to acknowledge.
    """

    def __init__(self, kafka: LogWriter, spill: LogPorts, start: int, patience: float, metrics: Metrics) -> None:
        self._kafka = kafka
        self._spill = spill
        self._next = start
        self._patience = patience
        self._metrics = metrics
        self._breaker = Breaker(_FAILURES, self._told)

    @property
    def degraded(self) -> bool:
        """Whether events go to this machine's disk."""
        return self._breaker.is_open

    async def append(self, records: Sequence[LogRecord]) -> Durable:
        """See LogWriter. A batch that Kafka may have got although it did not say so is kept as well: the consumer recognises
        its ids."""
        if not self._breaker.is_open:
            try:
                return await self._to_kafka(records)
            except RecordTooLarge:
                raise
            except LogUnavailable as error:
                _log.warning("kafka_not_reached", cause=error.message, records=len(records))
        if max([len(record.line) for record in records], default=0) > LARGEST_LINE:
            raise RecordTooLarge("The event is larger than the log can store.")
        await self._spill.writer.append(records)
        self._metrics.counter(names.SPILLED).inc(len(records))
        return "local"

    async def ping(self) -> None:
        """See LogWriter."""
        if self._breaker.is_open:
            await self._spill.writer.ping()

    async def close(self) -> None:
        """See LogWriter."""
        await self._kafka.close()

    async def drain(self) -> None:
        """Hand on what waits here, the oldest first, and find out whether Kafka is back; for ever."""
        while True:
            try:
                waited = await self._hand_on()
            except LogUnavailable as error:
                _log.info("spill_waits", cause=error.message)
                waited = False
            await self._report()
            if not waited:
                await asyncio.sleep(_PROBE_SECONDS)

    async def _hand_on(self) -> bool:
        """Whether anything waited.

        Raises:
            LogUnavailable: Kafka is still away.
        """
        entries = await self._spill.reader.read(0, self._next, _AT_ONCE)
        records = [_routed(record) for entry in entries if isinstance(entry, LogEntry) for record in entry.records]
        if records:
            await self._to_kafka(records)
        elif self._breaker.is_open:
            await self._kafka.ping()
            self._breaker.succeeded()
        if not entries:
            return False
        for entry in entries:
            if isinstance(entry, Damaged):
                _log.critical("spill_damaged", offset=entry.offset, records=entry.records, reason=entry.reason)
        self._next = entries[-1].end
        await self._spill.reader.commit(0, self._next)
        self._metrics.counter(names.SPILL_DRAINED).inc(len(records))
        return True

    async def _to_kafka(self, records: Sequence[LogRecord]) -> Durable:
        try:
            async with asyncio.timeout(self._patience):
                await self._kafka.append(records)
        except TimeoutError as error:
            self._breaker.failed()
            raise LogUnavailable("Kafka does not acknowledge.") from error
        except LogUnavailable:
            self._breaker.failed()
            raise
        self._breaker.succeeded()
        return "log"

    async def _report(self) -> None:
        lag = await self._spill.reader.lag(0)
        age = 0 if lag.oldest_stored_at is None else max(0, now_ms() - lag.oldest_stored_at)
        self._metrics.gauge(names.SPILL_EVENTS).set(lag.records)
        self._metrics.gauge(names.SPILL_SECONDS).set(age / 1000)

    def _told(self, is_open: bool) -> None:  # noqa: FBT001 (the breaker's one fact)
        self._metrics.gauge(names.SPILL_ACTIVE).set(int(is_open))
        _log.warning("spill_begins" if is_open else "spill_ends")


class _Person(msgspec.Struct):
    visitor_id: str = ""
    user_id: str = ""
    session_id: str = ""


_person: Final = msgspec.json.Decoder(_Person).decode


def _routed(record: LogRecord) -> LogRecord:
    """With the routing that it had: the spill's one partition does not keep it, and both copies of an event that Kafka got
    unsaid have to meet in one of Kafka's."""
    person = _person(record.line)
    routing = person.visitor_id or person.user_id or person.session_id or record.event_id
    return msgspec.structs.replace(record, routing=routing)
