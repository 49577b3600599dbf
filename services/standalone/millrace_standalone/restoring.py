"""The way back from a backup: a data folder that has everything that the manifest says, or one that no server starts on.

Every file is held against the manifest before the first is copied. Then the engine is opened on the copy and asked how many
rows it finds. A file in the data folder says that it is not whole yet: it is there first and goes last.
"""

import asyncio
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from millrace_core.errors import StartRefused
from millrace_eventlog.wiring import complete_copied_log
from millrace_standalone.backup import ENGINE, EVENTS, LOG, MANIFEST, RECORDS, Manifest, clear, crc32_of
from millrace_warehouse.wiring import count_copied

_UNFINISHED: Final = "restore.unfinished"
_RELEASE: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)")


class _MadeBy(msgspec.Struct):
    """What every manifest has, also one of a later version."""

    version: str


def restore(folder: Path, data_dir: Path, version: str) -> Manifest:
    """Put a backup into a data folder that has nothing yet; ``millrace up`` opens it.

    Args:
        version: of this millrace.

    Raises:
        StartRefused: it is no whole backup, or one of a newer version; the data folder is not empty, or cannot be written; or
            the engine finds other rows in the copy than the backup has. Nothing of the copy stays then.
    """
    manifest = _manifest(folder, version)
    is_new = _require_empty(data_dir)
    try:
        _check(folder, manifest)
    except OSError as error:
        raise StartRefused(f"{folder} cannot be read: {error}") from error
    try:
        with _unfinished(folder, data_dir, is_new=is_new):
            for name in manifest.files:
                to = data_dir / name
                to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                shutil.copyfile(folder / name, to)  # never as links: the backup has to stay as it is
            _compare(asyncio.run(count_copied((data_dir / ENGINE).parent.resolve())), manifest.rows)
            complete_copied_log(data_dir / LOG)
    except (OSError, sqlite3.Error) as error:
        raise StartRefused(f"{data_dir} cannot be written: {error}") from error
    return manifest


def require_whole(data_dir: Path) -> None:
    """Return when the data folder is no half of a backup.

    Raises:
        StartRefused: it is.
    """
    if (data_dir / _UNFINISHED).exists():
        raise StartRefused(
            f"{data_dir} is a restore that was broken off, as {_UNFINISHED} in it says: remove the folder, and restore again"
        )


@contextmanager
def _unfinished(folder: Path, data_dir: Path, *, is_new: bool) -> Iterator[None]:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark = data_dir / _UNFINISHED
    with mark.open("x", encoding="utf-8") as file:
        file.write(f"{folder.absolute()} is being restored.\n")
    try:
        yield
    except BaseException:
        clear(data_dir)
        if is_new:
            data_dir.rmdir()
        raise
    os.sync()  # what is copied is on the disk before nothing says any more that it may not be
    mark.unlink()


def _require_empty(data_dir: Path) -> bool:
    """Whether it is not there."""
    try:
        require_whole(data_dir)
        if any(data_dir.iterdir()):
            raise StartRefused(f"{data_dir} is not empty: name another folder with --data-dir, or move what is there away")
    except FileNotFoundError:
        return True
    except OSError as error:
        raise StartRefused(f"{data_dir} cannot be a data folder ({error.strerror}): name another with --data-dir") from error
    return False


def _manifest(folder: Path, version: str) -> Manifest:
    try:
        content = (folder / MANIFEST).read_bytes()
        made_by = msgspec.json.decode(content, type=_MadeBy).version
        if _release(made_by) > _release(version):
            raise StartRefused(f"{folder} was made by millrace {made_by}: this is {version}, and an older one cannot read it")
        return msgspec.json.decode(content, type=Manifest)
    except (OSError, ValueError) as error:
        raise StartRefused(f"{folder} is no backup: it has no {MANIFEST} that can be read ({error})") from error


def _release(version: str) -> tuple[int, ...]:
    """Its numbers: what is not released yet reads what the release of that number writes."""
    if (found := _RELEASE.match(version)) is None:
        raise ValueError(f"{version!r} is no version")
    return tuple(int(number) for number in found.groups())


def _check(folder: Path, manifest: Manifest) -> None:
    for name in (LOG, RECORDS):
        if name not in manifest.files:
            raise StartRefused(f"the backup is damaged: {MANIFEST} names no {name}")
    if EVENTS not in manifest.rows:
        raise StartRefused(f"the backup is damaged: {MANIFEST} says nothing of {EVENTS}")
    for name, (size, crc32) in manifest.files.items():
        path, relative = folder / name, Path(name)
        is_below = not relative.is_absolute() and ".." not in relative.parts
        if not is_below or not path.is_file() or path.stat().st_size != size or crc32_of(path) != crc32:
            raise StartRefused(f"the backup is damaged: {name} is not what it was when it was made")
    for name in (LOG, RECORDS):
        if (said := _integrity(folder / name)) != "ok":
            raise StartRefused(f"the backup is damaged: {name}: {said}")


def _integrity(path: Path) -> str:
    """What SQLite says of the file, which nobody writes: so it makes no other beside it."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as database:
            return str(database.execute("PRAGMA integrity_check").fetchone()[0])
    except sqlite3.Error as error:
        return str(error)


def _compare(found: Mapping[str, int], rows: Mapping[str, int]) -> None:
    if differing := [table for table in sorted({*found, *rows}) if found.get(table, 0) != rows.get(table, 0)]:
        table = differing[0]
        raise StartRefused(
            f"the backup is not whole: of {rows.get(table, 0)} rows of {table} the engine finds {found.get(table, 0)}"
        )
