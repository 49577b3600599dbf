"""Bringing the schema up to date, and refusing to start on one that delivery cannot rely on."""

import re
from collections.abc import Sequence
from typing import Any, Final

import structlog

from millrace_core.errors import StartRefused
from millrace_warehouse.clickhouse.engine import Connection
from millrace_warehouse.migrations import Migration, all_migrations
from millrace_warehouse.migrations.layout import SINGLE_SERVER, Layout

_log = structlog.get_logger("millrace.warehouse")

_COLUMNS: Final = "version UInt32, name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3)"
_SYNCED: Final = "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
_RECORDED: Final = "SELECT version, name, checksum FROM schema_migrations"
_WINDOW: Final = re.compile(r"\b(?:non_)?replicated_deduplication_window = (\d+)")
_TARGET: Final = re.compile(r"^CREATE MATERIALIZED VIEW \S+ TO (?:`?\w+`?\.)?`?(\w+)`?")
_TTL: Final = re.compile(r"\bTTL timestamp \+ toIntervalDay\((\d+)\)")


async def migrate(
    admin: Connection, migrations: Sequence[Migration] | None = None, layout: Layout = SINGLE_SERVER
) -> list[str]:
    """Run what has not run yet; the names of the migrations that did.

    Raises:
        StartRefused: the schema is newer than this code, or was made by another text of a migration.
        EngineFailure: a statement failed; the next call takes it up again.
    """
    record = layout.record(_COLUMNS, "version", _SYNCED)
    await admin.command(f"CREATE TABLE IF NOT EXISTS schema_migrations{record}")
    missing = await _missing(admin, all_migrations() if migrations is None else migrations)
    for step in missing:
        await _apply(admin, step, layout)
    return [step.name for step in missing]


async def check(admin: Connection) -> None:
    """Return when the schema is this code's.

    Raises:
        StartRefused: it is older or newer, or was made by another text of a migration.
        EngineFailure: the engine does not tell.
    """
    exists = await _rows(admin, "SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'schema_migrations'")
    missing = await _missing(admin, all_migrations()) if exists else all_migrations()
    if missing:
        raise StartRefused(f"the warehouse's schema lacks {', '.join(step.name for step in missing)}: run `millrace migrate`")


async def _missing(admin: Connection, steps: Sequence[Migration]) -> list[Migration]:
    recorded = {row[0]: (row[1], row[2]) for row in await _rows(admin, _RECORDED)}
    newest = max(recorded, default=0)
    if newest > max((step.version for step in steps), default=0):
        raise StartRefused(
            f"the warehouse's schema is at version {newest} ({recorded[newest][0]}), which this version of millrace does not "
            "know: start the version that wrote it, or a newer one"
        )
    for step in steps:
        if step.version in recorded and recorded[step.version][1] != step.checksum:
            raise StartRefused(f"migration {step.version} ({step.name}) of the warehouse's schema was another text when it ran")
    return [step for step in steps if step.version not in recorded]


async def _apply(admin: Connection, step: Migration, layout: Layout) -> None:
    for written in step.statements:
        for statement in layout.statements(written):
            await admin.command(statement)
    # written last: after a crash before this line everything above runs again, and changes nothing that is there
    await admin.command(
        "INSERT INTO schema_migrations (version, name, checksum) SELECT {version:UInt32}, {name:String}, {checksum:String}",
        {"version": step.version, "name": step.name, "checksum": step.checksum},
    )
    _log.info("schema_migrated", version=step.version, name=step.name)


async def check_windows(admin: Connection, layout: Layout = SINGLE_SERVER) -> None:
    """Make sure that the events and every table that a view fills drop a repeated block by themselves: without a window of
    its own, a target adds the rows of every retry again, without an error.

    Raises:
        StartRefused: one does not.
    """
    tables = await _rows(
        admin,
        "SELECT name, engine, engine_full, create_table_query FROM system.tables WHERE database = currentDatabase()",
    )
    targets = {f"events_raw{layout.suffix}"}
    for _, engine, _, created in tables:
        target = _TARGET.match(created) if engine == "MaterializedView" else None
        if target is not None:
            targets.add(target[1])
    for name, _, full, _ in tables:
        window = _WINDOW.search(full)
        if name in targets and (window is None or int(window[1]) == 0):
            setting = f"{'' if layout.cluster else 'non_'}replicated_deduplication_window"
            raise StartRefused(
                f"table {name} has no deduplication window, so a repeated insert would count twice: "
                f"ALTER TABLE {name} MODIFY SETTING {setting} = 100000"
            )


async def set_retention(admin: Connection, days: int, layout: Layout = SINGLE_SERVER) -> None:
    """Let events expire this many days behind their timestamp; 0 keeps them. Changes the table only where it differs."""
    name = f"events_raw{layout.suffix}"
    told = await _rows(admin, f"SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = '{name}'")
    full = told[0][0]
    found = _TTL.search(full)
    present = int(found[1]) if found is not None else 0
    if present == days:
        return
    if days:
        await admin.command(f"ALTER TABLE {layout.stored('events_raw')} MODIFY TTL timestamp + toIntervalDay({int(days)})")
    else:
        # What an earlier setting has left to do on parts fails for ever once the table has no TTL, and all behind it waits.
        await admin.command(
            f"KILL MUTATION{layout.on_cluster} WHERE database = currentDatabase() AND table = '{name}' "
            "AND command LIKE '%MATERIALIZE TTL%' AND NOT is_done"
        )
        await admin.command(f"ALTER TABLE {layout.stored('events_raw')} REMOVE TTL")
    _log.info("retention_changed", days_before=present, days=days)


async def _rows(admin: Connection, sql: str) -> Sequence[Sequence[Any]]:
    return (await admin.query(sql)).rows
