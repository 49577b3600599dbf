"""Opens the records by their URL. The only module that knows which engines there are."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from sqlalchemy import event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from millrace_core.errors import InvalidInput, StartRefused
from millrace_records import schema
from millrace_records.failures import FAILURES
from millrace_records.ports import Records
from millrace_records.settings import RecordsSettings
from millrace_records.store import SqlRecords

_CONNECT_SECONDS: Final = 5.0
_BUSY_MS: Final = 5_000

# Of PostgreSQL: what waiting does not mend.
_WRONG_USER: Final = frozenset({"28000", "28P01"})
_NO_DATABASE: Final = "3D000"

_log = structlog.get_logger("millrace.records")


@contextlib.asynccontextmanager
async def open_records(settings: RecordsSettings, data_dir: Path) -> AsyncIterator[Records]:
    """The records that ``MILLRACE_RECORDS_URL`` names; without one, ``records.db`` in the data folder.

    A file is brought up to date, PostgreSQL has to be. While PostgreSQL does not answer the process starts all the same:
    events need no records.

    Raises:
        StartRefused: the URL, the password or the schema is wrong, or the file cannot be opened.
    """
    engine = _engine(settings, data_dir)
    try:
        try:
            await (schema.check(engine) if settings.records_are_served else schema.migrate(engine))
        except FAILURES as error:
            told = _refusal(settings, error)
            if told is not None:
                raise StartRefused(told) from error
            _log.warning("records_unreachable", cause=str(error))
        yield SqlRecords(engine)
    finally:
        await engine.dispose()


async def migrate_records(settings: RecordsSettings) -> list[str]:
    """Bring the schema on PostgreSQL up to date; what ran. A file is brought up to date when it is opened.

    Raises:
        StartRefused: PostgreSQL is not reached or refuses, or has a newer schema.
    """
    if not settings.records_are_served:
        return []
    engine = _engine(settings, Path())
    try:
        return await schema.migrate(engine)
    except FAILURES as error:
        raise StartRefused(_refusal(settings, error) or f"{_named(settings)}: no PostgreSQL answers there") from error
    finally:
        await engine.dispose()


def copy_records(settings: RecordsSettings, data_dir: Path, target: Path) -> None:
    """Put the file's content into another one, while it is in use. Blocks.

    Raises:
        InvalidInput: ``not_embedded``, of PostgreSQL, which makes backups of its own.
        sqlite3.Error: either file cannot be used.
    """
    if settings.records_are_served:
        raise InvalidInput("PostgreSQL makes backups of its own.", code="not_embedded")
    with (
        contextlib.closing(sqlite3.connect(_file(settings, data_dir), timeout=_BUSY_MS / 1000)) as source,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)


def _file(settings: RecordsSettings, data_dir: Path) -> Path:
    return Path((settings.records_url or f"sqlite:///{data_dir / 'records.db'}").removeprefix("sqlite:///"))


def _engine(settings: RecordsSettings, data_dir: Path) -> AsyncEngine:
    if settings.records_are_served:
        url = make_url(settings.records_url or "").set(drivername="postgresql+asyncpg")
        limits = {"timeout": _CONNECT_SECONDS, "command_timeout": _CONNECT_SECONDS}
        try:
            return create_async_engine(url, pool_pre_ping=True, pool_size=5, max_overflow=5, connect_args=limits)
        except ImportError as error:
            raise StartRefused("MILLRACE_RECORDS_URL=postgresql://…: install millrace[postgres]") from error
    path = _file(settings, data_dir)
    try:
        sqlite3.connect(path).close()
    except sqlite3.Error as error:
        raise StartRefused(f"the records {path} cannot be opened: {error}") from error
    engine = create_async_engine(f"sqlite+aiosqlite:///{path.resolve()}", connect_args={"timeout": _BUSY_MS / 1000})
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", f"busy_timeout = {_BUSY_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _refusal(settings: RecordsSettings, error: Exception) -> str | None:
    """One line, or None where the store may answer later."""
    if not settings.records_are_served:
        return f"the records cannot be opened: {getattr(error, 'orig', error)}"
    cause: Any = getattr(error, "orig", None) or error
    code = getattr(cause, "sqlstate", None) or getattr(cause.__cause__, "sqlstate", None)
    if code in _WRONG_USER:
        return f"{_named(settings)}: PostgreSQL refuses the user or its password"
    if code == _NO_DATABASE:
        return f"{_named(settings)}: PostgreSQL has no such database: create it, then run `millrace migrate`"
    return None


def _named(settings: RecordsSettings) -> str:
    """The setting without its password."""
    url = urlsplit(settings.records_url or "")
    return f"MILLRACE_RECORDS_URL={url.scheme}://{url.username or ''}@{url.hostname}:{url.port or 5432}{url.path}"
