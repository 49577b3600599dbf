"""What a live stream tells of a record of the log: events as they are accepted, or what becomes of whatever is sent."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec

from millrace_analytics.live.frames import live_event
from millrace_core.time import iso_of_warehouse, iso_time
from millrace_eventlog.outcomes import OUTCOMES, outcome_of
from millrace_eventlog.records import LogRecord

_encode: Final = msgspec.json.Encoder().encode


class View(Protocol):
    """One kind of stream."""

    name: str
    """Of its messages."""

    def tell(self, record: LogRecord) -> bytes | None:
        """The JSON object that stands for a record; None where this stream says nothing of it."""
        ...


class _Events:
    """See View."""

    name = "new_events"

    def tell(self, record: LogRecord) -> bytes | None:
        """See View."""
        return None if record.protocol == OUTCOMES else live_event(record.line)


class NotAccepted(msgspec.Struct):
    """Events of one kind that are not stored as they came."""

    outcome: str
    reason: str
    events: int
    event_ids: Sequence[str]
    """Of some of them."""
    protocol: str
    key_id: str
    at: str
    """When the last of them arrived."""


class _Line(msgspec.Struct):
    event_type: str
    client_event_id: str = ""


_decode_line: Final = msgspec.json.Decoder(_Line).decode


class _Verdicts:
    """See View."""

    name = "verdicts"

    def tell(self, record: LogRecord) -> bytes | None:
        """See View."""
        if record.protocol != OUTCOMES:
            return _encode(_accepted(record))
        told = outcome_of(record)
        if not told.events:  # takes another back
            return None
        at = iso_of_warehouse(told.last_at)
        return not_accepted(told.outcome, told.reason, told.events, told.sample, told.protocol, told.key_id, at)


def not_accepted(outcome: str, reason: str, events: int, ids: Sequence[str], protocol: str, key_id: str, at: str) -> bytes:
    """The JSON object of events that are not stored as they came; some of their ids, and when the last of them arrived."""
    return _encode(NotAccepted(outcome, reason, events, ids, protocol, key_id, at))


def _accepted(record: LogRecord) -> dict[str, Any]:
    line = _decode_line(record.line)
    said = {
        "outcome": "accepted",
        "event_id": record.event_id,
        "event_type": line.event_type,
        "protocol": record.protocol,
        "key_id": record.key_id,
        "at": iso_time(record.received_at),
    }
    return said | ({"client_event_id": line.client_event_id} if line.client_event_id else {})


EVENTS: Final[View] = _Events()
VERDICTS: Final[View] = _Verdicts()
