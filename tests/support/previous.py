"""The version before this one, from the repository's own history: what an upgrade comes from.

It is the newest release behind the commit that is tested. While there is none it is an early commit that ran the distributed
size and kept records. It runs in the same environment, with its own sources in front.
"""

import io
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_BEFORE_ANY_RELEASE = "51094a599a26d00ca471b6e11f3254f27527fecd"


@dataclass(frozen=True, slots=True)
class Previous:
    """Its sources, unpacked."""

    name: str
    environment: dict[str, str]
    """With which a process runs it."""


def previous(folder: Path) -> Previous:
    """Unpack it; the test is skipped where the history does not reach so far."""
    described = _git("describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD~1")
    name = described.stdout.decode().strip() if described.returncode == 0 else _BEFORE_ANY_RELEASE
    packed = _git("archive", "--format=tar", name, "libs", "services")
    if packed.returncode != 0:
        pytest.skip(f"the sources of {name} are not here: a shallow clone or none ({packed.stderr.decode().strip()})")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    rooms = [str(room) for floor in ("libs", "services") for room in sorted((folder / floor).iterdir())]
    found = Previous(name, {"PYTHONPATH": os.pathsep.join(rooms)})
    asked = subprocess.run(
        [sys.executable, "-c", "import millrace_standalone as found; print(found.__file__)"],
        env={**os.environ, **found.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout.startswith(str(folder)), "the installed sources stand in front of the previous ones"
    return found


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, check=False)
