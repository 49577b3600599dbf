"""What `millrace move` takes along of the records, from a folder to SQLite and to a real PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from millrace_core.access import WRITE_PREFIX, digest_of, new_id, new_secret, shown_part
from millrace_core.time import now_ms
from millrace_records.access.ports import Key, User
from millrace_records.catalogue import Description, Segment
from millrace_records.dashboards import Dashboard, DashboardLink
from millrace_records.ports import Decision, Records, Tenant
from millrace_records.settings import RecordsSettings
from millrace_records.statements import Saved
from millrace_records.wiring import migrate_records, open_records
from millrace_standalone.moving_records import move_records


@pytest.fixture
async def opened() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def here(opened: AsyncExitStack, tmp_path: Path) -> Records:
    return await _open(opened, f"sqlite:///{tmp_path / 'here.db'}", tmp_path)


@pytest.fixture
def there(records: Records) -> Records:
    return records


async def _open(opened: AsyncExitStack, url: str, folder: Path) -> Records:
    settings = RecordsSettings(records_url=url)
    await migrate_records(settings)
    return await opened.enter_async_context(open_records(settings, folder))


def _key(tenant: str) -> Key:
    secret = new_secret(WRITE_PREFIX)
    return Key(new_id(), tenant, "write", "shop page", shown_part(secret), digest_of(secret), ("ingest",), created_at=now_ms())


async def test_keys_people_settings_and_the_trail_come_along_once(here: Records, there: Records) -> None:
    used, revoked, ada = _key("shop"), _key("shop"), User(new_id(), "ada@example.com", "hash", {"shop": "owner"}, now_ms())
    await here.put_tenant(Tenant("shop", tier="enterprise"), "user:ada")
    saved = Saved("shop", "views", "SELECT {n:UInt8}", "Views", {"n": 1}, "user:ada", 1_000)
    await here.statements.save(saved)
    described = Description("shop", "event", "purchase", "Order", "Paid", ("sale",), "user:ada", 1_000)
    segment = Segment("shop", "vips", "VIPs", "", {"field": "country", "value": "AT"}, "user:ada", 1_000)
    await here.catalogue.describe(described)
    await here.catalogue.put_segment(segment)
    dashboard = Dashboard("shop", "d1", "Sales", "", {"layout": {}, "widgets": [{}]}, "user:ada", 1_000, 2_000, 7)
    link = DashboardLink("l1", "shop", "d1", "digest", "mrl_abcd", "", "user:ada", 1_000)
    await here.dashboards.add(dashboard)
    await here.dashboards.add_link(link)
    for key in (used, revoked):
        await here.access.keys.add(key, "user:ada")
    await here.access.keys.revoke(revoked.id, "user:ada")
    await here.access.users.add(ada, "server")
    await here.decide(
        [Decision(number, f"0/{number}/0", "shop", "id", "refused_by_warehouse", "dropped", 5) for number in (1, 2)]
    )
    trail = [(one.at, one.actor, one.action, one.subject) for one in await here.access.trail.changes()]

    for _ in range(2):
        await move_records(here, there)

    assert await there.tenants() == await here.tenants()
    assert await there.statements.all_saved() == [saved]
    assert await there.catalogue.descriptions() == [described]
    assert await there.catalogue.segments() == [segment]
    assert await there.dashboards.everything() == ([dashboard], [link])
    assert await there.access.keys.keys() == await here.access.keys.keys()
    assert await there.access.users.users() == [ada]
    assert [one.position for one in await there.decisions()] == ["0/1/0", "0/2/0"]
    moved = [(one.at, one.actor, one.action, one.subject) for one in await there.access.trail.changes()]
    assert [line for line in moved if line[1] != "move"] == trail
    snapshot = await there.access.state.snapshot()
    assert [key.id for key in snapshot.keys] == [used.id]


async def test_what_is_there_already_stays_as_it_is_there(here: Records, there: Records) -> None:
    await here.put_tenant(Tenant("shop", tier="enterprise"))
    await there.put_tenant(Tenant("shop", retention_days=9))
    old = User(new_id(), "ada@example.com", "old", {"shop": "viewer"}, now_ms())
    new = User(new_id(), "ada@example.com", "new", {"shop": "owner"}, now_ms())
    await here.access.users.add(old, "server")
    await there.access.users.add(new, "server")

    await move_records(here, there)

    assert await there.tenant("shop") == Tenant("shop", retention_days=9)
    assert await there.access.users.users() == [new]
