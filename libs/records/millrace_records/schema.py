"""Brings the records' schema up to date, and says whether it is."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from millrace_core.errors import StartRefused

_FOLDER: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x4D494C4C  # of our migrations alone; PostgreSQL's advisory locks are numbers


async def migrate(engine: AsyncEngine) -> list[str]:
    """Run what has not run yet; the numbers of the migrations that did. Two at once wait for each other.

    Raises:
        StartRefused: the schema is newer than this code.
        sqlalchemy.exc.SQLAlchemyError: the store does not answer, or refuses.
    """
    async with engine.begin() as connection:
        return await connection.run_sync(_migrate)


async def check(engine: AsyncEngine) -> None:
    """Return when the schema is this code's.

    Raises:
        StartRefused: it is older, newer, or not there.
        sqlalchemy.exc.SQLAlchemyError: the store does not answer, or refuses.
    """
    async with engine.connect() as connection:
        missing = await connection.run_sync(_missing)
    if missing:
        raise StartRefused(f"the records' schema lacks {', '.join(missing)}: run `millrace migrate`")


def _migrate(connection: Connection) -> list[str]:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
    missing = _missing(connection)
    if missing:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return missing


def _missing(connection: Connection) -> list[str]:
    known = [script.revision for script in reversed(list(ScriptDirectory.from_config(_config()).walk_revisions()))]
    stands = MigrationContext.configure(connection).get_current_revision()
    if stands is None:
        return known
    if stands not in known:
        raise StartRefused(
            f"the records' schema is at version {stands}, which this version of millrace does not know: start the version that "
            "wrote it, or a newer one"
        )
    return known[known.index(stands) + 1 :]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config
