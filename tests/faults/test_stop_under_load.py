"""SIGTERM in the middle of work: what was accepted is there, the end comes in time, and nobody is answered with a fault."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from millrace_core.time import now_ms
from tests.support import plain
from tests.support.checker import assert_exact, stored_in
from tests.support.server import Server
from tests.support.writers import CurrentUrl, Writers

pytestmark = [pytest.mark.faults, pytest.mark.minutes]


async def test_a_server_that_is_stopped_under_load_drains_and_ends_with_zero(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    await asyncio.to_thread(server.start)
    writers = Writers(CurrentUrl(server.url), tmp_path / "acked", 5, now_ms())
    enough = asyncio.Event()
    writing = asyncio.create_task(writers.write(writers=6, batch_events=200, enough=enough))
    try:
        for _ in range(2):
            await asyncio.sleep(3)
            async with httpx.AsyncClient(timeout=None) as client, client.stream("GET", f"{server.url}/events/stream/fault_a"):
                began = time.monotonic()
                assert await asyncio.to_thread(server.stop) == 0  # within 20 s, or it fails; a live stream is open
                print(f"stopped in {time.monotonic() - began:.1f} s")  # noqa: T201
            assert not (server.data_dir / "server.json").exists()
            await asyncio.to_thread(server.start)
        enough.set()
        await asyncio.wait_for(writing, 60)
        await asyncio.to_thread(server.wait_until_stored)
        assert await asyncio.to_thread(server.stop) == 0
    finally:
        writing.cancel()
        if server.running:
            server.kill()
    assert_exact(writers.sent, await asyncio.to_thread(stored_in, server.data_dir))


def test_a_server_that_is_stopped_before_it_is_ready_ends_with_zero(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    server.start(wait=False)
    try:
        deadline = time.monotonic() + 60
        while True:  # it answers before it is ready: /live tells the first moment at which a stop meets it so
            assert time.monotonic() < deadline, server.tail()
            try:
                plain.get(f"{server.url}/live", timeout=5.0)
                break
            except httpx.TransportError:
                time.sleep(0.005)
        assert server.stop() == 0
    finally:
        if server.running:
            server.kill()


_NEVER_CLOSES = """
import asyncio, contextlib, sys
import uvloop
from millrace_service.health import Health
from millrace_service.settings import ServerSettings
from millrace_standalone import process

async def app(scope, receive, send): pass

@contextlib.asynccontextmanager
async def opening():
    yield process.Process(Health(), 0.5, app)
    await asyncio.create_task(asyncio.Event().wait(), name="a driver")

settings = ServerSettings(data_dir=sys.argv[1], port=0)
uvloop.run(process.run(settings, opening, lambda url: print(url, flush=True)))
"""


def test_a_process_that_cannot_close_what_it_opened_ends_all_the_same_and_says_what_it_waited_for(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _NEVER_CLOSES, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline().startswith("http://")
            running.terminate()
            assert running.wait(60) == 0
            assert "a driver at " in next(line for line in running.stdout if "stop_given_up" in line)
        finally:
            running.kill()
