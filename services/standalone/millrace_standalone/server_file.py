"""``server.json`` in the data folder: how the commands of the same user find the running server."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from millrace_core.errors import StartRefused

_NAME = "server.json"


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Where a server listens, and the token that its admin routes ask for."""

    url: str
    pid: int
    token: str


class NoServer(StartRefused):
    """No server has the data folder."""


@contextmanager
def announced(data_dir: Path, url: str) -> Iterator[RunningServer]:
    """Write the file, readable by this user only, with a fresh token; remove it at the end."""
    server = RunningServer(url, os.getpid(), secrets.token_urlsafe(32))
    path = data_dir / _NAME
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(server), file)
    try:
        yield server
    finally:
        path.unlink(missing_ok=True)


def running_server(data_dir: Path) -> RunningServer:
    """The server that has this data folder.

    Raises:
        NoServer: there is none.
        StartRefused: its file cannot be read.
    """
    try:
        server = RunningServer(**json.loads((data_dir / _NAME).read_text(encoding="utf-8")))
        os.kill(server.pid, 0)
    except (FileNotFoundError, ProcessLookupError):
        raise NoServer(f"no server is running on {data_dir}: start one with `millrace up`") from None
    except (OSError, ValueError, TypeError) as error:
        raise StartRefused(f"{data_dir / _NAME} cannot be read: {error}") from error
    return server


def server_on(data_dir: Path) -> RunningServer | None:
    """Likewise, None where there is none."""
    try:
        return running_server(data_dir)
    except StartRefused:
        return None
