"""A server that kills itself at a step, as a machine's kernel would: no handler runs, nothing is flushed.

python -m tests.support.crashing STEP TIMES_BEFORE
"""

import os
import signal
import sys

import uvloop

from millrace_service.logging import configure_logging
from millrace_standalone.commands.up import run
from millrace_standalone.settings import StandaloneSettings


def main(step: str, times_before: int) -> None:
    """Serve until the step is reached for the ``times_before`` + 1st time."""
    seen = 0

    def on_step(reached: str) -> None:
        nonlocal seen
        if reached == step:
            seen += 1
            if seen > times_before:
                os.kill(os.getpid(), signal.SIGKILL)

    settings = StandaloneSettings.load()
    configure_logging(settings.log_level, settings.log_format)
    uvloop.run(run(settings, on_step=on_step))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
