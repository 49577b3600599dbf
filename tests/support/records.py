"""Records on SQLite and on a real PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest

from millrace_records.ports import Records
from millrace_records.settings import RecordsSettings
from millrace_records.wiring import migrate_records, open_records
from tests.support.postgres import Postgres, postgres

_databases = count()


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[Postgres]:
    """One of these tests' own."""
    with postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def records_settings(request: pytest.FixtureRequest, tmp_path: Path) -> RecordsSettings:
    """Of records without a schema, on one store after the other."""
    if request.param == "sqlite":
        return RecordsSettings(records_url=f"sqlite:///{tmp_path / 'records.db'}")
    running: Postgres = request.getfixturevalue("postgres_server")
    return RecordsSettings(records_url=running.new_database(f"records_{next(_databases)}"))


@pytest.fixture
async def records(records_settings: RecordsSettings, tmp_path: Path) -> AsyncIterator[Records]:
    """Empty ones."""
    await migrate_records(records_settings)
    async with open_records(records_settings, tmp_path) as opened:
        yield opened
