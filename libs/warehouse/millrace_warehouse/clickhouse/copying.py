"""The embedded engine's folder as it is at one moment, while it is in use.

``ALTER TABLE … FREEZE`` (ClickHouse's documentation: manipulating partitions) gives the active parts of a table as hard links
under ``shadow``, laid out as the folder itself is. What stands beside parts is small: how tables were made, which tokens were
seen, mutations that are under way.

What is copied is held against what the engine says that it froze, part by part and row by row: how it lays out its folder is
its own affair, and a copy that misses the parts looks like one of empty tables.
"""

import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from millrace_core.errors import WarehouseUnavailable
from millrace_warehouse.clickhouse.engine import Connection

_TABLES: Final = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' ORDER BY name"
_PARTS: Final = "SELECT table, path, active, toUInt64(rows) FROM system.parts WHERE database = currentDatabase()"
_FREEZE: Final = "ALTER TABLE {table} FREEZE WITH NAME '{name}' SETTINGS alter_partition_verbose_result = 1"
_OURS: Final = "millrace"
"""What our names begin with. The engine escapes all but letters, digits and ``_`` in a name before it makes a folder of it."""
_SHADOW: Final = "shadow"
_NOT_COPIED: Final = frozenset({"data", _SHADOW, "tmp", "status"})
"""Links that the engine makes anew, and what only one that runs needs."""
_TOKENS: Final = "deduplication_logs"
_COUNT: Final = "count.txt"
"""In the folder of each part: how many rows it has."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """What the engine says that it froze."""

    name: str
    parts: Mapping[str, Mapping[str, int]]
    """The parts of each table, and how many rows each has."""

    @property
    def rows(self) -> dict[str, int]:
        """Of each table."""
        return {table: sum(parts.values()) for table, parts in self.parts.items()}


class _Told(msgspec.Struct):
    """What the engine tells of a part."""

    part_backup_path: str


async def freeze(connection: Connection) -> Frozen:
    """Freeze every table, while nothing is inserted.

    Raises:
        EngineFailure: the engine refuses.
        WarehouseUnavailable: ``copy_incomplete``: a table has rows, and nothing of it was frozen.
    """
    name = f"{_OURS}{uuid.uuid4().hex}"
    told: dict[str, list[str]] = {}
    for (table,) in (await connection.query(_TABLES)).rows:
        lines = (await connection.raw(_FREEZE.format(table=table, name=name), "JSONEachRow")).splitlines()
        told[table] = [_part(msgspec.json.decode(line, type=_Told).part_backup_path) for line in lines]
    rows, active = {}, dict.fromkeys(told, 0)
    for table, path, is_active, count in (await connection.query(_PARTS)).rows:
        rows[_part(path)] = int(count)
        active[table] += int(count) if is_active else 0
    for table, parts in told.items():
        if active[table] and not parts:
            raise _incomplete(f"{table} has {active[table]} rows, and nothing of it was frozen")
        if unknown := [part for part in parts if part not in rows]:
            raise _incomplete(f"{unknown[0]} of {table} was frozen, and the engine does not know it")
    return Frozen(name, {table: {part: rows[part] for part in parts} for table, parts in told.items()})


def copy_beside_parts(engine: Path, target: Path) -> None:
    """Copy what is no part: while nothing is inserted, so that tokens and parts are of the same moment."""
    for path in _beside_parts(engine):
        to = target / path.relative_to(engine)
        to.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # a mutation that has ended meanwhile
            shutil.copyfile(path, to)


def copy_frozen(engine: Path, frozen: Frozen, target: Path) -> None:
    """Take the frozen parts over: parts are never written to again, so on the same disk as hard links.

    Raises:
        WarehouseUnavailable: ``copy_incomplete``: a part is not there, or has other rows than the engine says.
    """
    source = engine / _SHADOW / frozen.name
    for folder, _, files in os.walk(source):
        to = target / Path(folder).relative_to(source)
        to.mkdir(parents=True, exist_ok=True)
        for file in files:
            _link_or_copy(Path(folder) / file, to / file)
    copied = rows_of_parts(target)
    for table, parts in frozen.parts.items():
        for part, rows in parts.items():
            if copied.get(part) != rows:
                raise _incomplete(f"{part} of {table} has {rows} rows, and its copy {copied.get(part, 'is not there')}")


def forget_frozen(engine: Path) -> None:
    """Let go of what was frozen, also by a process that was killed meanwhile."""
    for left in (engine / _SHADOW).glob(f"{_OURS}*"):
        shutil.rmtree(left, ignore_errors=True)


def rows_of_parts(engine: Path) -> Mapping[str, int]:
    """How many rows each part has that stands in the engine's folder."""
    counts = (engine / "store").glob(f"*/*/*/{_COUNT}")
    return {_part(path.parent): int(path.read_text(encoding="ascii")) for path in counts}


async def rows_found(connection: Connection, parts: Iterable[str]) -> Mapping[str, int]:
    """How many rows the engine finds in these parts, by table. It knows those, too, that it has merged since it was opened."""
    wanted, found = frozenset(parts), {str(table): 0 for (table,) in (await connection.query(_TABLES)).rows}
    for table, path, _, rows in (await connection.query(_PARTS)).rows:
        found[table] += int(rows) if _part(path) in wanted else 0
    return found


def _part(path: str | Path) -> str:
    """The name of a part, with that of its table's folder: parts of several tables have the same names."""
    return "/".join(Path(path).parts[-2:])


def _incomplete(why: str) -> WarehouseUnavailable:
    return WarehouseUnavailable(f"the copy of the warehouse is not whole: {why}", code="copy_incomplete")


def _beside_parts(engine: Path) -> Iterator[Path]:
    """Files in the folders of tables and of the database, not in those of parts."""
    for path in engine.iterdir():
        if path.name in _NOT_COPIED or path.name == "store":
            continue
        if path.is_file():
            yield path
        else:
            yield from (each for each in path.iterdir() if each.is_file() and not each.is_symlink())
    for owner in (engine / "store").glob("*/*"):
        yield from (each for each in owner.iterdir() if each.is_file())
        if (owner / _TOKENS).is_dir():
            yield from (owner / _TOKENS).iterdir()


def _link_or_copy(path: Path, to: Path) -> None:
    try:
        os.link(path, to)
    except OSError:  # another disk, or one without links
        shutil.copyfile(path, to)
