"""A real Redis of its own on a free loopback port, which can be killed, stopped in the middle and started again."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.killable import Killable
from tests.support.server import free_port

_START_SECONDS = 20.0


class RedisServer(Killable):
    """Starts again empty each time, on the same port.

    Args:
        password: asked for where it is not empty.
    """

    called = "Redis"

    def __init__(self, password: str = "") -> None:
        self._password = password
        self.port = free_port()
        self.url = f"redis://{f':{password}@' if password else ''}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start, and wait until it takes connections."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]
        secret = ["--requirepass", self._password] if self._password else []
        self._process = subprocess.Popen(["redis-server", *options, *secret], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("Redis does not answer")


@contextmanager
def redis_server(password: str = "") -> Iterator[RedisServer]:
    """One that runs; the test is skipped where there is no program."""
    if shutil.which("redis-server") is None:
        pytest.skip("Redis is not installed (Debian: redis-server)")
    server = RedisServer(password)
    try:
        server.start()
        yield server
    finally:
        server.kill()
