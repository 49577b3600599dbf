"""Runs an ASGI application until it is told to stop, and stops it within its time."""

import asyncio
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from millrace_core.errors import StartRefused
from millrace_service.settings import ServerSettings
from millrace_web.connections import Config
from millrace_web.requests import AsgiApp


def listen(settings: ServerSettings) -> socket.socket:
    """A listening socket.

    Raises:
        StartRefused: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((settings.host, settings.port))
        made.listen(2048)
    except OSError as error:
        made.close()
        raise StartRefused(
            f"port {settings.port} of {settings.host} cannot be used ({error.strerror}): choose another with --port"
        ) from error
    made.settimeout(0)
    return made


def url_of(listening: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """uvicorn, telling when it answers and, before it waits for open connections, when it stops: a live stream would keep it
    waiting until its time is over."""

    def __init__(self, config: uvicorn.Config, on_start: Callable[[], Awaitable[None]], on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start = on_start
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        _calm_garbage_collection()
        await self._on_start()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at a signal. Unlike uvicorn's own, the signal is not raised again at the end: what the process has opened is
        closed behind the server, and then it ends with 0."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal stops, the second one ends at once."""
        if self.should_exit:
            self.force_exit = True
            return
        self._on_stop()
        super().handle_exit(sig, frame)


def _calm_garbage_collection() -> None:
    """Leave what lives as long as the process out of collections, and make full ones rare. By default each full one goes
    through everything whenever a quarter is new: with 2,000 live streams 0.4 s in which nobody is served (tests.bench sse)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 100)


async def serve(
    app: AsgiApp,
    listening: socket.socket,
    grace_seconds: float,
    head_seconds: float,
    on_start: Callable[[], Awaitable[None]],
    on_stop: Callable[[], None],
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way, for ``grace_seconds`` at most.

    Args:
        head_seconds: how long the head of a request may take; then its connection is closed.
        on_start: awaited once requests are answered.
        on_stop: called at the signal, before connections are waited for.
    """
    config = Config(
        app,
        head_seconds=head_seconds,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=False,
        proxy_headers=False,  # ingestion reads them itself, from proxies that the settings name
        ws="none",
        timeout_graceful_shutdown=max(1, int(grace_seconds)),
        timeout_keep_alive=30,
        backlog=2048,
    )
    await _Server(config, on_start, on_stop).serve(sockets=[listening])
