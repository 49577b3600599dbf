"""Notices a partition that stands still without a word: the log answers and has more, and no read brings it.

aiokafka has members of a group that poll for ever and get nothing, without an error (its issues 1154 and 1187); a process that
starts again gets them. Trouble that is known is none of this: an outage must not become a storm of restarts.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from millrace_consumer.patience import Patience
from millrace_core.errors import MillraceError, PartitionLost, Unavailable
from millrace_eventlog.ports import LogReader

_LOOKS: Final = 6
_LONGEST_LOOK_SECONDS: Final = 10.0
_READING: Final = frozenset({"read"})

_log = structlog.get_logger("millrace.consumer")


class ConsumerStuck(MillraceError):
    """A partition stands still, and only another process can go on."""

    code = "consumer_stuck"


class Watchdog:
    """Looks at each partition several times within the time that it may stand still.

    Args:
        seconds: that time.
    """

    def __init__(self, reader: LogReader, seconds: float) -> None:
        self._reader = reader
        self._seconds = seconds
        self._still: dict[int, tuple[float, int]] = {}
        """Since when each has stood still, and how many reads had brought something by then."""

    async def watch(self, partitions: Callable[[], Mapping[int, Patience]]) -> None:
        """Look for ever.

        Raises:
            ConsumerStuck: a partition has stood still for too long.
        """
        while True:
            await asyncio.sleep(min(_LONGEST_LOOK_SECONDS, self._seconds / _LOOKS))
            held = dict(partitions())
            self._still = {partition: known for partition, known in self._still.items() if partition in held}
            for partition, patience in held.items():
                since, brought = self._still.setdefault(partition, (time.monotonic(), patience.brought))
                if patience.brought != brought or not await self._stands_still(partition, patience):
                    del self._still[partition]
                elif time.monotonic() - since >= self._seconds:
                    _log.critical("consumer_stuck", partition=partition, seconds=round(self._seconds))
                    raise ConsumerStuck(f"Partition {partition} stands still although the log answers and has more.")

    async def _stands_still(self, partition: int, patience: Patience) -> bool:
        """Whether nothing is done for it but reading, without trouble, while the log has more."""
        if patience.trouble is not None or patience.trying - _READING:
            return False
        try:
            return await self._reader.unread(partition) > 0
        except (Unavailable, PartitionLost):
            return False
