"""Dead letters: the refused rows are found exactly, and many of them stop the consumer."""

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace_consumer.batches import Batch
from millrace_consumer.dead_letters import DeadLetterLimit, Probe, judged_rows
from millrace_consumer.recent_ids import RecentIds
from millrace_core.ids import new_id
from millrace_eventlog.records import LogEntry, LogRecord


def _batch(count: int, bad: set[int]) -> Batch:
    records = []
    for number in range(count):
        event_id = new_id(1_770_000_000_000)
        line = f'{{"event_id":"{event_id}","event_type":"{"bad" if number in bad else "good"}"}}'.encode()
        records.append(LogRecord("shop", event_id, 1_770_000_000_000, "native", "", line))
    batch = Batch("log", 0, 1)
    batch.add(LogEntry(1, 1_770_000_000_000, zlib.crc32(b"any"), records), RecentIds(lambda: 0, 2**20))
    return batch


async def _refused(batch: Batch, probe: Probe) -> set[int]:
    judged = [(rows, reason) async for rows, reason in judged_rows(batch, batch.kept(), probe)]
    assert [row for rows, _ in judged for row in rows] == batch.kept()
    return {row for rows, reason in judged if reason for row in rows}


@settings(max_examples=50)
@given(st.integers(1, 60).flatmap(lambda count: st.tuples(st.just(count), st.sets(st.integers(0, count - 1)))))
async def test_exactly_the_refused_rows_are_found(case: tuple[int, set[int]]) -> None:
    count, bad = case
    batch = _batch(count, bad)

    async def probe(rows: bytes) -> str | None:
        return "a bad row" if b'"bad"' in rows else None

    assert await _refused(batch, probe) == bad


async def test_two_bad_rows_among_ten_thousand_take_few_probes() -> None:
    batch = _batch(10_000, {17, 8123})
    probes = 0

    async def probe(rows: bytes) -> str | None:
        nonlocal probes
        probes += 1
        return "a bad row" if b'"bad"' in rows else None

    assert await _refused(batch, probe) == {17, 8123}
    assert probes <= 60


def _exceeded(limit: DeadLetterLimit, refused: list[bool]) -> bool:
    trial = limit.trial()
    if any(trial.passes_limit(refused=one) for one in refused):
        return True
    limit.keep(trial)
    return False


def test_one_bad_row_in_a_small_batch_passes_the_limit_never() -> None:
    limit = DeadLetterLimit(ratio=0.01, run=100)

    assert not _exceeded(limit, [True])
    assert not _exceeded(limit, [False] * 9_999 + [True])


@pytest.mark.parametrize("refused", [[True] * 100, [True, False] * 600, ([False] * 50 + [True]) * 40])
def test_a_flood_of_bad_rows_passes_it(refused: list[bool]) -> None:
    assert _exceeded(DeadLetterLimit(ratio=0.01, run=100), refused)


def test_a_run_is_counted_over_batches() -> None:
    limit = DeadLetterLimit(ratio=1.0, run=100)

    assert not _exceeded(limit, [True] * 60)
    assert _exceeded(limit, [True] * 40)


def test_stored_rows_end_a_run() -> None:
    limit = DeadLetterLimit(ratio=1.0, run=100)

    assert not _exceeded(limit, [True] * 60)
    limit.passed(1)
    assert not _exceeded(limit, [True] * 60)
