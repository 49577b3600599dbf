"""The ports of the log over the SQLite adapter: what is stored is read back, in order, also after another start."""

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from pydantic import ByteSize

from millrace_core.errors import LogUnavailable, NotFound, StartRefused
from millrace_core.time import now_ms
from millrace_eventlog.records import DeadLetter, Intent, LogEntry, ReadLimit, TailGap, TailPosition
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.sqlite.log import SqliteLogReader
from tests.support.eventlog import ids_of, opened, tailed
from tests.support.pipeline import record, records


async def test_records_are_read_back_as_they_were_in_order(tmp_path: Path) -> None:
    sent = records(500)
    async with opened(tmp_path) as log:
        for first in range(0, 500, 50):
            await log.ports.writer.append(sent[first : first + 50])
    async with opened(tmp_path) as log:
        entries = await log.entries()
        read = [one for entry in entries if isinstance(entry, LogEntry) for one in entry.records]

    assert [entry.offset for entry in entries] == sorted(entry.offset for entry in entries)
    assert read == list(sent)


async def test_appends_at_the_same_time_share_commits_and_are_all_there(tmp_path: Path) -> None:
    calls = [records(3) for _ in range(400)]
    async with opened(tmp_path) as log:
        await asyncio.gather(*(log.ports.writer.append(call) for call in calls))
        entries = await log.entries()
    async with opened(tmp_path) as log:
        assert sorted(await log.ids()) == sorted(one for call in calls for one in ids_of(call))
    assert len(entries) < 100


async def test_a_cancelled_append_is_stored_whole_or_not_at_all(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        for _ in range(20):
            task = asyncio.create_task(log.ports.writer.append(records(10)))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert len(await log.ids()) % 10 == 0
        kept = records(1)
        await log.ports.writer.append(kept)
        assert (await log.ids())[-1] == kept[0].event_id


async def test_reads_stop_at_their_limits_and_wait_for_the_first_entry(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        for _ in range(10):
            await log.ports.writer.append(records(10))
        read = log.ports.reader.read
        assert (
            sum(len(entry.records) for entry in await read(0, 0, ReadLimit(35, 2**30, 0)) if isinstance(entry, LogEntry)) == 30
        )
        assert len(await read(0, 0, ReadLimit(1, 1, 0))) == 1  # at least one, whatever the limits
        last = (await log.entries())[-1].offset
        assert await read(0, last + 1, ReadLimit(10, 2**30, 0.01)) == []

        waiting = asyncio.create_task(read(0, last + 1, ReadLimit(10, 2**30, 10)))
        await asyncio.sleep(0)
        late = records(2)
        await log.ports.writer.append(late)
        (entry,) = await waiting
        assert isinstance(entry, LogEntry)
        assert ids_of(entry.records) == ids_of(late)


async def test_the_position_and_its_intent_outlive_the_process(tmp_path: Path) -> None:
    intent = Intent(end=3, crc32=0xFFFF_FFFF, count=7, written_at=1_770_000_000_000)
    async with opened(tmp_path) as log:
        first_id = log.granted.log_id
        for _ in range(4):
            await log.ports.writer.append(records(5))
        assert (log.granted.start, log.granted.intent) == (1, None)
        await log.ports.reader.intend(0, intent)
    async with opened(tmp_path) as log:
        assert (log.granted.start, log.granted.intent, log.granted.unclean) == (1, intent, False)
        await log.ports.reader.commit(0, 3)
        assert (await log.ports.reader.lag(0)).records == 10
    async with opened(tmp_path) as log:
        assert (log.granted.start, log.granted.intent) == (3, None)
        assert log.granted.log_id == first_id
        lag = await log.ports.reader.lag(0)
        assert lag.records == 10
        assert lag.oldest_stored_at is not None
        await log.ports.reader.commit(0, 5)
        assert (await log.ports.reader.lag(0)).oldest_stored_at is None


async def test_a_new_log_has_another_name(tmp_path: Path) -> None:
    names = set()
    for folder in ("one", "two"):
        async with opened(tmp_path / folder) as log:
            names.add(log.granted.log_id)
    assert len(names) == 2


async def test_only_what_is_consumed_is_forgotten(tmp_path: Path) -> None:
    soon = LogSettings(log_keep_seconds=0, log_keep_bytes=0)
    async with opened(tmp_path, soon) as log:
        for _ in range(5):
            await log.ports.writer.append(records(2))
        before = await log.ids()
        await log.ports.reader.commit(0, 3)
        await log.until_kept([3, 4, 5])
    async with opened(tmp_path, soon) as log:
        assert await log.ids(3) == before[4:]
        late = records(1)
        await log.ports.writer.append(late)
        assert (await log.entries(3))[-1].offset == 6  # offsets are never given twice


async def test_consumed_entries_stay_up_to_the_size_that_is_set(tmp_path: Path) -> None:
    sent = [records(2) for _ in range(6)]
    room = sum(len(one.line) for call in sent[2:4] for one in call)  # exactly what offsets 3 and 4 weigh
    settings = LogSettings(log_keep_seconds=10_000, log_keep_bytes=ByteSize(room))
    async with opened(tmp_path, settings) as log:
        for call in sent:
            await log.ports.writer.append(call)
        await log.ports.reader.commit(0, 3)
        await log.until_kept([1, 2, 3, 4, 5, 6])
        await log.ports.reader.commit(0, 5)
        await log.until_kept([3, 4, 5, 6])
    async with opened(tmp_path, settings) as log:
        await log.until_kept([3, 4, 5, 6])


async def test_consumed_entries_stay_for_the_time_that_is_set(tmp_path: Path) -> None:
    ahead = 0
    async with opened(tmp_path, LogSettings(log_keep_seconds=100), clock=lambda: now_ms() + ahead) as log:
        for _ in range(4):
            await log.ports.writer.append(records(2))
        await log.ports.reader.commit(0, 3)
        ahead = 50_000
        await log.until_kept([1, 2, 3, 4])
        ahead = 101_000
        await log.until_kept([3, 4])
        ahead = 10**9  # however old, what is not consumed stays
        await log.until_kept([3, 4])


async def test_a_late_commit_of_a_lower_position_takes_nothing_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        for _ in range(4):
            await log.ports.writer.append(records(2))
        await log.ports.reader.commit(0, 4)
        before = await log.ports.reader.lag(0)
        await log.ports.reader.commit(0, 2)
        assert await log.ports.reader.lag(0) == before
    async with opened(tmp_path) as log:
        assert log.granted.start == 4
        assert await log.ports.reader.lag(0) == before


async def test_a_follower_resumes_behind_what_it_saw_and_is_told_what_is_gone(tmp_path: Path) -> None:
    async with opened(tmp_path, LogSettings(log_keep_seconds=0, log_keep_bytes=0)) as log:
        tail, writer = log.ports.tail, log.ports.writer
        sent = [records(3) for _ in range(4)]
        for call in sent:
            await writer.append(call)
        everything = [one for call in sent for one in ids_of(call)]
        assert await tailed(tail, TailPosition({0: (1, -1)}), 12) == everything
        assert await tailed(tail, TailPosition({0: (2, 0)}), 8) == everything[4:]

        end = await tail.end()
        new = records(2)
        following = asyncio.create_task(tailed(tail, end, 2))
        await asyncio.sleep(0)
        await writer.append(new)
        assert await following == ids_of(new)
    async with opened(tmp_path, LogSettings(log_keep_seconds=0, log_keep_bytes=0)) as log:
        await log.ports.reader.commit(0, 4)
        await log.until_kept([4, 5])
        assert await tailed(log.ports.tail, TailPosition({0: (2, 0)}), 5) == [
            TailGap(0, 2, 3),
            *everything[9:],
            *ids_of(new),
        ]


LETTER = DeadLetter(0, 5, 2, "shop", "id", "refused_by_warehouse", "insert", "too odd", b"{}", 1, 1_770_000_000_000)


async def test_dead_letters_are_kept_once_listed_and_dropped(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        letters = log.ports.dead_letters
        await letters.put([LETTER, replace(LETTER, index=3, tenant="other", reason="damaged_in_log")])
        await letters.put([LETTER])  # a replay after a crash sets the same record aside again
    async with opened(tmp_path) as log:
        letters = log.ports.dead_letters
        assert await letters.count() == 2
        first, second = await letters.list()
        assert replace(first, id=0) == LETTER
        assert await letters.list(tenant="other") == [second] == await letters.list(reason="damaged_in_log")
        assert await letters.list(after=first.id, limit=1) == [second]
        assert await letters.get(first.id) == first
        assert await letters.drop([first.id, 999]) == 1
        with pytest.raises(NotFound):
            await letters.get(first.id)
        assert await letters.count() == 1


_HOLD = """
import asyncio, sys
from pathlib import Path
from tests.support.eventlog import opened
async def main():
    async with opened(Path(sys.argv[1])):
        print("open", flush=True)
        await asyncio.to_thread(sys.stdin.read)
asyncio.run(main())
"""


async def test_a_second_process_is_refused_by_the_name_of_the_first_until_that_ends(tmp_path: Path) -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _HOLD, str(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"open\n"
    with pytest.raises(StartRefused, match=rf"process {holder.pid} holds .*log\.db\.lock"):
        async with opened(tmp_path):
            pass
    holder.kill()
    await holder.communicate()
    async with opened(tmp_path) as log:
        assert not log.granted.unclean  # the machine went on: what was written is there


async def test_a_newer_version_s_log_is_not_touched(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        assert isinstance(log.ports.reader, SqliteLogReader)
        await log.ports.reader._thread.write(lambda database: database.set_meta("schema_version", "2"))
    with pytest.raises(StartRefused, match="newer version"):
        async with opened(tmp_path):
            pass


async def test_too_much_that_waits_refuses_more(tmp_path: Path) -> None:
    async with opened(tmp_path, LogSettings(log_max_bytes=2**20)) as log:
        small = record(1)
        big = msgspec.structs.replace(
            small, line=small.line.removesuffix(b"}") + b',"properties":{"x":"%s"}}' % (b"y" * 400_000)
        )
        for _ in range(3):
            await log.ports.writer.append([big])
        with pytest.raises(LogUnavailable, match="too much waits for the warehouse"):
            await log.ports.writer.append(records(1))
        await log.ports.reader.commit(0, 4)
        await log.ports.writer.append(records(1))


async def test_a_closed_log_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.ports.writer.close()
        with pytest.raises(LogUnavailable, match="closing"):
            await log.ports.writer.append(records(1))
        with pytest.raises(LogUnavailable):
            await log.ports.reader.commit(0, 1)


async def test_what_is_asked_while_the_log_closes_is_answered(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.ports.writer.append(records(1))
        closing = asyncio.create_task(log.ports.writer.close())
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            for ask in (log.ports.reader.commit(0, 2), log.ports.dead_letters.count(), log.ports.writer.append(records(1))):
                with pytest.raises(LogUnavailable):
                    await ask
        await closing


async def test_work_that_fails_in_an_unknown_way_ends_neither_the_thread_nor_what_others_stored(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        sent = records(3)
        await log.ports.writer.append(sent)
        for attempt in (log.ports.dead_letters.get(10**30), log.ports.dead_letters.drop([10**30])):
            with pytest.raises(LogUnavailable):
                await attempt
        more = records(2)
        await log.ports.writer.append(more)
        assert await log.ids() == [*ids_of(sent), *ids_of(more)]


async def test_a_dead_letter_is_found_by_the_id_of_its_event(tmp_path: Path) -> None:
    letter = DeadLetter(0, 7, 0, "shop", "one", "refused_by_warehouse", "insert", "no", b"{}", 1, 1_770_000_000_000)
    async with opened(tmp_path) as log:
        letters = log.ports.dead_letters
        await letters.put([letter, replace(letter, offset=8, event_id="two"), replace(letter, offset=9, tenant="other")])
        assert [one.offset for one in await letters.list(tenant="shop", event_ids=["one", "three"])] == [7]
        assert [one.offset for one in await letters.list(event_ids=["one"])] == [7, 9]
        assert await letters.list(event_ids=[]) == []


async def test_a_follower_is_told_how_far_the_consumer_is(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        for _ in range(3):
            await log.ports.writer.append(records(2))
        assert await log.ports.tail.committed() == TailPosition({0: (log.granted.start, -1)})
        await log.ports.reader.commit(0, 3)
        assert await log.ports.tail.committed() == TailPosition({0: (3, -1)})
