"""Whoever hangs up in the middle of a stream leaves nothing behind at the records."""

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio

from millrace_records.settings import RecordsSettings
from millrace_records.wiring import open_records


async def test_a_stream_that_is_cancelled_at_any_of_its_awaits_leaves_no_task_behind(tmp_path: Path) -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    async with open_records(RecordsSettings(), tmp_path) as records:

        async def steps() -> AsyncIterator[int]:
            while True:
                yield len(await records.tenants())
                await asyncio.sleep(0)

        async def read() -> None:
            async for _ in steps():
                pass

        for turns in range(0, 120, 2):
            async with anyio.create_task_group() as group:
                group.start_soon(read)
                for _ in range(turns):
                    await asyncio.sleep(0)
                group.cancel_scope.cancel()
        assert await records.tenants() == []
    gc.collect()
    assert told == []
