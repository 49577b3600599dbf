"""kill -9 under load, at every step and at random moments: nothing acknowledged is lost, nothing is there twice.

20 kills here; ``make faults`` sets MILLRACE_TEST_KILLS to 200.
"""

import asyncio
import os
import random
from pathlib import Path

import pytest

from millrace_core.time import now_ms
from tests.support import figures
from tests.support.checker import assert_exact, stored_in
from tests.support.server import Server
from tests.support.writers import CurrentUrl, Writers

STEPS = (
    "log.before-commit",
    "log.after-commit",
    "consumer.before-intent",
    "consumer.after-intent",
    "consumer.after-insert",
    "consumer.after-commit",
)
_KILLS = int(os.environ.get("MILLRACE_TEST_KILLS", "20"))

pytestmark = pytest.mark.faults


@pytest.mark.minutes
async def test_nothing_is_lost_or_doubled_over_kills(tmp_path: Path) -> None:
    seed = figures.seed()
    chance = random.Random(seed)
    # Small batches that leave often: more steps to die at.
    server = Server(tmp_path / "data", {"MILLRACE_CONSUMER_FLUSH_SECONDS": "0.05", "MILLRACE_LOG_LEVEL": "warning"})
    writers = Writers(CurrentUrl(server.url), tmp_path / "acked", seed, now_ms())
    enough = asyncio.Event()
    writing = asyncio.create_task(writers.write(writers=4, batch_events=60, enough=enough))
    try:
        for number in range(_KILLS):
            await _one_life(server, chance, number)
        enough.set()
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(120):
            await writing
        await asyncio.to_thread(server.wait_until_stored)
        assert await asyncio.to_thread(server.stop) == 0
    finally:
        writing.cancel()
        if server.running:
            server.kill()

    stored = await asyncio.to_thread(stored_in, server.data_dir)

    assert writers.sent.acknowledged == writers.sent.events.keys()
    assert_exact(writers.sent, stored)
    figures.note(f"{writers.sent.posts} posts, {writers.sent.retries} of them again")


async def _one_life(server: Server, chance: random.Random, number: int) -> None:
    """Start, die at a step or at a random moment."""
    if number % 3 == 2:
        await asyncio.to_thread(server.start, wait=False)
        await asyncio.sleep(chance.uniform(0.5, 4.0))
        await asyncio.to_thread(server.kill)
        return
    step = STEPS[number % len(STEPS)] if number < 2 * len(STEPS) else chance.choice(STEPS)
    await asyncio.to_thread(server.start, (step, chance.randrange(6)), wait=False)
    code = await asyncio.to_thread(server.wait, 120.0)
    figures.injected(f"SIGKILL of itself at {step}")
    assert code == -9, f"{step} was not reached: {code}\n{server.tail()}"
