"""Answers that are repeated for the same Idempotency-Key."""

from millrace_eventlog.records import LogRecord
from millrace_ingestion.idempotency import Answers, name_of


def _record(tenant: str, event_id: str) -> LogRecord:
    return LogRecord(tenant, event_id, 0, "native", "", b"{}")


def test_an_answer_is_kept_for_a_day() -> None:
    now = 0.0
    answers = Answers(10, clock=lambda: now)
    answers.keep(b"a", b"content", b"answer")
    now = 24 * 3600 - 1.0
    assert answers.find(b"a", b"content") == b"answer"
    now = 24 * 3600.0
    assert answers.find(b"a", b"content") is None


def test_the_oldest_leave_when_there_are_too_many() -> None:
    answers = Answers(2)
    for name in (b"a", b"b", b"c"):
        answers.keep(name, b"content", name)
    assert [answers.find(name, b"content") for name in (b"a", b"b", b"c")] == [None, b"b", b"c"]


def test_large_answers_and_a_store_of_none_keep_nothing() -> None:
    answers, none = Answers(2), Answers(0)
    answers.keep(b"a", b"content", b"x" * 5000)
    none.keep(b"a", b"content", b"x")
    assert answers.find(b"a", b"content") is None
    assert none.find(b"a", b"content") is None


def test_a_request_is_named_by_its_key_and_its_events() -> None:
    name = name_of("key", 0, [_record("a", "1")])
    assert name == name_of("key", 0, [_record("a", "1")])
    others = [
        name_of("other", 0, [_record("a", "1")]),
        name_of("key", 1, [_record("a", "1")]),
        name_of("key", 0, [_record("b", "1")]),
        name_of("key", 0, [_record("a", "2")]),
        name_of("key", 0, [_record("a", "1"), _record("a", "2")]),
    ]
    assert name not in others
