"""Dashboards and their links in the records, on SQLite and on a real PostgreSQL."""

import asyncio
import dataclasses

import pytest

from millrace_core.errors import Conflict, NotFound, PreconditionFailed
from millrace_core.time import now_ms
from millrace_records.dashboards import MOST_DELETED, Dashboard, DashboardLink
from millrace_records.ports import Records

_SALES = Dashboard("shop", "d1", "Sales", "Of sales", {"layout": {"columns": 12}, "widgets": [{"id": "w"}]}, "user:ada", 1, 1)


def _link(link_id: str, **said: object) -> DashboardLink:
    made = DashboardLink(link_id, "shop", "d1", f"digest of {link_id}", "mrl_abcdefgh", "Board", "user:ada", 1)
    return dataclasses.replace(made, **said)  # type: ignore[arg-type]


async def test_a_dashboard_is_kept_changed_and_told_for_its_tenant(records: Records) -> None:
    dashboards = records.dashboards
    theirs = dataclasses.replace(_SALES, tenant="blog", name="Theirs")
    for one in (_SALES, theirs, dataclasses.replace(_SALES, id="d2", name="alpha", content={"widgets": []})):
        await dashboards.add(one)
    changed = await dashboards.replace(dataclasses.replace(_SALES, name="Takings", actor="user:bob", updated_at=9))

    assert changed == dataclasses.replace(_SALES, name="Takings", actor="user:bob", updated_at=9, version=2)
    assert await dashboards.one("shop", "d1") == changed
    assert await dashboards.one("blog", "d1") == theirs
    lines, total = await dashboards.page("shop")
    assert ([(one.name, one.widgets, one.version) for one in lines], total) == ([("alpha", 0, 1), ("Takings", 1, 2)], 2)
    assert ([one.name for one in (await dashboards.page("shop", offset=1, limit=1))[0]]) == ["Takings"]
    told = [(one.actor, one.action, one.subject, one.detail) for one in await records.access.trail.changes(tenant="shop")]
    assert told == [
        ("user:ada", "dashboard_created", "d1", {"name": "Sales", "version": 1, "widgets": 1}),
        ("user:ada", "dashboard_created", "d2", {"name": "alpha", "version": 1, "widgets": 0}),
        ("user:bob", "dashboard_changed", "d1", {"name": "Takings", "version": 2, "widgets": 1}),
    ]


async def test_of_many_who_change_the_same_version_at_once_one_does(records: Records) -> None:
    await records.dashboards.add(_SALES)
    changes = (records.dashboards.replace(dataclasses.replace(_SALES, name=f"by {number}")) for number in range(8))
    done = await asyncio.gather(*changes, return_exceptions=True)
    won = [one for one in done if isinstance(one, Dashboard)]
    assert len(won) == 1
    assert {type(one) for one in done if one not in won} == {PreconditionFailed}
    assert await records.dashboards.one("shop", "d1") == won[0]
    with pytest.raises(PreconditionFailed, match="at version 2"):
        await records.dashboards.delete("shop", "d1", "user:bob", 1)


async def test_a_deleted_one_is_gone_until_it_is_brought_back(records: Records) -> None:
    dashboards = records.dashboards
    await dashboards.add(_SALES)
    await dashboards.add_link(_link("l1"))
    await dashboards.delete("shop", "d1", "user:bob", 1)
    for lost in (
        dashboards.one("shop", "d1"), dashboards.delete("shop", "d1", "user:bob"), dashboards.replace(_SALES),
        dashboards.links("shop", "d1"), dashboards.add_link(_link("l2")), dashboards.restore("blog", "d1", "user:bob"),
    ):  # fmt: skip
        with pytest.raises(NotFound) as refused:
            await lost
        assert refused.value.code == "unknown_dashboard"
    with pytest.raises(NotFound, match="leads nowhere"):
        await dashboards.by_link("digest of l1")
    assert await dashboards.page("shop") == ([], 0)
    assert await dashboards.everything() == ([], [])
    assert await dashboards.restore("shop", "d1", "user:bob") == _SALES
    assert await dashboards.by_link("digest of l1") == (_SALES, _link("l1"))
    with pytest.raises(NotFound):
        await dashboards.restore("shop", "d1", "user:bob")


async def test_so_many_deleted_ones_may_be_brought_back_the_last_ones(records: Records) -> None:
    dashboards = records.dashboards
    for number in range(MOST_DELETED + 2):
        await dashboards.add(dataclasses.replace(_SALES, id=f"d{number}"))
        await dashboards.add_link(_link(f"l{number}", dashboard=f"d{number}"))
        await dashboards.delete("shop", f"d{number}", "user:bob")
    kept, links = await dashboards.everything(deleted=True)
    assert (len(kept), len(links)) == (MOST_DELETED, MOST_DELETED)
    assert (await dashboards.restore("shop", f"d{MOST_DELETED + 1}", "user:bob")).name == "Sales"


async def test_a_tenant_has_so_many_dashboards_and_each_so_many_links(records: Records) -> None:
    dashboards = records.dashboards
    for number in (1, 2):
        await dashboards.add(dataclasses.replace(_SALES, id=f"d{number}"), most=2)
        await dashboards.add_link(_link(f"l{number}"), most=2)
    with pytest.raises(Conflict) as refused:
        await dashboards.add(dataclasses.replace(_SALES, id="d3"), most=2)
    assert refused.value.code == "too_many_dashboards"
    with pytest.raises(Conflict) as refused:
        await dashboards.add_link(_link("l3"), most=2)
    assert refused.value.code == "too_many_links"
    await dashboards.delete("shop", "d2", "user:ada")
    await dashboards.add(dataclasses.replace(_SALES, id="d3"), most=2)
    with pytest.raises(Conflict):
        await dashboards.restore("shop", "d2", "user:ada", most=2)


async def test_a_link_leads_there_until_it_is_over_or_ended(records: Records) -> None:
    dashboards = records.dashboards
    await dashboards.add(_SALES)
    now = now_ms()
    for link in (_link("for ever"), _link("still", expires_at=now + 60_000), _link("over", expires_at=now - 1)):
        await dashboards.add_link(link)
    assert [one.id for one in await dashboards.links("shop", "d1")] == ["for ever", "over", "still"]
    assert (await dashboards.by_link("digest of still"))[0] == _SALES
    assert await dashboards.remove_link("blog", "d1", "for ever", "user:bob") is False
    assert await dashboards.remove_link("shop", "d1", "for ever", "user:bob") is True
    for gone in ("for ever", "over", "never"):
        with pytest.raises(NotFound) as refused:
            await dashboards.by_link(f"digest of {gone}")
        assert refused.value.code == "unknown_link"
