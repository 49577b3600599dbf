"""One timer for many waits."""

import asyncio

import pytest

from millrace_ingestion.deadlines import Deadline


async def _wait(deadline: Deadline, seconds: float) -> str:
    try:
        with deadline:
            await asyncio.sleep(seconds)
    except TimeoutError:
        return "late"
    return "done"


async def test_waits_beyond_the_deadline_are_cut_and_the_others_are_not() -> None:
    deadline = Deadline(0.1)
    outcomes = await asyncio.gather(*(_wait(deadline, seconds) for seconds in (0, 5, 0.02, 5, 0)))
    assert outcomes == ["done", "late", "done", "late", "done"]
    assert list(await asyncio.gather(_wait(deadline, 5), _wait(deadline, 0))) == ["late", "done"]


async def test_a_later_wait_has_its_own_full_time() -> None:
    deadline, loop = Deadline(0.2), asyncio.get_running_loop()
    first = asyncio.create_task(_wait(deadline, 0.01))
    await asyncio.sleep(0.1)
    began = loop.time()
    assert await _wait(deadline, 5) == "late"
    assert 0.15 < loop.time() - began < 2
    assert await first == "done"


async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    deadline = Deadline(5)
    task = asyncio.create_task(_wait(deadline, 5))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_task_goes_on_after_its_timeout() -> None:
    deadline = Deadline(0.05)
    assert [await _wait(deadline, 5), await _wait(deadline, 0), await _wait(deadline, 5)] == ["late", "done", "late"]
    current = asyncio.current_task()
    assert current is not None
    assert current.cancelling() == 0
