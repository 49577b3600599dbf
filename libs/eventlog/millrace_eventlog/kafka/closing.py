"""Ends aiokafka's consumers."""

import asyncio
import contextlib
from typing import Any

from aiokafka.errors import KafkaError


async def stop_consumer(consumer: Any) -> None:
    """Leave the group, if there is one, and disconnect. A consumer that failed before is as good as stopped.

    aiokafka 0.14 awaits the fetches that it cancels: one that waits to be tried again then cancels whoever closes it.
    """
    try:
        with contextlib.suppress(KafkaError, OSError):
            await consumer.stop()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise  # it is we who are cancelled
        await consumer._client.close()  # noqa: SLF001 (what it would have done next)
