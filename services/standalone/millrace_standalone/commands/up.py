"""``millrace up``: everything in one process."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from urllib.parse import urlsplit

import click
import uvloop

from millrace_consumer.partition import ignore_step
from millrace_core.errors import MillraceError, StartRefused
from millrace_service.logging import configure_logging
from millrace_standalone.server_file import RunningServer, announced, running_server
from millrace_standalone.settings import StandaloneSettings
from millrace_standalone.wiring import Platform, open_platform
from millrace_web.server import listen, serve, url_of

_GREETING = """
Millrace answers at {url}

  First event:  curl {url}/track -d '{{"customer_id":"demo_tenant","visitor_id":"v1","event_type":"page_view"}}'
  Live stream:  curl -N {url}/events/stream/demo_tenant
  Last hour:    curl {url}/dashboard/realtime/demo_tenant
  A whole shop: {command} demo --url {url}
"""


@click.command()
@click.option("--host", help="Address to listen on (MILLRACE_HOST, 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (MILLRACE_PORT, 8080).")
@click.option(
    "--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Folder of everything (MILLRACE_DATA_DIR, data)."
)
@click.option("--demo", is_flag=True, help="Fill it with a believable shop and keep the shop going.")
def up(host: str | None, port: int | None, data_dir: Path | None, demo: bool) -> None:
    """Run the whole platform in this process, on embedded engines."""
    settings = StandaloneSettings.load(host=host, port=port, data_dir=data_dir)
    configure_logging(settings.log_level, settings.log_format)
    uvloop.run(run(settings, demo=demo))
    if any(thread.name.startswith("chdb-tenant") for thread in threading.enumerate()):
        # A tenant's statement that cannot be interrupted still runs. Everything is stored and closed, and nobody waits for it.
        logging.shutdown()
        os._exit(0)


async def run(settings: StandaloneSettings, *, demo: bool = False, on_step: Callable[[str], None] = ignore_step) -> None:
    """Serve until a signal comes.

    Args:
        on_step: called with the name of each step of the log and the consumer; fault tests end the process there.

    Raises:
        StartRefused: it cannot start like this.
        MillraceError: ``consumer_failed``, after everything was closed.
    """
    _make_folder(settings.data_dir)
    with contextlib.closing(_listen(settings)) as listening:
        async with open_platform(settings, on_step=on_step) as platform:
            url = url_of(listening)
            with announced(settings.data_dir, url) as server:
                platform.admin_token = server.token
                async with _beside(_stop_when_failed(platform), *([_run_demo(url)] if demo else [])):
                    await _serve(platform, settings, listening, url)
        if platform.failed.is_set():
            raise MillraceError("The consumer failed; the log says why. What was accepted is safe.", code="consumer_failed")


async def _serve(platform: Platform, settings: StandaloneSettings, listening: socket.socket, url: str) -> None:
    async def started() -> None:
        while not (await platform.health.readiness()).ready:  # noqa: ASYNC110 (a check is asked, nothing tells)
            await asyncio.sleep(0.05)
        click.echo(_GREETING.format(url=url, command=_own_command()), err=True)

    # Requests get the first half of the time: the consumer needs the rest for its last batch.
    await serve(platform.app, listening, settings.shutdown_seconds / 2, started, platform.begin_stop)


def _own_command() -> str:
    """What to type for this program: it may be in a virtual environment that is not active."""
    return sys.argv[0] if Path(sys.argv[0]).name == "millrace" else "millrace"


def _make_folder(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartRefused(
            f"the folder {data_dir} cannot be made ({error.strerror}): choose another with --data-dir"
        ) from error


def _listen(settings: StandaloneSettings) -> socket.socket:
    try:
        return listen(settings)
    except StartRefused as refused:
        server = _server_on(settings.data_dir)
        if server is None or urlsplit(server.url).port != settings.port:
            raise
        raise StartRefused(
            f"process {server.pid} already serves {settings.data_dir} at {server.url}: another server needs another --port and "
            "another --data-dir"
        ) from refused


def _server_on(data_dir: Path) -> RunningServer | None:
    try:
        return running_server(data_dir)
    except StartRefused:
        return None


@contextlib.asynccontextmanager
async def _beside(*work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _stop_when_failed(platform: Platform) -> None:
    await platform.failed.wait()
    os.kill(os.getpid(), signal.SIGTERM)


async def _run_demo(url: str) -> None:
    """The demo as a process of its own, so that it takes no time from the server's loop."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "millrace_standalone", "demo", "--url", url)
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
