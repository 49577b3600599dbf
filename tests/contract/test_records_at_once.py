"""What several processes write into the records at the same time, on SQLite and on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from millrace_records.catalogue import Description, Segment
from millrace_records.ports import AuditState, Records, Tenant
from millrace_records.questions import Verified
from millrace_records.settings import RecordsSettings
from millrace_records.statements import Saved
from millrace_records.wiring import migrate_records, open_records
from tests.support.postgres import Postgres, postgres

_AUSTRIA: Final[dict[str, Any]] = {"field": "country", "value": "AT"}
_databases = iter(range(1_000))


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
async def processes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Records, Records]]:
    """The same records, as two processes have them open."""
    url = f"sqlite:///{tmp_path / 'records.db'}"
    if request.param == "postgresql":
        running: Postgres = request.getfixturevalue("server")
        url = running.new_database(f"at_once_{next(_databases)}")
    settings = RecordsSettings(records_url=url)
    await migrate_records(settings)
    async with open_records(settings, tmp_path) as one, open_records(settings, tmp_path) as other:
        yield one, other


_PUTS: Final[list[Callable[[Records, str], Coroutine[Any, Any, None]]]] = [
    lambda records, name: records.catalogue.describe(Description("shop", "event", name, "", "", (), "ada", 1)),
    lambda records, name: records.catalogue.put_segment(Segment("shop", name, "", "", _AUSTRIA, "ada", 1)),
    lambda records, name: records.statements.save(Saved("shop", name, "SELECT 1", "", {}, "ada", 1)),
    lambda records, name: records.questions.put_verified(Verified("shop", name, "sql", "SELECT 1", "SELECT 1", "ada", 1)),
    lambda records, name: records.put_tenant(Tenant(name, hashed=("user_id",))),
    lambda records, _: records.save_audit(AuditState(1, 1, 0, 0)),
]


@pytest.mark.parametrize("number", range(len(_PUTS)))
async def test_what_many_keep_first_under_one_name_is_kept_once(processes: tuple[Records, Records], number: int) -> None:
    for name in ("a", "b", "c"):
        await asyncio.gather(*(_PUTS[number](records, name) for records in processes * 3))
    records = processes[0]
    kept = [
        *await records.catalogue.descriptions(),
        *await records.catalogue.segments(),
        *await records.statements.all_saved(),
        *await records.questions.verified("shop"),
        *await records.tenants(),
        *filter(None, [await records.last_audit()]),
    ]
    assert len(kept) == (1 if number == 5 else 3)
