"""What goes over the wire of a live stream, and the ids by which a client resumes."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from millrace_core.errors import InvalidInput
from millrace_core.time import iso_of_warehouse
from millrace_eventlog.records import TailPosition

Place = tuple[int, int, int]
"""(partition, offset, index)."""

_encode: Final = msgspec.json.Encoder().encode
_decode_position: Final = msgspec.json.Decoder(dict[int, tuple[int, int]]).decode


class _Line(msgspec.Struct):
    event_type: str
    timestamp: str
    event_name: str = ""
    visitor_id: str = ""


class LiveEvent(msgspec.Struct):
    """An event as the contract documents it for streams."""

    event_type: str
    event_name: str
    visitor_id: str
    timestamp: str


_decode_line: Final = msgspec.json.Decoder(_Line).decode


def live_event(line: bytes) -> bytes:
    """The JSON object that stands for a line of the log."""
    event = _decode_line(line)
    named = event.event_name or event.event_type
    return _encode(LiveEvent(event.event_type, named, event.visitor_id, iso_of_warehouse(event.timestamp)))


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of a tenant's stream, encoded once for all its clients."""

    name: str
    places: Sequence[Place]
    events: Sequence[bytes]
    wire: bytes
    late_at: TailPosition | None = None
    """How far the stream was, where this is about events that were streamed before. Else the places are in their order."""

    def behind(self, seen: TailPosition) -> "Frame | None":
        """What of this message lies behind a position; None when nothing does."""
        if self.late_at is None and is_behind(self.places[0], seen):
            return self
        kept = [number for number, place in enumerate(self.places) if is_behind(place, seen)]
        if not kept:
            return None
        places, events = [self.places[number] for number in kept], [self.events[number] for number in kept]
        if self.late_at is not None:
            return late_message(self.name, places, events, self.late_at)
        return message(self.name, places, events)


def is_behind(place: Place, seen: TailPosition) -> bool:
    """Whether this place is new to a follower that stands at ``seen``."""
    partition, offset, index = place
    return (offset, index) > seen.seen.get(partition, (-1, -1))


def message(name: str, places: Sequence[Place], events: Sequence[bytes], seen: TailPosition | None = None) -> Frame:
    """The message of these events; its id is the last place, on top of what was seen of other partitions."""
    partition, offset, index = places[-1]
    position = TailPosition({**(seen.seen if seen else {}), partition: (offset, index)})
    return Frame(name, places, events, _wire(name, events, position))


def late_message(name: str, places: Sequence[Place], events: Sequence[bytes], seen: TailPosition) -> Frame:
    """A message about events that were streamed before: its id is how far the stream is."""
    at = TailPosition(dict(seen.seen))
    return Frame(name, places, events, _wire(name, events, at), at)


def _wire(name: str, events: Sequence[bytes], position: TailPosition) -> bytes:
    head = (stream_id(position).encode("ascii"), name.encode("ascii"))
    return b"id: %b\nevent: %b\ndata: [%b]\n\n" % (*head, b",".join(events))


def lagged(skipped: int) -> bytes:
    """So many events were skipped for this client."""
    return b'event: lagged\ndata: {"skipped":%d}\n\n' % skipped


def gap(partition: int, first: int, last: int) -> bytes:
    """Events between these offsets are gone from the log: they can be asked for by SQL, not streamed."""
    return b'event: gap\ndata: {"partition":%d,"first":%d,"last":%d}\n\n' % (partition, first, last)


def retry(milliseconds: int) -> bytes:
    """When the client should come back after a lost connection."""
    return b"retry: %d\n\n" % milliseconds


def stream_id(position: TailPosition) -> str:
    """An opaque id of a position, the same on every replica."""
    return base64.urlsafe_b64encode(_encode(position.seen)).decode("ascii").rstrip("=")


def position_of(given: str) -> TailPosition:
    """The position of an id.

    Raises:
        InvalidInput: it is no id of a stream.
    """
    try:
        return TailPosition(_decode_position(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))))
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise InvalidInput("Last-Event-ID is not an id of this stream.", code="invalid_last_event_id") from error
