"""What ingestion knows of a key that it has just judged, and when it does not count on that any more."""

import asyncio
import contextlib
import dataclasses
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from millrace_core.access import WRITE_PREFIX, digest_of, new_id, new_secret, shown_part
from millrace_core.errors import Forbidden, Unauthorized
from millrace_core.time import now_ms
from millrace_ingestion.kept_keys import KeptKeys
from millrace_records.access.checking import AccessCheck
from millrace_records.access.ports import ACCESS_CHANGED, AccessPorts, Key
from millrace_records.cache.memory import memory_ports
from millrace_records.cache.ports import Messages
from millrace_records.settings import RecordsSettings
from millrace_records.wiring import open_records


@dataclasses.dataclass
class World:
    """Records, and a process that judges by them."""

    ports: AccessPorts
    messages: Messages
    access: AccessCheck
    keys: KeptKeys
    now: int = 0
    """Milliseconds that the process's clock is ahead."""

    async def add(self, **more: object) -> tuple[str, Key]:
        """A write key that the process knows."""
        secret = new_secret(WRITE_PREFIX)
        made = Key(new_id(), "shop", "write", "", shown_part(secret), digest_of(secret), ("ingest",), created_at=now_ms())
        made = dataclasses.replace(made, **more)  # type: ignore[arg-type]
        await self.ports.keys.add(made, "server")
        await self.access.refresh()
        return secret, made

    def tenant(self, headers: Mapping[bytes, bytes], body: bytes = b"{}") -> str:
        """Of a request's key."""
        return self.keys.grant_native(headers, body).tenant


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_records(RecordsSettings(records_url=None), tmp_path) as records:
        messages = memory_ports(2**20).messages
        access = AccessCheck(records.access.state, messages, clock=lambda: now_ms() + made.now)
        made = World(records.access, messages, access, KeptKeys(access))
        yield made


@pytest.fixture
async def following(world: World) -> "AsyncIterator[asyncio.Task[None]]":
    task = asyncio.create_task(world.access.follow())
    yield task
    await _stop(task)


async def _stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _bearer(secret: str) -> dict[bytes, bytes]:
    return {b"authorization": b"Bearer " + secret.encode()}


async def test_a_revoked_key_stops_within_five_seconds_however_often_it_is_sent(world: World, following: object) -> None:
    secret, key = await world.add()
    other, _ = await world.add()
    assert world.tenant(_bearer(secret)) == "shop"
    await world.ports.keys.revoke(key.id, "server")  # elsewhere: nobody tells this process
    deadline = time.monotonic() + 5.0
    with contextlib.suppress(Unauthorized):
        while world.tenant(_bearer(secret)) == "shop":
            assert time.monotonic() < deadline, "the key is still taken"
            await asyncio.sleep(0.01)
    assert world.tenant(_bearer(other)) == "shop"


async def test_a_key_that_is_revoked_here_stops_at_once(world: World) -> None:
    secret, key = await world.add()
    assert [world.tenant(_bearer(secret)) for _ in range(3)] == ["shop"] * 3
    await world.ports.keys.revoke(key.id, "server")
    await world.access.changed()
    with pytest.raises(Unauthorized):
        world.tenant(_bearer(secret))


async def test_a_key_ends_at_its_time_although_it_was_just_taken(world: World) -> None:
    secret, _ = await world.add(expires_at=now_ms() + 60_000)
    assert [world.tenant(_bearer(secret)) for _ in range(2)] == ["shop"] * 2
    world.now = 60_000
    with pytest.raises(Unauthorized):
        world.tenant(_bearer(secret))


async def test_a_key_of_some_pages_is_refused_to_others_that_send_the_same_header(world: World) -> None:
    secret, _ = await world.add(origins=("https://shop.example.com",))
    listed = {**_bearer(secret), b"origin": b"https://shop.example.com"}
    assert [world.tenant(listed) for _ in range(2)] == ["shop"] * 2
    for origin in (b"https://evil.example.com", b""):
        with pytest.raises(Forbidden):
            world.tenant({**listed, b"origin": origin})
    assert world.tenant(listed) == "shop"


@pytest.mark.parametrize("sent", [b"", b"Bearer ", b"Bearer", b"Basic Og==", b"Token abc", b"Bearer \xa0"])
async def test_a_header_that_says_nothing_does_not_stand_for_the_key_beside_it(world: World, sent: bytes) -> None:
    secret, _ = await world.add()
    header, in_body = {b"authorization": sent}, b'{"write_key": "%b"}' % secret.encode()
    assert world.tenant(header, in_body) == "shop"
    with contextlib.suppress(Unauthorized):
        assert world.tenant({**header, b"x-api-key": secret.encode()}) == "shop"
    with pytest.raises(Unauthorized):
        world.tenant(header)


async def test_each_way_to_send_a_key_goes_on_working(world: World) -> None:
    secret, key = await world.add()
    spelled = secret.encode()
    for headers in (
        _bearer(secret),
        {b"authorization": b"bearer  " + spelled + b" "},
        {b"authorization": b"Basic " + b64encode(spelled + b":")},
        {b"x-api-key": spelled},
    ):
        assert [world.keys.grant_native(headers, b"").key_id for _ in range(2)] == [key.id] * 2
    for wrong in (secret[:-1], secret + "x", secret.swapcase(), "\xe9" * 36):
        with pytest.raises(Unauthorized):
            world.tenant({b"authorization": b"Bearer " + wrong.encode("latin-1")})


async def test_a_key_is_known_to_be_in_use_for_as_long_as_it_is(world: World) -> None:
    secret, key = await world.add()
    task = asyncio.create_task(world.access.follow())
    world.tenant(_bearer(secret))
    world.now = 3_600_000
    looks = 0

    def count() -> None:
        nonlocal looks
        looks += 1

    world.access.forget_by(count)
    async with asyncio.timeout(10):
        while not looks:
            await world.messages.publish(ACCESS_CHANGED)
            await asyncio.sleep(0.01)
    world.tenant(_bearer(secret))
    await _stop(task)
    assert ((await world.ports.keys.key(key.id)).last_used_at or 0) >= now_ms() + 3_500_000


async def test_there_is_never_more_to_keep_than_there_are_keys(world: World) -> None:
    secrets = [(await world.add())[0] for _ in range(3)]
    for secret in secrets:
        for blanks in range(50):
            world.tenant({b"authorization": b"Bearer " + b" " * blanks + secret.encode()})
    for number in range(100):
        with pytest.raises(Unauthorized):
            world.tenant(_bearer(f"{WRITE_PREFIX}{number}"))
    assert len(world.keys._recent) == 3
