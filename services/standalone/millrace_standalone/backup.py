"""A backup of everything that one process on embedded engines stores, made while it runs (the way back: ``restoring``).

The records come first, so that an erasure that they say is done is done in the events, too. Then the events are frozen and the
log is copied at the same moment, in which nothing is inserted: what is not in the events is in the log behind the consumer's
position. The manifest comes last, so a folder without one is no backup.
"""

import asyncio
import os
import shutil
import sqlite3
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from millrace_core.errors import InvalidInput
from millrace_core.time import iso_time, now_ms
from millrace_eventlog.ports import LogPorts
from millrace_records.settings import RecordsSettings
from millrace_records.wiring import copy_records
from millrace_warehouse.ports import WarehouseAdmin

MANIFEST: Final = "backup.json"
LOG: Final = "log.db"
RECORDS: Final = "records.db"
ENGINE: Final = Path("warehouse") / "engine"
"""Where what is in a backup stands in it, and in a data folder."""
EVENTS: Final = "events_raw"
_PIECE: Final = 1 << 20


class Manifest(msgspec.Struct):
    """What a backup has."""

    version: str
    """Of millrace, that made it: an older one refuses it."""
    made_at: str
    files: dict[str, tuple[int, int]]
    """Each file below the folder: its size, and the CRC-32 of its content."""
    rows: dict[str, int]
    """Of each table, in the parts of the warehouse: rows that have to be merged yet are counted, too."""

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(size for size, _ in self.files.values())


class Backups:
    """Makes backups of one process.

    Args:
        version: of millrace.
    """

    def __init__(
        self, settings: RecordsSettings, data_dir: Path, log: LogPorts, warehouse: WarehouseAdmin, version: str
    ) -> None:
        self._settings = settings
        self._data_dir = data_dir
        self._log = log
        self._warehouse = warehouse
        self._version = version
        self._turn = asyncio.Lock()

    async def make(self, folder: Path) -> tuple[Manifest, float]:
        """Make one in a folder that is not there yet; what it has, and for how many seconds inserts waited.

        Raises:
            InvalidInput: ``not_embedded``; ``not_empty``; ``folder_refused``.
            Unavailable: try again later.
        """
        if self._log.copy is None or self._settings.records_are_served:
            raise InvalidInput("Only one process on embedded engines makes backups like this.", code="not_embedded")
        async with self._turn:
            try:
                return await self._make(folder)
            except (OSError, sqlite3.Error) as error:
                raise InvalidInput(f"{folder} cannot be written: {error}", code="folder_refused") from error

    async def _make(self, folder: Path) -> tuple[Manifest, float]:
        is_new = await asyncio.to_thread(_make_folder, folder)
        try:
            return await self._fill(folder)
        except Exception:
            await asyncio.to_thread(clear, folder)
            if is_new:
                await asyncio.to_thread(folder.rmdir)
            raise

    async def _fill(self, folder: Path) -> tuple[Manifest, float]:
        await asyncio.to_thread(copy_records, self._settings, self._data_dir, folder / RECORDS)
        began = waited = 0.0

        async def copy_log() -> None:
            nonlocal began, waited
            began = time.monotonic()
            assert self._log.copy is not None
            await self._log.copy(folder / LOG)
            waited = time.monotonic() - began

        rows = await self._warehouse.copy(folder / ENGINE, copy_log)
        manifest = Manifest(self._version, iso_time(now_ms()), await asyncio.to_thread(_summed, folder), dict(rows))
        await asyncio.to_thread((folder / MANIFEST).write_bytes, msgspec.json.encode(manifest))
        return manifest, waited


def _make_folder(folder: Path) -> bool:
    """Whether it was not there."""
    if (is_there := folder.exists()) and any(folder.iterdir()):
        raise InvalidInput(f"{folder} is not empty: a backup needs a folder of its own.", code="not_empty")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return not is_there


def clear(folder: Path) -> None:
    """Remove what is in a folder that was empty before."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _summed(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path.relative_to(folder)): (path.stat().st_size, crc32_of(path)) for path in _files(folder)}


def _files(folder: Path) -> Iterator[Path]:
    for inside, _, names in os.walk(folder):
        yield from (Path(inside) / name for name in sorted(names))


def crc32_of(path: Path) -> int:
    """Of the file's content."""
    found = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            found = zlib.crc32(piece, found)
    return found
