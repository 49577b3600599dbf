"""Live streams over the real log, in this process: who comes back misses nothing, and how often the log is read for it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from millrace_analytics.live.frames import position_of
from millrace_analytics.live.hub import Hub
from millrace_analytics.live.turns import Turns
from millrace_analytics.settings import AnalyticsSettings
from millrace_core.errors import StartRefused, Unavailable
from millrace_core.time import iso_of_warehouse, warehouse_time
from millrace_eventlog.records import LogRecord
from millrace_service.metrics import Metrics
from tests.support.eventlog import OpenLog, opened
from tests.support.pipeline import record

_TENANT = "live"
_BEGAN = 1_790_000_000_000
_DATA = re.compile(rb"^data: (\[.*\])$", re.MULTILINE)
_ID = re.compile(rb"^id: (.+)$", re.MULTILINE)


def _time(number: int) -> str:
    return warehouse_time(_BEGAN + number * 1000)


def _records(numbers: range) -> list[LogRecord]:
    """Told apart by their time."""
    return [record(number, tenant=_TENANT, timestamp=_time(number)) for number in numbers]


def _times(numbers: range) -> list[str]:
    return [iso_of_warehouse(_time(number)) for number in numbers]


@dataclass
class _OpenHub:
    log: OpenLog
    hub: Hub
    metrics: Metrics = field(default_factory=Metrics)

    async def seen(self, count: int, last_id: str | None = None) -> tuple[list[str], str]:
        """The times of so many events of a new client, and the id of its last message."""
        times: list[str] = []
        async with asyncio.timeout(30), aclosing(self.hub.stream(_TENANT, position_of(last_id) if last_id else None)) as stream:
            async for message in stream:
                times += [event["timestamp"] for found in _DATA.findall(message) for event in json.loads(found)]
                last_id = next((found.decode() for found in _ID.findall(message)), last_id)
                if len(times) >= count:
                    break
        assert last_id is not None
        return times, last_id

    def follows(self, what: str) -> float:
        return self.metrics.registry.get_sample_value("millrace_sse_follows_total", {"what": what}) or 0.0


@asynccontextmanager
async def _hub(log: OpenLog, **settings: object) -> AsyncIterator[_OpenHub]:
    metrics = Metrics()
    made = Hub(log.ports.tail, AnalyticsSettings.model_validate(settings), metrics)
    yield _OpenHub(log, made, metrics)
    made.close()


async def _ids(hub: _OpenHub) -> list[str]:
    """Ten entries of fifty events come while a client listens; the ids that it is given on the way."""
    found: list[str] = []
    async with asyncio.timeout(30), aclosing(hub.hub.stream(_TENANT, None)) as stream:
        await anext(stream)
        for first in range(0, 500, 50):
            await hub.log.ports.writer.append(_records(range(first, first + 50)))
            found += [one.decode() for one in _ID.findall(await anext(stream))]
    return found


async def test_clients_that_come_back_are_fed_from_memory_without_another_follower(tmp_path: Path) -> None:
    async with opened(tmp_path) as log, _hub(log) as hub, aclosing(hub.hub.stream(_TENANT, None)) as staying:
        await anext(staying)
        ids = await _ids(hub)
        for number in (0, 4, 8):
            times, _ = await hub.seen(450 - 50 * number, ids[number])
            assert times == _times(range(50 * (number + 1), 500))
        assert (hub.follows("all"), hub.follows("one")) == (1, 0)


async def test_a_client_that_was_away_for_longer_than_memory_goes_back_is_fed_from_the_log(tmp_path: Path) -> None:
    async with (
        opened(tmp_path) as log,
        _hub(log, stream_recent_bytes=2**16) as hub,
        aclosing(hub.hub.stream(_TENANT, None)) as one,
    ):
        await anext(one)
        ids = await _ids(hub)
        seen = await asyncio.gather(*(hub.seen(450, ids[0]) for _ in range(6)))
        assert [times for times, _ in seen] == [_times(range(50, 500))] * 6
        assert hub.follows("all") == 1
        assert hub.follows("one") >= 6


async def test_the_first_client_that_comes_back_after_a_restart_brings_what_the_others_missed_into_memory(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as log:
        async with _hub(log) as before:
            ids = await _ids(before)
        async with _hub(log) as hub, aclosing(hub.hub.stream(_TENANT, position_of(ids[8]))) as first:
            await anext(first)
            for number in (4, 0, 7):
                times, _ = await hub.seen(450 - 50 * number, ids[number])
                assert times == _times(range(50 * (number + 1), 500))
            assert (hub.follows("all"), hub.follows("one")) == (1, 0)


async def test_an_id_of_the_future_or_of_nowhere_goes_on_from_now(tmp_path: Path) -> None:
    async with opened(tmp_path) as log, _hub(log) as hub:
        await log.ports.writer.append(_records(range(50)))
        for given in ("eyIwIjpbOTk5LC0xXX0", "e30"):  # {"0":[999,-1]} and {}
            async with asyncio.timeout(30), aclosing(hub.hub.stream(_TENANT, position_of(given))) as stream:
                await anext(stream)
                await log.ports.writer.append(_records(range(50, 51)))
                message = await anext(stream)
                assert [event["timestamp"] for event in json.loads(_DATA.findall(message)[0])] == _times(range(50, 51))


async def test_who_would_wait_too_long_for_a_turn_is_refused_and_who_waits_is_told_of_the_end() -> None:
    turns = Turns(1.0, 0.5)
    await turns.take()
    await turns.take()
    with pytest.raises(Unavailable, match="being opened"):
        await turns.take()

    turns = Turns(1.0, 60.0)
    waiting = [asyncio.create_task(turns.take()) for _ in range(5)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    turns.close()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [isinstance(outcome, Unavailable) for outcome in outcomes] == [False, False, True, True, True]


def test_a_pause_whose_shortest_is_more_than_its_longest_stops_the_start() -> None:
    with pytest.raises(StartRefused, match=r"MILLRACE_STREAM_RETRY_MIN_SECONDS=20.0 is more than"):
        AnalyticsSettings.load(stream_retry_min_seconds=20.0)
