"""The end of a process that does not end by itself."""

import asyncio
import logging
import os
import threading
from collections.abc import Callable

import structlog

_log = structlog.get_logger("millrace")


def end_after(seconds: float, loop: asyncio.AbstractEventLoop, code: Callable[[], int]) -> None:
    """End this process so many seconds from now if it is still there, and log what it waits for.

    A driver that never comes back from closing would keep it until somebody kills it. What was accepted is in the log by
    then, and a batch that is not stored has its intent there.

    Args:
        loop: the one whose tasks are told.
        code: what it ends with.
    """

    def end() -> None:
        _log.error("stop_given_up", seconds=seconds, waits_for=_waits_for(loop))
        logging.shutdown()
        os._exit(code())

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def _waits_for(loop: asyncio.AbstractEventLoop) -> list[str]:
    """Each task of the loop, and where it is."""
    told = []
    for task in asyncio.all_tasks(loop):
        frames = task.get_stack()
        place = f"{frames[-1].f_code.co_filename}:{frames[-1].f_lineno}" if frames else "nowhere"
        told.append(f"{task.get_name()} at {place}")
    return sorted(told)
