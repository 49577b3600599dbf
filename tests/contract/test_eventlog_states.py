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

from millrace_eventlog.records import Intent, LogEntry, TailPosition
from millrace_eventlog.settings import LogSettings
from tests.support.eventlog import OpenLog, ids_of, opened, tailed
from tests.support.pipeline import records

_KEPT_FOR_GOOD = LogSettings(log_keep_seconds=10_000, log_keep_bytes=2**40)


class LogStates(RuleBasedStateMachine):
    """Appends, commits, intents, reads, followers and restarts, each checked against what must be there."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.entries: list[list[str]] = []  # of offsets 1, 2, …
        self.next = 1
        self.intent: Intent | None = None
        self.log = self.run(lambda: self.stack.enter_async_context(opened(self.folder, _KEPT_FOR_GOOD)))

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
        self.intent = Intent(end, crc32, 1, 5)
        self.run(lambda: self.log.ports.reader.intend(0, self.intent))

    @precondition(lambda self: self.intent is not None)
    @rule()
    def commit(self) -> None:
        assert self.intent is not None
        self.next, self.intent = max(self.next, self.intent.end), None
        self.run(lambda: self.log.ports.reader.commit(0, self.next))

    @rule()
    def start_again(self) -> None:
        self.run(self.stack.aclose)
        self.stack = AsyncExitStack()
        self.log = self.run(lambda: self.stack.enter_async_context(opened(self.folder, _KEPT_FOR_GOOD)))
        assert (self.log.granted.start, self.log.granted.intent) == (self.next, self.intent)

    @rule(share=st.floats(0, 1))
    def read(self, share: float) -> None:
        start = 1 + int(share * len(self.entries))
        log: OpenLog = self.log
        entries = self.run(lambda: log.entries(start))
        assert [(one.offset, ids_of(one.records)) for one in entries if isinstance(one, LogEntry)] == [
            (offset, ids) for offset, ids in enumerate(self.entries, 1) if offset >= start
        ]

    @precondition(lambda self: bool(self.entries))
    @rule(share=st.floats(0, 0.99), index=st.integers(-1, 19))
    def follow(self, share: float, index: int) -> None:
        offset = 1 + int(share * len(self.entries))
        behind = [*self.entries[offset - 1][index + 1 :], *(one for ids in self.entries[offset:] for one in ids)]
        if behind:
            seen = self.run(lambda: tailed(self.log.ports.tail, TailPosition({0: (offset, index)}), len(behind)))
            assert seen == behind

    @invariant()
    def the_lag_is_what_is_not_committed(self) -> None:
        if not hasattr(self, "log"):
            return
        lag = self.run(lambda: self.log.ports.reader.lag(0))
        assert lag.records == sum(map(len, self.entries[self.next - 1 :]))
        assert (lag.oldest_stored_at is None) == (lag.records == 0)


TestLogStates = LogStates.TestCase
TestLogStates.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
