"""The command line as a user types it: ``millrace …`` in a process of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


def millrace(*arguments: str | Path, seconds: float = 120.0, **environment: str) -> Done:
    """Run a command to its end, which has to come within so many seconds."""
    with started(*arguments, **environment) as process:
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return Done(process.returncode, out, err)


def started(*arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
    """Start a command. It hears Ctrl-C even where this process does not: a shell's background jobs ignore it, and a child would
    inherit that."""
    hearing = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)"
    main = f"{hearing}; sys.argv[0] = 'millrace'; from millrace_standalone.__main__ import main; main()"
    command = [sys.executable, "-c", main, *map(str, arguments)]
    return subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
