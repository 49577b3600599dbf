"""What the protocols share when they read a body: event by event, so that a bad one has its verdict and others stay."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

import msgspec

from millrace_core.errors import InvalidInput, TooLarge
from millrace_ingestion.objects import refusal_of
from millrace_ingestion.protocols.splitting import split_events

Identifier = Annotated[str, msgspec.Meta(max_length=512)] | int | None
Name = Annotated[str, msgspec.Meta(max_length=256)] | None
Url = Annotated[str, msgspec.Meta(max_length=8192)] | None
Moment = Annotated[str, msgspec.Meta(max_length=64)] | int | float | None

DECODING_ERRORS: Final = (ValueError, RecursionError)
"""What a decoder raises: UnicodeDecodeError and msgspec's errors are ValueErrors."""
BOM: Final = b"\xef\xbb\xbf"
_MOST_COMMAS: Final = 500_000
"""In a body of nothing but ``1,1,1,…`` each comma costs 56 bytes of memory once it is a list; beyond this a body is not made
one before its events are counted."""

Text = bytes | msgspec.Raw
Read = TypeVar("Read")


@dataclass(slots=True)
class Refused:
    """An event that cannot be read, with the reason."""

    reason: InvalidInput
    event_id: str | None
    customer_id: str = ""
    """The tenant that it names itself, where its protocol's events do and that much of it can be read."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes that a body may have: events in a batch and bytes of an event's JSON text."""

    events: int
    event_bytes: int


def read_one(text: Text, decode: Callable[[Text], Read], limits: Limits, id_of: Callable[[Text], str | None]) -> Read | Refused:
    """One event's text as what ``decode`` makes of it.

    Args:
        id_of: the client's id of an event that cannot be read whole, for its verdict.
    """
    size = len(memoryview(text))
    if size > limits.event_bytes:
        reason = TooLarge(f"an event has {limits.event_bytes} bytes at most, this one has {size}", code="event_too_large")
        return Refused(reason, None)
    try:
        return decode(text)
    except DECODING_ERRORS as error:
        mended = replace_lone_surrogates(bytes(text))
        if mended is not None:
            return read_one(mended, decode, limits, id_of)
        return Refused(refusal_of(error, "event"), id_of(text))


_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def fields_of(text: Text) -> dict[str, msgspec.Raw]:
    """Each field of an event that ``read_one`` could read, as its text."""
    try:
        return _decode_object(text)
    except DECODING_ERRORS:
        mended = replace_lone_surrogates(bytes(text))
        if mended is None:
            raise
        return _decode_object(mended)


def outline_of(body: bytes, decode: Callable[[bytes], Read]) -> Read | None:
    """What ``decode`` makes of a body's own fields; None where it cannot be read whole.

    What a body is stands in its own fields only: a property of an event may be called like any of them.
    """
    try:
        return decode(body)
    except DECODING_ERRORS:
        mended = replace_lone_surrogates(body)
        return None if mended is None else outline_of(mended, decode)


def check_count(count: int, limits: Limits) -> None:
    """Raise where a batch has too many events.

    Raises:
        TooLarge: ``too_many_events``.
    """
    if count > limits.events:
        raise TooLarge(f"a batch holds {limits.events} events at most, this one has {count}", code="too_many_events")


def split_batch(body: bytes, decode: Callable[[bytes], Any], field: str) -> tuple[Sequence[Text], Any]:
    """The texts of the events of a batch, and what ``decode`` makes of the body: an object whose list ``field`` holds them.

    Raises:
        InvalidInput: the body is no such object.
        TooLarge: it holds more values than any batch has.
    """
    if body.count(b",") > _MOST_COMMAS:
        reason = TooLarge("the body holds more values than any batch has", code="too_many_events")
        return _split_by_braces(body, decode, field, reason)
    try:
        split = decode(body)
    except msgspec.ValidationError as error:
        raise refusal_of(error, "body") from error
    except DECODING_ERRORS as error:
        return _split_by_braces(body, decode, field, refusal_of(error, "body"))
    return getattr(split, field), split


class _Bare(msgspec.Struct):
    batch: list[msgspec.Raw]


_decode_bare = msgspec.json.Decoder(_Bare).decode


def split_list(body: bytes, limits: Limits) -> Sequence[Text]:
    """The texts of the events of a body that is a list of them, one alone, or one a line.

    Raises:
        InvalidInput: it is none of these.
        TooLarge: there are too many.
    """
    body = body.removeprefix(BOM).strip()
    if body.startswith(b"["):
        texts, _ = split_batch(b'{"batch":' + body + b"}", _decode_bare, "batch")
    elif body.startswith(b"{"):
        lines = [line for line in body.split(b"\n", limits.events + 1) if line.strip()]
        texts = lines if _are_events(lines) else [body]
    else:
        raise InvalidInput("the body is no JSON of events", code="invalid_json")
    check_count(len(texts), limits)
    return texts


def _are_events(lines: Sequence[bytes]) -> bool:
    """Whether lines are an event each: most of them are an object by themselves, which those of one object's text are not."""
    whole = sum(line.lstrip().startswith(b"{") and line.rstrip().endswith(b"}") for line in lines)
    return len(lines) > 1 and 2 * whole >= len(lines)


def _split_by_braces(
    body: bytes, decode: Callable[[bytes], Any], field: str, otherwise: InvalidInput
) -> tuple[Sequence[bytes], Any]:
    found = split_events(body, field)
    if found is None:
        raise otherwise
    try:
        return found.events, decode(found.envelope)
    except DECODING_ERRORS:
        raise otherwise from None


# An escape is read whole, so that the `u` of `\\ud800` (an escaped backslash before plain text) is never taken for one.
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def replace_lone_surrogates(text: bytes) -> bytes | None:
    """The text with each half of a surrogate pair that stands alone replaced by U+FFFD; None when there is none.

    JavaScript writes them when a text was cut inside an emoji; no UTF-8 text can hold them.
    """
    replaced = _ESCAPE.sub(lambda match: rb"\ufffd" if match["lone"] else match[0], text)
    return replaced if replaced != text else None
