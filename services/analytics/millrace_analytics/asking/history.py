"""A history of the statements that were asked: gathered here, written to the records a moment later."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from millrace_analytics.asking.sql import Told
from millrace_core.errors import RecordsUnavailable
from millrace_core.time import now_ms
from millrace_records.statements import Asked, StatementRecords

MOST: Final = 10_000
"""Statements of one tenant that are remembered."""

_LONGEST: Final = 10_000
_WAITING: Final = 5_000
_AT_ONCE: Final = 500
_WRITE_SECONDS: Final = 1.0
_FORGET_SECONDS: Final = 3_600.0
_DAY_MS: Final = 86_400_000

_log = structlog.get_logger("millrace.history")


@dataclass(slots=True)
class _Forgetting:
    tenants: set[str]
    at: float = 0.0


def kept_in(records: StatementRecords | None) -> StatementRecords:
    """The records.

    Raises:
        RecordsUnavailable: this process has none.
    """
    if records is None:
        raise RecordsUnavailable("This process keeps no records: MILLRACE_RECORDS_URL has to name a PostgreSQL.")
    return records


class History:
    """Hears of statements and writes them down. While the records do not answer the newest wait here, and the oldest go.

    Args:
        records: None where this process has none: nothing is remembered then.
        days: how long a statement is remembered; 0 remembers none.
    """

    def __init__(self, records: StatementRecords | None, days: float) -> None:
        self._records = records
        self._days = days
        self._waiting: deque[Asked] = deque(maxlen=_WAITING)
        self._writing = asyncio.Lock()
        self._forgetting = _Forgetting(set())

    def note(self, told: Told) -> None:
        """Remember how a question ended."""
        if self._days and self._records is not None:
            asked = told.question
            sql = asked.sql[:_LONGEST].replace("\0", "\ufffd").encode("utf-8", "replace").decode()
            ended = (told.status, told.rows, told.milliseconds, now_ms())
            self._waiting.append(Asked(asked.tenant, asked.who, asked.saved, sql, *ended))

    async def of(self, tenant: str, before: int | None, limit: int) -> Sequence[Asked]:
        """The newest first, those that this process has not yet written included. Raises RecordsUnavailable."""
        records = kept_in(self._records)
        await self._write(records)
        return await records.asked(tenant, before=before, limit=limit)

    async def keep(self) -> None:
        """Write down what comes, and shorten the history, until it is cancelled; then write what is left."""
        if self._records is None:
            return
        try:
            while True:
                await asyncio.sleep(_WRITE_SECONDS)
                await self._try(self._records)
        finally:
            await self._try(self._records)

    async def _try(self, records: StatementRecords) -> None:
        try:
            await self._write(records)
            await self._forget(records)
        except RecordsUnavailable:
            _log.warning("history_waits", statements=len(self._waiting))

    async def _write(self, records: StatementRecords) -> None:
        async with self._writing:
            while self._waiting:
                taken = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
                try:
                    await records.note(taken)
                except BaseException:  # also of who hung up meanwhile: they are written with the next ones
                    room = _WAITING - len(self._waiting)
                    self._waiting.extendleft(reversed(taken[max(0, len(taken) - room) :]))
                    raise
                self._forgetting.tenants.update(one.tenant for one in taken)

    async def _forget(self, records: StatementRecords) -> None:
        now = asyncio.get_running_loop().time()
        if self._forgetting.at and now - self._forgetting.at < _FORGET_SECONDS:
            return
        await records.forget_asked(now_ms() - int(self._days * _DAY_MS), sorted(self._forgetting.tenants), MOST)
        self._forgetting = _Forgetting(set(), now)
