"""How far an import is, so that it goes on where it was stopped, and what was rejected."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from millrace_core.errors import InvalidInput
from millrace_standalone.importing.source import Place, Row


class State(msgspec.Struct):
    """Everything before ``offset`` is on the server's disk, or in the file of rejected rows."""

    identity: str
    """Of the file; an import of another one begins anew."""
    offset: int = 0
    line: int = 0
    accepted: int = 0
    rejected: int = 0
    rejected_bytes: int = 0
    """Length of the file of rejected rows."""

    @property
    def place(self) -> Place:
        """Where to go on."""
        return Place(self.offset, self.line)


class StateFile:
    """The state of one import, replaced as a whole at each change."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, identity: str) -> State:
        """What was written, if it is of this file; else a beginning.

        Raises:
            InvalidInput: the state is of another file, or cannot be read.
        """
        try:
            state = msgspec.json.decode(self._path.read_bytes(), type=State)
        except FileNotFoundError:
            return State(identity)
        except (OSError, msgspec.MsgspecError) as error:
            raise InvalidInput(f"{self._path} cannot be read: remove it to import from the beginning") from error
        if state.identity != identity:
            raise InvalidInput(f"{self._path} is the state of another file: remove it to import from the beginning")
        return state

    def write(self, state: State) -> None:
        """Replace the file."""
        fresh = self._path.with_name(self._path.name + ".new")
        try:
            fresh.write_bytes(msgspec.json.encode(state))
            os.replace(fresh, self._path)  # noqa: PTH105 (the same call; this one says that it replaces)
        except OSError as error:
            raise InvalidInput(f"{self._path} cannot be written ({error.strerror}): name another place with --state") from error

    def remove(self) -> None:
        """The import is done."""
        self._path.unlink(missing_ok=True)


class RejectedFile:
    """Rows that were not taken, one JSON object a line with the reason; made with the first one.

    Args:
        length: how much of an earlier run's file holds; what is behind it will be rejected again.
    """

    def __init__(self, path: Path, length: int) -> None:
        self.path = path
        if length:
            os.truncate(path, min(length, path.stat().st_size) if path.exists() else 0)
        else:
            path.unlink(missing_ok=True)

    def add(self, row: Row, header: list[str], code: str, message: str) -> None:
        """Write down one row."""
        told: dict[str, Any] = {"line": row.line, "code": code, "message": message, "row": _shown(row, header)}
        try:
            with self.path.open("ab") as file:
                file.write(msgspec.json.encode(told) + b"\n")
        except OSError as error:
            raise InvalidInput(f"{self.path} cannot be written ({error.strerror}): name another folder with --state") from error

    @property
    def length(self) -> int:
        """Of the file in bytes."""
        return self.path.stat().st_size if self.path.exists() else 0


def _shown(row: Row, header: list[str]) -> str | Mapping[str, str]:
    if row.cells is None:
        return row.text.decode("utf-8", "replace")
    names = header + [f"column {number}" for number in range(len(header) + 1, len(row.cells) + 1)]
    return {_readable(name): _readable(cell) for name, cell in zip(names, row.cells, strict=False)}


def _readable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
