"""Commands of a guide as they stand there, in a shell, against the server of a test."""

import shlex
import subprocess
import sys
from pathlib import Path

from tests.support.code_blocks import ROOT
from tests.support.server import Server

_SECONDS = 120.0


def run(server: Server, block: str, folder: Path = ROOT) -> str:
    """What the commands print, each of which has to succeed. ``millrace`` is the command line of this test's installation.

    Args:
        folder: where they are run, so that what they write stays in it.
    """
    program = f'{shlex.quote(sys.executable)} -m millrace_standalone "$@" --data-dir {shlex.quote(str(server.data_dir))}'
    text = block.replace("http://localhost:8080", server.url).replace(".venv/bin/millrace ", "millrace ")
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", f"millrace() {{ {program}; }}\n{text}"],
        capture_output=True,
        timeout=_SECONDS,
        check=False,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()
