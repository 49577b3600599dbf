"""Answers that are repeated for the same Idempotency-Key."""

import pytest

from millrace_core.errors import Conflict
from millrace_eventlog.records import LogRecord
from millrace_ingestion.idempotency import Answers, name_of
from millrace_ingestion.protocols.native import NativeEvent
from millrace_records.cache.memory import MemoryCache


def _record(tenant: str) -> LogRecord:
    return LogRecord(tenant, "", 0, "native", "", b"{}")


CONTENT = bytes(range(16))


async def test_an_answer_is_kept_as_long_as_it_is_said() -> None:
    now = 0.0
    answers = Answers(MemoryCache(10_000, clock=lambda: now), seconds=3600)
    await answers.keep(b"a", CONTENT, b"answer")
    now = 3599.0
    assert await answers.find(b"a", CONTENT) == b"answer"
    assert await answers.find(b"b", CONTENT) is None
    now = 3600.0
    assert await answers.find(b"a", CONTENT) is None


async def test_a_key_that_is_used_for_other_events_is_a_conflict() -> None:
    answers = Answers(MemoryCache(10_000), seconds=3600)
    await answers.keep(b"a", CONTENT, b"answer")
    with pytest.raises(Conflict, match="used for other events"):
        await answers.find(b"a", CONTENT[::-1])


async def test_large_answers_and_no_time_keep_nothing() -> None:
    cache = MemoryCache(100_000)
    await Answers(cache, seconds=60).keep(b"a", CONTENT, b"x" * 5000)
    await Answers(cache, seconds=0).keep(b"a", CONTENT, b"x")
    assert await Answers(cache, seconds=60).find(b"a", CONTENT) is None


def _event(event_id: str | None = None) -> NativeEvent:
    return NativeEvent(event_type="click", event_id=event_id)


def test_a_request_is_named_by_its_key_its_tenants_and_ids_that_the_client_gave() -> None:
    name = name_of("key", 0, [_record("a")], [_event()])
    assert name == name_of("key", 0, [_record("a"), _record("a")], [_event(), _event("")])
    others = [
        name_of("other", 0, [_record("a")], [_event()]),
        name_of("key", 1, [_record("a")], [_event()]),
        name_of("key", 0, [_record("b")], [_event()]),
        name_of("key", 0, [_record("a"), _record("b")], [_event(), _event()]),
        name_of("key", 0, [_record("a")], [_event("1")]),
        name_of("key", 0, [_record("a")], [_event("2")]),
        name_of("key", 0, [_record("a"), _record("a")], [_event("1"), _event("2")]),
    ]
    assert len({name, *others}) == 8
