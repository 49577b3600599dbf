"""The native protocol: bodies of ``POST /track`` and ``POST /track/batch``.

A whole batch is decoded in one go. When that fails, each event is decoded on its own, so that one bad event has a verdict and
the others are stored; when even the batch's structure cannot be read (a bare NaN somewhere inside), events are found by their
braces (``splitting``).
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from millrace_ingestion.protocols.reading import (
    BOM,
    DECODING_ERRORS,
    Identifier,
    Limits,
    Moment,
    Name,
    Refused,
    Text,
    Url,
    check_count,
    read_one,
    split_batch,
)

NAME: Final = "native"
_STRICT: Final = frozenset({b"strict=1", b"strict=true"})

NOT_SENT: Final = msgspec.Raw(b"")
"""The value of ``properties`` and ``context`` where the client sent none."""


class NativeEvent(msgspec.Struct, gc=False):
    """An event as clients send it. Only sizes and JSON types are checked here; null is the same as absent."""

    customer_id: Identifier = None
    event_type: Name = None
    event_name: Name = None
    visitor_id: Identifier = None
    user_id: Identifier = None
    session_id: Identifier = None
    properties: msgspec.Raw = NOT_SENT
    page_url: Url = None
    referrer: Url = None
    event_id: Identifier = None
    timestamp: Moment = None
    sent_at: Moment = None
    context: msgspec.Raw = NOT_SENT


@dataclass(slots=True)
class Batch:
    """What a body held: events and refusals in the order that they were sent, and the time at which it was sent."""

    events: Sequence[NativeEvent | Refused]
    sent_at: Any = None


class _Typed(msgspec.Struct):
    events: list[NativeEvent]
    sent_at: Any = None


class _Split(msgspec.Struct):
    events: list[msgspec.Raw]
    sent_at: Any = None


class _OnlyId(msgspec.Struct):
    event_id: str


class _OnlyTenant(msgspec.Struct):
    customer_id: str


_decode_typed = msgspec.json.Decoder(_Typed).decode
_decode_split = msgspec.json.Decoder(_Split).decode
_decode_event = msgspec.json.Decoder(NativeEvent).decode
_decode_id = msgspec.json.Decoder(_OnlyId).decode
_decode_tenant = msgspec.json.Decoder(_OnlyTenant).decode


def is_native(event: NativeEvent | Refused) -> bool:
    """Whether an event is ours by its look: ``event_type`` is nobody else's."""
    return isinstance(event, NativeEvent) and event.event_type is not None


def is_strict(query: bytes) -> bool:
    """Whether one rejected event rejects its batch, by the query string."""
    return not _STRICT.isdisjoint(query.split(b"&"))


def decode_single(body: bytes, limits: Limits) -> Batch:
    """The event of ``POST /track``."""
    return Batch([_read(body.removeprefix(BOM), limits)])


def decode_batch(body: bytes, limits: Limits) -> Batch:
    """The events of ``POST /track/batch``.

    Raises:
        InvalidInput: the body is no object with a list ``events``.
        TooLarge: there are more events than a batch may have.
    """
    body = body.removeprefix(BOM)
    if len(body) <= limits.event_bytes:  # so no event can be larger
        try:  # 0.5 µs an event; one by one it is 0.7 (tests/bench/ingest_cost.py)
            typed = _decode_typed(body)
        except DECODING_ERRORS:
            pass
        else:
            check_count(len(typed.events), limits)
            return Batch(typed.events, typed.sent_at)
    texts, split = split_batch(body, _decode_split, "events")
    check_count(len(texts), limits)
    return Batch([_read(text, limits) for text in texts], split.sent_at)


def _read(text: Text, limits: Limits) -> NativeEvent | Refused:
    event = read_one(text, _decode_event, limits, _id_of)
    if isinstance(event, Refused):
        with contextlib.suppress(*DECODING_ERRORS):
            event.customer_id = _decode_tenant(text).customer_id
    return event


def _id_of(text: Text) -> str | None:
    try:
        return _decode_id(text).event_id[:512]
    except DECODING_ERRORS:
        return None
