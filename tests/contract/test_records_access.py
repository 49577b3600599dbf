"""Keys, users, sessions, one-time links and their trail, on SQLite and on a real PostgreSQL."""

import asyncio
import dataclasses

import pytest

from millrace_core.access import ALL_TENANTS, SECRET_PREFIX, WRITE_PREFIX, digest_of, new_id, new_secret, shown_part
from millrace_core.errors import Conflict, NotFound, Unauthorized
from millrace_core.time import now_ms
from millrace_records.access.ports import AccessPorts, Change, Key, Session, Ticket, User
from millrace_records.ports import Records

_HOUR = 3_600_000


@pytest.fixture
def access(records: Records) -> AccessPorts:
    return records.access


def _key(tenant: str = "shop", **more: object) -> Key:
    secret = new_secret(SECRET_PREFIX)
    made = Key(new_id(), tenant, "secret", "backend", shown_part(secret), digest_of(secret), ("query",), created_at=now_ms())
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


def _user(email: str = "ada@example.com", **more: object) -> User:
    return dataclasses.replace(User(new_id(), email, "hash", {"shop": "owner"}, now_ms()), **more)  # type: ignore[arg-type]


async def test_a_key_is_kept_whole_and_its_secret_is_not(access: AccessPorts) -> None:
    secret = new_secret(WRITE_PREFIX)
    key = _key(kind="write", digest=digest_of(secret), scopes=("ingest",), origins=("https://shop.example.com",), expires_at=9)
    await access.keys.add(key, "server")
    assert await access.keys.key(key.id) == key
    assert await access.keys.keys("shop") == [key]
    assert await access.keys.keys("blog") == []
    assert secret not in repr(key)
    assert key.digest not in repr(key)


async def test_a_key_that_nobody_made_is_not_found(access: AccessPorts) -> None:
    for attempt in (
        access.keys.key("none"),
        access.keys.revoke("none", "server"),
        access.keys.rotate("none", _key(), now_ms(), "server"),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert await access.keys.keys() == []
    assert await access.trail.changes() == []


async def test_a_rotated_key_and_its_successor_both_work_until_the_overlap_is_over(access: AccessPorts) -> None:
    old, new = _key(), _key()
    await access.keys.add(old, "server")
    await access.keys.rotate(old.id, new, now_ms() + _HOUR, "key:admin")
    assert {key.id for key in (await access.state.snapshot()).keys} == {old.id, new.id}
    assert (await access.keys.key(old.id)).replaced_by == new.id
    third = _key()
    with pytest.raises(Conflict):
        await access.keys.rotate(old.id, third, now_ms() + _HOUR, "server")
    await access.keys.rotate(new.id, third, now_ms(), "server")
    assert {key.id for key in (await access.state.snapshot()).keys} == {old.id, third.id}


async def test_a_rotation_never_makes_a_key_live_longer(access: AccessPorts) -> None:
    soon = now_ms() + 60_000
    old = _key(expires_at=soon)
    await access.keys.add(old, "server")
    await access.keys.rotate(old.id, _key(), now_ms() + _HOUR, "server")
    assert (await access.keys.key(old.id)).expires_at == soon


async def test_of_many_rotations_at_once_one_succeeds(access: AccessPorts) -> None:
    old = _key()
    await access.keys.add(old, "server")
    tries = (access.keys.rotate(old.id, _key(), now_ms() + _HOUR, "server") for _ in range(8))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 1
    assert len(await access.keys.keys()) == 2


async def test_a_revoked_or_expired_key_leaves_the_snapshot_and_stays_listed(access: AccessPorts) -> None:
    revoked, expired, alive = _key(), _key(expires_at=now_ms() - 1), _key()
    for key in (revoked, expired, alive):
        await access.keys.add(key, "server")
    await access.keys.revoke(revoked.id, "server")
    at = (await access.keys.key(revoked.id)).revoked_at
    await access.keys.revoke(revoked.id, "server")
    assert (await access.keys.key(revoked.id)).revoked_at == at
    assert [key.id for key in (await access.state.snapshot()).keys] == [alive.id]
    assert len(await access.keys.keys()) == 3


async def test_each_change_raises_the_version_and_the_use_of_a_key_does_not(access: AccessPorts) -> None:
    key, before = _key(), await access.state.version()
    await access.keys.add(key, "server")
    added = await access.state.version()
    assert added > before
    await access.state.used({key.id: 2_000, "none": 1})
    await access.state.used({key.id: 1_000})
    assert (await access.keys.key(key.id)).last_used_at == 2_000
    assert await access.state.version() == added == (await access.state.snapshot()).version


async def test_the_signing_secret_is_random_and_stays(access: AccessPorts) -> None:
    first, second = await access.state.snapshot(), await access.state.snapshot()
    assert first.secret == second.secret
    assert len(first.secret) >= 43
    assert first.secret not in repr(first)


async def test_a_user_is_known_by_email_and_by_tenant(access: AccessPorts) -> None:
    ada, bob = _user(), _user("bob@example.com", roles={"blog": "viewer", ALL_TENANTS: "analyst"})
    await access.users.add(bob, "server")
    await access.users.add(ada, "server")
    assert await access.users.users() == [ada, bob]
    assert await access.users.users("blog") == [bob]
    assert await access.users.user("ada@example.com") == ada
    with pytest.raises(NotFound):
        await access.users.user("eve@example.com")
    with pytest.raises(Conflict):
        await access.users.add(_user(), "server")
    assert "hash" not in repr(ada)


async def test_of_many_first_owners_at_once_one_is_made(access: AccessPorts) -> None:
    tries = (access.users.add(_user(f"{n}@example.com"), "setup", first=True) for n in range(8))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 1
    assert all(outcome is None or isinstance(outcome, Conflict) for outcome in outcomes)
    assert len(await access.users.users()) == 1


async def test_a_new_password_or_a_disabled_user_ends_their_sessions_and_a_new_role_does_not(access: AccessPorts) -> None:
    ada = _user()
    await access.users.add(ada, "server")
    await access.sessions.begin(Session("s1", ada.id, now_ms() + _HOUR), "r1")
    ada = dataclasses.replace(ada, roles={"shop": "viewer", "blog": "owner"})
    await access.users.put(ada, "server", "user_changed")
    assert await access.users.user(ada.email) == ada
    assert (await access.state.snapshot()).ended_sessions == frozenset()
    await access.users.put(dataclasses.replace(ada, password="other"), "server", "password_changed")
    assert (await access.state.snapshot()).ended_sessions == {"s1"}
    await access.users.put(dataclasses.replace(ada, password="other", disabled_at=now_ms()), "server", "user_disabled")
    assert (await access.state.snapshot()).users == []
    with pytest.raises(NotFound):
        await access.users.put(_user("eve@example.com"), "server", "user_changed")


async def test_a_refresh_token_works_once_and_used_twice_it_ends_the_session(access: AccessPorts) -> None:
    ada = _user()
    await access.users.add(ada, "server")
    session = Session("s1", ada.id, now_ms() + _HOUR)
    await access.sessions.begin(session, "r1")
    assert await access.sessions.refresh("r1", "r2") == session
    assert await access.sessions.refresh("r2", "r3") == session
    with pytest.raises(Unauthorized):
        await access.sessions.refresh("r1", "stolen")
    assert (await access.state.snapshot()).ended_sessions == {"s1"}
    for token in ("r3", "stolen", "never"):
        with pytest.raises(Unauthorized):
            await access.sessions.refresh(token, "r9")


async def test_a_session_whose_time_is_over_or_that_was_ended_is_not_refreshed(access: AccessPorts) -> None:
    ada = _user()
    await access.users.add(ada, "server")
    await access.sessions.begin(Session("old", ada.id, now_ms() - 1), "r1")
    with pytest.raises(Unauthorized):
        await access.sessions.refresh("r1", "r2")
    await access.sessions.begin(Session("ended", ada.id, now_ms() + _HOUR), "r3")
    await access.sessions.end("ended", "user:ada")
    await access.sessions.end("never", "user:ada")
    with pytest.raises(Unauthorized):
        await access.sessions.refresh("r3", "r4")


async def test_a_session_is_looked_up_by_its_newest_refresh_token_which_stays(access: AccessPorts) -> None:
    ada = _user()
    await access.users.add(ada, "server")
    session = Session("s1", ada.id, now_ms() + _HOUR)
    await access.sessions.begin(session, "r1")
    assert [await access.sessions.of("r1") for _ in range(2)] == [session, session]
    assert await access.sessions.refresh("r1", "r2") == session
    assert await access.sessions.of("r2") == session
    await access.sessions.begin(Session("old", ada.id, now_ms() - 1), "r3")
    await access.sessions.end("s1", "user:ada")
    for token in ("r1", "r2", "r3", "never"):
        with pytest.raises(Unauthorized):
            await access.sessions.of(token)


async def test_a_ticket_works_once_for_its_purpose_and_within_its_time(access: AccessPorts) -> None:
    ticket = Ticket("t1", "password", "ada", now_ms() + _HOUR)
    await access.tickets.issue(ticket, "server")
    with pytest.raises(Unauthorized):
        await access.tickets.redeem("t1", "first_owner")
    assert await access.tickets.redeem("t1", "password") == ticket
    await access.tickets.issue(Ticket("t2", "password", "ada", now_ms() - 1), "server")
    for digest in ("t1", "t2", "never"):
        with pytest.raises(Unauthorized):
            await access.tickets.redeem(digest, "password")


async def test_a_newer_ticket_ends_the_older_one(access: AccessPorts) -> None:
    await access.tickets.issue(Ticket("t1", "first_owner", "", now_ms() + _HOUR), "server")
    await access.tickets.issue(Ticket("t2", "first_owner", "", now_ms() + _HOUR), "server")
    with pytest.raises(Unauthorized):
        await access.tickets.redeem("t1", "first_owner")
    assert (await access.tickets.redeem("t2", "first_owner")).digest == "t2"


async def test_of_many_who_redeem_a_ticket_at_once_one_has_it(access: AccessPorts) -> None:
    await access.tickets.issue(Ticket("t1", "first_owner", "", now_ms() + _HOUR), "server")
    outcomes = await asyncio.gather(*(access.tickets.redeem("t1", "first_owner") for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(outcome, Ticket) for outcome in outcomes) == 1


async def test_the_trail_says_who_did_what_page_by_page(access: AccessPorts) -> None:
    key, ada = _key(), _user(roles={"shop": "owner", "blog": "viewer"})
    await access.keys.add(key, "server")
    await access.keys.rotate(key.id, _key(), now_ms() + _HOUR, "user:ada")
    await access.users.add(ada, "server")
    await access.keys.revoke(key.id, "key:admin")
    await access.trail.take([Change(7, "server", "tenant_changed", "shop", "shop", {"tier": "enterprise"})])
    changes = await access.trail.changes()
    assert [(one.actor, one.action, one.tenant) for one in changes] == [
        ("server", "key_created", "shop"),
        ("user:ada", "key_rotated", "shop"),
        ("server", "user_created", "shop"),
        ("server", "user_created", "blog"),
        ("key:admin", "key_revoked", "shop"),
        ("server", "tenant_changed", "shop"),
    ]
    assert (changes[-1].at, changes[-1].detail) == (7, {"tier": "enterprise"})
    assert [one.action for one in await access.trail.changes(tenant="blog")] == ["user_created"]
    assert await access.trail.changes(after=changes[3].id, limit=1) == [changes[4]]
    newest = await access.trail.changes(newest_first=True, limit=2)
    assert newest == [changes[5], changes[4]]
    assert await access.trail.changes(newest_first=True, after=newest[-1].id, limit=3) == [*changes[3:0:-1]]
    assert await access.trail.changes(action="key_rotated") == [changes[1]]
    assert await access.trail.changes(text="ADA@", tenant="shop") == [changes[2]]
    assert await access.trail.changes(text="y:admin", newest_first=True) == [changes[4]]
    assert await access.trail.changes(text="%") == []
    await access.users.put(dataclasses.replace(ada, roles={}), "server", "roles_changed")
    assert (await access.trail.changes(tenant="blog"))[-1].action == "roles_changed"
    assert key.digest not in str(changes)
