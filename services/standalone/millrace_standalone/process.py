"""A server process: what is opened and running in it, and how it serves until a signal comes."""

import asyncio
import contextlib
import importlib.metadata
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog

from millrace_consumer.wiring import ConsumerService
from millrace_core.errors import MillraceError, StartRefused
from millrace_service.health import Health
from millrace_service.settings import ServerSettings
from millrace_standalone.ending import end_after
from millrace_standalone.restoring import require_whole
from millrace_standalone.server_file import announced, server_on
from millrace_web.requests import AsgiApp
from millrace_web.server import listen, serve, url_of

_CLOSING_SECONDS: Final = 2.0
"""For disconnecting, once the time to finish work is over."""

_log = structlog.get_logger("millrace")


@cache
def version() -> str:
    """Of the installed distribution, whose files are read once."""
    return importlib.metadata.version("millrace")


@dataclass(slots=True)
class Process:
    """One server, opened and running."""

    health: Health
    stop_seconds: float
    app: AsgiApp
    end_streams: Callable[[], None] | None = None
    """Ends what would otherwise go on for as long as its clients want."""
    failed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the consumer ended by itself, which it never does on purpose."""
    admin_token: str = ""
    notice: Callable[[str], str] | None = None
    """What whoever started it has to know, given its URL: a secret, so it is printed and not logged."""
    _stop_by: float | None = None

    def begin_stop(self) -> None:
        """Be not ready from now on, and end live streams. The time that a stop may take has begun."""
        self.health.stopping = True
        if self.end_streams is not None:
            self.end_streams()
        self._stop_by = asyncio.get_running_loop().time() + self.stop_seconds

    def seconds_left(self) -> float:
        """How much of the time of a stop is left, a second at least."""
        if self._stop_by is None:
            return self.stop_seconds
        return max(1.0, self._stop_by - asyncio.get_running_loop().time())


@contextlib.asynccontextmanager
async def consuming(service: ConsumerService, process: Process) -> AsyncIterator[None]:
    """Run the consumer beside the server; at the end let it store what it has read."""
    stop = asyncio.Event()

    def ended(task: "asyncio.Task[None]") -> None:
        if not stop.is_set() and not task.cancelled():
            _log.critical("consumer_failed", exc_info=task.exception())
            process.failed.set()

    running = asyncio.create_task(service.run(stop), name="consumer")
    running.add_done_callback(ended)
    try:
        yield
    finally:
        stop.set()
        await _finish(running, process.seconds_left())


async def _finish(running: "asyncio.Task[None]", seconds: float) -> None:
    """Wait for the last batch; what is not stored by then has its intent in the log and is stored at the next start."""
    done, _ = await asyncio.wait({running}, timeout=seconds)
    if not done:
        _log.warning("consumer_given_up", seconds=seconds)
        running.cancel()
        await asyncio.wait({running}, timeout=1.0)


async def run(
    settings: ServerSettings,
    opening: Callable[[], AbstractAsyncContextManager[Process]],
    on_ready: Callable[[str], None],
    *,
    announces: bool = False,
    meanwhile: Callable[[str], Coroutine[None, None, None]] | None = None,
) -> None:
    """Open a process and serve until a signal comes.

    Args:
        opening: opens what is served.
        on_ready: called with the URL once every check has passed.
        announces: commands find the server through ``server.json`` in the data folder.
        meanwhile: work that is done next to it, given the URL.

    Raises:
        StartRefused: it cannot start like this.
        MillraceError: ``consumer_failed``, after everything was closed.
    """
    _make_folder(settings.data_dir)
    require_whole(settings.data_dir)
    with contextlib.closing(_listen(settings)) as listening:
        async with opening() as process:
            url = url_of(listening)

            async def started() -> None:
                while not (await process.health.readiness()).ready:
                    if process.health.stopping:  # told to stop before it was ready: it never will be
                        return
                    await asyncio.sleep(0.05)
                on_ready(url)
                if process.notice is not None:
                    sys.stderr.write(f"{process.notice(url)}\n")

            with announced(settings.data_dir, url) if announces else contextlib.nullcontext() as server:
                process.admin_token = server.token if server is not None else ""
                async with beside(_stop_when_failed(process), *([meanwhile(url)] if meanwhile is not None else [])):
                    await _serve(process, settings, listening, started)
        if process.failed.is_set():
            raise MillraceError("The consumer failed; the log says why. What was accepted is safe.", code="consumer_failed")


async def _serve(
    process: Process, settings: ServerSettings, listening: socket.socket, started: Callable[[], Awaitable[None]]
) -> None:
    def begin_stop() -> None:
        process.begin_stop()
        end_after(
            process.stop_seconds + _CLOSING_SECONDS, asyncio.get_running_loop(), lambda: 1 if process.failed.is_set() else 0
        )

    # Requests get the first half of the time: the consumer needs the rest for its last batch.
    grace = settings.shutdown_seconds / 2
    await serve(process.app, listening, grace, settings.request_head_seconds, started, begin_stop)


def _make_folder(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartRefused(
            f"the folder {data_dir} cannot be made ({error.strerror}): choose another with --data-dir"
        ) from error


def _listen(settings: ServerSettings) -> socket.socket:
    try:
        return listen(settings)
    except StartRefused as refused:
        server = server_on(settings.data_dir)
        if server is None or urlsplit(server.url).port != settings.port:
            raise
        raise StartRefused(
            f"process {server.pid} already serves {settings.data_dir} at {server.url}: another server needs another --port and "
            "another --data-dir"
        ) from refused


@contextlib.asynccontextmanager
async def beside(*work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Do this work meanwhile, and end it at the end."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _stop_when_failed(process: Process) -> None:
    await process.failed.wait()
    os.kill(os.getpid(), signal.SIGTERM)
