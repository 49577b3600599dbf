"""A backup of everything that one process on embedded engines stores, made while it runs; and the way back.

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
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from millrace_core.errors import InvalidInput, StartRefused
from millrace_core.time import iso_time, now_ms
from millrace_eventlog.ports import LogPorts
from millrace_records.settings import RecordsSettings
from millrace_records.wiring import copy_records
from millrace_warehouse.ports import WarehouseAdmin

_MANIFEST: Final = "backup.json"
_LOG: Final = "log.db"
_RECORDS: Final = "records.db"
_ENGINE: Final = Path("warehouse") / "engine"
_PIECE: Final = 1 << 20


class Manifest(msgspec.Struct):
    """What a backup has."""

    version: str
    """Of millrace, that made it: an older one refuses it."""
    made_at: str
    files: dict[str, tuple[int, int]]
    """Each file below the folder: its size, and the CRC-32 of its content."""

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
        await asyncio.to_thread(_make_folder, folder)
        await asyncio.to_thread(copy_records, self._settings, self._data_dir, folder / _RECORDS)
        began = waited = 0.0

        async def copy_log() -> None:
            nonlocal began, waited
            began = time.monotonic()
            assert self._log.copy is not None
            await self._log.copy(folder / _LOG)
            waited = time.monotonic() - began

        await self._warehouse.copy(folder / _ENGINE, copy_log)
        manifest = Manifest(self._version, iso_time(now_ms()), await asyncio.to_thread(_summed, folder))
        await asyncio.to_thread((folder / _MANIFEST).write_bytes, msgspec.json.encode(manifest))
        return manifest, waited


def restore(folder: Path, data_dir: Path) -> Manifest:
    """Put a backup into a data folder that has nothing yet; ``millrace up`` opens it.

    Raises:
        StartRefused: it is no whole backup, or the data folder is not empty.
    """
    try:
        manifest = msgspec.json.decode((folder / _MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise StartRefused(f"{folder} is no backup: it has no {_MANIFEST} that can be read") from error
    if data_dir.exists() and any(data_dir.iterdir()):
        raise StartRefused(f"{data_dir} is not empty: name another folder with --data-dir, or move what is there away")
    _check(folder, manifest)
    try:
        for name in manifest.files:
            to = data_dir / name
            to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(folder / name, to)  # never as links: the backup has to stay as it is
    except OSError as error:
        raise StartRefused(f"{data_dir} cannot be written: {error}") from error
    return manifest


def _check(folder: Path, manifest: Manifest) -> None:
    for name, (size, crc32) in manifest.files.items():
        path = folder / name
        if ".." in Path(name).parts or not path.is_file() or path.stat().st_size != size or _crc32(path) != crc32:
            raise StartRefused(f"the backup is damaged: {name} is not what it was when it was made")
    for name in (_LOG, _RECORDS):
        with closing(sqlite3.connect(f"file:{folder / name}?mode=ro", uri=True)) as database:
            (said,) = database.execute("PRAGMA integrity_check").fetchone()
        if said != "ok":
            raise StartRefused(f"the backup is damaged: {name}: {said}")


def _make_folder(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise InvalidInput(f"{folder} is not empty: a backup needs a folder of its own.", code="not_empty")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _summed(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path.relative_to(folder)): (path.stat().st_size, _crc32(path)) for path in _files(folder)}


def _files(folder: Path) -> Iterator[Path]:
    for inside, _, names in os.walk(folder):
        yield from (Path(inside) / name for name in sorted(names))


def _crc32(path: Path) -> int:
    found = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            found = zlib.crc32(piece, found)
    return found
