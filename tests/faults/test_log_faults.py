"""The log when its disk is full, its file is damaged, or its folder cannot be written: refused, told, and nothing lost."""

import asyncio
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from millrace_core.errors import LogUnavailable, StartRefused
from millrace_eventlog.records import Damaged, LogRecord
from millrace_eventlog.settings import LogSettings
from tests.support.checker import stored_in
from tests.support.eventlog import OpenLog, ids_of, opened
from tests.support.pipeline import record, records
from tests.support.server import Server

_MB = 2**20


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


def test_a_server_on_a_full_disk_answers_503_and_loses_nothing(small_disk: Callable[[int], Path]) -> None:
    folder = small_disk(160 * _MB)
    environment = {"MILLRACE_LOG_MIN_FREE_BYTES": str(40 * _MB), "MILLRACE_LOG_LEVEL": "warning"}
    server = Server(folder / "data", environment)
    server.log = folder.parent / "server.log"
    server.start()
    ballast, acknowledged = folder / "ballast", set[str]()
    try:
        with httpx.Client(base_url=server.url, timeout=30) as client:
            ballast.write_bytes(bytes(100 * _MB))
            statuses: list[int] = []
            while statuses[-3:] != [503] * 3:
                statuses.append(_post(client, acknowledged))
                assert len(statuses) < 1000
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


@pytest.mark.parametrize("tail", [b"", b"\x00" * 5000, os.urandom(70_000)], ids=["cut", "zeros", "garbage"])
async def test_a_torn_write_ahead_file_loses_nothing_that_was_acknowledged_before_it(tmp_path: Path, tail: bytes) -> None:
    """The file as a power cut leaves it: whole commits, then half of one that nobody was told of."""
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


async def test_what_cannot_be_a_log_stops_the_start_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"this is no database at all" * 400)
    with pytest.raises(StartRefused, match=r"log\.db cannot be opened") as refused:
        async with opened(tmp_path):
            pass
    assert "\n" not in str(refused.value)


async def test_a_folder_where_nothing_can_be_written_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StartRefused):
        async with opened(tmp_path / "file"):
            pass
