"""Scripts of the operator's own, served beside the tracker: another product's script under a name of one's choice."""

import gzip
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import brotli  # type: ignore[import-untyped]

from millrace_core.errors import StartRefused
from millrace_ingestion.scripts import NAMES
from millrace_web.static import Coded, Forms

_IS_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\.m?js\Z").match
_MOST_BYTES: Final = 2**20
_MOST_FILES: Final = 32
_SETTING: Final = "MILLRACE_INGEST_SCRIPTS_DIR"


def own_scripts(folder: Path | None) -> Mapping[str, Forms]:
    """The scripts of a folder, by name and by content coding, smallest first. Files of other endings are left out.

    Raises:
        StartRefused: the folder cannot be read, or a script cannot be served as it is.
    """
    if folder is None:
        return {}
    try:
        found = {file.name: file.read_bytes() for file in sorted(folder.iterdir()) if _is_script(file)}
    except OSError as error:
        raise StartRefused(f"{_SETTING}={folder}: {error.strerror}") from error
    if len(found) > _MOST_FILES:
        raise StartRefused(f"{_SETTING}={folder}: {len(found)} scripts are there, {_MOST_FILES} are the most")
    return {name: _coded(content) for name, content in found.items()}


def _is_script(file: Path) -> bool:
    if file.suffix not in (".js", ".mjs") or not file.is_file():
        return False
    if file.name in NAMES:
        raise StartRefused(f"{_SETTING}: {file.name} is the tracker's own name: give {file} another one")
    if not _IS_NAME(file.name):
        raise StartRefused(f"{_SETTING}: a script's name is letters, digits, '.', '_' and '-', as in stats.js: {file}")
    if file.stat().st_size > _MOST_BYTES:
        raise StartRefused(f"{_SETTING}: {file} is larger than {_MOST_BYTES:,} bytes")
    return True


def _coded(content: bytes) -> Forms:
    return {
        "br": Coded(brotli.compress(content)),
        "gzip": Coded(gzip.compress(content, mtime=0)),
        "identity": Coded(content),
    }
