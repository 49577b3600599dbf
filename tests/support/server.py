"""A real server: ``millrace up`` in a process of its own, on a free loopback port."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.support import figures, plain

_START_SECONDS = float(os.environ.get("MILLRACE_TEST_START_SECONDS", "120"))
_STOP_SECONDS = 20.0


class Server:
    """Starts, stops, kills and starts again on the same folder and port.

    Args:
        environment: further settings, as ``MILLRACE_…`` names.
        command: the module to run instead of ``millrace up``, and its arguments.
    """

    def __init__(
        self, data_dir: Path, environment: dict[str, str] | None = None, command: Sequence[str] = ("millrace_standalone", "up")
    ) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = environment or {}
        self._command = command
        self._name = "the server" if command[-1] == "up" else command[-1]
        self._process: subprocess.Popen[bytes] | None = None
        self._was_stopped = False
        self.log = data_dir.with_name(data_dir.name + ".log")

    def start(self, crash_at: tuple[str, int] | None = None, *, wait: bool = True) -> None:
        """Start, and wait until it is ready; without waiting where it may end before it is.

        Args:
            crash_at: a step of the log or the consumer at which the process kills itself, and how often the step passes before.
        """
        command = self._command if crash_at is None else ("tests.support.crashing", crash_at[0], str(crash_at[1]))
        given = {"MILLRACE_PORT": str(self.port), "MILLRACE_DATA_DIR": str(self.data_dir)}
        if self._was_stopped:
            figures.injected(f"restart of {self._name}")
            self._was_stopped = False
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *command], env={**os.environ, **given, **self._environment}, stdout=log, stderr=log
            )
        figures.healed()
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Return when it is ready for work."""
        deadline = time.monotonic() + _START_SECONDS
        said = "nothing"
        while time.monotonic() < deadline:
            assert self.running, f"the server ended at its start:\n{self.tail()}"
            try:
                answer = plain.get(f"{self.url}/ready", timeout=5.0)
            except httpx.TransportError as error:
                said = type(error).__name__
            else:
                if answer.status_code == 200:
                    return
                said = answer.text
            time.sleep(0.05)
        raise AssertionError(f"the server is not ready after {_START_SECONDS} s, it says {said}:\n{self.tail()}")

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self._was_stopped = True
        return self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """It keeps its connections and does nothing, until it thaws."""
        figures.injected(f"freeze of {self._name}")
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        os.kill(self.pid, signal.SIGCONT)
        figures.healed()

    def kill(self) -> int:
        """SIGKILL; the exit code."""
        figures.injected(f"SIGKILL of {self._name}")
        return self._end(signal.SIGKILL)

    def wait(self, seconds: float) -> int | None:
        """The exit code, or None when it has not ended within so many seconds."""
        assert self._process is not None
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def wait_until_stored(self, seconds: float = _START_SECONDS) -> None:
        """Return when everything in the log is in the warehouse, which has to be within so many seconds."""
        deadline = time.monotonic() + seconds
        lag: Any = None
        while time.monotonic() < deadline:
            lag = plain.get(f"{self.url}/health", timeout=10.0).json()["details"]["lag"]
            if lag["events"] == 0:
                return
            time.sleep(0.05)
        raise AssertionError(f"the consumer is still behind: {json.dumps(lag)}\n{self.tail()}")

    def tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])

    def _end(self, number: int) -> int:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            return self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise AssertionError(f"the server did not end within {_STOP_SECONDS} s:\n{self.tail()}") from None


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
