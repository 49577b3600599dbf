"""Where an event is: in the warehouse, among the dead letters, on its way, or refused."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import msgspec

from millrace_analytics.families.ingest.schemas import Duplicates, FoundEvent, Letter, LogPlace, Seen
from millrace_analytics.live.places import is_before
from millrace_core.errors import NotFound, WarehouseUnavailable
from millrace_core.ids import stored_ids_of
from millrace_core.time import iso_of_warehouse, iso_time, now_ms
from millrace_eventlog.outcomes import OUTCOMES
from millrace_eventlog.ports import DeadLetters, LogTail
from millrace_eventlog.records import DeadLetter, Entry, LogRecord, TailItem, TailPosition
from millrace_warehouse.ports import StoredPosition, TenantWarehouse, Warehouse

_MOST_RECORDS: Final = 200_000
_MOST_SECONDS: Final = 5.0
_AT_ONCE: Final = 2
"""Look-ups that read the log at the same time; others wait."""

_COLUMNS: Final = (
    "SELECT toString(event_id), client_event_id, event_type, toUnixTimestamp64Milli(timestamp), "
    "toUnixTimestamp64Milli(received_at), toUnixTimestamp64Milli(ingested_at), protocol, key_id, _p, _o, _i FROM events_raw "
    "WHERE customer_id = {tenant:String}"
)
_BY_POSITION: Final = (
    f"{_COLUMNS} AND _p = {{partition:UInt16}} AND _o = {{offset:UInt64}} AND _i = {{index:UInt16}} "
    "AND event_id = {id:UUID} LIMIT 1"
)
_BY_ID: Final = f"{_COLUMNS} AND event_id IN {{ids:Array(UUID)}} LIMIT 1"
_SEEN: Final = (
    "SELECT outcome, reason, protocol, key_id, count() AS times, toUnixTimestamp64Milli(max(last_at)) AS at "
    "FROM ingest_outcomes FINAL WHERE customer_id = {tenant:String} AND events > 0 "
    "AND (has(sample, {given:String}) OR hasAny(sample, {ids:Array(String)})) "
    "GROUP BY outcome, reason, protocol, key_id ORDER BY at DESC LIMIT 50"
)


class StoredIds(Protocol):
    """Where recent ids are: the warehouse's table of them, which is in the order of ids."""

    def __call__(self, ids: Sequence[tuple[str, str]], /) -> Awaitable[Sequence[StoredPosition]]:
        """Of these (tenant, event id) pairs the ones stored within the last 48 hours, with their positions."""
        ...


class EventNotFound(NotFound):
    """Nobody has met this id, as far as was looked."""

    code = "event_not_found"


@dataclass(slots=True)
class _LogSearch:
    """What was looked through of the log, from what is stored to its end."""

    record: LogRecord | None = None
    place: tuple[int, int, int] = (0, 0, 0)
    stored_at: int = 0
    records: int = 0
    oldest_stored_at: int | None = None
    is_whole: bool = True


@dataclass(slots=True)
class _Asked:
    tenant: str
    given: str
    ids: Sequence[str]
    """Under which it may be stored."""
    all_of_warehouse: bool = field(default=True)

    @property
    def names(self) -> list[str]:
        """Everything that a sample may have of it."""
        return list(dict.fromkeys([self.given, *self.ids]))


class Lookups:
    """Looks for single events.

    Args:
        stored_ids: of the writer's side, as tenants cannot read ids by themselves; only the asking tenant's are asked for.
        clock: milliseconds since the epoch.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        stored_ids: StoredIds,
        tail: LogTail,
        letters: DeadLetters,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._warehouse = warehouse
        self._stored_ids = stored_ids
        self._tail = tail
        self._letters = letters
        self._clock = clock
        self._searches = asyncio.Semaphore(_AT_ONCE)

    async def find(self, tenant: str, given: str) -> FoundEvent:
        """Where the tenant's event of this id is: a UUID, or the id that its client gave it.

        The log is looked at from before to behind: what is stored meanwhile is found in one of the two.

        Raises:
            EventNotFound: its ``detail`` says what was looked through.
            WarehouseUnavailable, LogUnavailable: cannot tell now.
        """
        asked = _Asked(tenant, given, stored_ids_of(tenant, given))
        warehouse = self._warehouse.of(tenant)
        committed = await self._tail.committed()
        row = await self._stored(warehouse, asked)
        seen = await _seen(warehouse, asked)
        if row is not None:
            return _answer(asked, "stored", seen, **_of_row(row))
        letters = await self._letters.list(tenant=tenant, event_ids=asked.ids, limit=1)
        if letters:
            return _answer(asked, "dead_letter", seen, **_of_letter(letters[0]))
        search = await self._search(asked, committed)
        if search.record is not None:
            return _answer(asked, "accepted", seen, **_of_record(search))
        if seen:
            return _answer(asked, seen[0].outcome, seen, reason=seen[0].reason or None)
        raise self._not_found(asked, search)

    async def _stored(self, warehouse: TenantWarehouse, asked: _Asked) -> Sequence[Any] | None:
        """By its id among those of the last 48 hours, else among all, which is a longer way."""
        for one in await self._stored_ids([(asked.tenant, each) for each in asked.ids]):
            values = {"tenant": asked.tenant, "partition": one.partition, "offset": one.offset, "index": one.index}
            rows = (await warehouse.query(_BY_POSITION, {**values, "id": one.event_id})).rows
            if rows:
                return rows[0]
        try:
            rows = (await warehouse.query(_BY_ID, {"tenant": asked.tenant, "ids": list(asked.ids)})).rows
        except WarehouseUnavailable:  # it has answered before and is asked again behind this: the way was too long
            asked.all_of_warehouse = False
            return None
        return rows[0] if rows else None

    async def _search(self, asked: _Asked, committed: TailPosition) -> _LogSearch:
        """The log from what is stored on, up to its end, 200,000 records, or five seconds."""
        found = _LogSearch()
        async with self._searches:
            end = await self._tail.end()
            seen = TailPosition(dict(committed.seen))
            if not is_before(seen, end):
                return found
            try:
                async with (
                    asyncio.timeout(_MOST_SECONDS),
                    contextlib.aclosing(self._tail.follow(TailPosition(dict(seen.seen)))) as items,
                ):
                    async for item in items:
                        seen.seen[item.partition] = (item.end, -1) if isinstance(item, TailItem) else (item.last + 1, -1)
                        if isinstance(item, TailItem) and _look(item, asked, found):
                            return found
                        if not is_before(seen, end):
                            return found
                        if found.records >= _MOST_RECORDS:
                            break
            except TimeoutError:
                pass
            found.is_whole = False
            return found

    def _not_found(self, asked: _Asked, search: _LogSearch) -> EventNotFound:
        behind = 0 if search.oldest_stored_at is None else max(0, self._clock() - search.oldest_stored_at)
        error = EventNotFound(
            "No event of this id was met: not in the warehouse, not among dead letters, not in the log, and not among the "
            "samples of what was refused."
        )
        error.detail = {
            "customer_id": asked.tenant,
            "looked_for": asked.names,
            "warehouse": "every event"
            if asked.all_of_warehouse
            else "the last 48 hours: the tenant has too many events for more",
            "refused": "ids of some of the events that were refused in the last 30 days",
            "log": {
                "records": search.records,
                "whole": search.is_whole,
                "consumer_behind_seconds": round(behind / 1000, 3),
            },
        }
        return error


def _look(item: TailItem, asked: _Asked, found: _LogSearch) -> bool:
    """Whether the event is in this item."""
    entry: Entry = item.entry
    if found.oldest_stored_at is None or entry.stored_at < found.oldest_stored_at:
        found.oldest_stored_at = entry.stored_at
    for number, record in enumerate(item.records):
        if record.tenant == asked.tenant and record.event_id in asked.ids and record.protocol != OUTCOMES:
            found.record, found.place, found.stored_at = record, item.place(number), entry.stored_at
            return True
    found.records += len(item.records)
    return False


async def _seen(warehouse: TenantWarehouse, asked: _Asked) -> list[Seen]:
    # The text of a request is a value of its own: inside a list the driver and the engine escape it differently. No text of an
    # answer has a NUL, so none is looked for.
    values = {"tenant": asked.tenant, "given": asked.given.replace("\0", " "), "ids": list(asked.ids)}
    rows = (await warehouse.query(_SEEN, values)).rows
    names = ("outcome", "reason", "protocol", "key_id", "times")
    return [Seen(**dict(zip(names, row[:5], strict=True)), last_at=iso_time(row[5])) for row in rows]


def _answer(asked: _Asked, status: str, seen: list[Seen], **more: Any) -> FoundEvent:
    again = [one for one in seen if one.outcome == "duplicate"]
    duplicates = Duplicates(times=sum(one.times for one in again), last_at=max((one.last_at for one in again), default=None))
    return FoundEvent.model_validate(
        {"customer_id": asked.tenant, "status": status, "duplicates": duplicates, "seen": seen, **more}
    )


def _of_row(row: Sequence[Any]) -> dict[str, Any]:
    event_id, client_id, event_type, timestamp, received_at, ingested_at, protocol, key_id, partition, offset, index = row
    return {
        "event_id": event_id,
        "client_event_id": client_id or None,
        "event_type": event_type,
        "timestamp": iso_time(timestamp),
        "received_at": iso_time(received_at),
        "ingested_at": iso_time(ingested_at),
        "protocol": protocol,
        "key_id": key_id,
        "log_position": LogPlace(partition=partition, offset=offset, index=index),
    }


class _Line(msgspec.Struct):
    event_type: str = ""
    timestamp: str = ""
    received_at: str = ""
    client_event_id: str = ""
    protocol: str = ""
    key_id: str = ""


_decode_line: Final = msgspec.json.Decoder(_Line).decode


def _of_line(line: bytes) -> dict[str, Any]:
    try:
        said = _decode_line(line)
    except (msgspec.DecodeError, UnicodeDecodeError):  # set aside because nobody can read it
        return {}
    times = {name: iso_of_warehouse(text) if (text := getattr(said, name)) else None for name in ("timestamp", "received_at")}
    texts = {name: getattr(said, name) or None for name in ("event_type", "client_event_id", "protocol")}
    return {**times, **texts, "key_id": said.key_id}


def _of_letter(letter: DeadLetter) -> dict[str, Any]:
    told = Letter(letter_id=letter.id, reason=letter.reason, error=letter.error, set_aside_at=iso_time(letter.at))
    place = LogPlace(partition=letter.partition, offset=letter.offset, index=letter.index)
    return {
        "event_id": letter.event_id,
        **_of_line(letter.line),
        "log_position": place,
        "reason": letter.reason,
        "letter": told,
    }


def _of_record(search: _LogSearch) -> dict[str, Any]:
    record = search.record
    assert record is not None
    partition, offset, index = search.place
    return {
        "event_id": record.event_id,
        **_of_line(record.line),
        "ingested_at": iso_time(search.stored_at),
        "protocol": record.protocol,
        "key_id": record.key_id,
        "log_position": LogPlace(partition=partition, offset=offset, index=index),
    }
