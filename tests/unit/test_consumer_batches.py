"""Batches: what a row is made of, what its token names, and which rows are left out."""

import json
import zlib

from hypothesis import given
from hypothesis import strategies as st

from millrace_consumer.batches import Batch
from millrace_consumer.recent_ids import RecentIds
from millrace_core.ids import new_id
from millrace_eventlog.outcomes import Outcome, record_of
from millrace_eventlog.records import Damaged, LogEntry, LogRecord

_AT = 1_770_000_000_123


def _recent() -> RecentIds:
    recent = RecentIds(lambda: _AT, 2**20)
    recent._complete.add(0)
    return recent


def _record(event_id: str, tenant: str = "shop") -> LogRecord:
    line = json.dumps({"event_id": event_id, "customer_id": tenant, "event_type": "page_view"}, separators=(",", ":")).encode()
    return LogRecord(tenant, event_id, _AT, "native", "", line)


def _entry(offset: int, records: list[LogRecord]) -> LogEntry:
    return LogEntry(offset, _AT, zlib.crc32(b"".join(record.line for record in records)), records)


def _batch(entries: list[LogEntry | Damaged], start: int = 1) -> Batch:
    batch, recent = Batch("log", 0, start), _recent()
    for entry in entries:
        batch.add(entry, recent)
    return batch


@given(st.lists(st.integers(1, 20), min_size=1, max_size=8))
def test_each_row_is_the_line_with_its_position(sizes: list[int]) -> None:
    entries = [_entry(10 + number, [_record(new_id(_AT)) for _ in range(size)]) for number, size in enumerate(sizes)]
    batch = _batch([*entries], start=10)

    rows = [json.loads(line) for line in b"".join(batch.payload()).splitlines()]

    positions = [(entry.offset, index) for entry in entries for index in range(len(entry.records))]
    assert [(row["_o"], row["_i"]) for row in rows] == positions
    assert [batch.record(number)[0] for number in range(len(batch))] == positions
    assert {row["_p"] for row in rows} == {0}
    assert {row["ingested_at"] for row in rows} == {"2026-02-02 02:40:00.123"}
    sent = [json.loads(record.line) for entry in entries for record in entry.records]
    extra = ("_p", "_o", "_i", "ingested_at")
    assert [{key: value for key, value in row.items() if key not in extra} for row in rows] == sent
    assert batch.end == 10 + len(sizes)


def test_the_same_entries_have_the_same_token_and_other_bytes_another() -> None:
    first, second = _record(new_id(_AT)), _record(new_id(_AT))

    assert _batch([_entry(1, [first]), _entry(2, [second])]).token == _batch([_entry(1, [first]), _entry(2, [second])]).token
    assert _batch([_entry(1, [first])]).token != _batch([_entry(1, [second])]).token
    assert _batch([_entry(1, [first])]).token != _batch([_entry(2, [first])]).token


def test_a_damaged_entry_is_part_of_the_token_and_has_no_rows() -> None:
    record = _record(new_id(_AT))
    whole = _batch([_entry(1, [record]), _entry(2, [record])])
    damaged = _batch([_entry(1, [record]), Damaged(0, 2, 1, "crc differs")])

    assert (len(damaged), damaged.end) == (1, 3)
    assert damaged.token != whole.token


def test_an_identity_that_stands_twice_in_a_batch_is_known_and_another_tenants_is_its_own() -> None:
    one, other = new_id(_AT), new_id(_AT)
    batch = _batch(
        [_entry(1, [_record(one), _record(other), _record(one)]), _entry(2, [_record(one, "rival"), _record(other)])]
    )

    assert batch.repeated == [2, 4]


def test_dropped_rows_are_not_sent_and_counted_once() -> None:
    batch = _batch([_entry(1, [_record(new_id(_AT)) for _ in range(4)])])

    assert batch.drop([1, 2]) == 2
    assert batch.drop([2, 3]) == 1
    assert batch.kept() == [0]
    assert len(b"".join(batch.payload()).splitlines()) == 1


def _told(events: int = 3) -> LogRecord:
    outcome = Outcome("shop", "2026-02-02 02:40:00", "rejected", "", events, "2026-02-02 02:40:00.123", "invalid_json")
    return record_of(outcome, new_id(_AT), _AT)


def test_records_that_tell_outcomes_are_no_events() -> None:
    events = [_record(new_id(_AT)) for _ in range(4)]
    batch = _batch([_entry(1, [_told(), events[0], _told(), events[1]]), _entry(2, [_told()]), _entry(3, events[2:])])

    rows = [json.loads(line) for line in b"".join(batch.payload()).splitlines()]
    assert [(row["event_id"], row["_o"], row["_i"]) for row in rows] == [
        (event.event_id, *place) for event, place in zip(events, [(1, 1), (1, 3), (3, 0), (3, 1)], strict=True)
    ]
    assert batch.kept() == [1, 3, 5, 6]
    assert [json.loads(row) for row in batch.payload(batch.kept())[0].splitlines()] == rows[:1]
    assert batch.oldest_received_at() == _AT
    assert _batch([_entry(1, [_told()])]).oldest_received_at() is None
    told = [json.loads(row) for row in batch.outcomes()]
    assert [(row["_p"], row["_o"], row["_i"], row["outcome"], row["events"]) for row in told] == [
        (0, 1, 0, "rejected", 3),
        (0, 1, 2, "rejected", 3),
        (0, 2, 0, "rejected", 3),
    ]
    assert all("event_id" not in row for row in told)


def test_an_outcome_is_no_duplicate_of_an_event_and_no_event_of_an_outcome() -> None:
    told, recent = _told(), _recent()
    batch = Batch("log", 0, 1)
    for offset in (1, 2):
        batch.add(_entry(offset, [told, _record(new_id(_AT))]), recent)
    assert (batch.repeated, batch.suspects) == ([], [])


@given(st.lists(st.integers(0, 11), max_size=4, unique=True))
def test_what_is_told_of_an_event_is_the_same_row_however_entries_are_cut_into_batches(cuts: list[int]) -> None:
    entries = [_entry(offset, [_record(new_id(_AT)) for _ in range(2)]) for offset in range(12)]

    def told(borders: list[int]) -> list[bytes]:
        found: list[bytes] = []
        for first, last in zip([0, *borders], [*borders, 12], strict=True):
            batch = _batch([*entries[first:last]], start=first)
            batch.tell([row for row in batch.events() if batch.record(row)[0][0] % 3 == 0], "duplicate")
            found += batch.outcomes()
        return found

    assert told(sorted(cuts)) == told([])
    assert len(told([])) == 8
