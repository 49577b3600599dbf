"""A Docker engine for the tests: the one that answers and can pull images, or, where root may start one, a private one in a
folder of its own whose images are made here (``stand_ins``).

The private one touches nothing of the machine: no bridge of its own, no packet filter, no forwarding. So its containers reach
each other and this machine's loopback reaches what they publish (a process of the engine passes it on), and nothing else;
what needs the network while an image is built has this machine's (``--network=host``).
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PYTHON_IMAGE = "python:3.12-slim"
_START_SECONDS = 60.0
_PULL_SECONDS = 300.0
_TOOLS = ("dockerd", "debootstrap")
_ROOT = Path(__file__).parents[2]


class DockerEngine:
    """One that answers.

    Args:
        host: its ``DOCKER_HOST``; None is the one that the command line asks by default.
        folder: of a private one, which pulls nothing.
    """

    def __init__(self, host: str | None = None, folder: Path | None = None) -> None:
        self.environment = dict(os.environ) if host is None else {**os.environ, "DOCKER_HOST": host}
        self.folder = folder

    @property
    def pulls(self) -> bool:
        """Whether it has the images that everybody has."""
        return self.folder is None

    def ask(self, *arguments: str, seconds: float = 120.0) -> subprocess.CompletedProcess[str]:
        """``docker …`` as it ends, in whichever way."""
        return self.run("docker", *arguments, seconds=seconds)

    def do(self, *arguments: str, seconds: float = 120.0) -> str:
        """What ``docker …`` prints; it has to succeed."""
        done = self.ask(*arguments, seconds=seconds)
        assert done.returncode == 0, f"docker {' '.join(arguments)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout.strip()

    def build(self, name: str, folder: Path, file: Path, target: str) -> None:
        """One image of a Dockerfile, with this machine's network while it is built."""
        options = ("--network=host", "--file", str(file), "--target", target, "--tag", name)
        self.do("build", *options, str(folder), seconds=1_200)

    def run(self, *command: str, seconds: float, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Any command that asks this engine."""
        return subprocess.run(
            command, env=self.environment, cwd=cwd, capture_output=True, text=True, timeout=seconds, check=False
        )


@contextmanager
def docker_engine() -> Iterator[DockerEngine]:
    """One for the tests, which are skipped where there can be none."""
    if shutil.which("docker") is None:
        pytest.skip("Docker is not installed (Debian: docker.io)")
    answering = DockerEngine()
    if _can_pull(answering):
        yield answering
        return
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if os.getuid() != 0 or missing:
        why = f"not installed: {', '.join(missing)}" if missing else "not root"
        pytest.skip(
            f"no Docker engine answers that can pull {PYTHON_IMAGE} (DOCKER_HOST), and none can be started here ({why})"
        )
    with _private_engine() as started:
        yield started


def _can_pull(engine: DockerEngine) -> bool:
    if engine.ask("info").returncode != 0:
        return False
    try:
        return engine.ask("pull", "--quiet", PYTHON_IMAGE, seconds=_PULL_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        return False


@contextmanager
def _private_engine() -> Iterator[DockerEngine]:
    folder = Path(tempfile.mkdtemp(prefix="millrace-docker-"))
    command = [sys.executable, "-m", "tests.support.docker_guard", str(folder)]
    engine = DockerEngine(f"unix://{folder}/docker.sock", folder)
    # A session of its own: what ends the tests does not end what cleans up behind them.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=_ROOT, start_new_session=True) as guard:
        _until_it_answers(engine, guard)
        yield engine
        # The pipe is closed here, and the end of the guard waited for.


def _until_it_answers(engine: DockerEngine, guard: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_SECONDS
    while engine.ask("info").returncode != 0:
        if guard.poll() is not None:
            assert guard.stderr is not None
            pytest.skip(f"dockerd cannot run here: {guard.stderr.read().decode(errors='replace').strip()[-300:]}")
        assert time.monotonic() < deadline, f"dockerd does not answer after {_START_SECONDS} s"
        time.sleep(0.1)
