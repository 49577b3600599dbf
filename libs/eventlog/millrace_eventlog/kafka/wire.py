"""A record as a Kafka message and back (docs/reference/kafka.md).

The value is the line, the key ``tenant:routing``. What of the index stands in neither is in headers: the version of this form,
when the event was received, its protocol and its key. The event id is read from the line's fixed place.
"""

import zlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from millrace_core.events import EVENT_ID_AT
from millrace_eventlog.outcomes import OUTCOMES
from millrace_eventlog.records import LogRecord

VERSION: Final = b"1"
OUTCOMES_VERSION: Final = b"2"
"""Of messages that tell outcomes: consumers from before there were any take them for damaged rather than for events."""

BATCH_BYTES: Final = 900_000
"""Of a record batch before compression; the topic takes 1 MiB."""
LARGEST_LINE: Final = BATCH_BYTES - 4096
"""Beside it stand key, headers and the batch's own."""

_VERSION_HEADER: Final = ("v", VERSION)

Headers = Sequence[tuple[str, bytes]]


class Message(NamedTuple):
    """What is sent for one record."""

    key: bytes
    value: bytes
    headers: Headers


class Unreadable(Exception):
    """The message is none of ours."""


class Packer:
    """Makes messages. Headers repeat from event to event of a request, so those of the last one are kept."""

    def __init__(self) -> None:
        self._of: tuple[int, str, str, str] | None = None
        self._headers: Headers = ()

    def message(self, record: LogRecord) -> Message:
        """The message of a record."""
        said = (record.received_at, record.protocol, record.key_id, record.trace)
        if said != self._of:
            self._of = said
            self._headers = _headers_of(record)
        return Message(f"{record.tenant}:{record.routing}".encode(), record.line, self._headers)


def _headers_of(record: LogRecord) -> Headers:
    version = ("v", OUTCOMES_VERSION) if record.protocol == OUTCOMES else _VERSION_HEADER
    headers = [version, ("received_at", b"%d" % record.received_at), ("protocol", record.protocol.encode())]
    if record.key_id:
        headers.append(("key_id", record.key_id.encode()))
    if record.trace:
        headers.append(("traceparent", record.trace.encode()))
    return headers


def record_of(key: bytes | None, value: bytes | None, headers: Headers) -> LogRecord:
    """The record of a message.

    Raises:
        Unreadable: somebody else wrote it, or a newer version of this code.
    """
    said = dict(headers)
    if said.get("v") not in (VERSION, OUTCOMES_VERSION):
        raise Unreadable("no message of this form")
    if key is None or value is None:
        raise Unreadable("a message without key or value")
    trace = said.get("traceparent")
    try:
        return LogRecord(
            tenant=key[: key.index(b":")].decode("ascii"),
            event_id=value[EVENT_ID_AT].decode("ascii"),
            received_at=int(said["received_at"]),
            protocol=said["protocol"].decode("utf-8"),
            key_id=said.get("key_id", b"").decode("utf-8"),
            line=value,
            trace=trace.decode("latin-1") if trace else "",
        )
    except (KeyError, ValueError) as error:  # UnicodeDecodeError is a ValueError
        raise Unreadable("a message with a broken index") from error


def partition_of(key: bytes, partitions: int) -> int:
    """Which partition a key belongs to: CRC-32 modulo their number. All writers of a topic are ours, so no other
    partitioner has to agree, and this one costs a twentieth of murmur2 in Python."""
    return zlib.crc32(key) % partitions
