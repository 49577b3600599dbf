"""The embedded engine's folder as it is at one moment, while it is in use.

``ALTER TABLE … FREEZE`` (ClickHouse's documentation: manipulating partitions) gives the active parts of a table as hard links
under ``shadow``, laid out as the folder itself is. What stands beside parts is small: how tables were made, which tokens were
seen, mutations that are under way.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

FROZEN: Final = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
_NOT_COPIED: Final = frozenset({"data", "shadow", "tmp"})
"""Links that the engine makes anew, and what only it needs."""
_TOKENS: Final = "deduplication_logs"


def copy_beside_parts(engine: Path, target: Path) -> int:
    """Copy what is no part: while nothing is inserted, so that tokens and parts are of the same moment. How many bytes."""
    copied = 0
    for path in _beside_parts(engine):
        to = target / path.relative_to(engine)
        to.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # a mutation that has ended meanwhile
            shutil.copyfile(path, to)
            copied += to.stat().st_size
    return copied


def copy_frozen(engine: Path, name: str, target: Path) -> int:
    """Take the frozen parts over: parts are never written to again, so on the same disk as hard links. How many bytes."""
    frozen, copied = engine / "shadow" / name, 0
    for folder, _, files in os.walk(frozen):
        to = target / Path(folder).relative_to(frozen)
        to.mkdir(parents=True, exist_ok=True)
        for file in files:
            copied += _link_or_copy(Path(folder) / file, to / file)
    return copied


def forget_frozen(engine: Path, name: str) -> None:
    """Let go of what was frozen."""
    shutil.rmtree(engine / "shadow" / name, ignore_errors=True)


def _beside_parts(engine: Path) -> Iterator[Path]:
    """Files in the folders of tables and of the database, not in those of parts."""
    for path in engine.iterdir():
        if path.is_file():
            yield path
        elif path.name not in _NOT_COPIED and path.name != "store":
            yield from (each for each in path.iterdir() if each.is_file() and not each.is_symlink())
    for owner in (engine / "store").glob("*/*"):
        yield from (each for each in owner.iterdir() if each.is_file())
        if (owner / _TOKENS).is_dir():
            yield from (owner / _TOKENS).iterdir()


def _link_or_copy(path: Path, to: Path) -> int:
    try:
        os.link(path, to)
    except OSError:  # another disk, or one without links
        shutil.copyfile(path, to)
    return to.stat().st_size
