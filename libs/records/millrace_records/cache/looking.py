"""Looking at what others change: when they tell, and regularly, as a note may be lost."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from millrace_records.cache.ports import Messages


async def look_regularly(messages: Messages, channel: str, seconds: float, look: Callable[[], Awaitable[None]]) -> None:
    """Look now, whenever something is told on the channel, and at least once in so many seconds; for ever."""
    told = asyncio.Event()

    async def listen() -> None:
        async for _ in messages.follow(channel):
            told.set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(listen(), name=f"{channel}-changed")
        while True:
            told.clear()
            await look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await told.wait()
