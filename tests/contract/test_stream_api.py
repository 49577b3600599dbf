"""Live streams of a real server: what arrives, whose it is, and how a client goes on where it was."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support import plain
from tests.support.analytics import post, streaming, view
from tests.support.server import Server


async def test_events_arrive_as_documented_and_only_to_their_tenant(server: Server) -> None:
    async with streaming(server, "one") as one, streaming(server, "two") as two:
        assert one.response.headers["content-type"].startswith("text/event-stream")
        assert one.response.headers["cache-control"] == "no-store"
        await one.next("other")  # the pause for a new connection: the stream is open
        await two.next("other")
        sent = view("one", event_name="Homepage View", timestamp="2026-11-01T10:00:00.123Z", event_id="x1")
        await asyncio.to_thread(post, server, sent, view("two", event_type="mine"))
        (event,) = (await one.next()).events
        (other,) = (await two.next()).events

    assert event == {
        "event_type": "page_view",
        "event_name": "Homepage View",
        "visitor_id": "v1",
        "timestamp": "2026-11-01T10:00:00.123Z",
    }
    assert other["event_type"] == "mine"


async def test_a_client_resumes_behind_the_last_message_that_it_saw(server: Server) -> None:
    async with streaming(server, "resumed") as stream:
        await stream.next("other")
        await asyncio.to_thread(post, server, view("resumed", event_type="a"), view("resumed", event_type="b"))
        last = await stream.next()
        while last.events[-1]["event_type"] != "b":
            last = await stream.next()
    for kind in "cde":
        await asyncio.to_thread(post, server, view("resumed", event_type=kind), view("another", event_type="not_yours"))
    async with streaming(server, "resumed", last.id) as stream:
        assert await stream.types(3) == ["c", "d", "e"]
        await asyncio.to_thread(post, server, view("resumed", event_type="f"))
        assert await stream.types(1) == ["f"]


@pytest.mark.minutes
async def test_a_client_resumes_over_a_restart_of_the_server(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    await asyncio.to_thread(server.start)
    try:
        async with streaming(server, "t") as stream:
            await stream.next("other")
            await asyncio.to_thread(post, server, view("t", event_type="before"))
            last = await stream.next()
            await asyncio.to_thread(post, server, view("t", event_type="unseen"))
            await stream.next()
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(post, server, view("t", event_type="after"))
        async with streaming(server, "t", last.id) as stream:
            assert await stream.types(2) == ["unseen", "after"]
    finally:
        server.stop()


async def test_a_silent_stream_says_that_it_lives(server: Server) -> None:
    async with streaming(server, "silent") as stream:
        for _ in range(2):
            assert (await stream.next("comment")).data == "heartbeat"


@pytest.mark.parametrize("given", ["nonsense", "e30x", "////", "eyIwIjpbInhdfQ"])
def test_an_id_of_no_stream_is_refused(server: Server, given: str) -> None:
    answer = plain.get(f"{server.url}/events/stream/t", headers={"Last-Event-ID": given}, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_last_event_id")


def test_a_tenant_that_cannot_be_is_refused(server: Server) -> None:
    answer = plain.get(f"{server.url}/events/stream/.hidden", timeout=10)
    assert answer.status_code == 400
    assert answer.json()["success"] is False


@pytest.fixture
def tight(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "data", {"MILLRACE_STREAM_CLIENTS_PER_TENANT": "2"})
    made.start()
    yield made
    assert made.stop() == 0


async def test_more_streams_than_may_be_are_told_when_to_come_back(tight: Server) -> None:
    async with streaming(tight, "t") as one, streaming(tight, "t") as two, streaming(tight, "other") as other:
        for stream in (one, two, other):
            await stream.next("other")
        answer = await asyncio.to_thread(httpx.get, f"{tight.url}/events/stream/t", timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (503, "too_many_streams")
        assert int(answer.headers["retry-after"]) >= 1
    async with asyncio.timeout(10):
        while (await asyncio.to_thread(httpx.get, f"{tight.url}/metrics")).text.count("millrace_sse_connections 0.0") == 0:
            await asyncio.sleep(0.05)
    async with streaming(tight, "t") as again:
        await again.next("other")
