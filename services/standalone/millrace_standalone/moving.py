"""Moving up: what an embedded folder holds, into Kafka, a ClickHouse server and PostgreSQL.

Everything is read from the folder and nothing is changed there, so a move may be stopped and run again: the target tells how
far it is. Moved rows stand under a partition of their own, which no log has.
"""

import asyncio
import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from millrace_consumer.consumer import Consumer
from millrace_consumer.privacy.tombstones import Tombstones
from millrace_core.errors import MillraceError, StartRefused
from millrace_eventlog.ports import DeadLetters
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import open_log
from millrace_records.settings import RecordsSettings
from millrace_records.wiring import open_records
from millrace_service.metrics import Metrics
from millrace_standalone.moving_records import move_records
from millrace_standalone.restoring import require_whole
from millrace_standalone.server_file import server_on
from millrace_standalone.settings import StandaloneSettings
from millrace_warehouse.ports import EventSource, EventTarget, StoringPorts, WarehouseWriter
from millrace_warehouse.settings import WarehouseSettings
from millrace_warehouse.wiring import open_source, open_storing, open_target

_PAGE_ROWS: Final = 50_000
_LETTERS: Final = 500
_LOOK_SECONDS: Final = 0.2

Told = Callable[[str, int, int], None]
"""Called with what is being moved, how much of it is there, and how much there is."""


class Destination(msgspec.Struct):
    """Where the events of a folder went, in ``moved.json`` beside them."""

    to: str
    partition: int


class Counts(msgspec.Struct):
    """What there was, and what arrived."""

    events: int
    events_arrived: int
    letters: int
    hours_repaired: int
    """Rollups that an interrupted move had left short."""


class MoveShort(MillraceError):
    """Less arrived than there was."""

    code = "move_short"


async def move(
    source: StandaloneSettings, log: LogSettings, warehouse: WarehouseSettings, records: RecordsSettings, told: Told
) -> Counts:
    """Store what the folder's log still holds in its own warehouse, then take everything over and count it.

    Raises:
        StartRefused: a server has the folder, the folder holds nothing, or the target cannot be used.
        Unavailable: either end is in trouble; the same call goes on from there.
        MoveShort: not everything arrived, which the same call may complete.
    """
    if not _log_file(source).exists():
        raise StartRefused(f"{source.data_dir} holds no log: name the folder of `millrace up` with --data-dir")
    require_whole(source.data_dir)
    server = server_on(source.data_dir)
    if server is not None:
        raise StartRefused(f"process {server.pid} serves {source.data_dir}: stop it first")
    metrics = Metrics()
    async with (
        open_target(warehouse, source.data_dir, metrics) as (storing, target),
        open_log(log, source.data_dir, metrics, uses={"set_aside"}) as there,
        open_records(records, source.data_dir) as kept,
    ):
        await _empty_log(source, told)
        partition = await _partition(source.data_dir, warehouse, target)
        async with open_log(source, source.data_dir, metrics) as here:
            letters = await _move_letters(here.dead_letters, there.dead_letters, partition, told)
        async with open_records(source, source.data_dir) as had:
            await move_records(had, kept)
        async with open_source(source, source.data_dir, metrics) as events:
            moving = _Events(events, storing, target, partition, told)
            wanted, arrived, repaired = await moving.run()
            await _move_outcomes(events, storing.writer, partition)
    short = [
        f"{month} ({arrived.get(month, 0):,} of {there_:,})"
        for month, there_ in wanted.items()
        if arrived.get(month, 0) != there_
    ]
    if short:
        raise MoveShort(f"not every event arrived: {', '.join(short)}. Run the command again")
    return Counts(sum(wanted.values()), sum(arrived.values()), letters, repaired)


def _log_file(source: StandaloneSettings) -> Path:
    return Path((source.log_url or "").removeprefix("sqlite:///"))


async def _empty_log(settings: StandaloneSettings, told: Told) -> None:
    """Bring what was accepted and not stored yet into the folder's own warehouse."""
    metrics = Metrics()
    async with (
        open_log(settings, settings.data_dir, metrics) as log,
        open_storing(settings, settings.data_dir, metrics) as warehouse,
    ):
        stop, tombstones = asyncio.Event(), await _erased(settings)
        consumer = Consumer(settings, log.reader, log.dead_letters, warehouse, metrics, tombstones=tombstones)
        running = asyncio.create_task(consumer.run(stop), name="consumer")
        try:
            most = (await log.reader.lag(0)).records
            while not running.done():
                left = (await log.reader.lag(0)).records
                if most:
                    told("waiting events", max(0, most - left), most)
                if not left:
                    break
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            stop.set()
            await running


async def _erased(settings: StandaloneSettings) -> Tombstones:
    """Whose events are not to come back.

    Raises:
        StartRefused: somebody is not erased yet, and would be moved.
    """
    tombstones = Tombstones()
    async with open_records(settings, settings.data_dir) as records:
        if any(one.state == "begun" for one in await records.erasures.erasures(unfinished=True)):
            raise StartRefused(f"an erasure in {settings.data_dir} is not finished: start `millrace up` on it once")
        await tombstones.read(records)
    return tombstones


async def _partition(data_dir: Path, warehouse: WarehouseSettings, target: EventTarget) -> int:
    """The partition of this folder's rows there, written down before the first of them goes."""
    path, to = data_dir / "moved.json", (warehouse.warehouse_url or "").rpartition("@")[2]
    try:
        known = msgspec.json.decode(path.read_bytes(), type=Destination)
    except FileNotFoundError:
        known = Destination(to, await target.free_partition())
        fresh = path.with_name(path.name + ".new")
        fresh.write_bytes(msgspec.json.encode(known))
        os.replace(fresh, path)  # noqa: PTH105 (the same call; this one says that it replaces)
    except (OSError, msgspec.MsgspecError) as error:
        raise StartRefused(f"{path} cannot be read: it says under which partition the events of this folder stand") from error
    if known.to != to:
        raise StartRefused(f"{path} says that this folder goes to {known.to}: remove it to move everything to {to} as well")
    return known.partition


async def _move_letters(here: DeadLetters, there: DeadLetters, partition: int, told: Told) -> int:
    """How many there were. One that is there already is not put again, whatever was decided about it since."""
    whole, done, after = await here.count(), 0, 0
    while letters := await here.list(after=after, limit=_LETTERS):
        await there.put([dataclasses.replace(letter, partition=partition, id=0) for letter in letters])
        after, done = letters[-1].id, done + len(letters)
        told("dead letters", done, whole)
    return done


async def _move_outcomes(here: EventSource, there: WarehouseWriter, partition: int) -> None:
    """What became of events that are not stored as they came; what is there already stays one."""
    done = 0
    while rows := await here.outcomes(done, _PAGE_ROWS, partition):
        await there.insert_outcomes(rows)
        done += len(rows)


class _Events:
    def __init__(self, source: EventSource, storing: StoringPorts, target: EventTarget, partition: int, told: Told) -> None:
        self._source = source
        self._storing = storing
        self._target = target
        self._partition = partition
        self._told = told
        self._whole = 0
        self._done = 0

    async def run(self) -> tuple[Mapping[int, int], Mapping[int, int], int]:
        """How many events each month has, how many of them arrived, how many hours of rollups had to be repaired."""
        wanted = await self._source.months()
        arrived = await self._target.months(self._partition)
        self._whole, self._done = sum(wanted.values()), sum(arrived.values())
        for month, events in wanted.items():
            if arrived.get(month, 0) == events:
                continue
            await self._source.stage(month)
            try:
                await self._forward(month)
                if (await self._target.months(self._partition)).get(month, 0) != events:
                    await self._complete()
            finally:
                await self._source.unstage()
        repaired = 0
        if wanted:
            # An insert that was cut off may have left rollups out.
            first, last = min(wanted), max(wanted)
            repaired = await self._storing.admin.repair(_begin(first), _begin(_next(last)) - 1)
        return wanted, await self._target.months(self._partition), repaired

    async def _forward(self, month: int) -> None:
        """What lies behind the last row that has arrived: pages go in order."""
        after = await self._target.last(self._partition, month)
        while (page := await self._source.page(after, _PAGE_ROWS, self._partition)) is not None:
            await self._insert(page.rows, f"{page.first}-{page.last}")
            after = page.last

    async def _complete(self) -> None:
        """What is missing between the others: a target that was killed may know the token of a page without its rows."""
        after = None
        while (page := await self._source.page(after, _PAGE_ROWS, self._partition)) is not None:
            found = await self._storing.writer.stored_positions(self._partition, page.first[0], page.last[0])
            stored = {(offset, index) for offset, index, _ in found}
            missing = [row for row, position in zip(page.rows, page.positions, strict=True) if position not in stored]
            if missing:
                await self._insert(missing, f"{page.first}-{page.last} without {len(stored)}")
            after = page.last

    async def _insert(self, rows: Sequence[bytes], name: str) -> None:
        await self._storing.writer.insert(rows, f"move:{self._partition}:{name}")
        self._done += len(rows)
        self._told("events", self._done, self._whole)


def _begin(month: int) -> int:
    """Of a month like 202602, in milliseconds since the epoch."""
    return int(datetime(month // 100, month % 100, 1, tzinfo=UTC).timestamp() * 1000)


def _next(month: int) -> int:
    return month + 1 if month % 100 < 12 else month + 89
