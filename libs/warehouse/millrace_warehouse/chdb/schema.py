"""Bringing the schema up to date, and refusing to start on one that delivery cannot rely on."""

import re
from collections.abc import Sequence
from typing import Any, Final

import structlog

from millrace_core.errors import StartRefused
from millrace_warehouse.chdb.connection import Connection
from millrace_warehouse.migrations import Migration, all_migrations
from millrace_warehouse.migrations.tables import DATABASE

_log = structlog.get_logger("millrace.warehouse")

_RECORD: Final = (
    "CREATE TABLE IF NOT EXISTS schema_migrations (version UInt32, name String, checksum String, "
    "applied_at DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = MergeTree ORDER BY version "
    "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
)
_WINDOW: Final = re.compile(r"\bnon_replicated_deduplication_window = (\d+)")
_TARGET: Final = re.compile(rf"^CREATE MATERIALIZED VIEW \S+ TO (?:`?{DATABASE}`?\.)?`?(\w+)`?")
_TTL: Final = re.compile(r"\bTTL timestamp \+ toIntervalDay\((\d+)\)")


async def migrate(admin: Connection, migrations: Sequence[Migration] | None = None) -> list[str]:
    """Run what has not run yet; the names of the migrations that did.

    Raises:
        StartRefused: the schema is newer than this code, or was made by another text of a migration.
        EngineFailure: a statement failed; the next call takes it up again.
    """
    steps = all_migrations() if migrations is None else migrations
    await admin.command(_RECORD)
    recorded = {row[0]: (row[1], row[2]) for row in await _rows(admin, "SELECT version, name, checksum FROM schema_migrations")}
    newest = max(recorded, default=0)
    if newest > max((step.version for step in steps), default=0):
        raise StartRefused(
            f"the warehouse's schema is at version {newest} ({recorded[newest][0]}), which this version of millrace does not "
            "know: start the version that wrote it, or a newer one"
        )
    done = []
    for step in steps:
        if step.version not in recorded:
            await _apply(admin, step)
            done.append(step.name)
        elif recorded[step.version][1] != step.checksum:
            raise StartRefused(f"migration {step.version} ({step.name}) of the warehouse's schema was another text when it ran")
    return done


async def _apply(admin: Connection, step: Migration) -> None:
    for statement in step.statements:
        await admin.command(statement)
    # written last: after a crash before this line everything above runs again, and changes nothing that is there
    await admin.command(
        "INSERT INTO schema_migrations (version, name, checksum) SELECT {version:UInt32}, {name:String}, {checksum:String}",
        {"version": step.version, "name": step.name, "checksum": step.checksum},
    )
    _log.info("schema_migrated", version=step.version, name=step.name)


async def check_windows(admin: Connection) -> None:
    """Make sure that the events and every table that a view fills drop a repeated block by themselves: without a window of
    its own, a target adds the rows of every retry again, without an error.

    Raises:
        StartRefused: one does not.
    """
    tables = await _rows(
        admin,
        "SELECT name, engine, engine_full, create_table_query FROM system.tables WHERE database = currentDatabase()",
    )
    targets = {"events_raw"}
    for _, engine, _, created in tables:
        target = _TARGET.match(created) if engine == "MaterializedView" else None
        if target is not None:
            targets.add(target[1])
    for name, _, full, _ in tables:
        window = _WINDOW.search(full)
        if name in targets and (window is None or int(window[1]) == 0):
            raise StartRefused(
                f"table {name} has no deduplication window, so a repeated insert would count twice: "
                f"ALTER TABLE {name} MODIFY SETTING non_replicated_deduplication_window = 100000"
            )


async def set_retention(admin: Connection, days: int) -> None:
    """Let events expire this many days behind their timestamp; 0 keeps them. Changes the table only where it differs."""
    full = (
        await _rows(admin, "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = 'events_raw'")
    )[0][0]
    found = _TTL.search(full)
    present = int(found[1]) if found is not None else 0
    if present == days:
        return
    if days:
        await admin.command(f"ALTER TABLE events_raw MODIFY TTL timestamp + toIntervalDay({int(days)})")
    else:
        await admin.command("ALTER TABLE events_raw REMOVE TTL")
    _log.info("retention_changed", days_before=present, days=days)


async def _rows(admin: Connection, sql: str) -> Sequence[Sequence[Any]]:
    return (await admin.query(sql)).rows
