"""Checks what somebody makes of a dead letter, before it goes back into the log."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from millrace_core.errors import InvalidInput
from millrace_core.events import Arrival, Event, Visit
from millrace_core.time import now_ms, parse_time, warehouse_time
from millrace_eventlog.records import DeadLetter

Probe = Callable[[bytes], Awaitable[str | None]]
"""Why the warehouse would refuse these rows, or None."""

NO_RECORD: Final = "Dead letter {} holds no record: it was damaged in the log and can only be dropped."

_LAST_MS: Final = 7_258_118_400_000
"""2200-01-01. The engine takes later times, and stores others."""

_PARTS: Final = (Event, Visit, Arrival)
_COLUMNS: Final = frozenset(name for part in _PARTS for name in part.__struct_fields__)
_KEPT: Final = ("event_id", "customer_id", "received_at", "protocol", "key_id")
"""What says which event it is and how it came. Rows and reports are known by it."""

_decode: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_parts: Final = [msgspec.json.Decoder(part).decode for part in _PARTS]
_encode: Final = msgspec.json.Encoder().encode


async def corrected(letter: DeadLetter, text: str, probe: Probe) -> bytes:
    """The line that stands for the letter's record from now on.

    Args:
        text: the whole record, as JSON; columns that are left out have their defaults.

    Raises:
        InvalidInput: ``damaged_letter``, ``invalid_line``, ``unknown_column``, ``changed_identity``, or
            ``refused_by_warehouse`` where it could never be stored either.
        WarehouseUnavailable: nobody can tell now.
    """
    if not letter.line:
        raise InvalidInput(NO_RECORD.format(letter.id), code="damaged_letter")
    said = _read(text)
    _check_identity(letter, said)
    line = b'{"event_id":"%b",%b' % (
        letter.event_id.encode(),
        _encode({name: value for name, value in said.items() if name != "event_id"})[1:],
    )
    _check_types(line)
    head = b'{"_p":0,"_o":0,"_i":0,"ingested_at":"%b",' % warehouse_time(now_ms()).encode()
    if (reason := await probe(b"%b%b\n" % (head, line[1:]))) is not None:
        raise InvalidInput(f"The warehouse would refuse this, too: {reason}.", code="refused_by_warehouse")
    return line


def _read(text: str) -> dict[str, msgspec.Raw]:
    """The columns, each with its text as it was written but on one line."""
    try:
        said = _decode(msgspec.json.format(text.encode(), indent=-1))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"The record is no JSON object: {error}", code="invalid_line") from error
    if unknown := said.keys() - _COLUMNS:
        raise InvalidInput(f"No event has a column {min(unknown)}.", code="unknown_column")
    return said


def _check_identity(letter: DeadLetter, said: dict[str, msgspec.Raw]) -> None:
    try:
        before: dict[str, Any] = _decode(letter.line)
    except (ValueError, RecursionError):  # it was refused because nobody can read it
        before = {}
    known = {
        **{name: bytes(before[name]) for name in _KEPT if name in before},
        "event_id": _encode(letter.event_id),
        "customer_id": _encode(letter.tenant),
    }
    for name in _KEPT:
        given = bytes(said.get(name, b""))
        if (before or name in known) and given != known.get(name, b""):
            raise InvalidInput(f"{name} has to stay {known.get(name, b'left out').decode()}.", code="changed_identity")


def _check_types(line: bytes) -> None:
    try:
        event, _, _ = (decode(line) for decode in _decode_parts)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"The record is none of an event: {error}", code="invalid_line") from error
    assert isinstance(event, Event)
    at = parse_time(event.timestamp)
    if at is None or not 0 <= at < _LAST_MS or warehouse_time(at) != event.timestamp:
        raise InvalidInput(
            "timestamp has to be written like 2026-02-16 12:00:00.000, in UTC, from 1970 to 2199.", code="invalid_line"
        )
    if not event.event_type:
        raise InvalidInput("event_type is missing.", code="invalid_line")
    if bytes(event.properties)[:1] != b"{":
        raise InvalidInput("properties has to be an object.", code="invalid_line")
