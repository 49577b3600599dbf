"""Starting what is measured, and watching its memory and processor time."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.support.server import Server, free_port

_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def server(folder: Path, **environment: str) -> Iterator[Server]:
    """``millrace up`` on a folder."""
    started = Server(folder / "data", {"MILLRACE_LOG_LEVEL": "warning", **environment})
    started.start()
    try:
        yield started
    finally:
        started.stop()


@dataclass(frozen=True, slots=True)
class Process:
    """A server under measurement."""

    url: str
    pid: int

    def cpu_seconds(self) -> float:
        """Processor time so far."""
        return cpu_seconds(self.pid)


def naive(folder: Path, **environment: str) -> AbstractContextManager[Process]:
    """The naive server on a folder, or on the Kafka that ``MILLRACE_LOG_URL`` names."""
    return _started("tests.bench.naive", folder, environment)


def alone(folder: Path, **environment: str) -> AbstractContextManager[Process]:
    """The ingestion service on a log of its own, or on that Kafka."""
    return _started("tests.bench.ingestion", folder, environment)


@contextmanager
def _started(module: str, folder: Path, environment: dict[str, str]) -> Iterator[Process]:
    port = free_port()
    command = [sys.executable, "-m", module, str(folder), str(port)]
    process = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        _wait_for(port)
        yield Process(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        process.wait(20)


def load(
    url: str,
    bodies: Path,
    *,
    connections: int,
    seconds: float,
    rate: float = 0.0,
    headers: Mapping[str, str] | None = None,
    events: int = 1,
) -> dict[str, Any]:
    """Run the load generator; its report.

    Args:
        headers: beside its own.
        events: of a body whose answer does not say how many were accepted.
    """
    command = [sys.executable, "-m", "tests.bench.load", url, str(bodies), "--events", str(events)]
    command += ["--connections", str(connections), "--seconds", str(seconds), "--rate", str(rate)]
    for name, value in (headers or {}).items():
        command += ["--header", f"{name}: {value}"]
    done = subprocess.run(command, check=True, capture_output=True, timeout=seconds + 120)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@dataclass(frozen=True, slots=True)
class Measured:
    """What a server did under load."""

    report: dict[str, Any]
    cpu: float
    """Processor seconds of the server."""

    @property
    def per_core(self) -> float:
        """Events a second of processor time."""
        return float(self.report["accepted"]) / self.cpu

    @property
    def rate(self) -> float:
        """Events a second."""
        return float(self.report["events_per_second"])


def measured(
    process: Process,
    path: str,
    bodies: Path,
    connections: int,
    seconds: float,
    *,
    headers: Mapping[str, str] | None = None,
    events: int = 1,
) -> Measured:
    """Post to a server that accepts everything, and watch its processor time."""
    before = process.cpu_seconds()
    url = f"{process.url}{path}"
    report = load(url, bodies, connections=connections, seconds=seconds, headers=headers, events=events)
    assert set(report["statuses"]) == {"200"}, report
    return Measured(report, process.cpu_seconds() - before)


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


class MemoryWatch:
    """Samples a process's memory every second."""

    def __init__(self, pid: int) -> None:
        self.samples: list[float] = []
        self._pid = pid
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(1.0):
            self.samples.append(memory_mb(self._pid))


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on port {port}")
