"""What the applications of ingestion are made of."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from millrace_core.access import ALL_TENANTS
from millrace_core.errors import LogUnavailable, RecordTooLarge, TooManyRequests
from millrace_eventlog.ports import Durable, LogWriter
from millrace_eventlog.records import LogRecord
from millrace_ingestion.acceptance import Acceptance
from millrace_ingestion.bodies import BodyLimits, InFlight
from millrace_ingestion.counting import Counting
from millrace_ingestion.deadlines import Deadline
from millrace_ingestion.enrich.cookieless import Salts
from millrace_ingestion.idempotency import Answers
from millrace_ingestion.keys import Grant, WriteKeys
from millrace_ingestion.outcomes import Outcomes
from millrace_ingestion.protocols.reading import Limits
from millrace_ingestion.senders import Senders
from millrace_ingestion.tenant_limits import TenantLimits

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SLICE: Final = 1000
"""Events that are judged before the loop serves others: 5 ms."""


@dataclass(frozen=True, slots=True)
class Parts:
    """All of them."""

    writer: LogWriter
    acceptance: Acceptance
    senders: Senders
    counting: Counting
    outcomes: Outcomes
    answers: Answers
    tenant_limits: TenantLimits
    keys: WriteKeys
    salts: Salts
    in_flight: InFlight
    body_limits: BodyLimits
    event_limits: Limits
    append_deadline: Deadline
    clock: Callable[[], int]
    """Milliseconds since the epoch."""

    async def append(self, records: Sequence[LogRecord]) -> Durable:
        """Make the records durable.

        Raises:
            TooManyRequests: ``tenant_rate_limited``; none of them is stored.
            LogUnavailable: they may or may not be stored.
        """
        try:
            await self.tenant_limits.take(records)
        except TooManyRequests:
            self.outcomes.not_stored(records, "limited")
            raise
        try:
            with self.append_deadline:
                return await self.writer.append(records)
        except RecordTooLarge as error:
            self.outcomes.not_stored(records, "rejected", error.code)
            raise
        except TimeoutError as error:
            raise LogUnavailable("the log did not answer in time; the events may or may not be stored") from error

    def tell_unread(self, grant: Grant, protocol: str, code: str) -> None:
        """A request that came with this key could not be read: it counts as one event."""
        if grant.tenant != ALL_TENANTS:
            self.outcomes.add(grant.tenant, self.clock(), "rejected", code, protocol, grant.key_id, 1)
