"""A server in which every call that would hold its event loop up fails (blockbuster), to be told in its log.

python -m tests.support.unblocked
"""

import uvloop
from blockbuster import BlockBuster

from millrace_service.logging import configure_logging
from millrace_standalone.commands.up import run
from millrace_standalone.settings import StandaloneSettings


def main() -> None:
    """Serve until a signal comes. Only what happens from the first batch on is watched, since a start may open files."""
    settings = StandaloneSettings.load()
    configure_logging(settings.log_level, settings.log_format)
    watch = BlockBuster()
    watch.functions["os.stat"].can_block_in("sqlite/open.py", "_size")  # microseconds, of a file that is open
    for name in ("io.BufferedReader.read", "os.listdir"):  # the kernel's own files, for /metrics
        watch.functions[name].can_block_in("prometheus_client/process_collector.py", "collect")
    watch.functions["os.unlink"].can_block_in("standalone/server_file.py", "announced")  # at the end
    watched = False

    def on_step(step: str) -> None:
        nonlocal watched
        if step == "consumer.before-intent" and not watched:
            watched = True
            watch.activate()

    uvloop.run(run(settings, on_step=on_step))


if __name__ == "__main__":
    main()
