"""The log when its disk is full, its file is damaged, or its folder cannot be written: refused, told, and nothing lost."""

import asyncio
import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import msgspec
import pytest

from millrace_core.errors import LogUnavailable, StartRefused
from millrace_eventlog.records import Damaged, LogRecord
from millrace_eventlog.settings import LogSettings
from tests.support import figures
from tests.support.checker import stored_in
from tests.support.eventlog import OpenLog, ids_of, opened
from tests.support.pipeline import record, records
from tests.support.server import Server

_MB = 2**20

pytestmark = pytest.mark.faults


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts a file system of so many bytes in memory."""
    mounted: list[Path] = []

    def mount(size: int) -> Path:
        folder = tmp_path / "disk"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("a small disk takes the right to mount a tmpfs")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def large(number: int) -> LogRecord:
    """A record of 200 kB."""
    one = record(number)
    return msgspec.structs.replace(one, line=one.line.removesuffix(b"}") + b',"properties":{"x":"%b"}}' % (b"y" * 200_000))


async def _fill(log: OpenLog, kept: list[str]) -> None:
    for number in range(200):
        one = large(number)
        await log.ports.writer.append([one])
        kept.append(one.event_id)


async def _trickle(log: OpenLog) -> None:
    while True:
        await log.ports.writer.append(records(1))
        await asyncio.sleep(0.05)


async def test_a_full_disk_refuses_and_goes_on_once_there_is_room(small_disk: Callable[[int], Path]) -> None:
    folder = small_disk(24 * _MB)
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(12 * _MB))
    settings = LogSettings(log_min_free_bytes=0)  # so that SQLite itself runs into the end
    kept: list[str] = []
    async with opened(folder / "log", settings) as log:
        with pytest.raises(LogUnavailable):
            await _fill(log, kept)
        assert kept
        with pytest.raises(LogUnavailable, match=r"disk is full|cannot be written"):
            await log.ports.writer.append(records(1))
        assert set(kept) <= set(await log.ids())

        ballast.unlink()
        again = record(1000)
        async with asyncio.timeout(20):
            while again.event_id not in kept:
                try:
                    await log.ports.writer.append([again])
                    kept.append(again.event_id)
                except LogUnavailable:
                    await asyncio.sleep(0.1)
    async with opened(folder / "log", settings) as log:
        ids = await log.ids()
        assert len(ids) == len(set(ids))
        assert set(kept) <= set(ids)
        assert await log.damaged() == []


def _fill_up(ballast: Path) -> None:
    """Take all the room that is left."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    assert os.statvfs(ballast).f_bavail == 0


async def test_a_commit_that_failed_on_a_full_disk_has_consumed_nothing(small_disk: Callable[[int], Path]) -> None:
    folder = small_disk(16 * _MB)
    at_once = LogSettings(log_min_free_bytes=0, log_keep_seconds=0, log_keep_bytes=0)
    async with opened(folder / "log", at_once) as log:
        for _ in range(200):  # more than retention takes in one turn, so that some of its turns find room again
            await log.ports.writer.append(records(1))
        await _until_checkpointed(folder / "log")
        _fill_up(folder / "ballast")
        with pytest.raises(LogUnavailable):
            await log.ports.reader.commit(0, 200)
        (folder / "ballast").unlink()
        await log.until_kept(range(1, 201))
        assert (await log.ports.reader.lag(0)).records == 200
        await log.ports.reader.commit(0, 200)
        assert (await log.ports.reader.lag(0)).records == 1
        await log.until_kept([200])


async def _until_checkpointed(folder: Path) -> None:
    """Return when the write-ahead file is empty, so that the next commit needs room."""
    async with asyncio.timeout(10):
        while (folder / "log.db-wal").stat().st_size:
            await asyncio.sleep(0.05)


async def test_a_full_disk_stops_the_start_and_costs_nothing(small_disk: Callable[[int], Path]) -> None:
    folder = small_disk(16 * _MB)
    sent, settings = records(100), LogSettings(log_min_free_bytes=0)
    async with opened(folder / "log", settings) as log:
        await log.ports.writer.append(sent)
    _fill_up(folder / "ballast")
    with pytest.raises(StartRefused, match=r"log\.db.*(full|No space left|disk I/O)"):
        async with opened(folder / "log", settings):
            pass
    (folder / "ballast").unlink()
    async with opened(folder / "log", settings) as log:
        assert await log.ids() == ids_of(sent)


async def test_a_disk_that_fills_up_is_refused_before_it_is_full(small_disk: Callable[[int], Path]) -> None:
    folder = small_disk(24 * _MB)
    async with opened(folder / "log", LogSettings(log_min_free_bytes=8 * _MB)) as log:
        ballast = folder / "ballast"
        ballast.write_bytes(bytes(18 * _MB))
        async with asyncio.timeout(10):
            with pytest.raises(LogUnavailable, match="the disk is full"):
                await _trickle(log)
        await log.ports.reader.commit(0, 2)  # what has to go on has room to
        ballast.unlink()
        async with asyncio.timeout(10):
            while True:
                try:
                    await log.ports.writer.ping()
                    break
                except LogUnavailable:
                    await asyncio.sleep(0.05)


def _post(client: httpx.Client, acknowledged: set[str]) -> int:
    ids = [record(0).event_id for _ in range(20)]
    events = [{"event_id": one, "customer_id": "d", "visitor_id": "v", "event_type": "t"} for one in ids]
    answer = client.post("/track/batch", json={"events": events})
    if answer.status_code == 200:
        acknowledged.update(ids)
    else:
        assert answer.json()["code"] == "log_unavailable"
        assert int(answer.headers["retry-after"]) >= 2
    return answer.status_code


@pytest.mark.minutes
def test_a_server_on_a_full_disk_answers_503_and_loses_nothing(small_disk: Callable[[int], Path]) -> None:
    folder = small_disk(160 * _MB)
    environment = {"MILLRACE_LOG_MIN_FREE_BYTES": str(40 * _MB), "MILLRACE_LOG_LEVEL": "warning"}
    server = Server(folder / "data", environment)
    server.log = folder.parent / "server.log"
    server.start()
    ballast, acknowledged = folder / "ballast", set[str]()
    try:
        with httpx.Client(base_url=server.url, timeout=30) as client:
            ballast.write_bytes(bytes(110 * _MB))
            statuses: list[int] = []
            deadline = time.monotonic() + 20  # not so many requests: the disk is looked at once a second
            while statuses[-3:] != [503] * 3:
                statuses.append(_post(client, acknowledged))
                assert time.monotonic() < deadline, "it does not refuse"
            assert client.get("/live").status_code == 200
            ballast.unlink()
            deadline = time.monotonic() + 20
            while _post(client, acknowledged) != 200:
                assert time.monotonic() < deadline, "it does not go on"
                time.sleep(0.1)
        server.wait_until_stored()
    finally:
        code = server.stop()
    assert code == 0
    stored = stored_in(server.data_dir)
    assert acknowledged <= stored.events.keys()
    assert stored.rows == stored.unique_ids


def _damage(folder: Path, offset: int, change: Callable[[bytes], bytes], column: str = "payload") -> None:
    figures.injected("damaged entry")
    with sqlite3.connect(folder / "log.db") as connection:
        ((stored,),) = connection.execute(f"SELECT {column} FROM log WHERE id = ?", (offset,)).fetchall()
        connection.execute(f"UPDATE log SET {column} = ? WHERE id = ?", (change(bytes(stored)), offset))
    connection.close()


@pytest.mark.parametrize("column", ["payload", "record_index"])
@pytest.mark.parametrize(
    "change",
    [lambda stored: bytes([stored[0] ^ 1]) + stored[1:], lambda stored: stored[:-3], lambda _: b""],
    ids=["a bit flips", "the end is torn off", "it is empty"],
)
async def test_a_damaged_entry_is_told_and_the_others_are_read(
    tmp_path: Path, column: str, change: Callable[[bytes], bytes]
) -> None:
    sent = [records(4) for _ in range(3)]
    async with opened(tmp_path) as log:
        for call in sent:
            await log.ports.writer.append(call)
    _damage(tmp_path, 2, change, column)
    async with opened(tmp_path) as log:
        assert await log.ids() == [*ids_of(sent[0]), *ids_of(sent[2])]
        (damaged,) = await log.damaged()
        assert (damaged.offset, damaged.records) == (2, 4)
        assert log.metrics.registry.get_sample_value("millrace_log_damaged_records_total") == 8  # it was read twice


async def test_a_page_that_cannot_be_read_costs_its_entries_and_no_others(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        for number in range(6):
            await log.ports.writer.append([large(number)])
    size = (tmp_path / "log.db").stat().st_size
    with (tmp_path / "log.db").open("r+b") as file:
        file.seek(size // 2 // 4096 * 4096)
        file.write(b"\xff" * 4096)
    async with opened(tmp_path) as log:
        entries = await log.entries()
        damaged = [entry for entry in entries if isinstance(entry, Damaged)]
        assert 1 <= len(damaged) <= 2
        assert len(entries) == 6
        kept = records(1)
        await log.ports.writer.append(kept)
        assert (await log.ids())[-1] == kept[0].event_id
        await log.ports.reader.commit(0, 8)
        assert (await log.ports.reader.lag(0)).oldest_stored_at is None


_GARBAGE = random.Random(23).randbytes(70_000)


@pytest.mark.parametrize("tail", [b"", b"\x00" * 5000, _GARBAGE], ids=["nothing", "zeros", "garbage"])
async def test_a_torn_write_ahead_file_loses_nothing_that_was_acknowledged_before_it(tmp_path: Path, tail: bytes) -> None:
    """The file as a power cut leaves it: whole commits, then what was never synced, and nobody was told of."""
    live, torn = tmp_path / "live", tmp_path / "torn"
    torn.mkdir()
    async with opened(live) as log:
        sent = [records(50) for _ in range(4)]
        for call in sent:
            await log.ports.writer.append(call)
        for name in ("log.db", "log.db-wal"):
            (torn / name).write_bytes((live / name).read_bytes() + (tail if name.endswith("wal") else b""))
    async with opened(torn) as log:
        assert await log.ids() == [one for call in sent for one in ids_of(call)]
        await log.ports.writer.append(records(1))


WAL_DAMAGE: dict[str, tuple[Callable[[bytes], bytes], int]] = {
    "the last commit is torn": (lambda wal: wal[:-1000], 3),
    "the first page is garbage": (lambda wal: wal[:32] + _GARBAGE[:4120] + wal[32 + 4120 :], 0),
    "its header is cut": (lambda wal: wal[:20], 0),
    "all of it is garbage": (lambda wal: _GARBAGE, 0),
    "it is gone": (lambda wal: b"", 0),
}
"""What happens to a write-ahead file of four commits, and how many of them are left."""


@pytest.mark.parametrize("damage", WAL_DAMAGE)
async def test_a_damaged_write_ahead_file_costs_nothing_of_the_main_file(tmp_path: Path, damage: str) -> None:
    change, left = WAL_DAMAGE[damage]
    live, torn = tmp_path / "live", tmp_path / "torn"
    torn.mkdir()
    sent = [records(50) for _ in range(6)]
    async with opened(live) as log:
        for call in sent[:2]:
            await log.ports.writer.append(call)
    async with opened(live) as log:  # the end of the one before moved everything into the main file
        for call in sent[2:]:
            await log.ports.writer.append(call)
        wal = (live / "log.db-wal").read_bytes()
        (torn / "log.db").write_bytes((live / "log.db").read_bytes())
    (torn / "log.db-wal").write_bytes(change(wal))
    survived = [one for call in sent[: 2 + left] for one in ids_of(call)]
    async with opened(torn) as log:
        assert await log.ids() == survived
        late = records(1)
        await log.ports.writer.append(late)
    async with opened(torn) as log:
        assert await log.ids() == [*survived, *ids_of(late)]
        assert await log.damaged() == []


async def test_what_cannot_be_a_log_stops_the_start_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"this is no database at all" * 400)
    with pytest.raises(StartRefused, match=r"log\.db cannot be opened") as refused:
        async with opened(tmp_path):
            pass
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("there", [True, False], ids=["with a log", "without a log"])
async def test_a_read_only_folder_stops_the_start(small_disk: Callable[[int], Path], there: bool) -> None:
    folder = small_disk(16 * _MB)
    sent, settings = records(10), LogSettings(log_min_free_bytes=0)
    if there:
        async with opened(folder, settings) as log:
            await log.ports.writer.append(sent)
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    with pytest.raises(StartRefused, match=r"log\.db\S* cannot be opened: Read-only file system") as refused:
        async with opened(folder, settings):
            pass
    assert "\n" not in str(refused.value)
    subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
    async with opened(folder, settings) as log:
        assert await log.ids() == (ids_of(sent) if there else [])


async def test_a_folder_where_nothing_can_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StartRefused):
        async with opened(tmp_path / "file"):
            pass
