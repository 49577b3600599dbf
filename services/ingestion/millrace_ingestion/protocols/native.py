"""The native protocol: bodies of ``POST /track`` and ``POST /track/batch``.

A whole batch is decoded in one go. When that fails, each event is decoded on its own, so that one bad event has a verdict and
the others are stored; when even the batch's structure cannot be read (a bare NaN somewhere inside), events are found by their
braces (``splitting``).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from millrace_core.errors import InvalidInput, TooLarge
from millrace_ingestion.objects import refusal_of
from millrace_ingestion.protocols.splitting import split_events

NAME: Final = "native"

Identifier = Annotated[str, msgspec.Meta(max_length=512)] | int | None
Name = Annotated[str, msgspec.Meta(max_length=256)] | None
Url = Annotated[str, msgspec.Meta(max_length=8192)] | None
Moment = Annotated[str, msgspec.Meta(max_length=64)] | int | float | None
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
class Refused:
    """An event that cannot be read, with the reason."""

    reason: InvalidInput
    event_id: str | None


@dataclass(slots=True)
class Batch:
    """What a body held: events and refusals in the order that they were sent, and the time at which it was sent."""

    events: Sequence[NativeEvent | Refused]
    sent_at: Any = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes that a body may have: events in a batch and bytes of an event's JSON text."""

    events: int
    event_bytes: int


class _Typed(msgspec.Struct):
    events: list[NativeEvent]
    sent_at: Any = None


class _Split(msgspec.Struct):
    events: list[msgspec.Raw]
    sent_at: Any = None


class _OnlyId(msgspec.Struct):
    event_id: str


_decode_typed = msgspec.json.Decoder(_Typed).decode
_decode_split = msgspec.json.Decoder(_Split).decode
_decode_event = msgspec.json.Decoder(NativeEvent).decode
_decode_id = msgspec.json.Decoder(_OnlyId).decode
_MOST_COMMAS: Final = 500_000
"""In a body of nothing but ``1,1,1,…`` each comma costs 56 bytes of memory once it is a list; beyond this a body is not made
one before its events are counted."""
_DECODING_ERRORS: Final = (ValueError, RecursionError)  # UnicodeDecodeError and msgspec's errors are ValueErrors


def decode_single(body: bytes, limits: Limits) -> Batch:
    """The event of ``POST /track``."""
    return Batch([_read_event(body.removeprefix(b"\xef\xbb\xbf"), limits)])


def decode_batch(body: bytes, limits: Limits) -> Batch:
    """The events of ``POST /track/batch``.

    Raises:
        InvalidInput: the body is no object with a list ``events``.
        TooLarge: there are more events than a batch may have.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    if len(body) <= limits.event_bytes:  # so no event can be larger
        try:  # 0.5 µs an event; one by one it is 0.7 (tests/bench/ingest_cost.py)
            typed = _decode_typed(body)
        except _DECODING_ERRORS:
            pass
        else:
            _check_count(len(typed.events), limits)
            return Batch(typed.events, typed.sent_at)
    texts, sent_at = _split(body)
    _check_count(len(texts), limits)
    return Batch([_read_event(text, limits) for text in texts], sent_at)


def _check_count(count: int, limits: Limits) -> None:
    if count > limits.events:
        raise TooLarge(f"a batch holds {limits.events} events at most, this one has {count}", code="too_many_events")


def _split(body: bytes) -> tuple[Sequence[bytes | msgspec.Raw], Any]:
    if body.count(b",") > _MOST_COMMAS:
        return _split_by_braces(body, TooLarge("the body holds more values than any batch has", code="too_many_events"))
    try:
        split = _decode_split(body)
    except msgspec.ValidationError as error:
        raise refusal_of(error, "body") from error
    except _DECODING_ERRORS as error:
        return _split_by_braces(body, refusal_of(error, "body"))
    return split.events, split.sent_at


def _split_by_braces(body: bytes, otherwise: InvalidInput) -> tuple[Sequence[bytes], Any]:
    found = split_events(body)
    if found is None:
        raise otherwise
    try:
        return found.events, _decode_split(found.envelope).sent_at
    except _DECODING_ERRORS:
        raise otherwise from None


def _read_event(text: bytes | msgspec.Raw, limits: Limits) -> NativeEvent | Refused:
    size = len(memoryview(text))
    if size > limits.event_bytes:
        reason = TooLarge(f"an event has {limits.event_bytes} bytes at most, this one has {size}", code="event_too_large")
        return Refused(reason, None)
    try:
        return _decode_event(text)
    except _DECODING_ERRORS as error:
        mended = _replace_lone_surrogates(bytes(text))
        if mended is not None:
            return _read_event(mended, limits)
        return Refused(refusal_of(error, "event"), _id_of(text))


def _id_of(text: bytes | msgspec.Raw) -> str | None:
    try:
        return _decode_id(text).event_id[:512]
    except _DECODING_ERRORS:
        return None


# An escape is read whole, so that the `u` of `\\ud800` (an escaped backslash before plain text) is never taken for one.
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def _replace_lone_surrogates(text: bytes) -> bytes | None:
    """The text with each half of a surrogate pair that stands alone replaced by U+FFFD; None when there is none.

    JavaScript writes them when a text was cut inside an emoji; no UTF-8 text can hold them.
    """
    replaced = _ESCAPE.sub(lambda match: rb"\ufffd" if match["lone"] else match[0], text)
    return replaced if replaced != text else None
