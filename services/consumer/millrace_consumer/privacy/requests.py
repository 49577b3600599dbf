"""What people may ask for: everything that there is of them, and that it be erased (docs/adr/0019-privacy.md).

An erasure is written down first, by hashes, and finished by whoever starts next where this process ends in the middle.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import msgspec
import structlog

from millrace_consumer.batches import runs_of
from millrace_consumer.privacy.letters import is_of, letters_of, said_by
from millrace_consumer.privacy.tombstones import USER, VISITOR, Tombstones, erased_of
from millrace_core.errors import MillraceError, NotFound, Unavailable
from millrace_core.privacy import ERASED_SECONDS, digest_of, erased_key, hashed_value
from millrace_core.time import iso_time, now_ms
from millrace_eventlog.ports import LogPorts
from millrace_eventlog.records import DeadLetter, Lag, LogRecord
from millrace_records.cache.ports import Cache, Locks, Messages
from millrace_records.ports import ERASURES_CHANGED, Erasure, Records
from millrace_warehouse.ports import Person, StoringPorts

LETTERS: Final = "dead_letters"
"""What letters are called beside tables."""

_HOUR_MS: Final = 3_600_000
_PASSES: Final = 3
_LOOKS: Final = 300
_LOOK_SECONDS: Final = 0.1
_TURN_SECONDS: Final = 60.0
SETTLED_MS: Final = 600_000
"""After so long an erasure is looked at once more: a consumer that had not heard of it may have stored a batch meanwhile."""
_SPREAD_SECONDS: Final = 6.0
"""After so long every other consumer has heard of an erasure."""

Step = Callable[[str], None]
Forgotten = Literal["forgotten", "waits", "retention"]

_log = structlog.get_logger("millrace.privacy")


@dataclass(frozen=True, slots=True)
class Found:
    """A person, and how many rows of each table are theirs."""

    person: Person
    rows: Mapping[str, int]
    shared: Sequence[str] = ()
    """Visitors who were this user once and are another by now: their events are not meant."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an erasure has done.

    Attributes:
        found: the person, and how many rows this erasure has deleted: of several at once each row is one's alone.
    """

    found: Found
    erasure: Erasure
    remaining: Mapping[str, int]
    """How many rows of each table are left: 0."""
    question: str
    """What was asked to know that, in SQL."""
    log: Forgotten
    """Whether the log has forgotten them too, has more that waits for the warehouse, or forgets by its retention."""


@dataclass(slots=True)
class PrivacyRequests:
    """Answers them.

    Args:
        cache: where processes keep answers.
        lag: what waits for the warehouse.
        is_shared: whether other consumers store, too.
        on_step: called with the name of each step; fault tests end the process there.
    """

    log: LogPorts
    warehouse: StoringPorts
    records: Records
    messages: Messages
    cache: Cache
    tombstones: Tombstones
    lag: Callable[[], Awaitable[Lag]]
    is_shared: bool
    on_step: Step
    clock: Callable[[], int] = now_ms
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)
    _since: int = field(init=False)

    def __post_init__(self) -> None:
        self._since = self.clock()

    async def find(self, tenant: str, *, user: str = "", visitor: str = "") -> Found:
        """Everything that was received of a person until now.

        Raises:
            WarehouseUnavailable, LogUnavailable, RecordsUnavailable: cannot tell now.
        """
        before = self.clock()
        await self._wait_for_warehouse(before)
        shared: Sequence[str] = ()
        names = await self._stored_as(tenant, visitor or user)
        if visitor:
            person = Person(tenant, before, visitors=tuple(names))
        else:
            found = [await self.warehouse.people.linked(tenant, name) for name in names]
            linked = {name for theirs, _ in found for name in theirs}
            shared = sorted({name for _, others in found for name in others} - linked)
            person = Person(tenant, before, users=(*names, *sorted(linked.difference(names))))
        letters = [letter async for letter in letters_of(self.log.dead_letters, tenant, is_of(person))]
        return Found(person, {**await self.warehouse.people.count(person), LETTERS: len(letters)}, shared)

    async def export(self, found: Found) -> AsyncIterator[bytes]:
        """Their rows as newline-delimited JSON: ``{"table": …, "row": {…}}``."""
        async for table, rows in self.warehouse.people.rows(found.person):
            yield b"".join(b'{"table":"%b","row":%b}\n' % (table.encode(), row) for row in rows)
        async for letter in letters_of(self.log.dead_letters, found.person.tenant, is_of(found.person)):
            yield _letter_row(letter)

    async def erase(self, found: Found, actor: str) -> Outcome:
        """Erase what was found, and what came until then and is not stored yet. Later events stay.

        Raises:
            RecordsUnavailable: nothing was done.
            WarehouseUnavailable, LogUnavailable: it was begun, and is finished by itself.
        """
        person = found.person
        salt = await self.records.erasures.salt(person.tenant)
        digests = [USER + digest_of(salt, name) for name in person.users]
        digests += [VISITOR + digest_of(salt, name) for name in person.visitors]
        asked = Erasure(person.tenant, salt, tuple(digests), person.before, actor, self.clock())
        erasure = await self.records.erasures.begin(asked)
        self.tombstones.add([erasure])
        await self._tell(person.tenant)
        self.on_step("erasure.after-begin")
        if self.is_shared:
            await asyncio.sleep(_SPREAD_SECONDS)
        async with self._one:
            passes, remaining = 0, dict(found.rows)
            erased = dict.fromkeys(found.rows, 0)  # of somebody who is erased twice at once the other may have had them
            while passes == 0 or (passes < _PASSES and any(remaining.values())):
                rows = await self._pass(erasure)
                erased = {name: max(count, rows.get(name, 0)) for name, count in erased.items()}
                remaining = {**await self.warehouse.people.count(person), LETTERS: len(await self._letters(erasure))}
                passes += 1
        if not any(remaining.values()):
            await self.records.erasures.settle(erasure.id, "erased", actor)
        await self._tell(person.tenant)
        log = await self._forget(erasure)
        self.on_step("erasure.after-forget")
        return Outcome(replace(found, rows=erased), erasure, remaining, self.warehouse.people.question(person), log)

    async def finish(self) -> None:
        """Go on with every erasure that was begun, and look once more at those of a while ago.

        Raises:
            MillraceError: the next call goes on.
        """
        for erasure in await self.records.erasures.erasures(unfinished=True):
            if self.clock() - erasure.at < SETTLED_MS and (erasure.state == "erased" or self._is_another_at_it(erasure)):
                continue
            async with self._one:
                self.tombstones.add([erasure])
                found = any((await self._pass(erasure)).values())
            if found or erasure.state == "begun":
                await self._tell(erasure.tenant)
            forgotten = await self._forget(erasure)
            if erasure.state == "begun":
                await self.records.erasures.settle(erasure.id, "erased")
                _log.info("erasure_finished", erasure=erasure.id, tenant=erasure.tenant)
            elif not found and forgotten != "waits":
                await self._repair(erasure.hours)
                await self.records.erasures.settle(erasure.id, "done")

    async def _tell(self, tenant: str) -> None:
        """What was answered until now may hold somebody who is erased."""
        await self.cache.put(erased_key(tenant), str(time.time()).encode(), ERASED_SECONDS)
        await self.messages.publish(ERASURES_CHANGED)

    def _is_another_at_it(self, erasure: Erasure) -> bool:
        """Whether another consumer may be erasing it now: two that count the same hours anew would count them twice, until they
        are repaired."""
        return self.is_shared and erasure.at >= self._since

    async def finish_regularly(self, locks: Locks) -> None:
        """At once, and every minute, for ever. Of several consumers one does."""
        while True:
            if await locks.acquire("erasures", _TURN_SECONDS * 0.9):
                try:
                    await self.finish()
                except MillraceError as error:
                    _log.warning("erasures_wait", code=error.code, cause=str(error.__cause__ or error))
            await asyncio.sleep(_TURN_SECONDS)

    async def _stored_as(self, tenant: str, name: str) -> list[str]:
        """What this name is called in rows: as it was sent, or as its hash where the tenant has ids hashed, or had at any time.

        Raises:
            RecordsUnavailable: cannot tell now.
        """
        try:
            secret = (await self.records.tenant(tenant)).hash_secret
        except NotFound:
            secret = ""
        return [name, hashed_value(secret, name)] if secret else [name]

    async def _pass(self, erasure: Erasure) -> Mapping[str, int]:
        """Delete everything that is there, whether or not it was tried before; how many rows of each table that was. The hours
        are written down before: once the rows are gone nobody knows whose rollups to compute. So are the counts, which are not
        those of ``find``: an erasure that had to wait for its turn may find nothing any more."""
        people, erased = self.warehouse.people, erased_of(erasure)
        stored, letters = await people.count(erased), await self._letters(erasure)
        known = next((one for one in await self._unfinished(erasure.tenant) if one.id == erasure.id), erasure)
        hours = sorted({*known.hours, *await people.hours(erased)})
        rows = {**stored, LETTERS: len(letters)}
        most = {name: max(count, known.rows.get(name, 0)) for name, count in rows.items()}
        await self.records.erasures.note(erasure.id, hours, most)
        self.on_step("erasure.after-note")
        if any(stored.values()):
            await people.erase(erased)
        self.on_step("erasure.after-delete")
        if known.state == "begun" or any(stored.values()):
            await self._count_anew(erasure.tenant, hours)
        self.on_step("erasure.after-rebuild")
        await self.log.dead_letters.drop([letter.id for letter in letters])
        self.on_step("erasure.after-letters")
        return rows

    async def _count_anew(self, tenant: str, hours: Sequence[int]) -> None:
        await self.warehouse.people.recount(tenant, hours)
        if self.is_shared:
            await self._repair(hours)

    async def _repair(self, hours: Sequence[int]) -> None:
        """Other consumers cannot be held while hours are counted."""
        for first, last in runs_of(hours):
            await self.warehouse.admin.repair(first * _HOUR_MS, last * _HOUR_MS)

    async def _letters(self, erasure: Erasure) -> list[DeadLetter]:
        one = Tombstones()
        one.add([erasure])

        def theirs(letter: DeadLetter) -> bool:
            said = said_by(letter)
            return said is not None and one.hides(LogRecord(letter.tenant, letter.event_id, said[2], "", "", letter.line))

        return [letter async for letter in letters_of(self.log.dead_letters, erasure.tenant, theirs)]

    async def _unfinished(self, tenant: str) -> Sequence[Erasure]:
        return await self.records.erasures.erasures(tenant=tenant, unfinished=True)

    async def _forget(self, erasure: Erasure) -> Forgotten:
        if self.log.forget is None:
            return "retention"
        try:
            return "forgotten" if await self.log.forget(erasure.before) else "waits"
        except Unavailable as error:
            _log.warning("log_not_forgotten", erasure=erasure.id, cause=str(error.__cause__ or error))
            return "waits"

    async def _wait_for_warehouse(self, before: int) -> None:
        """Links that wait in the log are not known yet: let them arrive, for a while."""
        for _ in range(_LOOKS):
            oldest = (await self.lag()).oldest_stored_at
            if oldest is None or oldest > before:
                return
            await asyncio.sleep(_LOOK_SECONDS)
        _log.warning("events_wait", seconds=_LOOKS * _LOOK_SECONDS)


def _letter_row(letter: DeadLetter) -> bytes:
    try:
        line = msgspec.json.decode(letter.line)
    except ValueError:
        line = letter.line.decode(errors="replace")
    row = {"event_id": letter.event_id, "reason": letter.reason, "error": letter.error, "at": iso_time(letter.at), "line": line}
    return msgspec.json.encode({"table": LETTERS, "row": row}) + b"\n"
