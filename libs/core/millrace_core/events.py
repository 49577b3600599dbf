"""The event as it is stored: one JSON line whose keys are the columns of ``events_raw`` (docs/reference/events.md).

A line is made of three parts: what is the event's own, where its page and visitor came from (:class:`Visit`), and how it
arrived (:class:`Arrival`). The last two repeat from event to event, so their text is made once and joined behind the first
(tests/bench/ingest_cost.py has what that saves). Fields at their default stay out of the line: shorter lines are read faster by
the engine.
"""

from typing import Final

import msgspec

# `{"event_id":"` is always how a line begins, so the id of a line is found without parsing it.
EVENT_ID_AT: Final = slice(13, 49)

NO_PROPERTIES: Final = msgspec.Raw(b"{}")


class Event(msgspec.Struct, omit_defaults=True, gc=False):
    """What is the event's own.

    ``timestamp`` is in the form of :func:`millrace_core.time.warehouse_time`; ``properties`` and ``context`` are the JSON text
    of an object on one line, ``skew_ms`` milliseconds.
    """

    event_id: str
    customer_id: str
    event_type: str
    timestamp: str
    visitor_id: str = ""
    user_id: str = ""
    session_id: str = ""
    event_name: str = ""  # the default is event_type, which the table fills in
    properties: msgspec.Raw = NO_PROPERTIES
    context: msgspec.Raw | str = ""
    client_event_id: str = ""
    skew_ms: int = 0


class Visit(msgspec.Struct, omit_defaults=True, frozen=True, gc=False):
    """Where the visitor is and came from."""

    page_url: str = ""
    page_path: str = ""
    referrer: str = ""
    referrer_domain: str = ""
    channel: str = ""
    utm_source: str = ""
    utm_medium: str = ""
    utm_campaign: str = ""
    utm_term: str = ""
    utm_content: str = ""


class Arrival(msgspec.Struct, omit_defaults=True, frozen=True, gc=False):
    """How and from what device the event arrived. ``received_at`` is in the form of ``timestamp``."""

    received_at: str
    protocol: str = ""
    key_id: str = ""
    country: str = ""
    language: str = ""
    device: str = ""
    browser: str = ""
    os: str = ""
    is_bot: bool = False
    ip: str = ""


_encode = msgspec.json.Encoder().encode


def part_of_line(part: Visit | Arrival) -> bytes:
    """The text of a part as :func:`line_of` takes it: its columns with a comma before each, no braces."""
    text = _encode(part)
    return b"," + text[1:-1] if len(text) > 2 else b""


def line_of(event: Event, visit: bytes, arrival: bytes) -> bytes:
    """The log line of an event with the text of its other parts, without a newline; ``event_id`` stands first."""
    return b"".join((_encode(event)[:-1], visit, arrival, b"}"))
