"""What several processes write into the records at the same time, on SQLite and on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import pytest

from millrace_analytics.families.catalogue.keeping import Keeping
from millrace_analytics.families.catalogue.schemas import SegmentRequest
from millrace_analytics.tenant_catalogue import TenantCatalogue
from millrace_core.errors import MillraceError
from millrace_records.catalogue import Description, Segment
from millrace_records.ports import AuditState, Records, Tenant
from millrace_records.questions import Verified
from millrace_records.settings import RecordsSettings
from millrace_records.statements import Saved
from millrace_records.wiring import open_records

_AUSTRIA: Final[dict[str, Any]] = {"field": "country", "value": "AT"}
_ROUNDS: Final = 10


@pytest.fixture
async def processes(
    records: Records, records_settings: RecordsSettings, tmp_path: Path
) -> AsyncIterator[tuple[Records, Records]]:
    """The same records, as two processes have them open."""
    async with open_records(records_settings, tmp_path) as other:
        yield records, other


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


async def _both(*changes: Coroutine[Any, Any, Any]) -> list[str]:
    """The codes of those that were refused."""
    results = await asyncio.gather(*changes, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, MillraceError):
            raise result
    return [result.code for result in results if isinstance(result, MillraceError)]


def _about(where: dict[str, Any]) -> SegmentRequest:
    return SegmentRequest.model_validate({"where": where})


async def test_segments_that_are_kept_at_once_are_not_about_each_other(processes: tuple[Records, Records]) -> None:
    one, other = (Keeping(TenantCatalogue(records)) for records in processes)
    for number in range(_ROUNDS):
        c, d = f"c{number}", f"d{number}"
        for name in (c, d):
            await one.save("shop", name, _about(_AUSTRIA), "ada")
        refused = await _both(
            one.save("shop", c, _about({"segment": d}), "ada"), other.save("shop", d, _about({"segment": c}), "bob")
        )
        assert refused == ["invalid_filter"]


async def test_a_segment_that_another_begins_to_be_about_is_not_removed(processes: tuple[Records, Records]) -> None:
    one, other = (Keeping(TenantCatalogue(records)) for records in processes)
    for number in range(_ROUNDS):
        f, g = f"f{number}", f"g{number}"
        await one.save("shop", f, _about(_AUSTRIA), "ada")
        refused = await _both(one.save("shop", g, _about({"segment": f}), "ada"), other.remove("shop", f, "bob"))
        assert refused in (["segment_in_use"], ["unknown_segment"])


async def test_segments_about_each_other_from_an_older_version_can_be_removed(processes: tuple[Records, Records]) -> None:
    records = processes[0]
    for name, inner in (("c", "d"), ("d", "c"), ("h", "c")):
        await records.catalogue.put_segment(Segment("shop", name, "", "", {"not": {"segment": inner}}, "ada", 1))
    keeping = Keeping(TenantCatalogue(records))
    assert await _both(keeping.remove("shop", "c", "ada")) == ["segment_in_use"], "h is about it, and no part of the circle"
    for name in ("d", "h", "c"):
        await keeping.remove("shop", name, "ada")
    assert await records.catalogue.segments() == []
