"""The schema of the warehouse and how it came to be: numbered SQL files that only ever go forward.

A file is a list of statements, each ended by a semicolon at the end of a line, each harmless when it runs again: a crash in
the middle is mended by the next start. A file that was released never changes; its checksum is recorded and compared.
"""

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

_NAME: Final = re.compile(r"m(\d{4})_(\w+)\.sql\Z")
_COMMENT: Final = re.compile(r"^\s*--.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """What to run, in order."""
        parts = _COMMENT.sub("", self.text).split(";\n")
        return [part.strip() for part in parts if part.strip()]


def all_migrations() -> list[Migration]:
    """Every migration of this code, oldest first."""
    found = []
    for file in files(__name__).iterdir():
        match = _NAME.match(file.name)
        if match is not None:
            found.append(Migration(int(match[1]), match[2], file.read_text(encoding="utf-8")))
    return sorted(found, key=lambda migration: migration.version)
