"""The records' port, on SQLite and on a real PostgreSQL."""

import asyncio
import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from millrace_core.errors import Conflict, NotFound, RecordsUnavailable, StartRefused
from millrace_records.catalogue import Description, Segment
from millrace_records.models import Base
from millrace_records.ports import AuditState, Decision, Erasure, Records, Tenant
from millrace_records.settings import RecordsSettings
from millrace_records.statements import Asked, Saved
from millrace_records.wiring import migrate_records, open_records
from tests.support.postgres import Postgres, postgres

SHOP = Tenant("shop", tier="enterprise", events_a_minute=500, retention_days=30, time_zone="Europe/Berlin")


def _decision(number: int, tenant: str = "shop") -> Decision:
    return Decision(number, f"0/{number}/0", tenant, f"event-{number}", "refused_by_warehouse", "replayed", 1_000 + number)


async def test_a_tenant_without_a_record_is_not_found(records: Records) -> None:
    with pytest.raises(NotFound, match="nobody has no record"):
        await records.tenant("nobody")
    assert await records.tenants() == []
    assert await records.remove_tenant("nobody") is False


async def test_a_record_is_made_replaced_and_removed(records: Records) -> None:
    await records.put_tenant(SHOP)
    await records.put_tenant(Tenant("blog"))
    assert await records.tenant("shop") == SHOP
    assert await records.tenants() == [Tenant("blog"), SHOP]
    changed = dataclasses.replace(SHOP, events_a_minute=None, time_zone="UTC")
    await records.put_tenant(changed)
    assert await records.tenant("shop") == changed
    assert await records.remove_tenant("shop") is True
    assert await records.tenants() == [Tenant("blog")]


def test_a_limit_is_the_tenants_own_or_its_tiers() -> None:
    assert (Tenant("a").limit, Tenant("a", tier="enterprise").limit, SHOP.limit) == (None, 100_000, 500)


async def test_the_same_record_from_many_at_once_is_one_record(records: Records) -> None:
    await records.put_tenant(SHOP)
    await asyncio.gather(*(records.put_tenant(dataclasses.replace(SHOP, events_a_minute=n)) for n in range(20)))
    assert len(await records.tenants()) == 1


async def test_decisions_come_in_their_order_page_by_page(records: Records) -> None:
    await records.decide([_decision(number, "shop" if number % 2 else "blog") for number in range(10)])
    await records.decide([_decision(10)])
    first = await records.decisions(limit=6)
    rest = await records.decisions(after=first[-1].id, limit=6)
    assert [dataclasses.replace(one, id=0) for one in [*first, *rest]][-1] == _decision(10)
    assert [one.letter_id for one in [*first, *rest]] == list(range(11))
    assert [one.letter_id for one in await records.decisions(tenant="blog")] == [0, 2, 4, 6, 8]


async def test_the_last_audit_is_kept(records: Records) -> None:
    assert await records.last_audit() is None
    await records.save_audit(AuditState(1_000, 2, 0, 3))
    await records.save_audit(AuditState(2_000, 2, 1, 0))
    assert await records.last_audit() == AuditState(2_000, 2, 1, 0)


async def test_what_is_kept_outlives_the_process(records_settings: RecordsSettings, tmp_path: Path) -> None:
    await migrate_records(records_settings)
    async with open_records(records_settings, tmp_path) as records:
        await records.put_tenant(SHOP)
    async with open_records(records_settings, tmp_path) as records:
        assert await records.tenants() == [SHOP]


async def _with_engine(settings: RecordsSettings, work: Callable[[Connection], object]) -> object:
    url = settings.records_url or ""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://").replace("sqlite:", "sqlite+aiosqlite:"))
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


async def test_migrations_make_what_the_models_say(records: Records, records_settings: RecordsSettings) -> None:
    def differences(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection), Base.metadata)

    assert await _with_engine(records_settings, differences) == []


async def test_a_newer_schema_is_refused(records_settings: RecordsSettings, tmp_path: Path) -> None:
    await migrate_records(records_settings)
    async with open_records(records_settings, tmp_path):
        pass
    await _with_engine(
        records_settings, lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    )
    with pytest.raises(StartRefused, match="version 9999, which this version of millrace does not know"):
        async with open_records(records_settings, tmp_path):
            pass


async def test_migrations_that_run_at_once_wait_for_each_other(postgres_server: Postgres) -> None:
    settings = RecordsSettings(records_url=postgres_server.new_database("at_once"))
    done = await asyncio.gather(*(migrate_records(settings) for _ in range(4)))
    assert sorted(done) == [[], [], [], ["0001", "0002", "0003", "0004", "0005", "0006", "0007"]]


async def test_postgresql_without_the_schema_is_refused(postgres_server: Postgres, tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match=r"lacks 0001, 0002, 0003, 0004, 0005, 0006, 0007: run `millrace migrate`"):
        async with open_records(RecordsSettings(records_url=postgres_server.new_database("empty")), tmp_path):
            pass


async def test_a_wrong_password_or_database_is_one_line_without_the_password(postgres_server: Postgres, tmp_path: Path) -> None:
    for wrong, told in (
        (postgres_server.url.replace(":millrace-secret@", ":wrong-secret@"), "PostgreSQL refuses the user or its password"),
        (f"{postgres_server.url}_nowhere", "PostgreSQL has no such database: create it, then run `millrace migrate`"),
    ):
        for attempt in (
            migrate_records(RecordsSettings(records_url=wrong)),
            _open(RecordsSettings(records_url=wrong), tmp_path),
        ):
            with pytest.raises(StartRefused) as refused:
                await attempt
            assert refused.value.message.endswith(told)
            assert "secret" not in refused.value.message


async def _open(settings: RecordsSettings, folder: Path) -> None:
    async with open_records(settings, folder):
        pass


@pytest.mark.parametrize("url", ["mysql://a:secret@b/c", "postgresql:///x", "sqlite://", "records.db"])
def test_a_url_of_nothing_known_is_refused(url: str) -> None:
    with pytest.raises(StartRefused, match=r"MILLRACE_RECORDS_URL=.*allowed is sqlite:///<file> or postgresql://") as refused:
        RecordsSettings.load(records_url=url)
    assert "secret" not in refused.value.message


async def test_a_server_that_dies_is_told_and_used_again_when_it_is_back(tmp_path: Path) -> None:
    with postgres() as server:
        settings = RecordsSettings(records_url=server.new_database("dying"))
        await migrate_records(settings)
        async with open_records(settings, tmp_path) as records:
            await records.put_tenant(SHOP)
            server.kill()
            with pytest.raises(RecordsUnavailable):
                await records.ping()
            server.start()
            assert await records.tenants() == [SHOP]


async def test_a_server_that_is_not_there_yet_does_not_keep_the_process_from_starting(tmp_path: Path) -> None:
    with postgres() as server:
        settings = RecordsSettings(records_url=server.new_database("late"))
        await migrate_records(settings)
        server.stop()
        async with open_records(settings, tmp_path) as records:
            with pytest.raises(RecordsUnavailable):
                await records.tenants()
            server.start()
            assert await records.tenants() == []


async def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match=r"records.db cannot be opened: unable to open database file"):
        await _open(RecordsSettings(records_url=f"sqlite:///{tmp_path / 'nowhere' / 'records.db'}"), tmp_path)


async def test_what_is_kept_of_a_tenants_events_is_settled_with_it(records: Records) -> None:
    settled = dataclasses.replace(
        SHOP, denied=("properties.email",), signals="drop", event_days={"purchase": 730, "page_view": 90}
    )
    await records.put_tenant(settled)
    assert await records.tenant("shop") == settled


async def test_a_secret_for_hashes_is_made_once_and_kept_while_the_record_is(records: Records) -> None:
    await records.put_tenant(SHOP)
    assert (await records.tenant("shop")).hash_secret == ""
    await records.put_tenant(dataclasses.replace(SHOP, hashed=("user_id",)))
    secret = (await records.tenant("shop")).hash_secret
    assert len(bytes.fromhex(secret)) == 32
    await records.put_tenant(SHOP)
    await records.put_tenant(dataclasses.replace(SHOP, hashed=("user_id", "visitor_id")))
    assert (await records.tenant("shop")).hash_secret == secret
    await records.put_tenant(dataclasses.replace(SHOP, hash_secret="5e" * 32))
    assert (await records.tenant("shop")).hash_secret == "5e" * 32, "one that is moved here comes along"
    told = await records.access.trail.changes(tenant="shop")
    assert "5e5e" not in str(told)
    assert secret not in str(told)
    assert "hash_secret" not in str(told)
    await records.remove_tenant("shop")
    await records.put_tenant(dataclasses.replace(SHOP, hashed=("user_id",)))
    assert (await records.tenant("shop")).hash_secret not in ("", secret, "5e" * 32)


async def test_a_saved_statement_is_kept_replaced_and_removed_for_its_tenant(records: Records) -> None:
    statements = records.statements
    mine = Saved("shop", "views", "SELECT {n:UInt8}", "Views", {"n": 1}, "user:ada", 1_000)
    theirs = dataclasses.replace(mine, tenant="blog", sql="SELECT 2")
    for one in (mine, theirs):
        await statements.save(one)
    changed = dataclasses.replace(mine, sql="SELECT 3", defaults={}, at=2_000)
    await statements.save(changed)

    assert await statements.saved("shop", "views") == changed
    assert await statements.all_saved() == [theirs, changed]
    assert await statements.all_saved("blog") == [theirs]
    assert await statements.remove_saved("shop", "views", "user:bob") is True
    assert await statements.remove_saved("shop", "views", "user:bob") is False
    with pytest.raises(NotFound, match="shop has no saved statement views"):
        await statements.saved("shop", "views")
    assert await statements.saved("blog", "views") == theirs
    told = [(one.actor, one.action, one.subject) for one in await records.access.trail.changes(tenant="shop")]
    assert told == [
        ("user:ada", "statement_saved", "views"),
        ("user:ada", "statement_saved", "views"),
        ("user:bob", "statement_removed", "views"),
    ]


async def test_a_tenant_has_so_many_saved_statements(records: Records) -> None:
    one = Saved("shop", "a", "SELECT 1", "", {}, "user:ada", 1_000)
    for name in ("a", "b", "b"):
        await records.statements.save(dataclasses.replace(one, name=name), most=2)
    with pytest.raises(Conflict) as refused:
        await records.statements.save(dataclasses.replace(one, name="c"), most=2)
    assert refused.value.code == "too_many_saved"
    await records.statements.save(dataclasses.replace(one, tenant="blog"))


async def test_descriptions_are_kept_replaced_and_forgotten_for_their_tenant(records: Records) -> None:
    catalogue = records.catalogue
    mine = Description("shop", "event", "purchase", "Order", "Paid for", ("sale", "deal"), "user:ada", 1_000)
    same_name = dataclasses.replace(mine, kind="property")
    theirs = dataclasses.replace(mine, tenant="blog", label="")
    for one in (mine, same_name, theirs):
        await catalogue.describe(one)
    changed = dataclasses.replace(mine, synonyms=(), description="", at=2_000)
    await catalogue.describe(changed)

    assert await catalogue.descriptions() == [theirs, changed, same_name]
    assert await catalogue.descriptions("shop") == [changed, same_name]
    assert await catalogue.forget_description("shop", "event", "purchase", "user:bob") is True
    assert await catalogue.forget_description("shop", "event", "purchase", "user:bob") is False
    assert await catalogue.descriptions() == [theirs, same_name]
    told = [(one.actor, one.action, one.subject) for one in await records.access.trail.changes(tenant="shop")]
    assert told == [
        ("user:ada", "description_changed", "event purchase"),
        ("user:ada", "description_changed", "property purchase"),
        ("user:ada", "description_changed", "event purchase"),
        ("user:bob", "description_removed", "event purchase"),
    ]


async def test_segments_are_kept_replaced_and_removed_for_their_tenant(records: Records) -> None:
    catalogue = records.catalogue
    mine = Segment("shop", "vips", "VIPs", "Who pays", {"field": "properties.plan", "value": "pro"}, "user:ada", 1_000)
    theirs = dataclasses.replace(mine, tenant="blog", where={"field": "country", "operator": "is_set"})
    for one in (mine, theirs):
        await catalogue.put_segment(one)
    changed = dataclasses.replace(mine, where={"any": [mine.where, theirs.where]}, at=2_000)
    await catalogue.put_segment(changed)

    assert await catalogue.segments() == [theirs, changed]
    assert await catalogue.segments("blog") == [theirs]
    assert await catalogue.remove_segment("shop", "vips", "user:bob") is True
    assert await catalogue.remove_segment("shop", "vips", "user:bob") is False
    assert await catalogue.segments("shop") == []
    told = [(one.actor, one.action, one.subject) for one in await records.access.trail.changes(tenant="shop")]
    assert told == [
        ("user:ada", "segment_saved", "vips"),
        ("user:ada", "segment_saved", "vips"),
        ("user:bob", "segment_removed", "vips"),
    ]


async def test_a_tenant_has_so_many_descriptions_and_segments(records: Records) -> None:
    described = Description("shop", "event", "a", "", "", (), "user:ada", 1_000)
    segment = Segment("shop", "a", "", "", {"field": "country", "value": "AT"}, "user:ada", 1_000)
    for name in ("a", "b", "b"):
        await records.catalogue.describe(dataclasses.replace(described, name=name), most=2)
        await records.catalogue.put_segment(dataclasses.replace(segment, name=name), most=2)
    with pytest.raises(Conflict) as refused:
        await records.catalogue.describe(dataclasses.replace(described, kind="property"), most=2)
    assert refused.value.code == "too_many_descriptions"
    with pytest.raises(Conflict) as refused:
        await records.catalogue.put_segment(dataclasses.replace(segment, name="c"), most=2)
    assert refused.value.code == "too_many_segments"
    await records.catalogue.describe(dataclasses.replace(described, tenant="blog"), most=2)
    await records.catalogue.put_segment(dataclasses.replace(segment, tenant="blog"), most=2)


async def test_the_history_is_told_page_by_page_and_shortened(records: Records) -> None:
    statements = records.statements
    asked = [Asked("shop", "user:ada", "", f"SELECT {at}", "success", 1, 2.5, at) for at in range(5)]
    other = Asked("blog", "user:bob", "views", "SELECT 9", "invalid_sql", 0, 0.1, 3)
    await statements.note([*asked, other])

    newest = await statements.asked("shop", limit=2)
    assert newest == [asked[4], asked[3]]
    assert await statements.asked("shop", before=newest[-1].id) == [asked[2], asked[1], asked[0]]
    await statements.forget_asked(1)
    assert len(await statements.asked("shop")) == 4
    await statements.forget_asked(0, ["shop", "nobody"], 3)
    assert await statements.asked("shop") == [asked[4], asked[3], asked[2]]
    assert await statements.asked("blog") == [other]


async def test_an_erasure_is_kept_until_it_is_done_and_after(records: Records) -> None:
    erasures = records.erasures
    salt = await erasures.salt("shop")
    first = await erasures.begin(Erasure("shop", salt, ("u:ab", "v:cd"), 1_000, "ada", 1_001, rows={"events_raw": 3}))
    second = await erasures.begin(Erasure("blog", await erasures.salt("blog"), ("u:ef",), 2_000, "ada", 2_001))
    assert first.id < second.id
    assert (await erasures.salt("shop"), await erasures.salt("blog")) == (first.salt, second.salt)
    assert await erasures.erasures() == [first, second]
    assert await erasures.erasures(tenant="blog") == await erasures.erasures(after=first.id) == [second]
    await erasures.note(first.id, [7, 9], {"events_raw": 4})
    noted = dataclasses.replace(first, hours=(7, 9), rows={"events_raw": 4})
    assert await erasures.erasures(tenant="shop") == [noted]
    await erasures.settle(first.id, "erased")
    assert await erasures.erasures(tenant="shop", unfinished=True) == [dataclasses.replace(noted, state="erased")]
    await erasures.settle(first.id, "done")
    assert await erasures.erasures(unfinished=True) == [second]
    assert await erasures.erasures(tenant="shop") == [dataclasses.replace(noted, state="done", hours=())]
    with pytest.raises(NotFound):
        await erasures.settle(99, "done")
    told = [(one.action, one.subject, one.detail) for one in await records.access.trail.changes(tenant="shop")]
    assert told == [
        ("erasure_begun", f"erasure {first.id}", {"ids": 2}),
        ("erasure_finished", f"erasure {first.id}", {"rows": {"events_raw": 4}}),
    ]
