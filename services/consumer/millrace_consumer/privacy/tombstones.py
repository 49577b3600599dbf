"""Who was erased: their events are left out of every insert from then on, wherever they come from once more.

Costs nothing while nobody was erased. After that two comparisons an event, and of a tenant's events that were received before
its last erasure two hashes each, which only a replay has.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import structlog

from millrace_consumer.batches import Batch
from millrace_core.errors import RecordsUnavailable
from millrace_core.privacy import digest_of
from millrace_eventlog.records import LogRecord
from millrace_records.cache.looking import look_regularly
from millrace_records.cache.ports import Messages
from millrace_records.ports import ERASURES_CHANGED, Erasure, Records
from millrace_warehouse.ports import Erased

_READ_SECONDS: Final = 5.0
_PAGE: Final = 1_000
USER: Final = "u:"
"""Before the digest of a name that is a user, or a visitor who was nobody else."""
VISITOR: Final = "v:"
"""Before the digest of a visitor whose every event is meant."""

_log = structlog.get_logger("millrace.privacy")


class _Ids(msgspec.Struct):
    visitor_id: str = ""
    user_id: str = ""


_ids_of: Final = msgspec.json.Decoder(_Ids).decode


@dataclass(slots=True)
class _Cut:
    """Of one tenant under one salt: until when whose events are gone, in milliseconds."""

    salt: str
    newest: int = 0
    before: dict[str, int] = field(default_factory=dict)

    def hides(self, line: bytes, received_at: int) -> bool:
        """Whether the event of this line is gone."""
        if received_at >= self.newest:
            return False
        ids = _ids_of(line)
        names = [USER + digest_of(self.salt, ids.user_id or ids.visitor_id)]
        if ids.visitor_id:
            names.append(VISITOR + digest_of(self.salt, ids.visitor_id))
        return any(received_at < self.before.get(name, 0) for name in names)


class Tombstones:
    """Everyone who was erased."""

    def __init__(self) -> None:
        self._cuts: dict[str, dict[str, _Cut]] = {}
        self._last = 0
        self._known = asyncio.Event()

    def add(self, erasures: Iterable[Erasure]) -> None:
        """Leave their events out from now on."""
        for erasure in erasures:
            cut = self._cuts.setdefault(erasure.tenant, {}).setdefault(erasure.salt, _Cut(erasure.salt))
            cut.newest = max(cut.newest, erasure.before)
            for digest in erasure.digests:
                cut.before[digest] = max(cut.before.get(digest, 0), erasure.before)

    def hides(self, record: LogRecord) -> bool:
        """Whether this event is gone."""
        cuts = self._cuts.get(record.tenant)
        return cuts is not None and any(cut.hides(record.line, record.received_at) for cut in cuts.values())

    def rows_of(self, batch: Batch) -> list[int]:
        """The rows of a batch that are gone."""
        if not self._cuts:
            return []
        return [row for row in batch.kept() if self.hides(batch.record(row)[1])]

    async def wait(self, seconds: float) -> None:
        """Return when everyone who was erased before this process began is known, or after so many seconds: delivery does not
        depend on the records, and what comes back meanwhile is erased once more by whoever looks at new erasures."""
        try:
            async with asyncio.timeout(seconds):
                await self._known.wait()
        except TimeoutError:
            _log.warning("erasures_not_known", seconds=seconds)

    async def follow(self, records: Records, messages: Messages) -> None:
        """Read new erasures now, every five seconds, and when someone tells of one; for ever. While the records do not answer
        those that are known hold."""

        async def look() -> None:
            with contextlib.suppress(RecordsUnavailable):
                await self.read(records)

        await look_regularly(messages, ERASURES_CHANGED, _READ_SECONDS, look)

    async def read(self, records: Records) -> None:
        """Read those that are not known yet.

        Raises:
            RecordsUnavailable: some may not be known.
        """
        try:
            while found := await records.erasures.erasures(after=self._last, limit=_PAGE):
                self.add(found)
                self._last = found[-1].id
        except RecordsUnavailable as error:
            _log.warning("erasures_not_read", cause=str(error.__cause__ or error))
            raise
        self.all_known()

    def all_known(self) -> None:
        """Everyone who was erased until now was added."""
        self._known.set()


def erased_of(erasure: Erasure) -> Erased:
    """As the warehouse takes it."""
    users, visitors = (_without(erasure.digests, kind) for kind in (USER, VISITOR))
    return Erased(erasure.tenant, erasure.before, erasure.salt, users, visitors)


def _without(digests: Sequence[str], kind: str) -> tuple[str, ...]:
    return tuple(digest.removeprefix(kind) for digest in digests if digest.startswith(kind))
