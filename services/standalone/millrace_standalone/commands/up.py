"""``millrace up``: everything in one process."""

import asyncio
import logging
import os
import shlex
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click
import uvloop

from millrace_service.logging import configure_logging
from millrace_standalone.commands.server_options import listening
from millrace_standalone.settings import StandaloneSettings

_GREETING = """
Millrace answers at {url}

{key}  First event:  curl {url}/track{auth} -d '{{"customer_id":"demo_tenant","visitor_id":"v1","event_type":"page_view"}}'
  Live stream:  curl -N {url}/events/stream/demo_tenant{auth}
  Last hour:    curl {url}/dashboard/realtime/demo_tenant{auth}
  A whole shop: {command} demo --url {url}{demo}
"""
_USUAL_FOLDER: Final = StandaloneSettings.model_fields["data_dir"].default
_KEY = "  A key first:  KEY=$({command} key create demo_tenant --secret --scope ingest --scope query{folder})\n"
"""Where keys are required: what the other lines send."""


@click.command()
@listening(8080)
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


async def run(settings: StandaloneSettings, *, demo: bool = False, on_step: Callable[[str], None] | None = None) -> None:
    """Serve until a signal comes.

    Args:
        on_step: called with the name of each step of the log and the consumer; fault tests end the process there.

    Raises:
        StartRefused: it cannot start like this.
        MillraceError: ``consumer_failed``, after everything was closed.
    """
    # Behind the settings: a wrong one is told at once, and not after the seconds that the engines take to be imported.
    from millrace_consumer.partition import ignore_step  # noqa: PLC0415
    from millrace_standalone import process  # noqa: PLC0415
    from millrace_standalone.wiring import open_platform  # noqa: PLC0415

    await process.run(
        settings,
        lambda: open_platform(settings, on_step=on_step or ignore_step),
        lambda url: click.echo(greeting(settings, url, _own_command()), err=True),
        announces=True,
        meanwhile=_run_demo if demo else None,
    )


def greeting(settings: StandaloneSettings, url: str, command: str) -> str:
    """What to try first, in lines that work as they stand in a shell in this folder."""
    if not settings.requires_keys:
        return _GREETING.format(url=url, command=command, key="", auth="", demo="")
    folder = "" if settings.data_dir == _USUAL_FOLDER else f" --data-dir {shlex.quote(str(settings.data_dir))}"
    key = _KEY.format(command=command, folder=folder)
    return _GREETING.format(url=url, command=command, key=key, auth=' -H "X-API-Key: $KEY"', demo=' --key "$KEY"')


def _own_command() -> str:
    """What to type for this program: it may be in a virtual environment that is not active."""
    return sys.argv[0] if Path(sys.argv[0]).name == "millrace" else "millrace"


async def _run_demo(url: str) -> None:
    """The demo as a process of its own, so that it takes no time from the server's loop."""
    running = await asyncio.create_subprocess_exec(sys.executable, "-m", "millrace_standalone", "demo", "--url", url)
    try:
        await running.wait()
    finally:
        if running.returncode is None:
            running.terminate()
            await running.wait()
