"""Room for large batches: so many and no more, and what they took goes back to the system."""

import asyncio
import ctypes
from pathlib import Path

import pytest

from millrace_consumer.room import Room

_ROWS = 200_000
_ROW_BYTES = 700  # from 512 on Python asks the system's allocator


async def test_who_comes_when_it_is_full_waits_until_one_leaves() -> None:
    room = Room(2)
    await room.enter()
    await room.enter()
    third = asyncio.create_task(room.enter())
    fourth = asyncio.create_task(room.enter())
    await asyncio.sleep(0)
    assert not third.done()

    third.cancel()  # its partition is another consumer's
    room.leave()
    async with asyncio.timeout(5):
        await fourth
    assert third.cancelled()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the allocator of this system is not glibc's")
async def test_behind_a_backlog_its_memory_goes_back_to_the_system() -> None:
    room = Room(1, quiet_seconds=0.01)
    giving_back = asyncio.create_task(room.give_back())
    try:
        await room.enter()
        rows = [bytes(_ROW_BYTES) for _ in range(_ROWS)]
        full = _resident()
        rows = rows[::1_000]  # what stays lies between what goes
        kept = _resident()
        assert full - kept < _ROWS * _ROW_BYTES / 2, "the allocator gives it back by itself"
        room.leave()
        async with asyncio.timeout(10):
            while _resident() > full - 0.8 * _ROWS * _ROW_BYTES:
                await asyncio.sleep(0.01)
        assert rows
    finally:
        giving_back.cancel()


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096
