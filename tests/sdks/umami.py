"""Fetches Umami's script for pages, which is on npm only inside of the package of its whole server.

python -m tests.sdks.umami

Installing that package would bring the server's two hundred dependencies, so its archive is fetched alone, with npm, and held
against the hash below as ``npm ci`` holds the others against their lock.
"""

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

VERSION: Final = "2.10.0"
SCRIPT: Final = Path(__file__).parent / "browser/node_modules/.umami/script.js"
_INTEGRITY: Final = "sha512-+lmrnV0751R6U2rkIgVAlE1nWI7yZawlMlJDguW9tlFacCKhnGeCyc7tCMIhNNYIiGIQy4DEX5IzJhm4b3+dPA=="
_SOURCE: Final = "package/src/tracker/index.js"
_SECONDS: Final = 120


def fetch() -> None:
    """Put the script in its place.

    Raises:
        SystemExit: the archive is another one.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", f"umami@{VERSION}", "--silent", "--ignore-scripts", "--pack-destination", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=_SECONDS)
        (archive,) = Path(folder).glob("*.tgz")
        content = archive.read_bytes()
        found = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
        if found != _INTEGRITY:
            sys.exit(f"umami {VERSION} has the integrity {found}, not {_INTEGRITY}")
        with tarfile.open(archive) as opened:
            script = opened.extractfile(_SOURCE)
            assert script is not None
            SCRIPT.parent.mkdir(parents=True, exist_ok=True)
            SCRIPT.write_bytes(script.read())


if __name__ == "__main__":
    fetch()
