"""Whose credential it is, as a process judges it from its snapshot, and how soon it knows of changes."""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from millrace_core.access import (
    ANYONE,
    SECRET_PREFIX,
    WRITE_PREFIX,
    Caller,
    digest_of,
    new_id,
    new_secret,
    rights_of,
    shown_part,
    tenant_of,
)
from millrace_core.errors import Forbidden, InvalidInput, RecordsUnavailable, Unauthorized
from millrace_core.time import now_ms
from millrace_records.access.checking import AccessCheck
from millrace_records.access.ports import AccessPorts, Key, Session, User
from millrace_records.cache.memory import memory_ports
from millrace_records.cache.ports import Messages
from millrace_records.settings import RecordsSettings
from millrace_records.wiring import open_records

_HOUR = 3_600_000


@dataclasses.dataclass
class World:
    """Records, and what two processes know of them: of the second nobody tells."""

    ports: AccessPorts
    messages: Messages
    here: AccessCheck
    there: AccessCheck


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_records(RecordsSettings(records_url=None), tmp_path) as records:
        mine, theirs = memory_ports(2**20).messages, memory_ports(2**20).messages
        here, there = AccessCheck(records.access.state, mine), AccessCheck(records.access.state, theirs)
        await here.refresh()
        await there.refresh()
        yield World(records.access, mine, here, there)


def _key(**more: object) -> tuple[str, Key]:
    secret = new_secret(SECRET_PREFIX)
    key = Key(new_id(), "shop", "secret", "", shown_part(secret), digest_of(secret), ("query",), created_at=now_ms())
    return secret, dataclasses.replace(key, **more)  # type: ignore[arg-type]


def test_keys_are_random_and_known_by_their_beginning() -> None:
    made = {new_secret(WRITE_PREFIX) for _ in range(1000)}
    assert len(made) == 1000
    assert all(one.startswith("mrw_") and len(one) == 36 and one[4:].isalnum() for one in made)
    one = made.pop()
    assert shown_part(one) == one[:12]
    assert digest_of(one) != digest_of(one + " ")


def test_a_request_is_about_the_tenant_that_it_names_or_the_callers_own() -> None:
    own, several = (
        Caller("key:1", {"shop": rights_of(["query"])}),
        Caller("user:1", {"a": rights_of(["query"]), "b": frozenset()}),
    )
    assert tenant_of(own, None, "query") == tenant_of(own, "shop", "view") == "shop"
    assert tenant_of(several, "a", "query") == "a"
    assert tenant_of(ANYONE, "whoever", "ingest") == "whoever"
    for caller, named, right, code in (
        (own, "blog", "query", "foreign_tenant"),
        (own, "*", "query", "foreign_tenant"),
        (own, None, "admin", "missing_scope"),
        (several, "b", "query", "missing_scope"),
        (several, None, "query", "missing_customer_id"),
        (ANYONE, None, "query", "missing_customer_id"),
        (ANYONE, "whoever", "admin", "missing_scope"),
    ):
        with pytest.raises((Forbidden, InvalidInput)) as refused:
            tenant_of(caller, named, right)  # type: ignore[arg-type]
        assert refused.value.code == code


async def test_a_key_is_its_tenants_with_its_scopes(world: World) -> None:
    secret, key = _key(scopes=("ingest", "query"))
    await world.ports.keys.add(key, "server")
    await world.here.changed()
    caller = world.here.caller(secret)
    assert (caller.who, caller.only_tenant) == (f"key:{key.id}", "shop")
    assert caller.may("ingest", "shop")
    assert caller.may("view", "shop")
    assert not caller.may("admin", "shop")
    assert not caller.may("query", "blog")
    assert key.id not in world.here.unmetered


@pytest.mark.parametrize("presented", ["mrs_", "shop", "a.b", "a.b.c", "\udcff", "x" * 100_000])
async def test_what_is_no_key_is_refused_without_asking_the_records(world: World, presented: str) -> None:
    with pytest.raises(Unauthorized) as refused:
        world.here.caller(presented)
    assert refused.value.code in ("invalid_key", "invalid_token")


async def test_nothing_presented_is_told_apart_from_something_wrong(world: World) -> None:
    with pytest.raises(Unauthorized) as refused:
        world.here.caller("")
    assert refused.value.code == "unauthorized"


async def test_a_key_ends_at_its_time_without_a_change(world: World) -> None:
    now = now_ms()
    secret, key = _key(expires_at=now + _HOUR)
    await world.ports.keys.add(key, "server")
    check = AccessCheck(world.ports.state, world.messages, clock=lambda: now)
    await check.refresh()
    assert check.caller(secret).who == f"key:{key.id}"
    now += _HOUR
    with pytest.raises(Unauthorized):
        check.caller(secret)
    with pytest.raises(Unauthorized):
        check.of(f"key:{key.id}")


async def test_a_revoked_key_is_refused_here_at_once_and_elsewhere_within_five_seconds(world: World) -> None:
    secret, key = _key()
    await world.ports.keys.add(key, "server")
    await asyncio.gather(world.here.refresh(), world.there.refresh())
    following = asyncio.create_task(world.there.follow())
    assert world.there.caller(secret).who == f"key:{key.id}"
    await world.ports.keys.revoke(key.id, "server")
    await world.here.changed()
    with pytest.raises(Unauthorized):
        world.here.caller(secret)
    deadline = time.monotonic() + 5.0
    while time.monotonic() < deadline:
        try:
            world.there.caller(secret)
        except Unauthorized:
            break
        await asyncio.sleep(0.02)
    else:
        pytest.fail("the other process still takes the key")
    await _stop(following)


async def test_a_process_that_is_told_does_not_wait_for_its_next_look(world: World) -> None:
    following = asyncio.create_task(world.here.follow())
    secret, key = _key()
    await world.ports.keys.add(key, "server")
    async with asyncio.timeout(5):
        while True:
            await world.messages.publish("access")
            with contextlib.suppress(Unauthorized):
                world.here.caller(secret)
                break
            await asyncio.sleep(0.01)
    await _stop(following)
    assert (await world.ports.keys.key(key.id)).last_used_at is not None


async def _stop(following: "asyncio.Task[None]") -> None:
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following


async def test_before_the_records_have_answered_nobody_is_known(tmp_path: Path) -> None:
    async with open_records(RecordsSettings(records_url=None), tmp_path) as records:
        check = AccessCheck(records.access.state, memory_ports(2**20).messages)
        for attempt in (check.caller, check.stream_caller):
            for presented in ("", "mrs_x", "a.b.c"):
                with pytest.raises(RecordsUnavailable):
                    attempt(presented)


async def test_a_login_is_its_users_for_as_long_as_the_session_and_the_role_stand(world: World) -> None:
    ada = User(new_id(), "ada@example.com", "hash", {"shop": "analyst"}, now_ms())
    await world.ports.users.add(ada, "server")
    await world.ports.sessions.begin(Session("s1", ada.id, now_ms() + _HOUR), "r1")
    await world.here.changed()
    token = world.here.user_token(ada.id, "s1", 60)
    assert world.there is not world.here
    await world.there.refresh()
    assert world.there.caller(token).may("query", "shop")
    assert world.here.session_of(token) == "s1"
    await world.ports.users.put(dataclasses.replace(ada, roles={"shop": "viewer"}), "server", "roles_changed")
    await world.there.refresh()
    assert not world.there.caller(token).may("query", "shop")
    assert world.there.caller(token).may("view", "shop")
    await world.ports.sessions.end("s1", "server")
    await world.there.refresh()
    with pytest.raises(Unauthorized):
        world.there.caller(token)


async def test_a_token_is_over_at_its_time_also_where_it_was_seen_before(world: World) -> None:
    ada = User(new_id(), "ada@example.com", "hash", {"shop": "analyst"}, now_ms())
    await world.ports.users.add(ada, "server")
    ahead = 0
    check = AccessCheck(world.ports.state, world.messages, clock=lambda: now_ms() + ahead)
    await check.refresh()
    token = check.user_token(ada.id, "s1", 60)
    assert check.caller(token).who == f"user:{ada.id}"
    ahead = 61_000
    with pytest.raises(Unauthorized):
        check.caller(token)


async def test_a_streams_token_is_good_for_looking_at_one_tenant(world: World) -> None:
    secret, key = _key(scopes=("admin",))
    await world.ports.keys.add(key, "server")
    await world.here.changed()
    caller = world.here.caller(secret)
    looking = world.here.stream_caller(world.here.stream_token(caller, "shop", 60))
    assert looking.rights == {"shop": frozenset({"view"})}
    for wrong in (
        world.here.stream_token(caller, "blog", 60),
        world.here.stream_token(caller, "shop", -1),
        world.here.stream_token(ANYONE, "shop", 60),
        world.here.user_token(key.id, "s1", 60),
        world.here.stream_token(caller, "shop", 60)[:-2],
    ):
        with pytest.raises(Unauthorized):
            world.here.stream_caller(wrong)
    with pytest.raises(Unauthorized):
        world.here.caller(world.here.stream_token(caller, "shop", 60))
    token = world.here.stream_token(caller, "shop", 60)
    await world.ports.keys.revoke(key.id, "server")
    await world.here.changed()
    with pytest.raises(Unauthorized):
        world.here.stream_caller(token)


async def test_a_streams_token_ends_with_the_session_that_asked_for_it(world: World) -> None:
    ada = User(new_id(), "ada@example.com", "hash", {"shop": "analyst"}, now_ms())
    await world.ports.users.add(ada, "server")
    for session in ("s1", "s2"):
        await world.ports.sessions.begin(Session(session, ada.id, now_ms() + _HOUR), f"of-{session}")
    await world.there.refresh()
    first, second = (world.there.caller(world.there.user_token(ada.id, session, 60)) for session in ("s1", "s2"))
    tokens = [world.there.stream_token(one, "shop", 60) for one in (first, second)]
    assert [world.there.stream_caller(one).session for one in tokens] == ["s1", "s2"]
    await world.ports.sessions.end("s1", "server")
    await world.there.refresh()
    with pytest.raises(Unauthorized):
        world.there.stream_caller(tokens[0])
    with pytest.raises(Unauthorized):
        world.there.of(first.who, first.session)
    assert world.there.stream_caller(tokens[1]).may("view", "shop")
    assert world.there.of(second.who, second.session).may("view", "shop")


async def test_a_token_that_someone_else_signed_is_none(world: World, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    async with open_records(RecordsSettings(records_url=None), tmp_path / "other") as records:
        other = AccessCheck(records.access.state, world.messages)
        await other.refresh()
        with pytest.raises(Unauthorized):
            world.here.caller(other.user_token("ada", "s1", 60))


async def test_an_administrators_key_is_not_metered(world: World) -> None:
    _, key = _key(scopes=("admin",))
    await world.ports.keys.add(key, "server")
    await world.here.changed()
    unmetered = world.here.unmetered
    assert unmetered == {key.id}
    await world.ports.keys.revoke(key.id, "server")
    await world.here.changed()
    assert not unmetered, "whoever holds it sees what changes"
