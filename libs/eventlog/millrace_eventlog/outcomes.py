"""What became of events that are not stored as they came: a row of ``ingest_outcomes`` each, or one for many that are alike.

Outcomes travel through the log as records that no route of ingestion can make (``OUTCOMES`` stands where the protocol does),
and the consumer stores them beside the events. An outcome has an id, and the table keeps one row of an id: a record that is
appended or inserted twice counts once (docs/adr/0018-outcomes.md).
"""

from typing import Final, Literal

import msgspec

from millrace_core.events import EVENT_ID_AT
from millrace_core.time import warehouse_time
from millrace_eventlog.records import LogRecord

OUTCOMES: Final = "_outcomes"
"""The protocol of a record that tells an outcome. No protocol of events has this name; a test says so."""

SAMPLE: Final = 10
"""Events of which an outcome has the ids."""

Kind = Literal["rejected", "limited", "duplicate", "dead_letter"]

_MINUTE_MS: Final = 60_000
_BEHIND_ID: Final = EVENT_ID_AT.stop + 2  # the quote and the comma

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """Events of one tenant that arrived in one minute, by one protocol and key, and came to the same end."""

    customer_id: str
    minute: str
    """``2026-02-16 12:00:00``: of the arrival."""
    outcome: Kind
    outcome_id: str
    """Names the row within its minute: a UUID, or the position of the one event in the log (``partition/offset/index``)."""
    events: int
    last_at: str
    """When the last of them arrived, in the form of :func:`millrace_core.time.warehouse_time`."""
    reason: str = ""
    """Code of an error; empty where the outcome says it all."""
    protocol: str = ""
    key_id: str = ""
    sample: list[str] = []
    """Ids of up to ``SAMPLE`` of them: as the client sent them, and as they would be stored where that differs."""
    version: int = 0
    """Of rows of one id the highest version holds: 1 takes an outcome back."""


_decode_outcome = _decode(Outcome).decode


def minute_of(millis: int) -> str:
    """The minute of a time in milliseconds since the epoch, as an outcome has it."""
    return warehouse_time(millis - millis % _MINUTE_MS)[:19]


def record_of(outcome: Outcome, record_id: str, at: int) -> LogRecord:
    """The log record that tells an outcome.

    Args:
        record_id: a UUID. It stands first in the line, as an event's id does.
        at: milliseconds since the epoch.
    """
    line = b'{"event_id":"%b",%b' % (record_id.encode("ascii"), _encode(outcome)[1:])
    return LogRecord(outcome.customer_id, record_id, at, OUTCOMES, "", line)


def outcome_of(record: LogRecord) -> Outcome:
    """What a record tells."""
    return _decode_outcome(record.line)


def row_of_record(record: LogRecord, partition: int, offset: int, index: int) -> bytes:
    """The row of ``ingest_outcomes`` that a record is, with a newline behind."""
    return b'{"_p":%d,"_o":%d,"_i":%d,%b\n' % (partition, offset, index, record.line[_BEHIND_ID:])


def row_of(outcome: Outcome, partition: int, offset: int, index: int) -> bytes:
    """Likewise, of an outcome that the consumer found out."""
    return b'{"_p":%d,"_o":%d,"_i":%d,%b\n' % (partition, offset, index, _encode(outcome)[1:])


class _Said(msgspec.Struct):
    received_at: str = ""
    client_event_id: str = ""


_decode_said = _decode(_Said).decode


def of_event(kind: Kind, record: LogRecord, position: str, reason: str = "", version: int = 0) -> Outcome:
    """What became of one event of the log. Its minute is that of the line, which a dead letter keeps when it is replayed.

    Args:
        position: its own, as ``partition/offset/index``, by which a replay writes the same row again.
        version: 1 takes back what version 0 said.
    """
    said = _said(record)
    arrived = said.received_at or warehouse_time(record.received_at)
    return Outcome(
        customer_id=record.tenant,
        minute=f"{arrived[:16]}:00",
        outcome=kind,
        outcome_id=position,
        events=0 if version else 1,
        last_at=arrived,
        reason=reason,
        protocol=record.protocol,
        key_id=record.key_id,
        sample=ids_of(record),
        version=version,
    )


def ids_of(record: LogRecord) -> list[str]:
    """The ids of an event: the client's own where the stored one is derived from it, and the stored one."""
    own = _said(record).client_event_id
    return [own, record.event_id] if own else [record.event_id]


def _said(record: LogRecord) -> _Said:
    try:
        return _decode_said(record.line)
    except (msgspec.DecodeError, UnicodeDecodeError):  # what the warehouse refuses may be of any kind
        return _Said()
