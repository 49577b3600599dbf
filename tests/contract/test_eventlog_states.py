"""The log against a model of it in plain lists, over any order of what can happen (a state machine by hypothesis)."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pydantic import ByteSize

from millrace_core.time import now_ms
from millrace_eventlog.records import Intent, LogEntry, TailGap, TailPosition
from millrace_eventlog.settings import LogSettings
from tests.support.eventlog import OpenLog, ids_of, opened, tailed
from tests.support.pipeline import records

_SETTINGS = LogSettings(log_keep_seconds=10_000, log_keep_bytes=ByteSize(2**40))
_LONG_MS = 20_000_000


class LogStates(RuleBasedStateMachine):
    """Appends, commits, intents, reads, followers, retention and restarts, each checked against what must be there."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.entries: list[list[str]] = []  # of offsets 1, 2, …
        self.next = 1
        self.intent: Intent | None = None
        self.kept = 1
        self.ahead = 0
        self.log = self.open()

    def open(self) -> OpenLog:
        log = opened(self.folder, _SETTINGS, clock=lambda: now_ms() + self.ahead)
        entered: OpenLog = self.run(lambda: self.stack.enter_async_context(log))
        return entered

    def run(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        return self.loop.run_until_complete(work())

    def teardown(self) -> None:
        self.run(self.stack.aclose)
        self.loop.close()
        shutil.rmtree(self.folder)

    @rule(sizes=st.lists(st.integers(1, 20), min_size=1, max_size=4))
    def append(self, sizes: list[int]) -> None:
        for size in sizes:
            sent = records(size)
            self.run(lambda sent=sent: self.log.ports.writer.append(sent))  # type: ignore[misc]
            self.entries.append(ids_of(sent))

    @rule(share=st.floats(0, 1), crc32=st.integers(0, 2**32 - 1))
    def intend(self, share: float, crc32: int) -> None:
        end = self.next + int(share * (len(self.entries) + 1 - self.next))
        self.intent = intent = Intent(end, crc32, 1, 5)
        self.run(lambda: self.log.ports.reader.intend(0, intent))

    @rule(share=st.floats(0, 1))
    def commit(self, share: float) -> None:
        """Of any position, also of one that was passed already."""
        upto = 1 + int(share * len(self.entries))
        self.run(lambda: self.log.ports.reader.commit(0, upto))
        self.next, self.intent = max(self.next, upto), None

    @rule()
    def grow_old(self) -> None:
        self.ahead, self.kept = _LONG_MS, self.next
        self.run(lambda: self.log.until_kept(range(self.kept, len(self.entries) + 1)))
        self.ahead = 0

    @rule()
    def start_again(self) -> None:
        self.run(self.stack.aclose)
        self.stack = AsyncExitStack()
        self.log = self.open()
        assert (self.log.granted.start, self.log.granted.intent) == (self.next, self.intent)

    @rule(share=st.floats(0, 1))
    def read(self, share: float) -> None:
        start = self.kept + int(share * (len(self.entries) + 1 - self.kept))
        log: OpenLog = self.log
        entries = self.run(lambda: log.entries(start))
        assert [(one.offset, ids_of(one.records)) for one in entries if isinstance(one, LogEntry)] == [
            (offset, ids) for offset, ids in enumerate(self.entries, 1) if offset >= start
        ]

    @precondition(lambda self: bool(self.entries))
    @rule(share=st.floats(0, 0.99), index=st.integers(-1, 19))
    def follow(self, share: float, index: int) -> None:
        offset = 1 + int(share * len(self.entries))
        gone = [TailGap(0, offset, self.kept - 1)] if offset < self.kept else []
        first, skipped = (self.kept, 0) if gone else (offset, index + 1)
        behind = [one for ids in self.entries[first - 1 :] for one in ids][min(skipped, len(self.entries[offset - 1])) :]
        if behind:
            seen = self.run(lambda: tailed(self.log.ports.tail, TailPosition({0: (offset, index)}), len(behind)))
            assert seen == [*gone, *behind]

    @invariant()
    def the_position_is_written_down(self) -> None:
        if hasattr(self, "log"):
            assert self.run(self.log.position) == (self.next, self.intent)

    @invariant()
    def the_lag_is_what_is_not_committed(self) -> None:
        if not hasattr(self, "log"):
            return
        lag = self.run(lambda: self.log.ports.reader.lag(0))
        assert lag.records == sum(map(len, self.entries[self.next - 1 :]))
        assert (lag.oldest_stored_at is None) == (lag.records == 0)


TestLogStates = LogStates.TestCase
TestLogStates.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
