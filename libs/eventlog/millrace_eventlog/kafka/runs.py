"""What a fetch brought, as runs of records."""

from collections.abc import Iterable, Sequence
from typing import Any

from millrace_eventlog.kafka.wire import Unreadable, record_of
from millrace_eventlog.records import Damaged, LogRecord, LogRun


def runs_of(partition: int, fetched: Iterable[Any]) -> Sequence[LogRun | Damaged]:
    """Neighbouring records of the same time are one run; a message that is none of ours is damaged.

    Args:
        fetched: aiokafka's ConsumerRecords of this partition, in order.
    """
    found: list[LogRun | Damaged] = []
    records: list[LogRecord] = []
    first, at, expected = 0, -1, -1
    for message in fetched:
        try:
            record = record_of(message.key, message.value, message.headers)
        except Unreadable as error:
            if records:
                found.append(LogRun(first, at, records))
                records = []
            found.append(Damaged(partition, message.offset, 1, str(error)))
            expected = -1
            continue
        if message.offset != expected or message.timestamp != at:
            if records:
                found.append(LogRun(first, at, records))
                records = []
            first, at = message.offset, message.timestamp
        records.append(record)
        expected = message.offset + 1
    if records:
        found.append(LogRun(first, at, records))
    return found
