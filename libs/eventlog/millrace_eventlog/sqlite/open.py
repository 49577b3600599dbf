"""Opens and closes the log."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from millrace_core import metrics as names
from millrace_core.errors import StartRefused
from millrace_core.time import now_ms
from millrace_eventlog.ports import LogPorts
from millrace_eventlog.records import Granted, LogEntry
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.sqlite.database import Database
from millrace_eventlog.sqlite.lock import only_process
from millrace_eventlog.sqlite.log import Backlog, SqliteDeadLetters, SqliteLogReader, SqliteLogTail, SqliteLogWriter
from millrace_eventlog.sqlite.recent import RecentEntries
from millrace_eventlog.sqlite.retention import Retention
from millrace_eventlog.sqlite.thread import LogThread
from millrace_service.metrics import Metrics


def ignore_step(_step: str) -> None:
    """What is called where nobody watches the steps."""


@asynccontextmanager
async def open_sqlite_log(
    path: Path,
    settings: LogSettings,
    metrics: Metrics,
    *,
    clock: Callable[[], int] = now_ms,
    on_step: Callable[[str], None] = ignore_step,
) -> AsyncIterator[LogPorts]:
    """The ports on this file, which is made if it is not there.

    Args:
        clock: milliseconds since the epoch, for retention.
        on_step: called in the log's thread with the name of each step; fault tests end the process there.

    Raises:
        StartRefused: another process holds the file, it is of a newer version, or it cannot be opened.
    """
    _make_folder(path.parent)
    with only_process(path.with_name(path.name + ".lock")):
        database, granted = await asyncio.to_thread(_open, path)
        retention = Retention(int(settings.log_keep_seconds * 1000), settings.log_keep_bytes, clock)
        retention.consumed(database.weights(0, granted.start))
        backlog = Backlog.of(database.weights(granted.start))
        recent = RecentEntries(database.last_offset())
        append_seconds = metrics.histogram(names.LOG_APPEND)

        def committed(entries: Sequence[LogEntry], seconds: float) -> None:
            append_seconds.observe(seconds)
            backlog.grow(entries)
            recent.add(entries)

        thread = LogThread(
            database,
            asyncio.get_running_loop(),
            pending_bytes=settings.log_pending_bytes,
            min_free_bytes=settings.log_min_free_bytes,
            on_commit=committed,
            housekeeping=retention.remove_some,
            on_step=on_step,
        )
        _tell_sizes(metrics, path, backlog, settings.log_max_bytes)
        try:
            reader = SqliteLogReader(thread, recent, backlog, granted, retention, metrics)
            yield LogPorts(
                writer=SqliteLogWriter(thread, backlog, settings.log_max_bytes),
                reader=reader,
                tail=SqliteLogTail(thread, recent),
                dead_letters=SqliteDeadLetters(thread),
                bytes_on_disk=lambda: _size(path),
                forget=reader.forget,
                copy=reader.copy,
            )
        finally:
            recent.close()
            await thread.close()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartRefused(f"the folder {folder} cannot be made: {error.strerror}") from error


def _tell_sizes(metrics: Metrics, path: Path, backlog: Backlog, limit: int) -> None:
    """At each scrape."""
    metrics.gauge(names.LOG_BYTES).set_function(lambda: float(_size(path)))
    metrics.gauge(names.LOG_WAITING).set_function(lambda: float(backlog.bytes))
    metrics.gauge(names.LOG_LIMIT).set(limit)


def _open(path: Path) -> tuple[Database, Granted]:
    try:
        database = Database(path)
        return database, _grant(database)
    except sqlite3.Error as error:
        raise StartRefused(f"the log {path} cannot be opened: {error}") from error


def _grant(database: Database) -> Granted:
    """Where the consumer continues. A shutdown that was not clean on another boot of the machine may have lost what the
    warehouse said was stored; after a mere crash of the process the operating system still had it. Known until the first
    commit, behind which the consumer has looked."""
    boot = _boot_id()
    rebooted = database.meta("boot_id") not in (None, boot) and database.meta("clean") != "1"
    unclean = rebooted or database.meta("unclean") == "1"
    for name, value in (("unclean", "1" if unclean else "0"), ("boot_id", boot), ("clean", "0")):
        database.set_meta(name, value)
    start, intent = database.cursor()
    log_id = database.meta("log_id")
    assert log_id is not None
    return Granted(partition=0, start=start, intent=intent, log_id=log_id, unclean=unclean)


def _boot_id() -> str:
    """Names this boot of the machine. Where the system does not tell, every start counts as another boot."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return f"unknown-{now_ms()}"


def _size(path: Path) -> int:
    size = 0
    for file in (path, path.with_name(path.name + "-wal")):
        try:
            size += file.stat().st_size
        except FileNotFoundError:
            continue
    return size
