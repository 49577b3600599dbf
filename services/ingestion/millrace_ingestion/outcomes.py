"""Sums up what became of events that are not accepted, and tells the log about once a second.

Nothing is done for an accepted event. What is told is for reports and for whoever misses an event: it may be lost with the
process, and is counted where it does not fit.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import structlog

from millrace_core import metrics as names
from millrace_core.errors import LogUnavailable, RecordTooLarge
from millrace_core.ids import new_id
from millrace_core.time import now_ms, warehouse_time
from millrace_eventlog.outcomes import SAMPLE, Kind, Outcome, ids_of, minute_of, record_of
from millrace_eventlog.ports import LogWriter
from millrace_eventlog.records import LogRecord
from millrace_ingestion.verdicts import Verdicts
from millrace_service.metrics import Metrics

_GROUPS: Final = 5_000
_EVERY_SECONDS: Final = 1.0
_APPEND_SECONDS: Final = 10.0
_LAST_SECONDS: Final = 2.0

_log = structlog.get_logger("millrace.ingestion")


class Group(NamedTuple):
    """Events that are told as one."""

    tenant: str
    minute: str
    kind: Kind
    reason: str
    protocol: str
    key_id: str


@dataclass(slots=True)
class _Sum:
    events: int = 0
    last_at: int = 0
    ids: list[str] = field(default_factory=list)


class Outcomes:
    """Of one process.

    Args:
        groups: how many kinds of outcomes are told at once; events of more are counted in a metric.
    """

    def __init__(self, writer: LogWriter, metrics: Metrics, groups: int = _GROUPS) -> None:
        self._writer = writer
        self._lost = metrics.counter(names.OUTCOMES_LOST)
        self._most = groups
        self._sums: dict[Group, _Sum] = {}
        self._waiting: list[LogRecord] = []
        """Given to the log and not acknowledged: told again as they are, so that what the log has after all counts once."""
        self._waiting_events = 0
        self._news = asyncio.Event()

    def rejected(self, verdicts: Verdicts, received_at: int, protocol: str, keys: Mapping[str, str]) -> None:
        """The refused events of a request, and those that are left out.

        Args:
            keys: for each tenant the key that they came with.
        """
        for (tenant, code), remark in zip(verdicts.refused, verdicts.errors, strict=True):
            ids = [] if remark.event_id is None else [remark.event_id]
            self.add(tenant, received_at, "rejected", code, protocol, keys.get(tenant, ""), 1, ids)
        for tenant, reason in verdicts.left_out:  # without their ids: who does not want to be followed is not looked up
            self.add(tenant, received_at, "rejected", reason, protocol, keys.get(tenant, ""), 1)

    def not_stored(self, records: Sequence[LogRecord], kind: Kind, reason: str = "") -> None:
        """Events that were fine by themselves, and were not given to the log for this reason."""
        for record in records:
            group = Group(record.tenant, minute_of(record.received_at), kind, reason, record.protocol, record.key_id)
            found = self._sums.get(group)
            ids = ids_of(record) if found is None or len(found.ids) < SAMPLE else ()
            self._count(group, record.received_at, 1, ids)

    def add(
        self,
        tenant: str,
        received_at: int,
        kind: Kind,
        reason: str,
        protocol: str,
        key_id: str,
        events: int,
        ids: Sequence[str] = (),
    ) -> None:
        """So many events came to this end. Whose tenant nobody knows are in no report."""
        if tenant:
            self._count(Group(tenant, minute_of(received_at), kind, reason, protocol, key_id), received_at, events, ids)

    def _count(self, group: Group, received_at: int, events: int, ids: Sequence[str]) -> None:
        found = self._sums.get(group)
        if found is None:
            if len(self._sums) >= self._most:
                self._lost.inc(events)
                return
            found = self._sums[group] = _Sum()
            self._news.set()
        found.events += events
        found.last_at = max(found.last_at, received_at)
        if len(found.ids) < SAMPLE:
            found.ids += ids

    @contextlib.asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        """Tell the log meanwhile, and once more at the end."""
        task = asyncio.create_task(self._tell_regularly(), name="outcomes")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.flush(_LAST_SECONDS)
            if left := self._waiting_events + sum(found.events for found in self._sums.values()):
                self._lost.inc(left)
                _log.warning("outcomes_lost", events=left)

    async def _tell_regularly(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(_EVERY_SECONDS)
            await self.flush(_APPEND_SECONDS)

    async def flush(self, seconds: float = _APPEND_SECONDS) -> None:
        """Give what was summed up to the log; what it does not take waits for the next time."""
        if not self._waiting:
            self._take()
        if not self._waiting:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._writer.append(self._waiting)
        except (LogUnavailable, TimeoutError) as error:
            _log.warning("outcomes_wait", records=len(self._waiting), cause=str(error))
            return
        except RecordTooLarge:
            self._lost.inc(self._waiting_events)
            _log.error("outcomes_too_large", records=len(self._waiting))
        self._waiting, self._waiting_events = [], 0
        if not self._sums:
            self._news.clear()

    def _take(self) -> None:
        sums, self._sums = self._sums, {}
        at = now_ms()
        for group, found in sums.items():
            record_id = new_id(at)
            told = Outcome(
                customer_id=group.tenant,
                minute=group.minute,
                outcome=group.kind,
                outcome_id=record_id,
                events=found.events,
                last_at=warehouse_time(found.last_at),
                reason=group.reason,
                protocol=group.protocol,
                key_id=group.key_id,
                sample=list(dict.fromkeys(found.ids)),
            )
            self._waiting.append(record_of(told, record_id, at))
            self._waiting_events += found.events
