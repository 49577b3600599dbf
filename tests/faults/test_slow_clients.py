"""Clients that send the head of a request in drops: they are cut, and nobody else notices them.

500 of them here; ``make faults`` has 2,000 (MILLRACE_TEST_CLIENTS) against the default of ten seconds.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.support import figures
from tests.support.clients import many
from tests.support.server import Server

pytestmark = [pytest.mark.faults, pytest.mark.minutes]

_HEAD_SECONDS = os.environ.get("MILLRACE_TEST_HEAD_SECONDS", "2")
_EVENT = {"customer_id": "slow", "visitor_id": "v", "event_type": "t"}
_WHOLE = b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    many(500)  # before the start: the server inherits how many files it may open
    environment = {
        "MILLRACE_REQUEST_HEAD_SECONDS": _HEAD_SECONDS,
        "MILLRACE_INGEST_BODY_SECONDS": str(3 * float(_HEAD_SECONDS)),
        "MILLRACE_LOG_LEVEL": "warning",
    }
    made = Server(tmp_path_factory.mktemp("slow") / "data", environment)
    made.start()
    yield made
    assert made.stop() == 0


async def _connect(server: Server) -> Connection:
    return await asyncio.open_connection("127.0.0.1", server.port)


async def _drip(server: Server, begin: bytes) -> bytes:
    """Send this, then a byte each half second until the server closes; everything that it said."""
    figures.injected("head sent in drops")
    reader, writer = await _connect(server)
    answer = asyncio.create_task(reader.read())
    try:
        writer.write(begin)
        for _ in range(600):
            with contextlib.suppress(OSError):
                writer.write(b"a")
            await asyncio.wait([answer], timeout=0.5)
            if answer.done():
                with contextlib.suppress(OSError):  # what was on its way to a closed connection
                    return answer.result()
                return b""
        raise AssertionError("the server never closed the connection")
    finally:
        answer.cancel()
        writer.transport.abort()


async def _post_until(server: Server, enough: asyncio.Event) -> list[float]:
    """Post single events one after the other; the seconds that each took."""
    taken = []
    async with httpx.AsyncClient(timeout=30) as client:
        while not enough.is_set():
            began = time.perf_counter()
            (await client.post(f"{server.url}/track", json=_EVENT)).raise_for_status()
            taken.append(time.perf_counter() - began)
            await asyncio.sleep(0.01)
    return sorted(taken)


async def test_clients_that_never_finish_a_head_are_cut_and_the_others_are_served(server: Server) -> None:
    clients = many(500)
    before, enough = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().call_later(5.0, before.set)
    alone = await _post_until(server, before)
    posting = asyncio.create_task(_post_until(server, enough))
    answers = await asyncio.gather(*(_drip(server, b"GET /live HTTP/1.1\r\nX-A: ") for _ in range(clients)))
    enough.set()
    among = await posting
    assert all(answer == b"" or b"headers_timeout" in answer for answer in answers)
    assert any(answers)
    assert among
    p99 = [seconds[len(seconds) * 99 // 100] * 1000 for seconds in (alone, among)]
    figures.note(
        f"p99 of single events {p99[0]:.0f} ms before, {p99[1]:.0f} ms meanwhile ({len(among)} posts, all answered 200)"
    )


@pytest.mark.parametrize(
    "begin",
    [b"", b"GET /live", _WHOLE + b"GET /live HTTP/1.1\r\n", _WHOLE * 3 + b"G"],
    ids=["nothing", "a line", "a second head", "a fourth head"],
)
async def test_a_connection_whose_next_head_never_comes_is_closed(server: Server, begin: bytes) -> None:
    figures.injected("head that never comes")
    async with asyncio.timeout(60):
        reader, writer = await _connect(server)
        writer.write(begin)
        said = await reader.read()
        assert said.count(b"HTTP/1.1 200 ") == begin.count(_WHOLE)
        assert said.count(b"headers_timeout") == (begin != b"")
        writer.close()


async def test_an_empty_line_behind_an_answer_holds_no_connection(server: Server) -> None:
    figures.injected("head that never comes")
    async with asyncio.timeout(60):
        reader, writer = await _connect(server)
        writer.write(_WHOLE)
        await _answer(reader)
        writer.write(b"\r\n")
        assert await reader.read() == b""
        writer.close()


async def test_heads_that_come_in_time_and_connections_that_wait_between_requests_stay(server: Server) -> None:
    async with asyncio.timeout(60):
        reader, writer = await _connect(server)
        for _ in range(2):
            for drop in (_WHOLE[:10], _WHOLE[10:30], _WHOLE[30:]):
                writer.write(drop)
                await asyncio.sleep(0.1)
            await _answer(reader)
            await asyncio.sleep(float(_HEAD_SECONDS) + 0.5)  # nothing has begun meanwhile
        writer.close()


async def test_a_body_and_a_stream_may_take_longer_than_a_head(server: Server) -> None:
    body = b'{"customer_id":"slow","visitor_id":"v","event_type":"t"}'
    pause = 1.5 * float(_HEAD_SECONDS)
    async with asyncio.timeout(60):
        reader, writer = await _connect(server)
        await _ask_for_the_stream(reader, writer)
        sending, sender = await _connect(server)
        sender.write(b"POST /track HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body))
        for part in (body[:20], body[20:]):
            await asyncio.sleep(pause / 2)
            sender.write(part)
        assert (await _answer(sending)).startswith(b"HTTP/1.1 200")
        await reader.readuntil(b"new_events")
        for one in (writer, sender):
            one.close()


async def _ask_for_the_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET /events/stream/slow HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    await reader.readuntil(b"retry: ")


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """The head of an answer, whose body is read as well."""
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
    return head
