"""A real PostgreSQL of its own on a free loopback port.

The server's program comes from the system (Debian: ``postgresql``). It refuses to run as root, so there it runs as the user of
the package.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import figures
from tests.support.server import free_port

_START_SECONDS = 120.0
USER, PASSWORD, DATABASE = "millrace", "millrace-secret", "postgres"


class Postgres:
    """Starts, stops, is killed and starts again on the same folder and port.

    Args:
        programs: the folder with ``initdb`` and ``postgres``.
        folder: one that the server's user may enter.
    """

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._as: dict[str, Any] = {}
        self.port = free_port()
        self.url = f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{DATABASE}"
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(folder, user.pw_uid, user.pw_gid)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        self._run("initdb", "-D", self._data, "-U", USER, f"--pwfile={secret}", "--auth=scram-sha-256", "-E", "UTF8")

    def start(self) -> None:
        """Start, and wait until it takes connections."""
        where = ("-D", self._data, "-p", str(self.port), "-k", self._folder, "-c", "listen_addresses=127.0.0.1")
        with (self._folder / "log").open("ab") as log:
            process = self._process = subprocess.Popen(
                [str(self._programs / "postgres"), *map(str, where)],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,
                **self._as,
            )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            assert process.poll() is None, (self._folder / "log").read_text()
            asked = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
            if subprocess.run(asked, check=False).returncode == 0:
                return
            time.sleep(0.05)
        raise AssertionError("PostgreSQL does not answer")

    def new_database(self, name: str) -> str:
        """Make an empty one; its URL."""
        made = [str(self._programs / "createdb"), "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, name]
        subprocess.run(made, check=True, env={**os.environ, "PGPASSWORD": PASSWORD}, capture_output=True)
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        """Close every connection and end."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_START_SECONDS)
            self._process = None

    def kill(self) -> None:
        """SIGKILL to the server and what it has started."""
        if self._process is not None:
            figures.injected("SIGKILL of PostgreSQL")
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(_START_SECONDS)
            self._process = None
            # Its backends leave the session; a server that starts meanwhile would refuse the folder's shared memory.
            (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _run(self, program: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments], capture_output=True, check=False, cwd=self._folder, **self._as
        )
        assert done.returncode == 0, done.stderr.decode()


@contextmanager
def postgres() -> Iterator[Postgres]:
    """One that runs; the test is skipped where there is no program."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="millrace-postgres-"))
    server = Postgres(programs, folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    found = [path.parent for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)]
    if (inside := shutil.which("initdb")) is not None:
        found.append(Path(inside).resolve().parent)
    return found[0] if found else None
